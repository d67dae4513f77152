//! What the service says of itself, as to systemd, and that it says nothing any more.

use std::time::Duration;

use dt_os::clock::Moment;
use dt_os::process::Pid;
use dt_os::signals::Signal;
use dt_service::deaths::Role;
use dt_service::{Want, details};

use super::{Action, Machine, Next, Plan, Policy, Pressure, Process};

/// What has been heard at once; of each kind the last counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Heard {
    /// `READY`, `RELOADING` and `STOPPING`.
    pub phase: Option<Phase>,
    /// `WATCHDOG=1`.
    pub alive: bool,
    /// `WATCHDOG=trigger`.
    pub trigger: bool,
    /// `WATCHDOG_USEC`; zero is never.
    pub every: Option<Duration>,
    /// `EXTEND_TIMEOUT_USEC`.
    pub extend: Option<Duration>,
}

/// How far the service has come, by its own account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Phase {
    Ready,
    Reloading,
    Stopping,
}

/// What is known of the service from itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Says {
    /// It is ending.
    pub stopping: bool,
    /// From one sign of life to the next at the most, where it has said so.
    pub every: Option<Duration>,
    /// It is killed then, unless it is heard of.
    pub by: Option<Moment>,
}

impl Machine {
    /// The service speaks. What a process says that is not the service, or not known
    /// to be it, is not for us.
    pub(super) fn heard(self, heard: Heard, at: Moment, policy: &Policy) -> Next {
        let Process::Running { pid, .. } = self.process else {
            return (self, Plan::NOTHING);
        };
        if self.role != Role::Run {
            return (self, Plan::NOTHING);
        }
        let (mut next, plan) = match heard.phase {
            Some(Phase::Ready) => self.is_ready(),
            Some(Phase::Reloading | Phase::Stopping) if self.ready => {
                let ready = false;
                (Self { ready, ..self }, Plan::NOTHING.then(Action::Announce))
            }
            _ => (self, Plan::NOTHING),
        };
        if let Some(phase) = heard.phase {
            next.says.stopping = phase == Phase::Stopping;
        }
        next.says.every = heard.every.or(next.says.every);
        if next.says.stopping {
            (next.says.by, next.up_by) = (None, None);
        } else {
            let begins = heard.phase == Some(Phase::Ready) || heard.every.is_some();
            next.watch(begins || heard.alive, at, policy);
        }
        if let Some(more) = heard.extend {
            let least = at.plus(more.min(LONGEST));
            let later = |moment: Option<Moment>| moment.map(|moment| moment.max(least));
            (next.up_by, next.pressure.kill) = (later(next.up_by), later(next.pressure.kill));
        }
        if heard.trigger && !next.is_pressed() {
            return next.abort(pid, at, policy, plan);
        }
        (next, plan)
    }

    /// When it has to be heard of again. Who is to end is not watched any more.
    fn watch(&mut self, sign: bool, at: Moment, policy: &Policy) {
        let every = self.says.every.or(policy.watchdog);
        let every = every.filter(|every| !every.is_zero() && !self.is_pressed());
        if every.is_none() {
            self.says.by = None;
        } else if sign && (self.ready || self.says.by.is_some()) {
            self.says.by = every.map(|every| at.plus(every));
        }
    }

    /// What is paused cannot speak, and has all the time again after that.
    pub(super) fn rests(&mut self, at: Moment, policy: &Policy) -> bool {
        let paused = self.process.is_paused();
        if paused {
            self.watch(true, at, policy);
        }
        paused
    }

    fn is_pressed(&self) -> bool {
        self.want == Want::Down || self.cause != details::Reason::None
    }

    /// It has been silent for too long: it is to leave a core, and to be gone soon.
    pub(super) fn abort(mut self, pid: Pid, at: Moment, policy: &Policy, plan: Plan) -> Next {
        let patience = policy.kill_after.unwrap_or(LAST_RESORT);
        self.says.by = None;
        self.cause = details::Reason::Watchdog;
        self.pressure = Pressure {
            sent: u8::MAX,
            next: None,
            kill: Some(at.plus(patience)),
        };
        let plan = plan.then(Action::Send(pid, Signal::SIGABRT));
        (self, plan.then(Action::Send(pid, Signal::SIGCONT)))
    }
}

/// What ABRT has not ended is killed after this, where no setting says when.
const LAST_RESORT: Duration = Duration::from_secs(10);

/// No time is made longer by more than this at once.
const LONGEST: Duration = Duration::from_hours(24);
