//! Processes come and go.

use std::time::Duration;

use dt_os::clock::Moment;
use dt_os::process::Pid;
use dt_service::Want;
use dt_service::deaths::Role;
use dt_service::details;

use super::{
    Action, LOOK_AROUND, Machine, Needs, Next, Outcome, PACE, Plan, Policy, Pressure, Process,
    Reason, Says,
};

/// The longest wait after a failed fork; the original always waits that long.
const LONGEST_RETRY_SECONDS: u64 = 60;

/// Failures that are told apart: after these the wait grows no more.
const COUNTED_FAILURES: u8 = 7;

impl Machine {
    /// Brings the service up after `plan`, by way of `start` if it has been down.
    pub(super) fn come_up(self, at: Moment, policy: &Policy, plan: Plan) -> Next {
        let role = if policy.start && !self.up {
            Role::Start
        } else {
            Role::Run
        };
        let next = Self {
            role,
            // Those that have led to failure are told of until then.
            starts: if self.failed { 0 } else { self.starts },
            failed: false,
            cause: details::Reason::None,
            ..self
        };
        next.go_on(at, policy, plan)
    }

    /// Goes on to the process of our role after `plan`.
    pub(super) fn go_on(self, at: Moment, policy: &Policy, plan: Plan) -> Next {
        match self.role {
            _ if self.failed => self.come_up(at, policy, plan),
            Role::Run | Role::Start if !self.up && policy.needs != Needs::Met => {
                self.wait_for_others(at, policy, plan)
            }
            Role::Run if policy.runless => self.without_run(at, policy, plan),
            Role::Stop if !policy.stop => self.is_down(at, policy, plan),
            Role::Start if !policy.start => Self {
                role: Role::Run,
                ..self
            }
            .go_on(at, policy, plan),
            Role::Finish if !policy.finish => {
                self.after_finish(Outcome::Exited(0), at, policy, plan)
            }
            Role::Stop | Role::Finish => self.launch(plan),
            _ => self.launch_paced(at, policy, plan),
        }
    }

    /// Not beside what it needs, nor without it.
    fn wait_for_others(self, at: Moment, policy: &Policy, plan: Plan) -> Next {
        match (self.process, policy.needs) {
            (
                Process::Starting { .. }
                | Process::Running { .. }
                | Process::Doubtful { .. }
                | Process::Clearing { .. },
                _,
            ) => (self, plan),
            (_, Needs::Failed) => self.fail(details::Reason::Dependency, at, policy, plan),
            (_, Needs::Ring) => self.fail(details::Reason::Cycle, at, policy, plan),
            (_, Needs::Met | Needs::Unmet) => {
                let process = Process::Waiting {
                    until: at.plus(LOOK_AROUND),
                    why: Reason::Dependency,
                };
                (Self { process, ..self }, plan)
            }
        }
    }

    /// Up, with nothing to run; `d` still means something.
    pub(super) fn without_run(self, at: Moment, policy: &Policy, plan: Plan) -> Next {
        let next = Self {
            process: Process::Down,
            up: true,
            want: Want::Neither,
            ..self
        };
        if self.leaving {
            next.go_down(at, policy, plan)
        } else {
            (next, announced(plan))
        }
    }

    /// Starts a process of our role after `plan`: now, or as soon as it may be.
    fn launch_paced(self, at: Moment, policy: &Policy, plan: Plan) -> Next {
        match self.process {
            Process::Down | Process::Waiting { .. } if at < self.not_before => {
                let process = Process::Waiting {
                    until: self.not_before,
                    why: Reason::Pace,
                };
                (Self { process, ..self }, plan)
            }
            Process::Down
            | Process::Waiting { .. }
            | Process::Starting { .. }
            | Process::Running { .. }
            | Process::Doubtful { .. }
            | Process::Clearing { .. } => self.launch_prepared(at, policy, plan),
        }
    }

    /// The same once it may be, but for what goes before it.
    pub(super) fn launch_prepared(mut self, at: Moment, policy: &Policy, plan: Plan) -> Next {
        let failures = match self.process {
            Process::Waiting {
                why: Reason::ForkFailed { failures } | Reason::Hook { failures },
                ..
            } => failures,
            Process::Down | Process::Waiting { .. } => 0,
            Process::Starting { .. }
            | Process::Running { .. }
            | Process::Doubtful { .. }
            | Process::Clearing { .. } => return (self, plan),
        };
        if self.role != Role::Run || !self.hook_start(policy) {
            return self.launch(plan);
        }
        self.process = Process::Waiting {
            until: at.plus(LOOK_AROUND),
            why: Reason::Hook { failures },
        };
        (self, plan)
    }

    /// Starts a process of our role after `plan`. Never beside another.
    pub(super) fn launch(self, plan: Plan) -> Next {
        let failures = match self.process {
            Process::Waiting {
                why: Reason::ForkFailed { failures },
                ..
            }
            | Process::Waiting {
                why: Reason::Hook { failures },
                ..
            } => failures,
            Process::Waiting {
                why: Reason::Pace | Reason::Retry | Reason::Dependency,
                ..
            }
            | Process::Down => 0,
            // There is one, or soon will be, or may be.
            Process::Starting { .. }
            | Process::Running { .. }
            | Process::Doubtful { .. }
            | Process::Clearing { .. } => return (self, plan),
        };
        let process = Process::Starting { failures };
        (
            Self { process, ..self },
            plan.then(Action::Start(self.role)),
        )
    }

    pub(super) fn started(self, pid: Pid, at: Moment, policy: &Policy) -> Next {
        let process = match self.process {
            Process::Starting { .. } => Process::Running { pid, paused: false },
            // Nobody asked; there is nothing that it could be the answer to.
            Process::Down
            | Process::Waiting { .. }
            | Process::Running { .. }
            | Process::Doubtful { .. }
            | Process::Clearing { .. } => return (self, Plan::NOTHING),
        };
        let mut next = Self {
            process,
            up: self.up || self.role == Role::Run,
            ready: false,
            up_by: None,
            says: Says::default(),
            pressure: Pressure::default(),
            ..self
        };
        match self.role {
            Role::Run => next.count_start(at, policy),
            Role::Finish => {
                next.pressure.kill = policy.finish_limit.map(|limit| at.plus(limit));
            }
            _ => next.not_before = at.plus(PACE),
        }
        let plan = Plan::NOTHING
            .then(Action::MarkChange)
            .then_if(policy.notify, Action::TellStart(pid));
        (next, plan.then(Action::Announce))
    }

    fn count_start(&mut self, at: Moment, policy: &Policy) {
        self.not_before = at.plus(policy.spacing(self.early));
        if policy.plain {
            return;
        }
        self.stable_at = at.plus(policy.stable_after);
        if policy.tells_ready {
            self.up_by = policy.up_limit.map(|limit| at.plus(limit));
        }
        if let Some(limit) = policy.start_limit {
            if self.starts == 0 || at.since(self.counted_from) > limit.within {
                self.counted_from = at;
                self.starts = 0;
            }
            self.starts = self.starts.saturating_add(1);
        }
    }

    pub(super) fn start_failed(self, at: Moment) -> Next {
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
            | Process::Doubtful { .. }
            | Process::Clearing { .. } => self.process,
        };
        (Self { process, ..self }, Plan::NOTHING)
    }
}

/// `plan` with the status written in it.
fn announced(plan: Plan) -> Plan {
    if plan.0.contains(&Some(Action::Announce)) {
        plan
    } else {
        plan.then(Action::Announce)
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
