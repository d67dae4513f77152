//! The terms in which the machine thinks: what there is of a service, what happens
//! to it, and what is to be done.

use dt_os::clock::Moment;
use dt_os::process::{Ending, Pid};

use super::{PERIOD, SPACING};

/// One of the two processes of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Half {
    /// The `supervise` of the service itself.
    Main,
    /// The `supervise` of its `log`.
    Log,
}

/// Why something waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// It appeared, or got its `run`, a moment ago.
    Settling,
    /// It has no `run` yet.
    Unfinished,
    /// What is in the directory could not be found out.
    Unreadable,
    /// There was no pipe to be had.
    NoPipe,
    /// There was no process to be had.
    ForkFailed,
    /// It exited 0, as told by `svc -x`. Whoever told it may be about to remove
    /// the name, which comes last in some people's habit.
    Left,
    /// It exited with a failure soon after its start, having said why: the
    /// directory is locked, or there is no such program. Saying so again and
    /// again helps nobody.
    Refused,
    /// It was killed soon after its start.
    ShortLived,
    /// There is one that somebody else has started, and no way to watch it.
    OutOfReach,
}

/// A wait, with its end and its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Wait {
    /// Not before this.
    pub until: Moment,
    /// Why.
    pub because: Reason,
}

/// What there is of one half.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Process {
    /// No process.
    Down,
    /// No process, and none yet to be started.
    Waiting(Wait),
    /// A process, started by us or found running.
    Running {
        /// Its id.
        pid: Pid,
        /// When it was started or found.
        since: Moment,
    },
}

/// How far a service has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Not examined yet.
    New {
        /// When a scan first came upon it.
        first_seen: Moment,
        /// What the examination waits for.
        wait: Option<Wait>,
    },
    /// Examined.
    Known {
        /// The service's own half.
        main: Process,
        /// The log's half, where there is a log.
        log: Option<Process>,
    },
}

/// What becomes of the logs when services are stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Logs {
    /// A log goes on until its service is gone, then reads what is left, and ends
    /// with its input.
    AtEnd,
    /// A log is told to end with its service.
    AtOnce,
}

/// A service is being stopped for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stop {
    /// How its log goes.
    pub logs: Logs,
    /// The service's `supervise` has been told.
    pub main_told: bool,
    /// The log's has.
    pub log_told: bool,
}

/// One service: a directory that has, or had, a name in the scan directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Service {
    /// How far it has got.
    pub stage: Stage,
    /// The last scan found a name for it.
    pub listed: bool,
    /// It is being stopped: nothing of it is started any more.
    pub stop: Option<Stop>,
}

/// What happens to a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A scan has found a name of it.
    Seen(Moment),
    /// The scan with which a stop begins has found a name of it, and something of it
    /// lives.
    Sought(Moment),
    /// A whole scan has found none.
    Missed,
    /// The directory's content has been asked for.
    Examined {
        /// When.
        now: Moment,
        /// `run` is there.
        run: bool,
        /// `log` is there.
        log: bool,
    },
    /// It could not be found out.
    ExamineFailed(Moment),
    /// The pipe to the log is there, where one was wanted.
    Prepared {
        /// When.
        now: Moment,
        /// It has a log.
        log: bool,
    },
    /// There is no pipe.
    PrepareFailed(Moment),
    /// A half was started, or found running: by an earlier `svscan`, or by hand.
    Started(Half, Pid, Moment),
    /// A half is running, but who runs it could not be found out.
    OutOfReach(Half, Moment),
    /// A half could not be started.
    StartFailed(Half, Moment),
    /// Nothing of a half lives, and none is started for the sake of a stop.
    Absent(Half, Moment),
    /// A half's process has ended.
    Died(Half, Ending, Moment),
    /// A half has ended before its time while all is being stopped: it was killed, and
    /// its service lives on, or a log has not read all; or another has its lock. There
    /// must be one that can be told.
    Orphaned(Half),
    /// It is to be stopped, or reminded that it is.
    Stop(Logs, Moment),
    /// A half could not be told to stop.
    Untold(Half, Moment),
}

/// What is to be done for a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Look into the directory; answered by `Examined` or `ExamineFailed`.
    Examine,
    /// Make what the processes need, a pipe where there is a log; answered by
    /// `Prepared` or `PrepareFailed`.
    Prepare {
        /// It has a log.
        log: bool,
    },
    /// See to it that this half runs; answered by `Started`, `OutOfReach`,
    /// `StartFailed` or `Absent`.
    Start(Half),
    /// Tell this half's `supervise` something; answered by `Untold` if that fails.
    Tell(Half, Words),
    /// Close the pipe: its log, left alone with it, reads to its end.
    Release,
    /// Scan again at that moment or before.
    ScanBy(Moment),
    /// Drop the service and its pipe.
    Forget,
}

/// What a `supervise` is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Words {
    /// To end its process, and to exit then: `svc -dx`.
    Stop,
    /// To exit once its process has ended by itself: `svc -x`.
    Exit,
}

impl Wait {
    /// Something that whoever makes the directory may end at any time is looked at
    /// in every scan, before the wait is over.
    pub(super) const fn holds_back_examining(self) -> bool {
        match self.because {
            Reason::Settling | Reason::NoPipe => true,
            Reason::Unfinished
            | Reason::Unreadable
            | Reason::ForkFailed
            | Reason::Left
            | Reason::Refused
            | Reason::ShortLived
            | Reason::OutOfReach => false,
        }
    }
}

impl Process {
    pub(crate) const fn is_running(self) -> bool {
        matches!(self, Self::Running { .. })
    }

    pub(super) fn is_due(self, now: Moment) -> bool {
        match self {
            Self::Down => true,
            Self::Waiting(wait) => wait.until <= now,
            Self::Running { .. } => false,
        }
    }

    /// Without the wait.
    pub(super) const fn at_once(self) -> Self {
        match self {
            Self::Down | Self::Waiting(_) => Self::Down,
            Self::Running { .. } => self,
        }
    }

    pub(super) const fn until(&self) -> Option<Moment> {
        match self {
            Self::Waiting(wait) => Some(wait.until),
            Self::Down | Self::Running { .. } => None,
        }
    }

    /// What becomes of a process that has ended.
    pub(super) fn after(self, ending: Ending, now: Moment) -> Self {
        let Self::Running { since, .. } = self else {
            return self;
        };
        let (until, because) = match ending {
            Ending::Exited(0) => (now.plus(SPACING), Reason::Left),
            Ending::Exited(_) => (since.plus(PERIOD), Reason::Refused),
            Ending::Killed(_) => (since.plus(SPACING), Reason::ShortLived),
        };
        if until > now {
            Self::Waiting(Wait { until, because })
        } else {
            Self::Down
        }
    }
}
