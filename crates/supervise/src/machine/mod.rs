//! What `supervise` decides, without doing any of it.
//!
//! Events come in, actions go out, and the outcome of a start comes back as the
//! next event. Nothing here reads a clock or a file, makes a call or waits.
//!
//! | process    | means                                                     |
//! |------------|-----------------------------------------------------------|
//! | `Down`     | no process, and none is due                               |
//! | `Waiting`  | no process; one is due at a known moment, for a reason    |
//! | `Starting` | one has been asked for; the next event is the answer      |
//! | `Running`  | there is a process, which may be paused                   |
//! | `Doubtful` | a process may be the service's, of an earlier `supervise` |
//! | `Clearing` | `run` has died, and what it has left behind is to end too   |
//!
//! At most one process is alive at a time, and it has a [`Role`]: `./run` is the
//! service, `./start` goes before it when the service comes up from being down,
//! `./stop` after it when that is down for good. What the service directory says
//! is an input, the [`Policy`]; by [`Policy::PLAIN`] there is only `./run`, as in
//! daemontools 0.76.
//!
//! A start that would come too soon is a state, never a sleep: a service that
//! keeps dying can still be told to stop.

mod beside;
mod commands;
mod death;
mod life;
mod policy;
mod pressure;
mod process;
mod rest;
mod says;

use std::time::Duration;

use dt_os::clock::Moment;
use dt_os::process::Pid;
use dt_os::signals::Signal;
use dt_service::deaths::Role;
use dt_service::details;
use dt_service::{Command, Want};

pub use beside::{Beside, CHECK_PACE, Check, Hook, Hooks, PATIENCE};
pub use policy::{Needs, Policy, Rest};
pub use pressure::Pressure;
pub use process::{Outcome, Process, Reason};
pub use says::{Heard, Phase, Says};

/// From one start to the next at the least. The original's pause, to the
/// hundredth of a second, counted from the start and not from the death.
pub const PACE: Duration = Duration::from_millis(1020);

/// From one look at a process that may be the service's to the next.
pub const LOOK: Duration = PACE;

/// From one look at the services that this one needs to the next, where no event
/// comes in between.
pub const LOOK_AROUND: Duration = Duration::from_mins(1);

/// All that `supervise` knows about its service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each goes with any of the others"
)]
pub struct Machine {
    /// The service's process.
    pub process: Process,
    /// What the process is, or will be if one is due; otherwise without meaning.
    pub role: Role,
    /// What is to become of the service.
    pub want: Want,
    /// `svc -x` was given: exit once there is no process and none is due.
    pub leaving: bool,
    /// The service has come up and not gone down for good: `start` has done its
    /// work, and that of `stop` is still to be done.
    pub up: bool,
    /// It went down because something failed, and stays so until it is told
    /// otherwise, or until it is tried again.
    pub failed: bool,
    /// Why it failed, was stopped, or is being stopped, if it was not by command.
    pub cause: details::Reason,
    /// `./run` is not started before this moment.
    pub not_before: Moment,
    /// A `run` that dies before this moment has died too early.
    pub stable_at: Moment,
    /// Early deaths in a row, as far as they are counted.
    pub early: u8,
    /// When the starts began that are counted.
    pub counted_from: Moment,
    /// Starts since then.
    pub starts: u16,
    /// The `run` that `finish` is told of.
    pub ended: Option<(Pid, Outcome)>,
    /// The process has said that it is ready.
    pub ready: bool,
    /// It has to be by this moment.
    pub up_by: Option<Moment>,
    /// The process has been told to end.
    pub pressure: Pressure,
    /// Programs in `control` that run or are to be run.
    pub hooks: Hooks,
    /// The program `check`.
    pub check: Check,
    /// What the service says of itself.
    pub says: Says,
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
    /// The same where it runs beside the service.
    Beside(Role, Pid),
    /// The same where it could not be made.
    BesideFailed(Role),
    /// A process has died and is reaped: the service's, which an earlier
    /// `supervise` may have started, or a child that was ours before `supervise`
    /// was executed.
    Died(Pid, Outcome),
    /// The process that was looked at is the service's.
    Proven(Pid),
    /// That still cannot be told.
    Doubted(Pid),
    /// The program installed now is to take this one's place.
    Upgrade,
    /// It says that it can.
    Probed,
    /// The service says that it is ready.
    Ready,
    /// The service says something else about itself, or that too.
    Heard(Heard),
    /// Something may have changed about the services that this one needs.
    Neighbours,
    /// Nothing is left of what `run` has started.
    Empty,
    /// Something is.
    Left,
    /// Something may have changed about that.
    Stirred,
    /// Time has passed.
    Due,
}

/// What is to be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Note the time: the process has just come or gone.
    MarkChange,
    /// Have `./notify` told that a process has come.
    TellStart(Pid),
    /// Have `./notify` told that this process of this role has gone.
    TellEnd(Role, Pid, Outcome),
    /// Write the status file.
    Announce,
    /// Send a signal to the service's process.
    Send(Pid, Signal),
    /// Send one to the process group that it leads.
    SendGroup(Pid, Signal),
    /// Send one to all that `run` has left behind.
    SendRest(Signal),
    /// Look whether there is anything. Always the last action; its outcome is the next
    /// event.
    Sweep,
    /// Make a process of the role that is due. Always the last action; its outcome
    /// is the next event.
    Start(Role),
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

/// The most that one event has done.
const MOST: usize = 5;

/// What is to be done, in order; held inline, so that a transition never
/// allocates.
pub type Actions = [Option<Action>; MOST];

/// [`Actions`] in the making.
#[derive(Clone, Copy, Debug, Default)]
struct Plan(Actions);

impl Plan {
    const NOTHING: Self = Self([None; MOST]);

    /// Nothing is left out: no event has more done than there is place for,
    /// which the exploration in the tests would show.
    fn then(mut self, action: Action) -> Self {
        if let Some(place) = self.0.iter_mut().find(|place| place.is_none()) {
            *place = Some(action);
        } else {
            debug_assert!(false, "no place for {action:?}");
        }
        self
    }

    /// The same if `so`.
    fn then_if(self, so: bool, action: Action) -> Self {
        if so { self.then(action) } else { self }
    }
}

/// A state and what is done on the way to it.
type Next = (Machine, Plan);

impl Machine {
    /// The state before anything has happened.
    #[must_use]
    pub const fn new(want: Want) -> Self {
        Self {
            process: Process::Down,
            role: Role::Run,
            want,
            leaving: false,
            up: false,
            failed: false,
            cause: details::Reason::None,
            not_before: Moment::at(Duration::ZERO),
            stable_at: Moment::at(Duration::ZERO),
            early: 0,
            counted_from: Moment::at(Duration::ZERO),
            starts: 0,
            ended: None,
            ready: false,
            up_by: None,
            pressure: Pressure {
                sent: 0,
                next: None,
                kill: None,
            },
            hooks: Hooks::NONE,
            check: Check {
                now: None,
                next: None,
            },
            says: Says {
                stopping: false,
                every: None,
                by: None,
            },
        }
    }

    /// Whether a start has been decided on and not been made yet.
    #[must_use]
    pub const fn is_due(&self) -> bool {
        match self.process {
            Process::Waiting { .. } | Process::Starting { .. } => true,
            Process::Clearing { due, .. } => due,
            Process::Down | Process::Running { .. } | Process::Doubtful { .. } => false,
        }
    }

    /// When time itself is an event; `None` where only something else can be. The
    /// distant past is for at once.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        let beside = self.deadline_beside().into_iter();
        beside.chain(self.deadline_of_process()).min()
    }

    /// The same for the service's process alone.
    #[must_use]
    pub fn deadline_of_process(&self) -> Option<Moment> {
        match self.process {
            Process::Waiting { until, .. } | Process::Doubtful { until, .. } => Some(until),
            Process::Running { .. } => {
                let says = self.up_by.into_iter().chain(self.says.by);
                self.pressure.deadline().into_iter().chain(says).min()
            }
            Process::Clearing { look, .. } => {
                self.pressure.deadline().into_iter().chain(look).min()
            }
            Process::Down | Process::Starting { .. } => None,
        }
    }

    /// From when on a death is looked at; `None` for at once.
    ///
    /// A service that is to be up and dies too soon after its start stays
    /// unburied until the next start may come. So its process id means nobody
    /// else meanwhile, and who asks is told what the original tells of a service
    /// in a crash loop: that it is up. Where a directory has more to it than the
    /// original knows of, there is more to be done about a death, and at once.
    #[must_use]
    pub fn deaths_from(&self, policy: &Policy) -> Option<Moment> {
        match (self.process, self.want) {
            (Process::Running { .. }, Want::Up) if !self.leaving && policy.plain => {
                Some(self.not_before)
            }
            (
                Process::Down
                | Process::Waiting { .. }
                | Process::Starting { .. }
                | Process::Running { .. }
                | Process::Doubtful { .. }
                | Process::Clearing { .. },
                _,
            ) => None,
        }
    }

    /// The state after `event`, which happened at the moment `at`, and what is to
    /// be done about it.
    #[must_use]
    pub fn step(self, event: Event, at: Moment, policy: &Policy) -> (Self, Actions) {
        let (next, plan) = match event {
            Event::Boot => self.boot(at, policy),
            Event::Control(command) => self.obey(command, at, policy),
            Event::Started(pid) => self.started(pid, at, policy),
            Event::StartFailed => self.start_failed(at),
            Event::Beside(role, pid) => (self.beside(role, pid, at), Plan::NOTHING),
            Event::BesideFailed(role) => self.beside_failed(role, at, policy),
            Event::Died(pid, outcome) => self.died(pid, outcome, at, policy),
            Event::Proven(pid) => self.proven(pid, at, policy),
            Event::Doubted(pid) => self.doubted(pid, at),
            Event::Upgrade => (self, Plan::NOTHING.then(Action::Probe)),
            Event::Probed => (self, Plan::NOTHING.then(Action::Replace)),
            Event::Ready => self.is_ready(),
            Event::Heard(heard) => self.heard(heard, at, policy),
            Event::Neighbours => self.look_around(at, policy),
            Event::Empty => self.is_empty(at, policy),
            Event::Left => self.is_left(at, policy),
            Event::Stirred => self.stirred(),
            Event::Due => self.due(at, policy),
        };
        let Plan(actions) = plan;
        (next.with_check(at, policy), actions)
    }

    fn boot(mut self, at: Moment, policy: &Policy) -> Next {
        match (self.process, self.want) {
            // Nothing beside what an earlier `supervise` may have left.
            (Process::Down | Process::Waiting { .. }, _) if self.looks_first(policy) => {
                self.clear(self.is_due(), Plan::NOTHING)
            }
            (Process::Down, Want::Up) => self.come_up(at, policy, Plan::NOTHING),
            (Process::Down, Want::Down | Want::Neither) => (self, Plan::NOTHING),
            // Gone on with where an earlier `supervise` stopped.
            (Process::Running { pid, .. }, _) => {
                let again = self.say_again(at, policy);
                let (next, plan) = self.due_of_process(at, policy);
                let plan = again.map_or(plan, |signal| plan.then(Action::Send(pid, signal)));
                (next, plan)
            }
            (
                Process::Waiting { .. }
                | Process::Starting { .. }
                | Process::Doubtful { .. }
                | Process::Clearing { .. },
                _,
            ) => self.due_of_process(at, policy),
        }
    }

    fn due(self, at: Moment, policy: &Policy) -> Next {
        match self.due_beside(at) {
            Some(next) => next,
            None => self.due_of_process(at, policy),
        }
    }

    fn due_of_process(self, at: Moment, policy: &Policy) -> Next {
        match self.process {
            Process::Waiting { until, .. } if at >= until => self.go_on(at, policy, Plan::NOTHING),
            Process::Doubtful { pid, until, .. } if at >= until => {
                (self, Plan::NOTHING.then(Action::Examine(pid)))
            }
            Process::Running { pid, .. } => self.press_on(pid, at, policy),
            Process::Clearing { look, .. } => self.clear_on(look, at, policy),
            Process::Doubtful { .. }
            | Process::Waiting { .. }
            | Process::Down
            | Process::Starting { .. } => (self, Plan::NOTHING),
        }
    }

    fn look_around(self, at: Moment, policy: &Policy) -> Next {
        match self.process {
            Process::Waiting {
                why: Reason::Dependency,
                ..
            } => self.go_on(at, policy, Plan::NOTHING),
            Process::Waiting { .. }
            | Process::Down
            | Process::Starting { .. }
            | Process::Running { .. }
            | Process::Doubtful { .. }
            | Process::Clearing { .. } => (self, Plan::NOTHING),
        }
    }

    /// It is the service after all, and gets what it may not have got before.
    fn proven(mut self, who: Pid, at: Moment, policy: &Policy) -> Next {
        match self.process {
            Process::Doubtful { pid, paused, .. } if pid == who => {
                self.process = Process::Running { pid, paused };
                let plan = Plan::NOTHING.then(Action::Announce);
                let again = self.say_again(at, policy);
                let plan = again.map_or(plan, |signal| plan.then(Action::Send(pid, signal)));
                (self, plan)
            }
            Process::Doubtful { .. }
            | Process::Down
            | Process::Waiting { .. }
            | Process::Starting { .. }
            | Process::Running { .. }
            | Process::Clearing { .. } => (self, Plan::NOTHING),
        }
    }

    fn doubted(self, who: Pid, at: Moment) -> Next {
        match self.process {
            Process::Doubtful { pid, paused, .. } if pid == who => {
                let until = at.plus(LOOK);
                let process = Process::Doubtful { pid, paused, until };
                (Self { process, ..self }, Plan::NOTHING)
            }
            Process::Doubtful { .. }
            | Process::Down
            | Process::Waiting { .. }
            | Process::Starting { .. }
            | Process::Running { .. }
            | Process::Clearing { .. } => (self, Plan::NOTHING),
        }
    }
}
