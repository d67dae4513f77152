//! Programs that run beside the service: the hooks in `control`, and `check`.
//!
//! What a command says about the service's future counts at once. Only its signal
//! waits for the hook, which is run like any child: all else goes on meanwhile.
//! Hooks are run one after the other, in the order of the commands. What has been
//! told to a service that is gone by then is told to no other.

use std::time::Duration;

use dt_os::clock::Moment;
use dt_os::process::Pid;
use dt_os::signals::Signal;
use dt_service::deaths::Role;
use dt_service::{Command, Want};

use super::commands::signal_of;
use super::{Action, Machine, Next, Outcome, Plan, Policy, Process};

/// One that has not ended after so long is killed.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// From the end of a `check` to the next one.
pub const CHECK_PACE: Duration = Duration::from_secs(1);

/// What a program in `control` is run for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hook {
    /// Instead of the signal that begins the end of the service.
    Stop,
    /// Before each start of `run`; after the service was told to end; after `x`; or
    /// instead of the signal of this command.
    Of(Command),
}

impl Hook {
    const START: Self = Self::Of(Command::Up);

    /// The program's name.
    #[must_use]
    pub const fn letter(self) -> u8 {
        match self {
            Self::Stop => b't',
            Self::Of(Command::Reload) => b'h',
            Self::Of(command) => command.byte(),
        }
    }

    /// As it is on record; never 0.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Stop => b'T',
            Self::Of(command) => command.byte(),
        }
    }

    /// Of what is on record.
    #[must_use]
    pub fn of(byte: u8) -> Option<Self> {
        match byte {
            b'T' => Some(Self::Stop),
            _ => Command::from_byte(byte).map(Self::Of),
        }
    }

    /// Whether it is run also if the service has gone meanwhile.
    const fn outlives(self) -> bool {
        matches!(self, Self::Of(Command::Down | Command::Exit))
    }
}

/// One that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Beside {
    /// Its process.
    pub pid: Pid,
    /// It is killed then, or has been and is looked at again.
    pub until: Moment,
    /// The service that it was started for has not gone.
    pub live: bool,
}

impl Beside {
    fn new(pid: Pid, at: Moment) -> Self {
        Self {
            pid,
            until: at.plus(PATIENCE),
            live: true,
        }
    }
}

/// The hooks that are to be run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Hooks {
    /// The one that runs.
    pub now: Option<(Hook, Beside)>,
    /// Those after it, each but once; after the first `None` there is nothing.
    pub queue: [Option<Hook>; Self::MOST],
}

impl Hooks {
    /// There is no other letter.
    pub const MOST: usize = 16;

    pub(super) const NONE: Self = Self {
        now: None,
        queue: [None; Self::MOST],
    };

    /// Whether there is nothing to do.
    #[must_use]
    pub const fn is_idle(&self) -> bool {
        self.now.is_none() && self.queue[0].is_none()
    }

    /// The one to be run next.
    #[must_use]
    pub const fn first(&self) -> Option<Hook> {
        self.queue[0]
    }

    fn add(&mut self, hook: Hook) {
        if self.queue.contains(&Some(hook)) {
            return;
        }
        if let Some(place) = self.queue.iter_mut().find(|place| place.is_none()) {
            *place = Some(hook);
        }
    }

    fn keep_if(&mut self, kept: impl Fn(Hook) -> bool) {
        let mut queue = [None; Self::MOST];
        let all = self.queue.iter().flatten().filter(|hook| kept(**hook));
        let places = queue.iter_mut().zip(all);
        places.for_each(|(place, hook)| *place = Some(*hook));
        self.queue = queue;
    }

    /// Whether one before a start is still to come, or to end.
    fn starts(&self) -> bool {
        let now = self.now.is_some_and(|(hook, _)| hook == Hook::START);
        now || self.queue.contains(&Some(Hook::START))
    }
}

/// Whether the service is ready is found out by asking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Check {
    /// The program runs.
    pub now: Option<Beside>,
    /// It is run then.
    pub next: Option<Moment>,
}

impl Machine {
    /// When time is an event for what runs beside the service; the distant past is
    /// for at once.
    pub(super) fn deadline_beside(&self) -> Option<Moment> {
        let hook = match self.hooks.now {
            Some((_, now)) => Some(now.until),
            None => self.hooks.first().map(|_| Moment::default()),
        };
        let check = self.check.now.map(|now| now.until).or(self.check.next);
        hook.into_iter().chain(check).min()
    }

    /// What time has come for, if anything: one thing at a time.
    pub(super) fn due_beside(mut self, at: Moment) -> Option<Next> {
        let plan = Plan::NOTHING;
        let running = self.hooks.now.as_mut().map(|(_, now)| now);
        for now in running.into_iter().chain(&mut self.check.now) {
            if at >= now.until {
                now.until = at.plus(PATIENCE);
                let kill = Action::Send(now.pid, Signal::SIGKILL);
                return Some((self, plan.then(kill)));
            }
        }
        if self.hooks.now.is_none() && self.hooks.first().is_some() {
            return Some((self, plan.then(Action::Start(Role::Control))));
        }
        if self.check.now.is_none() && self.check.next.is_some_and(|next| at >= next) {
            return Some((self, plan.then(Action::Start(Role::Check))));
        }
        None
    }

    /// The state in which the program has been started that was due.
    #[must_use]
    pub fn beside(mut self, role: Role, pid: Pid, at: Moment) -> Self {
        let now = Beside::new(pid, at);
        if role == Role::Check {
            self.check = Check {
                now: Some(now),
                next: None,
            };
        } else if let Some(hook) = self.hooks.first() {
            self.hooks.keep_if(|other| other != hook);
            self.hooks.now = Some((hook, now));
        }
        self
    }

    /// The same where there can be no process: a hook is as if it had failed.
    pub(super) fn beside_failed(mut self, role: Role, at: Moment, policy: &Policy) -> Next {
        if role == Role::Check {
            self.check.next = Some(at.plus(CHECK_PACE));
            return (self, Plan::NOTHING);
        }
        let Some(hook) = self.hooks.first() else {
            return (self, Plan::NOTHING);
        };
        self.hooks.keep_if(|other| other != hook);
        self.concluded(hook, true, Outcome::Unknown, policy)
    }

    /// What follows the death of `who`, if that ran beside the service.
    pub(super) fn died_beside(
        mut self,
        who: Pid,
        how: Outcome,
        at: Moment,
        policy: &Policy,
    ) -> Option<Next> {
        if let Some((hook, now)) = self.hooks.now.filter(|(_, now)| now.pid == who) {
            self.hooks.now = None;
            return Some(self.concluded(hook, now.live, how, policy));
        }
        let now = self.check.now.filter(|now| now.pid == who)?;
        self.check.now = None;
        if now.live && how == Outcome::Exited(0) {
            return Some(self.is_ready());
        }
        self.check.next = Some(at.plus(CHECK_PACE));
        Some((self, Plan::NOTHING))
    }

    /// A hook has had its say. Exit code 0 is that it has done what its signal would
    /// have.
    fn concluded(self, hook: Hook, live: bool, how: Outcome, policy: &Policy) -> Next {
        let done = how == Outcome::Exited(0);
        let plan = Plan::NOTHING;
        let (next, plan) = match (hook, self.process) {
            (Hook::Of(Command::Up), Process::Waiting { why, .. }) if why.is_hook() => {
                self.launch(plan)
            }
            (Hook::Stop, Process::Running { pid, .. }) if live => {
                let plan = plan.then_if(!done, Action::Send(pid, policy.down.first()));
                (self, plan.then(Action::Send(pid, Signal::SIGCONT)))
            }
            (Hook::Of(command), Process::Running { pid, .. }) if live && !done => {
                match signal_of(command, policy.reload) {
                    Some(signal) => (self, plan.then(Action::Send(pid, signal))),
                    None => (self, plan),
                }
            }
            _ => (self, plan),
        };
        let over = next.leaving && next.process == Process::Down && next.hooks.is_idle();
        (next, plan.then_if(over, Action::Quit))
    }

    /// Whether there is a program for `hook`, and a service that it is for.
    fn has(&self, hook: Hook, policy: &Policy) -> bool {
        let running = matches!(self.process, Process::Running { .. });
        running && self.role == Role::Run && policy.control.has(hook.letter())
    }

    /// Has a program run for `hook`, if there is one.
    pub(super) fn hook(&mut self, hook: Hook, policy: &Policy) -> bool {
        let has = self.has(hook, policy);
        if has {
            self.hooks.add(hook);
        }
        has
    }

    /// The same before a start.
    pub(super) fn hook_start(&mut self, policy: &Policy) -> bool {
        if policy.control.has(Hook::START.letter()) && !self.hooks.starts() {
            self.hooks.add(Hook::START);
        }
        self.hooks.starts()
    }

    /// No start is wanted any more.
    pub(super) fn forget_start(&mut self) {
        self.hooks.keep_if(|hook| hook != Hook::START);
    }

    /// The service has gone, for which the others were.
    pub(super) fn alone(&mut self, at: Moment) {
        if let Some((_, now)) = &mut self.hooks.now {
            now.live = false;
        }
        self.hooks.keep_if(Hook::outlives);
        if let Some(now) = &mut self.check.now {
            // It can say nothing any more.
            (now.live, now.until) = (false, at);
        }
    }

    /// Asks whether the service is ready, as long as that is worth knowing.
    pub(super) fn with_check(mut self, at: Moment, policy: &Policy) -> Self {
        let running = matches!(self.process, Process::Running { .. }) && self.role == Role::Run;
        let wanted = self.want != Want::Down && self.cause == dt_service::details::Reason::None;
        if !(policy.check && running && wanted) || self.ready {
            self.check.next = None;
        } else if self.check.now.is_none() {
            self.check.next = self.check.next.or(Some(at));
        }
        self
    }
}
