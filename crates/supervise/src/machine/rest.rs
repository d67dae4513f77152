//! What `run` leaves behind when it dies, where a service is all that it has started:
//! that is told to end as the service is, and then killed. Nothing else happens before
//! none of it is left.

use std::time::Duration;

use dt_os::clock::Moment;
use dt_os::signals::Signal;
use dt_service::deaths::Role;

use super::{Action, LOOK, Machine, Next, Plan, Policy, Pressure, Process, Reason, Rest};

/// What is left behind is killed after this where `timeout-kill` does not say when: it
/// must not keep the service from coming back for ever.
pub const REST_LIMIT: Duration = Duration::from_secs(10);

impl Pressure {
    /// What there is of it once the process has died. What a `run` leaves behind is told
    /// all over again, but has no more time than the service had.
    #[must_use]
    pub(super) fn after_death(self, role: Role, policy: &Policy) -> Self {
        let goes_on = role == Role::Run && policy.rest != Rest::Ignored;
        Self {
            kill: self.kill.filter(|_| goes_on),
            ..Self::default()
        }
    }
}

impl Machine {
    /// Whether what is left behind has to be looked at before anything else.
    pub(super) fn looks_first(&self, policy: &Policy) -> bool {
        policy.rest != Rest::Ignored && !matches!(self.role, Role::Stop | Role::Finish)
    }

    /// Goes on after `plan` once nothing is left.
    pub(super) fn clear(self, due: bool, plan: Plan) -> Next {
        let process = Process::Clearing { due, look: None };
        (Self { process, ..self }, plan.then(Action::Sweep))
    }

    pub(super) fn stirred(self) -> Next {
        let plan = Plan::NOTHING;
        match self.process {
            Process::Clearing { .. } => (self, plan.then(Action::Sweep)),
            Process::Down
            | Process::Waiting { .. }
            | Process::Starting { .. }
            | Process::Running { .. }
            | Process::Doubtful { .. } => (self, plan),
        }
    }

    /// Something is left: it is told to end, once.
    pub(super) fn is_left(mut self, at: Moment, policy: &Policy) -> Next {
        let plan = Plan::NOTHING;
        let Process::Clearing { due, .. } = self.process else {
            return (self, plan);
        };
        let look = (policy.rest == Rest::Looked).then(|| at.plus(LOOK));
        self.process = Process::Clearing { due, look };
        if self.pressure.sent > 0 {
            return (self, plan);
        }
        let steps = policy.down.steps();
        let first = steps.first().map_or(Signal::SIGTERM, |step| step.signal);
        let wait = steps.first().filter(|_| steps.len() > 1);
        let kill = policy.kill_after.unwrap_or(REST_LIMIT);
        self.pressure = Pressure {
            sent: 1,
            next: wait.map(|step| at.plus(step.wait)),
            kill: Some(self.pressure.kill.unwrap_or(at.plus(kill))),
        };
        let plan = plan
            .then(Action::SendRest(first))
            .then(Action::SendRest(Signal::SIGCONT));
        (self, plan)
    }

    /// What time has come for with what is left.
    pub(super) fn clear_on(mut self, look: Option<Moment>, at: Moment, policy: &Policy) -> Next {
        let come = |moment: Option<Moment>| moment.is_some_and(|moment| at >= moment);
        let mut plan = Plan::NOTHING;
        if come(self.pressure.kill) {
            // Again and again: one that was just being made may have been missed.
            self.pressure.kill = Some(at.plus(LOOK));
            self.pressure.next = None;
            return (
                self,
                plan.then(Action::SendRest(Signal::SIGKILL))
                    .then(Action::Sweep),
            );
        }
        if come(self.pressure.next) {
            let signal;
            (self.pressure, signal) = self.pressure.stepped(at, policy);
            if let Some(signal) = signal {
                plan = plan.then(Action::SendRest(signal));
            }
        }
        // Also where another program has left this state to us.
        let plan = if come(look) || self.pressure.sent == 0 {
            plan.then(Action::Sweep)
        } else {
            plan
        };
        (self, plan)
    }

    /// Nothing is left.
    pub(super) fn is_empty(self, at: Moment, policy: &Policy) -> Next {
        let plan = Plan::NOTHING.then(Action::Announce);
        let Process::Clearing { due, .. } = self.process else {
            return (self, Plan::NOTHING);
        };
        let next = Self {
            process: Process::Down,
            pressure: Pressure::default(),
            ..self
        };
        if next.ended.is_some() {
            return next.tidy_up(at, policy, plan);
        }
        // There was no death: we have only just begun.
        if due {
            let (until, why) = (self.not_before, Reason::Pace);
            let process = Process::Waiting { until, why };
            let next = Self { process, ..next };
            return if at < until {
                (next, plan)
            } else {
                next.go_on(at, policy, plan)
            };
        }
        match next.want {
            dt_service::Want::Up => next.come_up(at, policy, plan),
            _ if next.leaving => next.go_down(at, policy, plan),
            _ => (next, plan),
        }
    }
}
