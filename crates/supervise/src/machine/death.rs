//! What follows a death.

use dt_os::clock::Moment;
use dt_os::process::Pid;
use dt_os::signals::Signal;
use dt_service::Want;
use dt_service::deaths::Role;
use dt_service::details;
use dt_settings::Restart;

use super::{Action, Machine, Next, Outcome, Plan, Policy, Process, Reason, Rest, Says};

/// What a process exits with that is not to be tried again, by daemontools-encore.
const GIVES_UP: i32 = 100;

/// What `finish` exits with where the service is not to be started again, by s6.
const STAYS_DOWN: i32 = 125;

/// What nobody ends by himself with.
const SIGKILL: i32 = Signal::SIGKILL as i32;

/// Early deaths that are told apart.
const COUNTED_DEATHS: u8 = 20;

impl Machine {
    pub(super) fn died(self, who: Pid, how: Outcome, at: Moment, policy: &Policy) -> Next {
        if let Some(next) = self.died_beside(who, how, at, policy) {
            return next;
        }
        match self.process {
            Process::Running { pid, .. } | Process::Doubtful { pid, .. } if pid == who => {}
            // It may have been what `run` has left.
            Process::Clearing { .. } => return self.stirred(),
            // A stranger's death, and none of the service's business.
            Process::Running { .. }
            | Process::Doubtful { .. }
            | Process::Down
            | Process::Waiting { .. }
            | Process::Starting { .. } => return (self, Plan::NOTHING),
        }
        let mut next = Self {
            process: Process::Down,
            ready: false,
            up_by: None,
            says: Says::default(),
            pressure: self.pressure.after_death(self.role, policy),
            ..self
        };
        next.alone(at);
        let plan = Plan::NOTHING
            .then(Action::MarkChange)
            .then_if(policy.notify, Action::TellEnd(self.role, who, how))
            .then(Action::Announce);
        match self.role {
            Role::Start => next.start_ended(how, at, policy, plan),
            Role::Stop if gives_up(how, policy) => {
                next.fail(details::Reason::Permanent, at, policy, plan)
            }
            Role::Stop => next.stop_ended(at, policy, plan),
            Role::Finish => next.after_finish(how, at, policy, plan),
            _ => next.run_ended(who, how, at, policy, plan),
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
                    next.launch_prepared(at, policy, plan)
                }
            }
            Want::Up | Want::Neither if next.up => next.go_on(at, policy, plan),
            Want::Up | Want::Neither => next.fail(details::Reason::StartFailed, at, policy, plan),
        }
    }

    fn run_ended(self, who: Pid, how: Outcome, at: Moment, policy: &Policy, plan: Plan) -> Next {
        let early = at < self.stable_at && !policy.plain;
        let next = Self {
            early: if early {
                self.early.saturating_add(1).min(COUNTED_DEATHS)
            } else {
                0
            },
            ended: Some((who, how)),
            ..self
        };
        if policy.rest == Rest::Ignored {
            next.tidy_up(at, policy, plan)
        } else {
            // Whatever is wanted, this has to be gone through.
            next.clear(true, plan)
        }
    }

    /// Once nothing is left of a `run`.
    pub(super) fn tidy_up(self, at: Moment, policy: &Policy, plan: Plan) -> Next {
        if policy.finish {
            let role = Role::Finish;
            Self { role, ..self }.launch(plan)
        } else {
            self.after_finish(Outcome::Exited(0), at, policy, plan)
        }
    }

    /// After the death of a `run`, and of the `finish` that ended so.
    pub(super) fn after_finish(
        self,
        finish: Outcome,
        at: Moment,
        policy: &Policy,
        plan: Plan,
    ) -> Next {
        let (_, how) = self.ended.unwrap_or((Pid::from_raw(0), Outcome::Unknown));
        let next = Self {
            ended: None,
            role: Role::Run,
            ..self
        };
        if gives_up(how, policy) {
            return next.fail(details::Reason::Permanent, at, policy, plan);
        }
        if finish == Outcome::Exited(STAYS_DOWN) {
            let cause = details::Reason::FinishSaidSo;
            let want = Want::Down;
            return Self {
                want,
                cause,
                ..next
            }
            .go_down(at, policy, plan);
        }
        match self.want {
            Want::Up if !self.leaving || was_killed_in_its_work(how, policy) => {
                next.run_again(how, at, policy, plan)
            }
            Want::Up | Want::Down | Want::Neither => next.go_down(at, policy, plan),
        }
    }

    fn run_again(self, how: Outcome, at: Moment, policy: &Policy, plan: Plan) -> Next {
        let again = match how {
            Outcome::Exited(code) => policy
                .restart
                .after_exit(u8::try_from(code).unwrap_or(u8::MAX)),
            Outcome::Killed(signal) => policy.restart.after_signal(signal),
            Outcome::Unknown => policy.restart != Restart::NEVER,
        };
        if !again {
            let cause = details::Reason::NoRestart;
            let want = Want::Neither;
            return Self {
                want,
                cause,
                ..self
            }
            .go_down(at, policy, plan);
        }
        let over = policy.start_limit.is_some_and(|limit| {
            u32::from(self.starts) >= limit.starts && at.since(self.counted_from) <= limit.within
        });
        if over {
            return self.fail(details::Reason::StartLimit, at, policy, plan);
        }
        self.come_up(at, policy, plan)
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
        let mut next = Self {
            process: Process::Down,
            role: Role::Stop,
            ..self
        };
        next.forget_start();
        if self.up && policy.stop {
            next.launch(plan)
        } else {
            next.is_down(at, policy, plan)
        }
    }

    /// Down, with nothing left to do.
    pub(super) fn is_down(self, at: Moment, policy: &Policy, plan: Plan) -> Next {
        let next = Self {
            process: Process::Down,
            role: Role::Run,
            up: false,
            ..self
        };
        if next.leaving {
            // What is told of the end is told to the end.
            let over = next.hooks.is_idle();
            (next, plan.then_if(over, Action::Quit))
        } else if self.want == Want::Up {
            next.come_up(at, policy, plan)
        } else {
            (next, plan)
        }
    }

    /// Down until somebody says otherwise, or until it is tried again, as it cannot go
    /// well. `stop` is not for that.
    pub(super) fn fail(
        self,
        cause: details::Reason,
        at: Moment,
        policy: &Policy,
        plan: Plan,
    ) -> Next {
        let mut failed = Self {
            process: Process::Down,
            role: Role::Run,
            up: false,
            failed: true,
            cause,
            ..self
        };
        failed.forget_start();
        match policy.retry_after {
            Some(after) if self.want == Want::Up && !self.leaving => {
                let process = Process::Waiting {
                    until: at.plus(after),
                    why: Reason::Retry,
                };
                (Self { process, ..failed }, plan)
            }
            _ => {
                let want = Want::Down;
                let plan = plan.then_if(failed.leaving && failed.hooks.is_idle(), Action::Quit);
                (Self { want, ..failed }, plan)
            }
        }
    }
}

/// Whether a log did not end as it was to, at the end of its input, and not by itself
/// either: what it was yet to read would be lost.
fn was_killed_in_its_work(how: Outcome, policy: &Policy) -> bool {
    let killed = matches!(how, Outcome::Killed(SIGKILL) | Outcome::Unknown);
    policy.unread && killed
}

/// Whether one that ended so is not to be tried again.
fn gives_up(how: Outcome, policy: &Policy) -> bool {
    policy.fails_on_100 && how == Outcome::Exited(GIVES_UP)
}
