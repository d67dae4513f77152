//! Time namespaces: in a container the clocks that nobody sets may be ahead of the
//! machine's own, or behind them, and so is when processes have started. What
//! outlives a process is told by the machine's clocks, or those inside and outside
//! would not mean the same.

use std::fs::File;
use std::io::Read;
use std::sync::OnceLock;
use std::time::Duration;

/// By how much our clocks are ahead of the machine's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ahead {
    pub(crate) monotonic: Offset,
    pub(crate) boottime: Offset,
}

/// Nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Offset(pub(crate) i64);

impl Offset {
    /// What the machine's clock shows where ours shows this.
    pub(crate) const fn taken_off(self, reading: Duration) -> Duration {
        let by = Duration::from_nanos(self.0.unsigned_abs());
        if self.0 < 0 {
            reading.saturating_add(by)
        } else {
            reading.saturating_sub(by)
        }
    }
}

/// Read once, as it is for life. Nothing where the kernel has no such thing, or there
/// is no /proc.
pub(crate) fn ahead() -> &'static Ahead {
    static AHEAD: OnceLock<Ahead> = OnceLock::new();
    AHEAD.get_or_init(|| {
        let mut text = [0; 256];
        let read = File::open("/proc/self/timens_offsets").and_then(|mut it| it.read(&mut text));
        let text = read.ok().and_then(|length| text.get(..length));
        text.map(parse).unwrap_or_default()
    })
}

fn parse(text: &[u8]) -> Ahead {
    let text = str::from_utf8(text).unwrap_or_default();
    Ahead {
        monotonic: Offset(of(text, "monotonic").unwrap_or(0)),
        boottime: Offset(of(text, "boottime").unwrap_or(0)),
    }
}

/// A line for each clock: its name, seconds, which may be negative, and nanoseconds.
fn of(text: &str, clock: &str) -> Option<i64> {
    let mut words = text.lines().find_map(|line| {
        let mut words = line.split_ascii_whitespace();
        (words.next()? == clock).then_some(words)
    })?;
    let mut next = || words.next()?.parse::<i64>().ok();
    let (seconds, nanos) = (next()?, next()?);
    seconds.checked_mul(1_000_000_000)?.checked_add(nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_clock_has_its_line() {
        let seen = |text: &[u8]| {
            let ahead = parse(text);
            (ahead.monotonic.0, ahead.boottime.0)
        };
        let text = b"monotonic           7         8\nboottime          100         5\n";
        assert_eq!(seen(text), (7_000_000_008, 100_000_000_005));
        let text = b"monotonic           0         0\nboottime           -1 999999999\n";
        assert_eq!(seen(text), (0, -1));
        for bad in [
            &b""[..],
            b"boottime",
            b"boottime x 1",
            b"monotonic 1 2\n\xff",
        ] {
            assert_eq!(seen(bad), (0, 0), "{bad:?}");
        }
    }

    #[test]
    fn what_is_ahead_is_taken_off() {
        let second = Duration::from_secs(1);
        assert_eq!(Offset(1_000_000_000).taken_off(second), Duration::ZERO);
        assert_eq!(Offset(-1_000_000_000).taken_off(second), 2 * second);
        assert_eq!(Offset(0).taken_off(second), second);
    }
}
