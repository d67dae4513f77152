use dt_os::signals::Signal;

use super::{digits, signal, words};
use crate::Fault;

/// After which deaths a service is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Restart {
    /// A bit for each exit code, the lowest first.
    codes: [u64; 4],
    /// A bit for each signal's number.
    signals: u64,
}

impl Restart {
    /// Whatever it died of, as with daemontools 0.76.
    pub const ALWAYS: Self = Self {
        codes: [u64::MAX; 4],
        signals: u64::MAX,
    };

    /// Unless it exited 0. A signal is a failure, whoever sent it.
    pub const ON_FAILURE: Self = Self {
        codes: [u64::MAX - 1, u64::MAX, u64::MAX, u64::MAX],
        signals: u64::MAX,
    };

    /// Whatever it died of.
    pub const NEVER: Self = Self {
        codes: [0; 4],
        signals: 0,
    };

    /// Whether to start again after this exit code.
    #[must_use]
    pub fn after_exit(&self, code: u8) -> bool {
        let word = self.codes.get(usize::from(code / 64));
        word.is_none_or(|word| word & 1 << (code % 64) != 0)
    }

    /// Whether to start again after a death by this signal; of a number that no
    /// signal has, yes.
    #[must_use]
    pub fn after_signal(&self, number: i32) -> bool {
        let bit = u32::try_from(number)
            .ok()
            .and_then(|n| 1_u64.checked_shl(n));
        bit.is_none_or(|bit| self.signals & bit != 0)
    }

    fn set_code(&mut self, code: u8, again: bool) {
        if let Some(word) = self.codes.get_mut(usize::from(code / 64)) {
            set(word, 1 << (code % 64), again);
        }
    }

    /// Exit codes such as `3` and `100-111`, and signals by name.
    fn except(&mut self, ending: &[u8], again: bool) -> Result<(), Fault> {
        if !ending.first().is_some_and(u8::is_ascii_digit) {
            let signal: Signal = signal::of_word(ending).map_err(|_| Fault::NoEnding)?;
            set(&mut self.signals, 1 << signal as u32, again);
            return Ok(());
        }
        let mut ends = ending.splitn(2, |byte| *byte == b'-');
        let first = code(ends.next().unwrap_or_default())?;
        let last = ends.next().map_or(Ok(first), code)?;
        if last < first {
            return Err(Fault::NoEnding);
        }
        (first..=last).for_each(|code| self.set_code(code, again));
        Ok(())
    }
}

impl Default for Restart {
    fn default() -> Self {
        Self::ALWAYS
    }
}

fn set(word: &mut u64, bit: u64, on: bool) {
    if on {
        *word |= bit;
    } else {
        *word &= !bit;
    }
}

fn code(word: &[u8]) -> Result<u8, Fault> {
    let number = digits(word).ok_or(Fault::NoEnding)?;
    u8::try_from(number).map_err(|_| Fault::NoEnding)
}

/// `always`, `on-failure` or `never`, and then the exceptions from left to right:
/// exit codes, ranges of them and signals after which it is started again, or,
/// with a `!` before, not.
pub fn restart(bytes: &[u8]) -> Result<Restart, Fault> {
    let mut words = words(bytes)?;
    let mut found = match words.next() {
        Some(b"always") => Restart::ALWAYS,
        Some(b"on-failure") => Restart::ON_FAILURE,
        Some(b"never") => Restart::NEVER,
        _ => return Err(Fault::NoPolicy),
    };
    for word in words {
        match word.strip_prefix(b"!") {
            Some(ending) => found.except(ending, false)?,
            None => found.except(word, true)?,
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The exit codes after which there is no new start.
    fn final_codes(policy: &str) -> Vec<u8> {
        let found = restart(policy.as_bytes()).unwrap();
        (0..=255).filter(|code| !found.after_exit(*code)).collect()
    }

    #[test]
    fn the_first_word_is_the_rule() {
        assert_eq!(restart(b"always\n"), Ok(Restart::ALWAYS));
        assert_eq!(final_codes("always"), []);
        assert_eq!(final_codes("on-failure"), [0]);
        assert_eq!(final_codes("never").len(), 256);
        assert!(Restart::ON_FAILURE.after_signal(15));
        assert!(!Restart::NEVER.after_signal(15));
    }

    #[test]
    fn the_others_are_exceptions() {
        assert_eq!(final_codes("always !0 !100-102"), [0, 100, 101, 102]);
        assert_eq!(final_codes("on-failure 0 !255"), [255]);
        assert_eq!(final_codes("always !1-9 4-8"), [1, 2, 3, 9]);
        assert_eq!(final_codes("never 0-63 65-255"), [64]);
    }

    #[test]
    fn signals_are_named() {
        let found = restart(b"always !SEGV !sigabrt").unwrap();
        let ends: Vec<i32> = (1..64).filter(|n| !found.after_signal(*n)).collect();
        assert_eq!(ends, [6, 11]);
        assert_eq!(final_codes("always !SEGV"), []);
    }

    #[test]
    fn a_number_that_no_signal_has_is_no_reason_to_stay_down() {
        assert!(Restart::NEVER.after_signal(-1));
        assert!(Restart::NEVER.after_signal(64));
    }

    #[test]
    fn other_words_are_refused() {
        for (bytes, fault) in [
            ("", Fault::Empty),
            ("yes", Fault::NoPolicy),
            ("Always", Fault::NoPolicy),
            ("100", Fault::NoPolicy),
            ("always !", Fault::NoEnding),
            ("always 256", Fault::NoEnding),
            ("always 5-", Fault::NoEnding),
            ("always 5-3", Fault::NoEnding),
            ("always -5", Fault::NoEnding),
            ("always 1,2", Fault::NoEnding),
            ("always SIGNAL", Fault::NoEnding),
            ("always !!1", Fault::NoEnding),
        ] {
            assert_eq!(restart(bytes.as_bytes()), Err(fault), "{bytes:?}");
        }
    }
}
