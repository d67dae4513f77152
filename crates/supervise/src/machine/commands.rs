//! What `svc` says.

use dt_os::clock::Moment;
use dt_os::signals::Signal;
use dt_service::deaths::Role;
use dt_service::details;
use dt_service::{Command, Want};

use super::{Action, Hook, Machine, Next, Plan, Policy, Process};

impl Machine {
    pub(super) fn obey(self, command: Command, at: Moment, policy: &Policy) -> Next {
        match command {
            Command::Up => self.wish(Want::Up, at, policy),
            Command::Once => self.wish(Want::Neither, at, policy),
            Command::Down => self.stop(at, policy),
            Command::Exit => self.leave(at, policy),
            Command::Pause | Command::Continue => self.pause(command, policy),
            Command::Hangup
            | Command::Alarm
            | Command::Interrupt
            | Command::Terminate
            | Command::Kill
            | Command::Quit
            | Command::User1
            | Command::User2
            | Command::Window
            | Command::Reload => self.send(command, policy),
            // Whom the others are for is decided before they come here.
            Command::Group | Command::Single | Command::Log | Command::Main => {
                (self, Plan::NOTHING)
            }
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
            // After it has died and been tidied up after, it is started if it is wanted.
            Process::Clearing { look, .. } if next.ended.is_none() => {
                let process = Process::Clearing { due: true, look };
                (Self { process, ..next }, plan)
            }
            Process::Starting { .. }
            | Process::Running { .. }
            | Process::Doubtful { .. }
            | Process::Clearing { .. } => (next, plan),
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
            // It is being brought down as it is.
            (Process::Clearing { due, look }, _) => {
                let due = due && next.ended.is_some();
                let process = Process::Clearing { due, look };
                (Self { process, ..next }, plan.then(Action::Announce))
            }
            (Process::Running { pid, .. }, _) => {
                let process = Process::Running { pid, paused: false };
                let (mut next, plan) = Self { process, ..next }.press(pid, at, policy, plan);
                next.hook(Hook::Of(Command::Down), policy);
                (next, plan.then(Action::Announce))
            }
            (Process::Down | Process::Waiting { .. }, _) => {
                let next = Self {
                    failed: false,
                    starts: 0,
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
        let mut next = Self {
            leaving: true,
            ..self
        };
        next.hook(Hook::Of(Command::Exit), policy);
        let plan = Plan::NOTHING.then(Action::Announce);
        match self.process {
            Process::Down => next.go_down(at, policy, plan),
            Process::Doubtful { .. } => {
                let process = Process::Down;
                (Self { process, ..next }, plan.then(Action::Quit))
            }
            Process::Waiting { .. }
            | Process::Starting { .. }
            | Process::Running { .. }
            | Process::Clearing { .. } => (next, plan),
        }
    }

    fn pause(self, command: Command, policy: &Policy) -> Next {
        let plan = Plan::NOTHING.then(Action::Announce);
        let Process::Running { pid, .. } = self.process else {
            return (self, plan);
        };
        let paused = command == Command::Pause;
        let process = Process::Running { pid, paused };
        let (next, actions) = Self { process, ..self }.send(command, policy);
        let signal = actions.0.into_iter().flatten().next();
        (next, signal.map_or(plan, |signal| plan.then(signal)))
    }

    /// The signal of a command, or what is run instead of it.
    fn send(mut self, command: Command, policy: &Policy) -> Next {
        let plan = Plan::NOTHING;
        match (self.process, signal_of(command, policy.reload)) {
            (Process::Running { pid, .. }, Some(signal)) => {
                let hooked = self.hook(Hook::Of(command), policy);
                (self, plan.then_if(!hooked, Action::Send(pid, signal)))
            }
            (Process::Clearing { .. }, Some(signal)) => (
                self,
                plan.then(Action::SendRest(signal)).then(Action::Sweep),
            ),
            _ => (self, plan),
        }
    }
}

/// What a command has sent to the process, if no more than that.
pub(super) const fn signal_of(command: Command, reload: Signal) -> Option<Signal> {
    match command {
        Command::Pause => Some(Signal::SIGSTOP),
        Command::Continue => Some(Signal::SIGCONT),
        Command::Hangup => Some(Signal::SIGHUP),
        Command::Alarm => Some(Signal::SIGALRM),
        Command::Interrupt => Some(Signal::SIGINT),
        Command::Terminate => Some(Signal::SIGTERM),
        Command::Kill => Some(Signal::SIGKILL),
        Command::Quit => Some(Signal::SIGQUIT),
        Command::User1 => Some(Signal::SIGUSR1),
        Command::User2 => Some(Signal::SIGUSR2),
        Command::Window => Some(Signal::SIGWINCH),
        Command::Reload => Some(reload),
        Command::Up
        | Command::Down
        | Command::Once
        | Command::Exit
        | Command::Group
        | Command::Single
        | Command::Log
        | Command::Main => None,
    }
}
