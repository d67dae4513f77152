//! Processes come and go.

use std::time::Duration;

use dt_os::clock::Moment;
use dt_os::process::Pid;
use dt_service::Want;
use dt_service::deaths::Role;

use super::{Action, Machine, Next, Outcome, PACE, Plan, Policy, Process, Reason};

/// The longest wait after a failed fork; the original always waits that long.
const LONGEST_RETRY_SECONDS: u64 = 60;

/// Failures that are told apart: after these the wait grows no more.
const COUNTED_FAILURES: u8 = 7;

/// What a process exits with that is not to be tried again, by daemontools-encore.
const GIVES_UP: i32 = 100;

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
            failed: false,
            ..self
        };
        next.go_on(at, policy, plan)
    }

    /// Goes on to the process of our role after `plan`.
    pub(super) fn go_on(self, at: Moment, policy: &Policy, plan: Plan) -> Next {
        match self.role {
            Role::Run if policy.runless => self.without_run(at, policy, plan),
            Role::Stop if !policy.stop => self.is_down(at, policy, plan),
            Role::Start if !policy.start => Self {
                role: Role::Run,
                ..self
            }
            .go_on(at, policy, plan),
            Role::Stop => self.launch(plan),
            _ => self.launch_paced(at, plan),
        }
    }

    /// Up, with nothing to run; `d` still means something.
    fn without_run(self, at: Moment, policy: &Policy, plan: Plan) -> Next {
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
    fn launch_paced(self, at: Moment, plan: Plan) -> Next {
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
            | Process::Doubtful { .. } => self.launch(plan),
        }
    }

    /// Starts a process of our role after `plan`. Never beside another.
    fn launch(self, plan: Plan) -> Next {
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
                return (self, plan);
            }
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
            | Process::Doubtful { .. } => return (self, Plan::NOTHING),
        };
        let next = Self {
            process,
            up: self.up || self.role == Role::Run,
            not_before: at.plus(PACE),
            ..self
        };
        let plan = Plan::NOTHING
            .then(Action::MarkChange)
            .then_if(policy.notify, Action::TellStart(pid));
        (next, plan.then(Action::Announce))
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
            | Process::Doubtful { .. } => self.process,
        };
        (Self { process, ..self }, Plan::NOTHING)
    }

    pub(super) fn died(self, who: Pid, how: Outcome, at: Moment, policy: &Policy) -> Next {
        match self.process {
            Process::Running { pid, .. } | Process::Doubtful { pid, .. } if pid == who => {}
            // A stranger's death, and none of the service's business.
            Process::Running { .. }
            | Process::Doubtful { .. }
            | Process::Down
            | Process::Waiting { .. }
            | Process::Starting { .. } => return (self, Plan::NOTHING),
        }
        let next = Self {
            process: Process::Down,
            ..self
        };
        let plan = Plan::NOTHING
            .then(Action::MarkChange)
            .then_if(policy.notify, Action::TellEnd(self.role, who, how))
            .then(Action::Announce);
        let given_up = policy.fails_on_100 && how == Outcome::Exited(GIVES_UP);
        match self.role {
            Role::Start => next.start_ended(how, at, policy, plan),
            _ if given_up => next.fail(plan),
            Role::Stop => next.stop_ended(at, policy, plan),
            _ => next.run_ended(at, policy, plan),
        }
    }

    /// One whose outcome nobody knows has to be gone through again; and what it may
    /// have done is undone once the service is not wanted any more.
    fn start_ended(self, how: Outcome, at: Moment, policy: &Policy, plan: Plan) -> Next {
        let done = how == Outcome::Exited(0);
        let next = Self {
            up: done || how == Outcome::Unknown,
            ..self
        };
        match self.want {
            Want::Down => next.go_down(at, policy, plan),
            Want::Up | Want::Neither if done => {
                let role = Role::Run;
                let next = Self { role, ..next };
                if policy.runless {
                    next.without_run(at, policy, plan)
                } else {
                    // It is not paced by what went before it.
                    next.launch(plan)
                }
            }
            Want::Up | Want::Neither if next.up => next.go_on(at, policy, plan),
            Want::Up | Want::Neither => next.fail(plan),
        }
    }

    fn run_ended(self, at: Moment, policy: &Policy, plan: Plan) -> Next {
        match self.want {
            Want::Up if !self.leaving => self.come_up(at, policy, plan),
            Want::Up | Want::Down | Want::Neither => self.go_down(at, policy, plan),
        }
    }

    fn stop_ended(self, at: Moment, policy: &Policy, plan: Plan) -> Next {
        let next = Self { up: false, ..self };
        match self.want {
            Want::Up if !self.leaving => next.come_up(at, policy, plan),
            Want::Up | Want::Down | Want::Neither => next.is_down(at, policy, plan),
        }
    }

    /// Down for good, by way of `stop` where that is owed.
    pub(super) fn go_down(self, at: Moment, policy: &Policy, plan: Plan) -> Next {
        let next = Self {
            process: Process::Down,
            role: Role::Stop,
            ..self
        };
        if self.up && policy.stop {
            next.launch(plan)
        } else {
            next.is_down(at, policy, plan)
        }
    }

    /// Down, with nothing left to do.
    fn is_down(self, at: Moment, policy: &Policy, plan: Plan) -> Next {
        let next = Self {
            process: Process::Down,
            role: Role::Run,
            up: false,
            ..self
        };
        if next.leaving {
            (next, plan.then(Action::Quit))
        } else if self.want == Want::Up {
            next.come_up(at, policy, plan)
        } else {
            (next, plan)
        }
    }

    /// Down until somebody says otherwise, as it cannot go well. `stop` is not for
    /// that.
    fn fail(self, plan: Plan) -> Next {
        let next = Self {
            process: Process::Down,
            role: Role::Run,
            want: Want::Down,
            up: false,
            failed: true,
            ..self
        };
        (next, plan.then_if(next.leaving, Action::Quit))
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
