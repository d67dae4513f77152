use std::time::SystemTime;

/// Numbers that look random, by Marsaglia's xorshift: good enough to choose victims.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// By `DAEMONTOOLS_SEED`, or others each time; says for `test` which.
    #[must_use]
    pub fn of_test(test: &str) -> Self {
        let seed = number("DAEMONTOOLS_SEED").unwrap_or(Self::by_time().0);
        eprintln!("{test}: DAEMONTOOLS_SEED={seed}");
        Self(seed)
    }

    /// Others each time, for what a failure need not repeat.
    pub(crate) fn by_time() -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Self(u64::from(now.unwrap().subsec_nanos()) | 1)
    }

    /// The next, from 0 to below `limit`.
    pub const fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// A number in the environment, by which a test does more than it does ordinarily.
#[must_use]
pub fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}
