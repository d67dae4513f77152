//! The machine in a world.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use dt_os::clock::Moment;
use dt_os::process::Pid;
use dt_os::signals::Signal;
use dt_service::deaths::Role;
use dt_service::record::More;
use dt_service::{Incarnation, Record, Want};
use supervise::machine::{
    Action, Actions, CHECK_PACE, Event, Machine, Needs, Outcome, PACE, PATIENCE, Policy, Process,
    Rest,
};
use supervise::state::State;
use supervise::takeover::{self, Fate};

use super::fault::Fault;
use super::machine::{CHECK, DONE, HOOK, OURS};

/// A machine and the world as it really is, which the machine only hears about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reality {
    pub machine: Machine,
    pub fault: Fault,
    pub policy: Policy,
    /// The living (or dead and not yet reaped) process of the service.
    pub alive: Option<Pid>,
    /// Something that a `run` which has died had started lives on.
    pub rest: bool,
    /// What it is.
    pub role: Role,
    /// The living programs in `control`, and `check`.
    pub beside: [Option<Pid>; 2],
    /// Of `run`, and of `start`.
    pub last_starts: [Option<Moment>; 2],
    /// What really has become of `start`.
    pub come: Come,
    /// How many signals of a `down-signal` of several have really been sent.
    pub told: u8,
    /// How many times in a row it has really died early, where that counts, and from
    /// when on it has not.
    pub early: u8,
    pub stable_at: Moment,
    /// What the next `supervise` finds.
    pub record: Record,
    pub more: Option<More>,
}

/// Without what is the same everywhere, or follows from the rest.
impl Hash for Reality {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.machine.hash(hasher);
        (self.alive, self.rest, self.role, self.beside).hash(hasher);
        (self.last_starts, self.come, self.record.service).hash(hasher);
        (self.told, self.early, self.stable_at).hash(hasher);
    }
}

/// How far the service has come up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Come {
    Down,
    /// `start` has run, for all that is known.
    Perhaps,
    Up,
}

/// The moment of the event that leads to the next state: the machine knows only
/// differences, so that every state is moved back to it.
pub const EPOCH: Moment = Moment::at(Duration::from_secs(100_000));

pub const SERVICE: Incarnation = Incarnation {
    pid: 7,
    start: Some(1),
};

pub const NO_RECORD: Record = Record {
    boot: None,
    supervise: Incarnation {
        pid: 1,
        start: None,
    },
    service: None,
    want: Want::Neither,
    paused: false,
    due: false,
    leaving: true,
    since: (0, 0),
    since_boot: Duration::ZERO,
    not_before: Duration::ZERO,
};

/// How an event ends.
pub enum End {
    On(Reality),
    Quit,
    /// Supervise was killed on the way.
    Killed(Reality),
}

/// What the world answers where it has a choice, and how far supervise gets.
#[derive(Clone, Copy)]
pub struct World {
    /// Whether forks succeed, and a process can be told from another.
    pub kind: bool,
    /// So many steps are taken, then supervise is killed.
    pub steps: u32,
}

impl World {
    pub const KIND: Self = Self {
        kind: true,
        steps: u32::MAX,
    };

    fn killed(&mut self) -> bool {
        self.steps = self.steps.wrapping_sub(1);
        self.steps == u32::MAX
    }
}

impl Reality {
    pub fn new(want: Want) -> Self {
        Self::with(want, Policy::PLAIN)
    }

    pub fn with(want: Want, policy: Policy) -> Self {
        Self {
            machine: Machine::new(want),
            fault: Fault::None,
            policy,
            alive: None,
            rest: false,
            role: Role::Run,
            beside: [None; 2],
            last_starts: [None; 2],
            come: Come::Down,
            told: 0,
            early: 0,
            stable_at: EPOCH,
            record: NO_RECORD,
            more: None,
        }
    }

    /// Whether the delay grows with early deaths.
    pub fn grows(&self) -> bool {
        self.policy.delay_max > self.policy.delay && !self.policy.stable_after.is_zero()
    }

    /// A death is a fact before anybody hears of it.
    fn dies(&mut self, how: Outcome, at: Moment) {
        self.alive = None;
        if self.grows() && self.role == Role::Run {
            let early = at < self.stable_at;
            self.early = if early { self.early + 1 } else { 0 };
        }
        self.rest = self.role == Role::Run && self.policy.rest != Rest::Ignored;
        let given_up = self.policy.fails_on_100 && how == Outcome::Exited(100);
        self.come = match (self.role, how) {
            (Role::Start, DONE) => Come::Up,
            (Role::Start, Outcome::Unknown) => Come::Perhaps,
            (Role::Start, _) => Come::Down,
            (Role::Run | Role::Stop, _) if given_up => Come::Down,
            _ => self.come,
        };
    }

    /// Performs what the machine decides, and checks each action against what
    /// there is; `None` after `Quit`.
    pub fn settle(self, event: Event, at: Moment, kind: bool) -> Option<Self> {
        let world = World {
            kind,
            ..World::KIND
        };
        match self.go(event, at, world) {
            End::On(next) => Some(next),
            End::Quit => None,
            End::Killed(_) => panic!("nobody kills"),
        }
    }

    /// The same, where supervise may be killed.
    pub fn go(mut self, event: Event, at: Moment, mut world: World) -> End {
        let dies = matches!(event, Event::Died(pid, _) if self.alive == Some(pid));
        if let Event::Died(_, how) = event
            && dies
        {
            self.dies(how, at);
        }
        if event == Event::Stirred && world.kind {
            self.rest = false;
        }
        if let Event::Died(pid, _) = event {
            self.beside = self.beside.map(|alive| alive.filter(|alive| *alive != pid));
        }
        let mut next = Some(event);
        while let Some(event) = next.take() {
            let actions: Actions;
            let doubtful = matches!(self.machine.process, Process::Doubtful { .. });
            let mut policy = self.policy;
            if policy.needs == Needs::Unmet && world.kind {
                policy.needs = Needs::Met;
            }
            let before = self.machine;
            (self.machine, actions) = before.step(event, at, &policy);
            self.machine = self.fault.spoilt(&before, event, self.machine);
            if self.machine.pressure.sent == 0 {
                self.told = 0;
            }
            let heard_of = matches!(event, Event::Died(..)) && !dies;
            if heard_of && (doubtful || at >= self.stable_at) {
                // Nobody knows when that was.
                self.early = self.machine.early;
            }
            if world.killed() {
                return End::Killed(self);
            }
            let service = self.record.service;
            let noted = takeover::noted(&self.machine, service);
            self.record = noted.in_record(&self.machine, self.record);
            self.note(&self.machine.clone());
            // The next supervise is told that one knew of it.
            assert_eq!(
                self.record.service,
                service.filter(|_| self.machine.process.pid().is_some())
            );
            if doubtful && actions.contains(&Some(Action::Quit)) {
                // Given up by whoever said so.
                self.alive = None;
                self.rest = false;
                self.come = Come::Down;
            }
            for action in actions.into_iter().flatten() {
                assert_eq!(next, None, "{action:?} comes after a start");
                if world.killed() {
                    return End::Killed(self);
                }
                match action {
                    Action::MarkChange
                    | Action::TellStart(_)
                    | Action::TellEnd(..)
                    | Action::Announce
                    | Action::SendGroup(..)
                    | Action::Probe => {}
                    // As a kill without one, but that the next begins at once.
                    Action::Replace => return End::Killed(self),
                    Action::Send(to, signal) => {
                        self.tell(signal);
                        let alive = [self.alive, self.beside[0], self.beside[1]];
                        assert!(
                            alive.contains(&Some(to)),
                            "what has no process is signalled"
                        );
                    }
                    Action::Start(role) if role.is_beside() => {
                        next = Some(self.start_beside(role, at, world.kind));
                        if world.killed() {
                            return End::Killed(self);
                        }
                    }
                    Action::Start(role) => {
                        next = Some(self.start(role, at, world.kind));
                        if world.killed() {
                            return End::Killed(self);
                        }
                    }
                    Action::SendRest(signal) => {
                        assert_ne!(self.policy.rest, Rest::Ignored, "it is nobody's");
                        self.rest &= signal != Signal::SIGKILL || !world.kind;
                    }
                    Action::Sweep => {
                        next = Some(if self.rest { Event::Left } else { Event::Empty });
                    }
                    Action::Examine(pid) => next = Some(self.examine(pid, world.kind)),
                    Action::Quit => {
                        assert_eq!(self.alive, None, "leaves the service behind");
                        assert!(!self.rest, "leaves behind what it has left");
                        let given_up = doubtful || self.machine.hooks.is_idle();
                        assert!(given_up, "leaves a hook behind");
                        self.check_come();
                        return End::Quit;
                    }
                }
            }
        }
        self.check(at);
        End::On(self)
    }

    /// Of several signals each comes once the one before it has, whoever was killed.
    fn tell(&mut self, signal: Signal) {
        let steps = self.policy.down.steps();
        let place = steps.iter().position(|step| step.signal == signal);
        let Some(place) = place.filter(|_| steps.len() > 1) else {
            return;
        };
        assert!(place <= usize::from(self.told), "a signal is left out");
        if place == usize::from(self.told) {
            self.told += 1;
        }
    }

    /// What more is on record of `machine`.
    fn note(&mut self, machine: &Machine) {
        let process = |pid: Pid| Incarnation {
            pid: pid.as_raw().unsigned_abs(),
            start: Some(1),
        };
        let processes = takeover::Processes {
            hook: Some(process(HOOK)),
            check: Some(process(CHECK)),
            ..takeover::Processes::default()
        };
        self.more = takeover::more(&State::new(*machine), &self.policy, &processes);
    }

    fn start_beside(&mut self, role: Role, at: Moment, forks: bool) -> Event {
        let (place, pid) = match role {
            Role::Check => (1, CHECK),
            _ => (0, HOOK),
        };
        assert_eq!(self.beside[place], None, "two of them");
        if !forks {
            return Event::BesideFailed(role);
        }
        self.beside[place] = Some(pid);
        self.note(&self.machine.beside(role, pid, at));
        Event::Beside(role, pid)
    }

    /// Those that the machine believes to be there beside the service.
    pub fn believed(&self) -> [Option<Pid>; 2] {
        let hook = self.machine.hooks.now.map(|(_, now)| now.pid);
        [hook, self.machine.check.now.map(|now| now.pid)]
    }

    /// A child that is killed with its supervise before it is on record becomes
    /// nothing; so the two are one step.
    fn start(&mut self, role: Role, at: Moment, forks: bool) -> Event {
        assert_eq!(self.alive, None, "a second copy");
        assert!(!self.rest, "beside what the last one has left");
        let place = match role {
            Role::Stop => {
                assert_ne!(self.come, Come::Down, "stops what never was up");
                None
            }
            Role::Start => Some(1),
            Role::Finish => {
                assert!(self.machine.ended.is_some(), "nobody has died");
                None
            }
            _ => {
                let ready = self.come == Come::Up || !self.policy.start;
                assert!(ready, "runs without having been started");
                Some(0)
            }
        };
        if let Some(place) = place {
            assert_ne!(self.machine.want, Want::Down, "wanted down is started");
            if let Some(last) = self.last_starts[place] {
                assert!(at.since(last) >= PACE, "{:?} after a start", at.since(last));
            }
        }
        if !forks {
            return Event::StartFailed;
        }
        self.come = match role {
            Role::Stop => Come::Down,
            Role::Start => Come::Perhaps,
            Role::Finish => self.come,
            _ => Come::Up,
        };
        let spacing = match role {
            Role::Run => self.policy.spacing(self.machine.early),
            _ => PACE,
        };
        if let Some(place) = place {
            // As if it had been later, where the next one has to be.
            let later = if role == Role::Run && self.grows() {
                self.policy.spacing(self.early).saturating_sub(PACE)
            } else {
                Duration::ZERO
            };
            self.last_starts[place] = Some(at.plus(later));
        }
        if role == Role::Run && self.grows() {
            self.stable_at = at.plus(self.policy.stable_after);
        }
        self.alive = Some(OURS);
        self.role = role;
        let started = takeover::started(SERVICE, at, spacing);
        let (begun, _) = self.machine.step(Event::Started(OURS), at, &self.policy);
        self.more = self.more.map(|more| takeover::more_started(more, &begun));
        self.record = Record {
            service: started.service,
            paused: started.paused,
            due: started.due,
            not_before: started.not_before,
            ..self.record
        };
        Event::Started(OURS)
    }

    /// At rest nothing is owed.
    fn check_come(&self) {
        if self.policy.stop && !self.machine.up {
            assert_eq!(self.come, Come::Down, "stop is forgotten");
        }
    }

    /// A stranger may have the number by now.
    fn examine(&self, pid: Pid, tells: bool) -> Event {
        match (self.alive, tells) {
            (_, false) => Event::Doubted(pid),
            (Some(_), true) => Event::Proven(pid),
            (None, true) => Event::Died(pid, Outcome::Unknown),
        }
    }

    /// Another supervise in the killed one's place, in all the ways it may begin.
    pub fn taken_over(mut self, at: Moment) -> Vec<(Self, Event)> {
        let fates = match (self.record.service, self.alive) {
            (Some(_), Some(_)) => [Fate::Lives, Fate::Unknown],
            (Some(_), None) => [Fate::Gone, Fate::Unknown],
            (None, alive) => {
                assert_eq!(alive, None, "nobody knows of it");
                [Fate::Gone; 2]
            }
        };
        let killed = self.machine;
        let (record, more) = (self.record, self.more);
        let resumed =
            fates.map(|fate| takeover::resumed(&record, more.as_ref(), &self.policy, fate, at));
        if self.alive.is_none() && record.service.is_some() {
            // Nobody heard how it ended.
            self.come = match self.role {
                Role::Start => Come::Perhaps,
                Role::Run => Come::Up,
                _ => self.come,
            };
        }
        let mut all = Vec::new();
        for resumed in resumed {
            if let Some((machine, event)) = resumed {
                assert_eq!(machine.want, self.record.want, "the wish is forgotten");
                all.push((Self { machine, ..self }, event));
            } else {
                assert!(self.record.leaving && self.alive.is_none(), "{killed:?}");
                assert!(!self.rest, "{killed:?}");
                self.last_starts = [None; 2];
                self.early = 0;
                self.check_come();
                self.come = Come::Down;
                // With nobody to take an interest in them.
                self.beside = [None; 2];
                for want in [Want::Up, Want::Down] {
                    let machine = Machine::new(want);
                    all.push((Self { machine, ..self }, Event::Boot));
                }
            }
        }
        all
    }

    fn check(&self, at: Moment) {
        let machine = &self.machine;
        let may_be_left = matches!(
            machine.process,
            Process::Clearing { .. } | Process::Doubtful { .. }
        );
        assert!(!self.rest || may_be_left, "what is left is forgotten");
        let believed = self.believed().into_iter().zip(self.beside);
        for (believed, alive) in believed {
            assert!(alive.is_none() || believed == alive, "lost sight of beside");
        }
        match machine.process {
            Process::Down => {
                assert!(
                    !machine.leaving || !machine.hooks.is_idle(),
                    "nothing is there and nothing due: why stay"
                );
                let kept = machine.leaving;
                assert!(machine.want != Want::Up || kept, "wanted up and forgotten");
                assert_eq!(self.alive, None, "lost sight of");
                self.check_come();
            }
            Process::Waiting { until, .. } => {
                assert_eq!(
                    machine.deadline_of_process(),
                    Some(until),
                    "a wait without an end"
                );
                assert!(until.since(at) <= Duration::from_mins(1), "too long a wait");
                let wanted =
                    machine.want != Want::Down || matches!(machine.role, Role::Stop | Role::Finish);
                assert!(wanted, "waits for what is not wanted");
                assert_eq!(self.alive, None, "lost sight of");
            }
            Process::Starting { .. } => panic!("an answer that never came"),
            Process::Clearing { .. } => {
                assert!(self.rest, "nothing is left, and nobody has looked");
                assert_eq!(self.alive, None, "lost sight of");
                let until = machine.deadline_of_process();
                let soon = until.is_some_and(|until| until.since(at) <= Duration::from_secs(10));
                assert!(soon, "too long a wait");
            }
            Process::Running { pid, .. } => {
                assert_eq!(self.alive, Some(pid), "a ghost");
                let (sent, all) = (machine.pressure.sent, self.policy.down.steps().len());
                let on_the_way = sent > 0 && usize::from(sent) < all;
                if on_the_way && machine.role == Role::Run && self.policy.kill_after.is_none() {
                    assert!(machine.pressure.next.is_some(), "a signal never comes");
                }
            }
            Process::Doubtful { pid, until, .. } => {
                assert_eq!(
                    machine.deadline_of_process(),
                    Some(until),
                    "a wait without an end"
                );
                assert!(self.alive.is_none_or(|alive| alive == pid));
            }
        }
    }

    /// The same, seen from a time at which `at` is `EPOCH`.
    pub fn rebased(mut self, at: Moment) -> Self {
        let shift = |moment: Moment| EPOCH.plus(moment.since(at));
        self.machine.not_before = shift(self.machine.not_before);
        if let Process::Waiting { until, .. } | Process::Doubtful { until, .. } =
            &mut self.machine.process
        {
            *until = shift(*until);
        }
        if let Process::Clearing { look, .. } = &mut self.machine.process {
            *look = look.map(shift);
        }
        let machine = &mut self.machine;
        if self.policy.stable_after.is_zero() || self.policy.delay_max <= self.policy.delay {
            machine.stable_at = EPOCH;
        } else {
            let lives = matches!(
                machine.process,
                Process::Running { .. } | Process::Doubtful { .. }
            );
            let if_it_lives = |moment| if lives { shift(moment) } else { EPOCH };
            machine.stable_at = if_it_lives(machine.stable_at);
            self.stable_at = if_it_lives(self.stable_at);
        }
        machine.counted_from = if machine.starts == 0 {
            EPOCH
        } else {
            Moment::at(EPOCH.since(Moment::at(at.since(machine.counted_from))))
        };
        machine.up_by = machine.up_by.map(shift);
        machine.pressure.next = machine.pressure.next.map(shift);
        machine.pressure.kill = machine.pressure.kill.map(shift);
        // What is to come is as far off as it can be: it comes all the same.
        let coming = |moment: Moment, span| if moment > at { EPOCH.plus(span) } else { EPOCH };
        let check = &mut machine.check;
        check.next = check.next.map(|next| coming(next, CHECK_PACE));
        machine.says.by = machine.says.by.map(shift);
        let hook = machine.hooks.now.as_mut().map(|(_, now)| now);
        for now in hook.into_iter().chain(&mut check.now) {
            now.until = coming(now.until, PATIENCE);
        }
        // Older than the pace is all the same.
        self.last_starts = self.last_starts.map(|last| {
            let last = last.filter(|last| at.since(*last) < PACE)?;
            let before = EPOCH.since(Moment::at(at.since(last)));
            Some(Moment::at(before).plus(last.since(at)))
        });
        self.recorded()
    }

    /// The same with what it is on record.
    #[must_use]
    pub fn recorded(mut self) -> Self {
        let noted = takeover::noted(&self.machine, self.record.service);
        self.record = noted.in_record(&self.machine, self.record);
        self.note(&self.machine.clone());
        if self.alive.is_none() && self.record.service.is_none() {
            // What it was is all the same.
            self.role = Role::Run;
        }
        self
    }
}
