/// What the service directory says, as it is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a file that is there or not"
)]
pub struct Policy {
    /// Nothing of what follows: as daemontools 0.76.
    pub plain: bool,
    /// There is a program `start`.
    pub start: bool,
    /// There is a program `stop`.
    pub stop: bool,
    /// There is a program `notify`.
    pub notify: bool,
    /// There is no `run` and need not be any: the service is up when `start` is
    /// done.
    pub runless: bool,
    /// A process that exits with 100 has failed.
    pub fails_on_100: bool,
}

impl Policy {
    /// A directory of daemontools 0.76.
    pub const PLAIN: Self = Self {
        plain: true,
        start: false,
        stop: false,
        notify: false,
        runless: false,
        fails_on_100: false,
    };

    /// What of it concerns the log that is run by the same `supervise`: it has
    /// neither `start` nor `stop`, and must be there.
    #[must_use]
    pub const fn of_log(self) -> Self {
        Self {
            start: false,
            stop: false,
            runless: false,
            ..self
        }
    }
}
