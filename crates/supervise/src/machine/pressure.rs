//! Deadlines of a process that lives: it is to end, or to be ready.

use std::time::Duration;

use dt_os::clock::Moment;
use dt_os::process::Pid;
use dt_os::signals::Signal;
use dt_service::deaths::Role;
use dt_service::details;

use super::{Action, Hook, Machine, Next, Plan, Policy, Process, Rest};

/// What is to happen to a process that is told to end and does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Pressure {
    /// Signals of `down-signal` that have been sent.
    pub sent: u8,
    /// When the next one is.
    pub next: Option<Moment>,
    /// When it is killed.
    pub kill: Option<Moment>,
}

/// From one KILL to the next, should that be needed.
const KILL_AGAIN: Duration = Duration::from_secs(5);

impl Pressure {
    /// The first moment that matters.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        self.next.into_iter().chain(self.kill).min()
    }

    /// The same after the next signal, which has come.
    pub(super) fn stepped(self, at: Moment, policy: &Policy) -> (Self, Option<Signal>) {
        let steps = policy.down.steps();
        let step = steps.get(usize::from(self.sent));
        let last = usize::from(self.sent) + 1 >= steps.len();
        let next = Self {
            next: step.filter(|_| !last).map(|step| at.plus(step.wait)),
            sent: self.sent.saturating_add(1),
            ..self
        };
        (next, step.map(|step| step.signal))
    }
}

impl Machine {
    /// Tells the process `pid` to end, and wakes it so that it can. Told once more it
    /// is sent the first signal again, and has no more time than before.
    pub(super) fn press(mut self, pid: Pid, at: Moment, policy: &Policy, plan: Plan) -> Next {
        let steps = policy.down.steps();
        if self.pressure == Pressure::default() {
            let wait = steps.first().filter(|_| steps.len() > 1);
            let next = wait.map(|step| at.plus(step.wait));
            let kill = policy.kill_after.map(|after| at.plus(after));
            // In a plain directory there is nothing to remember.
            let sent = u8::from(!policy.plain);
            self.pressure = Pressure { sent, next, kill };
        }
        self.says.by = None;
        if self.hook(Hook::Stop, policy) {
            return (self, plan);
        }
        let plan = plan
            .then(Action::Send(pid, policy.down.first()))
            .then(Action::Send(pid, Signal::SIGCONT));
        (self, plan)
    }

    /// Sends the last signal of `down-signal` that was decided on once more. Whoever did
    /// may have been killed before it was sent; that the first was replaced by a program
    /// is known. The one after it leaves the service its time.
    pub(super) fn say_again(&mut self, at: Moment, policy: &Policy) -> Option<Signal> {
        let replaced = self.pressure.sent == 1 && policy.control.has(Hook::Stop.letter());
        let last = usize::from(self.pressure.sent).checked_sub(1);
        let last = last.filter(|_| !replaced && self.role == Role::Run);
        let step = policy.down.steps().get(last?)?;
        self.pressure.next = self.pressure.next.map(|_| at.plus(step.wait));
        Some(step.signal)
    }

    /// What time has come for with the process `pid`.
    pub(super) fn press_on(mut self, pid: Pid, at: Moment, policy: &Policy) -> Next {
        let come = |moment: Option<Moment>| moment.is_some_and(|moment| at >= moment);
        let mut plan = Plan::NOTHING;
        if come(self.says.by) && !self.rests(at, policy) {
            return self.abort(pid, at, policy, plan);
        }
        if come(self.up_by) {
            self.up_by = None;
            self.cause = details::Reason::NotReady;
            return self.press(pid, at, policy, plan);
        }
        if come(self.pressure.kill) {
            // Nothing else is left to be done. It is done again for the case that we were
            // killed in between, or the process could not die.
            self.pressure.kill = Some(at.plus(KILL_AGAIN));
            self.pressure.next = None;
            let kill = if self.role == Role::Run && policy.rest != Rest::Ignored {
                Action::SendRest(Signal::SIGKILL)
            } else if policy.kill_group {
                Action::SendGroup(pid, Signal::SIGKILL)
            } else {
                Action::Send(pid, Signal::SIGKILL)
            };
            return (self, plan.then(kill));
        }
        if come(self.pressure.next) {
            let signal;
            (self.pressure, signal) = self.pressure.stepped(at, policy);
            if let Some(signal) = signal {
                plan = plan.then(Action::Send(pid, signal));
            }
        }
        (self, plan)
    }

    /// The service says that it is ready.
    pub(super) fn is_ready(self) -> Next {
        match self.process {
            Process::Running { .. } if !self.ready && self.role == Role::Run => {
                let next = Self {
                    ready: true,
                    up_by: None,
                    ..self
                };
                (next, Plan::NOTHING.then(Action::Announce))
            }
            Process::Running { .. }
            | Process::Down
            | Process::Waiting { .. }
            | Process::Starting { .. }
            | Process::Doubtful { .. }
            | Process::Clearing { .. } => (self, Plan::NOTHING),
        }
    }
}
