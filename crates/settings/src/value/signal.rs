use std::time::Duration;

use dt_os::signals::Signal;

use super::{digits, duration, only_word, words};
use crate::Fault;

/// A signal's name, in any case and with `SIG` or without, or its number.
pub fn signal(bytes: &[u8]) -> Result<Signal, Fault> {
    only_word(bytes, Fault::NoSignal).and_then(of_word)
}

/// The same of one word.
pub(super) fn of_word(word: &[u8]) -> Result<Signal, Fault> {
    if let Some(number) = digits(word) {
        let number = i32::try_from(number).map_err(|_| Fault::NoSignal)?;
        return Signal::try_from(number).map_err(|_| Fault::NoSignal);
    }
    let bare = match word.split_first_chunk::<3>() {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(b"SIG") => rest,
        _ => word,
    };
    Signal::iterator()
        .find(|signal| {
            let name = signal.as_str().trim_start_matches("SIG");
            name.as_bytes().eq_ignore_ascii_case(bare)
        })
        .ok_or(Fault::NoSignal)
}

/// A signal, and how long to wait before the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Step {
    /// What is sent.
    pub signal: Signal,
    /// How long the service then has; of the last, zero.
    pub wait: Duration,
}

/// What tells a service to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DownSignals {
    steps: [Step; Self::MOST],
    count: u8,
}

impl DownSignals {
    /// How many signals there may be.
    pub const MOST: usize = 8;

    /// TERM, as always.
    pub const TERM: Self = Self {
        steps: [Step {
            signal: Signal::SIGTERM,
            wait: Duration::ZERO,
        }; Self::MOST],
        count: 1,
    };

    /// The first of them.
    #[must_use]
    pub const fn first(&self) -> Signal {
        self.steps[0].signal
    }

    /// The signals in order; at least one.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        self.steps.get(..self.count.into()).unwrap_or(&self.steps)
    }
}

impl Default for DownSignals {
    fn default() -> Self {
        Self::TERM
    }
}

/// `TERM`, or signals with a wait between each two: `QUIT 30s TERM 5s KILL`.
pub fn down_signals(bytes: &[u8]) -> Result<DownSignals, Fault> {
    let mut words = words(bytes)?;
    let mut found = DownSignals::TERM;
    for (at, step) in (1..).zip(&mut found.steps) {
        let signal = words.next().ok_or(Fault::NoTurns)?;
        step.signal = of_word(signal)?;
        found.count = at;
        let Some(wait) = words.next() else {
            return Ok(found);
        };
        step.wait = duration::of_word(wait).map_err(|fault| match fault {
            Fault::NoDuration => Fault::NoTurns,
            other => other,
        })?;
    }
    Err(Fault::TooManySignals)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_has_a_name_or_a_number() {
        for bytes in ["HUP", "hup\n", "SIGHUP", "SigHup", "1", "01"] {
            assert_eq!(signal(bytes.as_bytes()), Ok(Signal::SIGHUP), "{bytes:?}");
        }
    }

    #[test]
    fn other_words_are_no_signals() {
        for bytes in [
            "SIG",
            "0",
            "65",
            "99999999999999999999",
            "-1",
            "HUP TERM",
            "SIGSIGHUP",
            "HUPS",
            "H\0P",
        ] {
            assert_eq!(signal(bytes.as_bytes()), Err(Fault::NoSignal), "{bytes:?}");
        }
        assert_eq!(signal(b"\n"), Err(Fault::Empty));
    }

    #[test]
    fn signals_and_waits_take_turns() {
        let found = down_signals(b"QUIT 30s TERM 5s KILL\n").unwrap();
        let step = |signal, seconds| Step {
            signal,
            wait: Duration::from_secs(seconds),
        };
        let expected = [
            step(Signal::SIGQUIT, 30),
            step(Signal::SIGTERM, 5),
            step(Signal::SIGKILL, 0),
        ];
        assert_eq!(found.steps(), expected);
        assert_eq!(down_signals(b"TERM").unwrap(), DownSignals::TERM);
    }

    #[test]
    fn what_does_not_take_turns_is_refused() {
        for (bytes, fault) in [
            ("", Fault::Empty),
            ("TERM 5s", Fault::NoTurns),
            ("TERM KILL", Fault::NoTurns),
            ("5s TERM", Fault::NoSignal),
            ("TERM 999999999999 KILL", Fault::TooLong),
            ("1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", Fault::TooManySignals),
        ] {
            assert_eq!(down_signals(bytes.as_bytes()), Err(fault), "{bytes:?}");
        }
    }

    #[test]
    fn eight_signals_are_not_too_many() {
        let found = down_signals(b"1 1 2 1 3 1 4 1 5 1 6 1 7 1 8").unwrap();
        assert_eq!(found.steps().len(), DownSignals::MOST);
    }
}
