use std::time::Duration;

use dt_os::signals::Signal;
use dt_settings::{DownSignals, Letters, Restart, StartLimit};

use super::PACE;

/// Whether the services that this one needs are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Needs {
    /// They are, or there are none.
    Met,
    /// One is not ready yet.
    Unmet,
    /// One has failed, or there is no such service.
    Failed,
    /// One needs this one first.
    Ring,
}

/// What is to become of the processes that `run` leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rest {
    /// Nothing.
    Ignored,
    /// They end before anything else happens, and the kernel tells when they have.
    Told,
    /// The same, but they have to be looked for.
    Looked,
}

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
    /// There is a program `finish`.
    pub finish: bool,
    /// There is a program `notify`.
    pub notify: bool,
    /// There is no `run` and need not be any: the service is up when `start` is
    /// done.
    pub runless: bool,
    /// A process that exits with 100 has failed.
    pub fails_on_100: bool,
    /// The services that are to be there first.
    pub needs: Needs,
    /// What a service is told to stop with.
    pub down: DownSignals,
    /// What a service is told to read its configuration again with.
    pub reload: Signal,
    /// It is killed so long after that; `None` is never.
    pub kill_after: Option<Duration>,
    /// And with it its process group.
    pub kill_group: bool,
    /// `finish` is killed after so long.
    pub finish_limit: Option<Duration>,
    /// After which deaths `run` is started again.
    pub restart: Restart,
    /// From one start of `run` to the next at the least.
    pub delay: Duration,
    /// To which that doubles with each death that comes too early.
    pub delay_max: Duration,
    /// One that has lived so long has not died too early.
    pub stable_after: Duration,
    /// More starts than this are failure.
    pub start_limit: Option<StartLimit>,
    /// What has failed is tried again after this.
    pub retry_after: Option<Duration>,
    /// There are programs in `control` for these commands.
    pub control: Letters,
    /// There is a program `check`, and nothing else that says when it is ready.
    pub check: bool,
    /// It is known when the service is ready.
    pub tells_ready: bool,
    /// So long it may be silent on its socket.
    pub watchdog: Option<Duration>,
    /// So long it may take to be.
    pub up_limit: Option<Duration>,
    /// What becomes of what `run` leaves behind.
    pub rest: Rest,
    /// How much of the longest delay there is to be, in parts of 256; different
    /// each time, so that what died together does not come back together.
    pub jitter: u8,
    /// Not by the directory: this is a log, told to end with its input, and there is
    /// something in its pipe that nobody else will ever read.
    pub unread: bool,
}

impl Policy {
    /// A directory of daemontools 0.76.
    pub const PLAIN: Self = Self {
        plain: true,
        start: false,
        stop: false,
        finish: false,
        notify: false,
        runless: false,
        fails_on_100: false,
        needs: Needs::Met,
        down: DownSignals::TERM,
        reload: Signal::SIGHUP,
        kill_after: None,
        kill_group: false,
        finish_limit: None,
        restart: Restart::ALWAYS,
        delay: PACE,
        delay_max: PACE,
        stable_after: Duration::from_mins(1),
        start_limit: None,
        retry_after: None,
        control: Letters::NONE,
        check: false,
        tells_ready: false,
        up_limit: None,
        rest: Rest::Ignored,
        watchdog: None,
        jitter: 0,
        unread: false,
    };

    /// What of it concerns the log that is run by the same `supervise`.
    #[must_use]
    pub const fn of_log(&self) -> Self {
        Self {
            plain: self.plain,
            notify: self.notify,
            fails_on_100: self.fails_on_100,
            unread: self.unread,
            ..Self::PLAIN
        }
    }

    /// From a start to the next after so many early deaths in a row.
    #[must_use]
    pub fn spacing(&self, early: u8) -> Duration {
        let doubled = 1_u32.checked_shl(early.into()).unwrap_or(u32::MAX);
        let longest = self.delay.saturating_mul(doubled).min(self.delay_max);
        let more = longest.saturating_sub(self.delay);
        self.delay + more * u32::from(self.jitter) / 255
    }
}
