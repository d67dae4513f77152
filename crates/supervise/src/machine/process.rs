use dt_os::clock::Moment;
use dt_os::process::{Ending, Pid};
use dt_service::record::What;

/// The service's process, or what stands in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Process {
    /// No process, and none is due.
    Down,
    /// No process, but one is due.
    Waiting {
        /// When.
        until: Moment,
        /// Why not now.
        why: Reason,
    },
    /// A process has been asked for and the answer is not in yet. Never outlasts
    /// the event that led to it.
    Starting {
        /// Forks that have failed in a row.
        failures: u8,
    },
    /// There is a process.
    Running {
        /// Which.
        pid: Pid,
        /// Told to stop by `svc -p`. A signal from somebody else does not show.
        paused: bool,
    },
    /// An earlier `supervise` left a process, and whether what has its number now
    /// is that process cannot be told. No other is started beside it, and no
    /// signal is sent to it.
    Doubtful {
        /// Which.
        pid: Pid,
        /// It was told to stop by `svc -p`.
        paused: bool,
        /// When it is looked at again.
        until: Moment,
    },
    /// `run` has died, and what else it has started may still live. Nothing is started
    /// beside that.
    Clearing {
        /// A start is due after that whatever is wanted.
        due: bool,
        /// When it is looked at again, where nobody tells.
        look: Option<Moment>,
    },
}

impl Process {
    /// The process that there is, or may be.
    #[must_use]
    pub const fn pid(&self) -> Option<Pid> {
        match self {
            Self::Running { pid, .. } | Self::Doubtful { pid, .. } => Some(*pid),
            Self::Down | Self::Waiting { .. } | Self::Starting { .. } | Self::Clearing { .. } => {
                None
            }
        }
    }

    /// Whether it was told to stop by `svc -p`.
    #[must_use]
    pub const fn is_paused(&self) -> bool {
        match self {
            Self::Running { paused, .. } | Self::Doubtful { paused, .. } => *paused,
            Self::Down | Self::Waiting { .. } | Self::Starting { .. } | Self::Clearing { .. } => {
                false
            }
        }
    }
}

/// What a wait is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The last start is too recent for another.
    Pace,
    /// The system could not give us a process.
    ForkFailed {
        /// So many times in a row, as far as that is counted.
        failures: u8,
    },
    /// It has failed, and is tried again.
    Retry,
    /// A service that it needs is not ready; it is looked at again then in any case.
    Dependency,
    /// A program in `control` goes before the start; it is looked at again then in any
    /// case.
    Hook {
        /// Forks that have failed in a row before that.
        failures: u8,
    },
}

impl Reason {
    pub(super) const fn is_hook(self) -> bool {
        matches!(self, Self::Hook { .. })
    }
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It exited with this code.
    Exited(i32),
    /// This signal killed it.
    Killed(i32),
    /// It was no child of ours, and the kernel tells only the parent.
    Unknown,
}

impl From<Ending> for Outcome {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Exited(code) => Self::Exited(code),
            Ending::Killed(signal) => Self::Killed(signal),
        }
    }
}

impl Outcome {
    /// As it is on record and told to `notify`.
    #[must_use]
    pub fn what(self) -> What {
        let byte = |number: i32| u8::try_from(number).unwrap_or(u8::MAX);
        match self {
            Self::Exited(code) => What::Exited(byte(code)),
            Self::Killed(signal) => What::Killed(byte(signal)),
            Self::Unknown => What::Gone,
        }
    }

    /// Of what is on record.
    #[must_use]
    pub const fn of(what: What) -> Self {
        match what {
            What::Exited(code) => Self::Exited(code as i32),
            What::Killed(signal) => Self::Killed(signal as i32),
            What::Started | What::Gone => Self::Unknown,
        }
    }
}
