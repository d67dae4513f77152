//! The clocks: the wall's, for labels, the monotonic one, for waiting, and the
//! one that counts from the boot.

use std::time::Duration;

use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_gettime};

/// A reading of the Unix clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnixTime {
    /// Seconds since 1970; negative before.
    pub secs: i64,
    /// Nanoseconds into that second, below 1,000,000,000.
    pub nanos: u32,
}

impl UnixTime {
    /// The clock as it stands.
    #[must_use]
    pub fn now() -> Self {
        let time = read(ClockId::CLOCK_REALTIME);
        Self {
            secs: time.tv_sec(),
            // Always in range; a kernel that lied would get a zero, not a panic.
            nanos: u32::try_from(time.tv_nsec()).unwrap_or(0),
        }
    }
}

/// A reading of the monotonic clock, which nobody can set.
///
/// Its zero means nothing; only differences do. It stands still while the
/// machine sleeps, and is the machine's own in whatever time namespace we are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(Duration);

impl Moment {
    /// The clock as it stands.
    #[must_use]
    pub fn now() -> Self {
        let ours = Duration::from(read(ClockId::CLOCK_MONOTONIC));
        Self(crate::timens::ahead().monotonic.taken_off(ours))
    }

    /// A moment at a chosen distance from the clock's zero, for tests of pure code.
    #[must_use]
    pub const fn at(since_zero: Duration) -> Self {
        Self(since_zero)
    }

    /// The moment `wait` later; the end of time where that overflows.
    #[must_use]
    pub const fn plus(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(wait))
    }

    /// How long after `earlier` this is; zero where it is not after it.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// How long ago the machine was started, its sleep included: what a span of time
/// is measured by that began before us and that people are told. By the machine's
/// own clock, in whatever time namespace we are.
#[must_use]
pub fn since_boot() -> Duration {
    let ours = Duration::from(read(ClockId::CLOCK_BOOTTIME));
    crate::timens::ahead().boottime.taken_off(ours)
}

fn read(clock: ClockId) -> TimeSpec {
    // The clocks always exist and the pointer is nix's own: it cannot fail.
    clock_gettime(clock).unwrap_or_else(|_| TimeSpec::new(0, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_never_lies_before_an_earlier_one() {
        let first = Moment::now();
        let second = Moment::now();
        assert!(second >= first);
        assert_eq!(
            first.since(second.plus(Duration::from_secs(1))),
            Duration::ZERO
        );
    }
}
