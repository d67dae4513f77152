//! What `supervise` decides, without doing any of it.
//!
//! Events come in, actions go out, and the outcome of a start comes back as the
//! next event. Nothing here reads a clock, makes a call or waits.
//!
//! | process    | means                                                     |
//! |------------|-----------------------------------------------------------|
//! | `Down`     | no process, and none is due                               |
//! | `Waiting`  | no process; one is due at a known moment, for a reason    |
//! | `Starting` | one has been asked for; the next event is the answer      |
//! | `Running`  | there is a process, which may be paused                   |
//! | `Doubtful` | a process may be the service's, of an earlier `supervise` |
//!
//! A start that would come too soon is a state, never a sleep: a service that
//! keeps dying can still be told to stop.

use std::time::Duration;

use dt_os::clock::Moment;
use dt_os::process::Pid;
use dt_os::signals::Signal;
use dt_service::{Command, Want};

/// From one start to the next at the least. The original's pause, to the
/// hundredth of a second, counted from the start and not from the death.
pub const PACE: Duration = Duration::from_millis(1020);

/// From one look at a process that may be the service's to the next.
pub const LOOK: Duration = PACE;

/// The longest wait after a failed fork; the original always waits that long.
const LONGEST_RETRY_SECONDS: u64 = 60;

/// Failures that are told apart: after these the wait grows no more.
const COUNTED_FAILURES: u8 = 7;

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
}

impl Process {
    /// The process that there is, or may be.
    #[must_use]
    pub const fn pid(&self) -> Option<Pid> {
        match self {
            Self::Running { pid, .. } | Self::Doubtful { pid, .. } => Some(*pid),
            Self::Down | Self::Waiting { .. } | Self::Starting { .. } => None,
        }
    }

    /// Whether it was told to stop by `svc -p`.
    #[must_use]
    pub const fn is_paused(&self) -> bool {
        match self {
            Self::Running { paused, .. } | Self::Doubtful { paused, .. } => *paused,
            Self::Down | Self::Waiting { .. } | Self::Starting { .. } => false,
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
}

/// All that `supervise` knows about its service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Machine {
    /// The service's process.
    pub process: Process,
    /// What is to become of the service.
    pub want: Want,
    /// `svc -x` was given: exit once there is no process and none is due.
    pub leaving: bool,
    /// No process is started before this moment.
    pub not_before: Moment,
}

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// `supervise` is ready to begin.
    Boot,
    /// A command byte was read.
    Control(Command),
    /// The process that was asked for is there.
    Started(Pid),
    /// It could not be made.
    StartFailed,
    /// A process has died and is reaped: the service's, which an earlier
    /// `supervise` may have started, or a child that was ours before `supervise`
    /// was executed.
    Died(Pid),
    /// The process that was looked at is the service's.
    Proven(Pid),
    /// That still cannot be told.
    Doubted(Pid),
    /// The program installed now is to take this one's place.
    Upgrade,
    /// It says that it can.
    Probed,
    /// Time has passed.
    Due,
}

/// What is to be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Note the time: the process has just come or gone.
    MarkChange,
    /// Write the status file.
    Announce,
    /// Send a signal to the service's process.
    Send(Pid, Signal),
    /// Make a process. Always the last action; its outcome is the next event.
    Start,
    /// Look at a process that may be the service's. Always the last action; its
    /// outcome is the next event.
    Examine(Pid),
    /// Ask the program installed now whether it can go on from our record.
    Probe,
    /// Become it. Always the last action; where that fails all is as it was.
    Replace,
    /// Exit. Always the last action.
    Quit,
}

/// What is to be done, in order; held inline, so that a transition never
/// allocates.
pub type Actions = [Option<Action>; 3];

fn does<const N: usize>(actions: [Action; N]) -> Actions {
    let mut list = [None; 3];
    list.iter_mut()
        .zip(actions)
        .for_each(|(place, action)| *place = Some(action));
    list
}

impl Machine {
    /// The state before anything has happened.
    #[must_use]
    pub const fn new(want: Want) -> Self {
        Self {
            process: Process::Down,
            want,
            leaving: false,
            not_before: Moment::at(Duration::ZERO),
        }
    }

    /// Whether a start has been decided on and not been made yet.
    #[must_use]
    pub const fn is_due(&self) -> bool {
        match self.process {
            Process::Waiting { .. } | Process::Starting { .. } => true,
            Process::Down | Process::Running { .. } | Process::Doubtful { .. } => false,
        }
    }

    /// When time itself is an event; `None` where only something else can be.
    #[must_use]
    pub const fn deadline(&self) -> Option<Moment> {
        match self.process {
            Process::Waiting { until, .. } | Process::Doubtful { until, .. } => Some(until),
            Process::Down | Process::Starting { .. } | Process::Running { .. } => None,
        }
    }

    /// From when on a death is looked at; `None` for at once.
    ///
    /// A service that is to be up and dies too soon after its start stays
    /// unburied until the next start may come. So its process id means nobody
    /// else meanwhile, and who asks is told what the original tells of a service
    /// in a crash loop: that it is up.
    #[must_use]
    pub fn deaths_from(&self) -> Option<Moment> {
        match (self.process, self.want) {
            (Process::Running { .. }, Want::Up) if !self.leaving => Some(self.not_before),
            (
                Process::Down
                | Process::Waiting { .. }
                | Process::Starting { .. }
                | Process::Running { .. }
                | Process::Doubtful { .. },
                _,
            ) => None,
        }
    }

    /// The state after `event`, which happened at the moment `at`, and what is to
    /// be done about it.
    #[must_use]
    pub fn step(self, event: Event, at: Moment) -> (Self, Actions) {
        match event {
            Event::Boot => self.boot(at),
            Event::Control(command) => self.obey(command, at),
            Event::Started(pid) => self.started(pid, at),
            Event::StartFailed => self.start_failed(at),
            Event::Died(pid) => self.died(pid, at),
            Event::Proven(pid) => self.proven(pid),
            Event::Doubted(pid) => self.doubted(pid, at),
            Event::Upgrade => (self, does([Action::Probe])),
            Event::Probed => (self, does([Action::Replace])),
            Event::Due => self.due(at),
        }
    }

    fn boot(self, at: Moment) -> (Self, Actions) {
        match (self.process, self.want) {
            (Process::Down, Want::Up) => self.start(at, []),
            (Process::Down, Want::Down | Want::Neither) => (self, does([])),
            // Gone on with where an earlier `supervise` stopped.
            (
                Process::Waiting { .. }
                | Process::Starting { .. }
                | Process::Running { .. }
                | Process::Doubtful { .. },
                _,
            ) => self.due(at),
        }
    }

    /// Starts the service after `first` is done: now, or as soon as it may be.
    /// Never beside another.
    fn start<const N: usize>(self, at: Moment, first: [Action; N]) -> (Self, Actions) {
        let failures = match self.process {
            Process::Waiting {
                why: Reason::ForkFailed { failures },
                ..
            } => failures,
            Process::Waiting {
                why: Reason::Pace, ..
            }
            | Process::Down => 0,
            // There is one, or soon will be, or may be.
            Process::Starting { .. } | Process::Running { .. } | Process::Doubtful { .. } => {
                return (self, does(first));
            }
        };
        let mut actions = does(first);
        if at < self.not_before {
            let process = Process::Waiting {
                until: self.not_before,
                why: Reason::Pace,
            };
            return (Self { process, ..self }, actions);
        }
        if let Some(place) = actions.get_mut(N) {
            *place = Some(Action::Start);
        }
        let process = Process::Starting { failures };
        (Self { process, ..self }, actions)
    }

    fn started(self, pid: Pid, at: Moment) -> (Self, Actions) {
        let process = match self.process {
            Process::Starting { .. } => Process::Running { pid, paused: false },
            // Nobody asked; there is nothing that it could be the answer to.
            Process::Down
            | Process::Waiting { .. }
            | Process::Running { .. }
            | Process::Doubtful { .. } => return (self, does([])),
        };
        let not_before = at.plus(PACE);
        let next = Self {
            process,
            not_before,
            ..self
        };
        (next, does([Action::MarkChange, Action::Announce]))
    }

    fn start_failed(self, at: Moment) -> (Self, Actions) {
        let process = match self.process {
            Process::Starting { failures } => Process::Waiting {
                until: at.plus(retry_after(failures)),
                why: Reason::ForkFailed {
                    failures: failures.saturating_add(1).min(COUNTED_FAILURES),
                },
            },
            Process::Down
            | Process::Waiting { .. }
            | Process::Running { .. }
            | Process::Doubtful { .. } => self.process,
        };
        (Self { process, ..self }, does([]))
    }

    fn died(self, who: Pid, at: Moment) -> (Self, Actions) {
        match self.process {
            Process::Running { pid, .. } | Process::Doubtful { pid, .. } if pid == who => {}
            // A stranger's death, and none of the service's business.
            Process::Running { .. }
            | Process::Doubtful { .. }
            | Process::Down
            | Process::Waiting { .. }
            | Process::Starting { .. } => return (self, does([])),
        }
        let next = Self {
            process: Process::Down,
            ..self
        };
        let marks = [Action::MarkChange, Action::Announce];
        if self.leaving {
            let [mark, announce] = marks;
            return (next, does([mark, announce, Action::Quit]));
        }
        match self.want {
            Want::Up => next.start(at, marks),
            Want::Down | Want::Neither => (next, does(marks)),
        }
    }

    fn proven(self, who: Pid) -> (Self, Actions) {
        match self.process {
            Process::Doubtful { pid, paused, .. } if pid == who => {
                let process = Process::Running { pid, paused };
                (Self { process, ..self }, does([Action::Announce]))
            }
            Process::Doubtful { .. }
            | Process::Down
            | Process::Waiting { .. }
            | Process::Starting { .. }
            | Process::Running { .. } => (self, does([])),
        }
    }

    fn doubted(self, who: Pid, at: Moment) -> (Self, Actions) {
        match self.process {
            Process::Doubtful { pid, paused, .. } if pid == who => {
                let until = at.plus(LOOK);
                let process = Process::Doubtful { pid, paused, until };
                (Self { process, ..self }, does([]))
            }
            Process::Doubtful { .. }
            | Process::Down
            | Process::Waiting { .. }
            | Process::Starting { .. }
            | Process::Running { .. } => (self, does([])),
        }
    }

    fn due(self, at: Moment) -> (Self, Actions) {
        match self.process {
            Process::Waiting { until, .. } if at >= until => self.start(at, []),
            Process::Doubtful { pid, until, .. } if at >= until => {
                (self, does([Action::Examine(pid)]))
            }
            Process::Doubtful { .. }
            | Process::Waiting { .. }
            | Process::Down
            | Process::Starting { .. }
            | Process::Running { .. } => (self, does([])),
        }
    }

    fn obey(self, command: Command, at: Moment) -> (Self, Actions) {
        match command {
            Command::Up => self.wish(Want::Up, at),
            Command::Once => self.wish(Want::Neither, at),
            Command::Down => self.stop(),
            Command::Exit => self.leave(),
            Command::Pause => self.pause(true, Signal::SIGSTOP),
            Command::Continue => self.pause(false, Signal::SIGCONT),
            Command::Hangup => self.send(Signal::SIGHUP),
            Command::Alarm => self.send(Signal::SIGALRM),
            Command::Interrupt => self.send(Signal::SIGINT),
            Command::Terminate => self.send(Signal::SIGTERM),
            Command::Kill => self.send(Signal::SIGKILL),
            // Bytes that daemontools 0.76 ignores.
            Command::Quit
            | Command::User1
            | Command::User2
            | Command::Window
            | Command::Group
            | Command::Single
            | Command::Log
            | Command::Main
            | Command::Reload => (self, does([])),
        }
    }

    /// `u` and `o`: a service that is down is started, and a wait for a fork that
    /// failed is cut short. One that runs goes on, paused or not.
    fn wish(self, want: Want, at: Moment) -> (Self, Actions) {
        let next = Self { want, ..self };
        match self.process {
            Process::Down | Process::Waiting { .. } => next.start(at, [Action::Announce]),
            Process::Starting { .. } | Process::Running { .. } | Process::Doubtful { .. } => {
                (next, does([Action::Announce]))
            }
        }
    }

    /// `d`: what runs is asked to end, and woken so that it can; what is due is
    /// due no more.
    fn stop(self) -> (Self, Actions) {
        let want = Want::Down;
        match self.process {
            Process::Running { pid, .. } => {
                let process = Process::Running { pid, paused: false };
                let next = Self {
                    process,
                    want,
                    ..self
                };
                let signals = [Signal::SIGTERM, Signal::SIGCONT];
                let [end, wake] = signals.map(|signal| Action::Send(pid, signal));
                (next, does([end, wake, Action::Announce]))
            }
            // Out of reach until it is known which process it is.
            Process::Starting { .. } | Process::Doubtful { .. } => {
                (Self { want, ..self }, does([Action::Announce]))
            }
            Process::Down | Process::Waiting { .. } => {
                let process = Process::Down;
                let next = Self {
                    process,
                    want,
                    ..self
                };
                if self.leaving {
                    (next, does([Action::Announce, Action::Quit]))
                } else {
                    (next, does([Action::Announce]))
                }
            }
        }
    }

    /// `x`: a process that is due still comes, and `supervise` exits when that
    /// has died, as the original does in `svc -ux`. One in doubt is given up.
    fn leave(self) -> (Self, Actions) {
        let next = Self {
            leaving: true,
            ..self
        };
        match self.process {
            Process::Down | Process::Doubtful { .. } => {
                let process = Process::Down;
                let next = Self { process, ..next };
                (next, does([Action::Announce, Action::Quit]))
            }
            Process::Waiting { .. } | Process::Starting { .. } | Process::Running { .. } => {
                (next, does([Action::Announce]))
            }
        }
    }

    fn pause(self, paused: bool, signal: Signal) -> (Self, Actions) {
        match self.process {
            Process::Running { pid, .. } => {
                let process = Process::Running { pid, paused };
                let next = Self { process, ..self };
                (next, does([Action::Announce, Action::Send(pid, signal)]))
            }
            Process::Down
            | Process::Waiting { .. }
            | Process::Starting { .. }
            | Process::Doubtful { .. } => (self, does([Action::Announce])),
        }
    }

    fn send(self, signal: Signal) -> (Self, Actions) {
        match self.process {
            Process::Running { pid, .. } => (self, does([Action::Send(pid, signal)])),
            Process::Down
            | Process::Waiting { .. }
            | Process::Starting { .. }
            | Process::Doubtful { .. } => (self, does([])),
        }
    }
}

/// How long after one more failure, `failures` having gone before it: 1, 2, 4 …
/// and at last 60 seconds.
fn retry_after(failures: u8) -> Duration {
    let doubled = 1_u64.checked_shl(u32::from(failures));
    let seconds = doubled.map_or(LONGEST_RETRY_SECONDS, |seconds| {
        seconds.min(LONGEST_RETRY_SECONDS)
    });
    Duration::from_secs(seconds)
}
