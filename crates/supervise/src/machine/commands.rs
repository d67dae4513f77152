//! What `svc` says.

use dt_os::clock::Moment;
use dt_os::signals::Signal;
use dt_service::deaths::Role;
use dt_service::details;
use dt_service::{Command, Want};

use super::{Action, Machine, Next, Plan, Policy, Process};

impl Machine {
    pub(super) fn obey(self, command: Command, at: Moment, policy: &Policy) -> Next {
        match command {
            Command::Up => self.wish(Want::Up, at, policy),
            Command::Once => self.wish(Want::Neither, at, policy),
            Command::Down => self.stop(at, policy),
            Command::Exit => self.leave(at, policy),
            Command::Pause => self.pause(true, Signal::SIGSTOP),
            Command::Continue => self.pause(false, Signal::SIGCONT),
            Command::Hangup => self.send(Signal::SIGHUP),
            Command::Alarm => self.send(Signal::SIGALRM),
            Command::Interrupt => self.send(Signal::SIGINT),
            Command::Terminate => self.send(Signal::SIGTERM),
            Command::Kill => self.send(Signal::SIGKILL),
            Command::Quit => self.send(Signal::SIGQUIT),
            Command::User1 => self.send(Signal::SIGUSR1),
            Command::User2 => self.send(Signal::SIGUSR2),
            Command::Window => self.send(Signal::SIGWINCH),
            // Whom the others are for is decided before they come here.
            Command::Group | Command::Single | Command::Log | Command::Main => {
                (self, Plan::NOTHING)
            }
            Command::Reload => self.send(policy.reload),
        }
    }

    /// `u` and `o`: a service that is down is started, and a wait for a fork that
    /// failed is cut short. One that runs goes on, paused or not.
    fn wish(self, want: Want, at: Moment, policy: &Policy) -> Next {
        let next = Self {
            want,
            starts: 0,
            ..self
        };
        let plan = Plan::NOTHING.then(Action::Announce);
        match self.process {
            Process::Down => next.come_up(at, policy, plan),
            Process::Waiting { .. } => next.go_on(at, policy, plan),
            Process::Starting { .. } | Process::Running { .. } | Process::Doubtful { .. } => {
                (next, plan)
            }
        }
    }

    /// `d`: what runs is asked to end, and woken so that it can; what is due is
    /// due no more. `stop` is what brings the service down, and not kept from it.
    fn stop(self, at: Moment, policy: &Policy) -> Next {
        let next = Self {
            want: Want::Down,
            ..self
        };
        let plan = Plan::NOTHING;
        match (self.process, self.role) {
            // The former are out of reach until it is known which process it is.
            (Process::Starting { .. } | Process::Doubtful { .. }, _)
            | (Process::Running { .. } | Process::Waiting { .. }, Role::Stop | Role::Finish) => {
                (next, plan.then(Action::Announce))
            }
            (Process::Running { pid, .. }, _) => {
                let process = Process::Running { pid, paused: false };
                let (next, plan) = Self { process, ..next }.press(pid, at, policy, plan);
                (next, plan.then(Action::Announce))
            }
            (Process::Down | Process::Waiting { .. }, _) => {
                let next = Self {
                    failed: false,
                    cause: details::Reason::None,
                    ..next
                };
                next.go_down(at, policy, plan.then(Action::Announce))
            }
        }
    }

    /// `x`: a process that is due still comes, and `supervise` exits when that
    /// has died, as the original does in `svc -ux`. One in doubt is given up.
    fn leave(self, at: Moment, policy: &Policy) -> Next {
        let next = Self {
            leaving: true,
            ..self
        };
        let plan = Plan::NOTHING.then(Action::Announce);
        match self.process {
            Process::Down => next.go_down(at, policy, plan),
            Process::Doubtful { .. } => {
                let process = Process::Down;
                (Self { process, ..next }, plan.then(Action::Quit))
            }
            Process::Waiting { .. } | Process::Starting { .. } | Process::Running { .. } => {
                (next, plan)
            }
        }
    }

    fn pause(self, paused: bool, signal: Signal) -> Next {
        let plan = Plan::NOTHING.then(Action::Announce);
        match self.process {
            Process::Running { pid, .. } => {
                let process = Process::Running { pid, paused };
                let next = Self { process, ..self };
                (next, plan.then(Action::Send(pid, signal)))
            }
            Process::Down
            | Process::Waiting { .. }
            | Process::Starting { .. }
            | Process::Doubtful { .. } => (self, plan),
        }
    }

    fn send(self, signal: Signal) -> Next {
        match self.process {
            Process::Running { pid, .. } => (self, Plan::NOTHING.then(Action::Send(pid, signal))),
            Process::Down
            | Process::Waiting { .. }
            | Process::Starting { .. }
            | Process::Doubtful { .. } => (self, Plan::NOTHING),
        }
    }
}
