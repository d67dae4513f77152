//! What the machine does, on one page, and what it never does, in all the states
//! that it can get into.
#![expect(
    clippy::unwrap_used,
    clippy::large_types_passed_by_value,
    reason = "a test that cannot go on panics"
)]

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt::Write;
use std::time::Duration;

use dt_os::clock::Moment;
use dt_os::process::Pid;
use dt_os::signals::Signal;
use dt_service::deaths::Role;
use dt_service::record::More;
use dt_service::{Command, Incarnation, Record, Want};
use dt_settings::StartLimit;
use supervise::machine::{
    Action, Actions, Event, Machine, Needs, Outcome, PACE, Policy, Process, Reason,
};
use supervise::state::State;
use supervise::takeover::{self, Fate};

/// The moment at which every event of the page happens.
const NOW: Moment = Moment::at(Duration::from_secs(1000));

const OURS: Pid = Pid::from_raw(7);
const STRANGER: Pid = Pid::from_raw(8);

/// A directory with all that the machine knows of.
const FULL: Policy = Policy {
    plain: false,
    start: true,
    stop: true,
    notify: true,
    fails_on_100: true,
    // No death is too early: that is looked at by itself.
    stable_after: Duration::ZERO,
    ..Policy::PLAIN
};

/// With `finish`, and a kill some time after TERM.
const FINISHING: Policy = Policy {
    finish: true,
    start: false,
    notify: false,
    kill_after: Some(Duration::from_millis(510)),
    finish_limit: Some(Duration::from_millis(510)),
    ..FULL
};

/// With a limit to starts, and another try after that.
const LIMITED: Policy = Policy {
    start: false,
    stop: false,
    notify: false,
    start_limit: Some(StartLimit {
        starts: 2,
        within: Duration::from_secs(2),
    }),
    retry_after: Some(Duration::from_secs(2)),
    ..FULL
};

const DONE: Outcome = Outcome::Exited(0);

/// The outcomes that are told apart.
const OUTCOMES: [Outcome; 4] = [
    DONE,
    Outcome::Exited(1),
    Outcome::Exited(100),
    Outcome::Unknown,
];

fn events(policy: &Policy) -> Vec<Event> {
    let outcomes = if policy.plain { 1 } else { OUTCOMES.len() };
    let deaths = OUTCOMES.into_iter().take(outcomes);
    let deaths = deaths.map(|outcome| Event::Died(OURS, outcome));
    let before = [Event::Boot, Event::Started(OURS), Event::StartFailed];
    let rest = [
        Event::Died(STRANGER, DONE),
        Event::Proven(OURS),
        Event::Doubted(OURS),
        Event::Ready,
        Event::Neighbours,
        Event::Upgrade,
        Event::Probed,
        Event::Due,
    ];
    let plain = Command::ALL
        .into_iter()
        .filter(|command| command.is_plain());
    let commands = plain.map(Event::Control);
    commands.chain(before).chain(deaths).chain(rest).collect()
}

fn event_name(event: Event) -> String {
    match event {
        Event::Control(command) => char::from(command.byte()).to_string(),
        Event::Died(STRANGER, _) => "Died(a stranger)".to_owned(),
        Event::Died(_, DONE) => "Died".to_owned(),
        Event::Died(_, Outcome::Exited(code)) => format!("Died({code})"),
        Event::Died(..) => "Died(?)".to_owned(),
        Event::Started(_) => "Started".to_owned(),
        Event::Proven(_) => "Proven".to_owned(),
        Event::Doubted(_) => "Doubted".to_owned(),
        other @ (Event::Boot
        | Event::StartFailed
        | Event::Upgrade
        | Event::Probed
        | Event::Ready
        | Event::Neighbours
        | Event::Due) => {
            format!("{other:?}")
        }
    }
}

fn action_name(action: Action) -> String {
    match action {
        Action::Send(_, signal) => signal.as_str().trim_start_matches("SIG").to_owned(),
        Action::SendGroup(_, signal) => {
            format!("group {}", signal.as_str().trim_start_matches("SIG"))
        }
        Action::Examine(_) => "Examine".to_owned(),
        Action::Start(Role::Run) => "Start".to_owned(),
        Action::Start(role) => format!("Start({})", role.word()),
        Action::TellStart(_) => "TellStart".to_owned(),
        Action::TellEnd(..) => "TellEnd".to_owned(),
        other @ (Action::MarkChange
        | Action::Announce
        | Action::Probe
        | Action::Replace
        | Action::Quit) => {
            format!("{other:?}")
        }
    }
}

/// A state as the page shows it, times as distances from `NOW`.
fn state_name(state: &Machine) -> String {
    let seconds = |moment: Moment| moment.since(NOW).as_secs_f64();
    let mut name = match state.process {
        Process::Down => "Down".to_owned(),
        Process::Waiting { until, why } => {
            let why = match why {
                Reason::Pace => "pace".to_owned(),
                Reason::Retry => "retry".to_owned(),
                Reason::Dependency => "dependency".to_owned(),
                Reason::ForkFailed { failures } => format!("fork failed {failures}x"),
            };
            format!("Waiting {:.2}s ({why})", seconds(until))
        }
        Process::Starting { failures: 0 } => "Starting".to_owned(),
        Process::Starting { failures } => format!("Starting (fork failed {failures}x)"),
        Process::Running { paused: false, .. } => "Running".to_owned(),
        Process::Running { paused: true, .. } => "Paused".to_owned(),
        Process::Doubtful { until, paused, .. } => {
            let paused = if paused { " paused" } else { "" };
            format!("Doubtful {:.2}s{paused}", seconds(until))
        }
    };
    match state.want {
        Want::Up => name.push_str(" want up"),
        Want::Down => name.push_str(" want down"),
        Want::Neither => name.push_str(" want neither"),
    }
    if state.leaving {
        name.push_str(" leaving");
    }
    if state.role != Role::Run {
        let _ = write!(name, " {}", state.role.word());
    }
    if state.failed {
        name.push_str(" failed");
    }
    if state.starts != 0 {
        let _ = write!(name, " {} starts", state.starts);
    }
    if let Some(kill) = state.pressure.kill {
        let _ = write!(name, " killed in {:.2}s", seconds(kill));
    }
    let too_soon = state.not_before > NOW;
    if too_soon && !matches!(state.process, Process::Waiting { .. }) {
        let _ = write!(name, " paced {:.2}s", seconds(state.not_before));
    }
    name
}

/// The states of the page: every process with every wish, as far as they go
/// together, before and after the pace has run out.
fn states_of_the_page() -> Vec<Machine> {
    let soon = NOW.plus(Duration::from_millis(500));
    let failed = |failures, until| Process::Waiting {
        until,
        why: Reason::ForkFailed { failures },
    };
    let waits = [(soon, soon, Reason::Pace), (NOW, NOW, Reason::Pace)]
        .map(|(until, not_before, why)| (Process::Waiting { until, why }, not_before));
    let running = |paused| Process::Running { pid: OURS, paused };
    let doubtful = |paused, until| Process::Doubtful {
        pid: OURS,
        paused,
        until,
    };
    let processes = [
        (Process::Down, NOW),
        (Process::Down, soon),
        waits[0],
        waits[1],
        (failed(1, soon), NOW),
        (failed(7, NOW), NOW),
        (Process::Starting { failures: 0 }, NOW),
        (Process::Starting { failures: 1 }, NOW),
        (running(false), NOW),
        (running(false), soon),
        (running(true), NOW),
        (doubtful(false, NOW), NOW),
        (doubtful(true, soon), soon),
    ];
    let mut states = Vec::new();
    for (process, not_before) in processes {
        for want in [Want::Up, Want::Down, Want::Neither] {
            for leaving in [false, true] {
                let state = Machine {
                    process,
                    role: Role::Run,
                    want,
                    leaving,
                    up: process.pid().is_some(),
                    not_before,
                    ..Machine::new(want)
                };
                if makes_sense(&state) {
                    states.push(state);
                }
            }
        }
    }
    states
}

/// The same where there is more to a service than `run`.
fn states_of_the_second_page(roles: &[Role]) -> Vec<Machine> {
    let waiting = Process::Waiting {
        until: NOW,
        why: Reason::ForkFailed { failures: 1 },
    };
    let running = Process::Running {
        pid: OURS,
        paused: false,
    };
    let mut states = Vec::new();
    let failed = Machine {
        failed: true,
        ..Machine::new(Want::Down)
    };
    let started = Machine {
        up: true,
        ..Machine::new(Want::Neither)
    };
    states.extend([Machine::new(Want::Down), failed, started]);
    for role in roles.iter().copied() {
        for process in [waiting, running] {
            for want in [Want::Up, Want::Down, Want::Neither] {
                for leaving in [false, true] {
                    let state = Machine {
                        process,
                        role,
                        want,
                        leaving,
                        up: role != Role::Start,
                        not_before: NOW,
                        ended: (role == Role::Finish).then_some((OURS, DONE)),
                        ..Machine::new(want)
                    };
                    if makes_sense(&state) {
                        states.push(state);
                    }
                }
            }
        }
    }
    states
}

fn states_that_wait_for_others() -> Vec<Machine> {
    let waiting = Machine {
        process: Process::Waiting {
            until: NOW,
            why: Reason::Dependency,
        },
        role: Role::Start,
        ..Machine::new(Want::Up)
    };
    vec![Machine::new(Want::Up), waiting]
}

fn states_at_the_limit() -> Vec<Machine> {
    let running = Process::Running {
        pid: OURS,
        paused: false,
    };
    let retrying = Process::Waiting {
        until: NOW,
        why: Reason::Retry,
    };
    let up = Machine {
        process: running,
        up: true,
        starts: 2,
        counted_from: NOW,
        ..Machine::new(Want::Up)
    };
    let failed = Machine {
        process: retrying,
        failed: true,
        ..Machine::new(Want::Up)
    };
    vec![up, failed]
}

/// Leaves out what cannot be, which the exploration below shows.
fn makes_sense(state: &Machine) -> bool {
    match state.process {
        Process::Down => !state.leaving && (state.want != Want::Up || state.not_before == NOW),
        Process::Waiting { .. } | Process::Starting { .. } => {
            state.want != Want::Down || matches!(state.role, Role::Stop | Role::Finish)
        }
        Process::Running { .. } | Process::Doubtful { .. } => true,
    }
}

fn page() -> String {
    let mut page = String::from(
        "# Every state, every event: the state after it, and what is done, in order.\n\
         # Events that change nothing and have nothing done stand in the last line of a state.\n",
    );
    add_states(&mut page, states_of_the_page(), &Policy::PLAIN);
    page.push_str("\n# With start, stop and notify, and failing by exit code 100.\n");
    let roles = [Role::Start, Role::Run, Role::Stop];
    add_states(&mut page, states_of_the_second_page(&roles), &FULL);
    page.push_str("\n# The same, with no run.\n");
    let runless = Policy {
        runless: true,
        ..FULL
    };
    add_states(&mut page, states_of_the_second_page(&roles[..1]), &runless);
    page.push_str("\n# With finish and stop, and a kill 0.51 s after TERM.\n");
    let roles = [Role::Run, Role::Finish];
    add_states(&mut page, states_of_the_second_page(&roles), &FINISHING);
    page.push_str("\n# Where three starts in 2 s are too many, and another try after that.\n");
    add_states(&mut page, states_at_the_limit(), &LIMITED);
    page.push_str("\n# While a service that is needed is not ready.\n");
    let unmet = Policy {
        needs: Needs::Unmet,
        ..FULL
    };
    add_states(&mut page, states_that_wait_for_others(), &unmet);
    page
}

fn add_states(page: &mut String, states: Vec<Machine>, policy: &Policy) {
    for state in states {
        let up = match (policy.plain, state.up) {
            (false, true) => " (up)",
            _ => "",
        };
        let _ = writeln!(page, "\n{}{up}", state_name(&state));
        let mut ignored = Vec::new();
        for event in events(policy) {
            let (next, actions) = state.step(event, NOW, policy);
            let actions: Vec<_> = actions.into_iter().flatten().map(action_name).collect();
            if next == state && actions.is_empty() {
                ignored.push(event_name(event));
                continue;
            }
            let after = if next == state {
                "the same".to_owned()
            } else {
                state_name(&next)
            };
            let line = format!(
                "  {:<12} -> {after} [{}]",
                event_name(event),
                actions.join(" ")
            );
            let _ = writeln!(page, "{line}");
        }
        let _ = writeln!(page, "  ignored: {}", ignored.join(" "));
    }
}

/// `REGENERATE=1 cargo test -p supervise --test transitions` writes it anew.
#[test]
fn the_page_of_transitions_is_as_it_was_read_last() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/transitions.txt");
    let page = page();
    if std::env::var_os("REGENERATE").is_some() {
        std::fs::write(file, &page).unwrap();
    }
    let known = std::fs::read_to_string(file).unwrap();
    for (number, (now, then)) in page.lines().zip(known.lines()).enumerate() {
        assert_eq!(now, then, "transitions.txt, line {}", number + 1);
    }
    assert_eq!(page, known);
}

/// A machine and the world as it really is, which the machine only hears about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Reality {
    machine: Machine,
    policy: Policy,
    /// The living (or dead and not yet reaped) process of the service.
    alive: Option<Pid>,
    /// What it is.
    role: Role,
    /// Of `run`, and of `start`.
    last_starts: [Option<Moment>; 2],
    /// What really has become of `start`.
    come: Come,
    /// What the next `supervise` finds.
    record: Record,
    more: Option<More>,
}

/// How far the service has come up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Come {
    Down,
    /// `start` has run, for all that is known.
    Perhaps,
    Up,
}

/// The moment of the event that leads to the next state: the machine knows only
/// differences, so that every state is moved back to it.
const EPOCH: Moment = Moment::at(Duration::from_secs(100_000));

const SERVICE: Incarnation = Incarnation {
    pid: 7,
    start: Some(1),
};

const NO_RECORD: Record = Record {
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
enum End {
    On(Reality),
    Quit,
    /// Supervise was killed on the way.
    Killed(Reality),
}

/// What the world answers where it has a choice, and how far supervise gets.
#[derive(Clone, Copy)]
struct World {
    /// Whether forks succeed, and a process can be told from another.
    kind: bool,
    /// So many steps are taken, then supervise is killed.
    steps: u32,
}

impl World {
    const KIND: Self = Self {
        kind: true,
        steps: u32::MAX,
    };

    fn killed(&mut self) -> bool {
        self.steps = self.steps.wrapping_sub(1);
        self.steps == u32::MAX
    }
}

impl Reality {
    fn new(want: Want) -> Self {
        Self::with(want, Policy::PLAIN)
    }

    fn with(want: Want, policy: Policy) -> Self {
        Self {
            machine: Machine::new(want),
            policy,
            alive: None,
            role: Role::Run,
            last_starts: [None; 2],
            come: Come::Down,
            record: NO_RECORD,
            more: None,
        }
    }

    /// A death is a fact before anybody hears of it.
    fn dies(&mut self, how: Outcome) {
        self.alive = None;
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
    fn settle(self, event: Event, at: Moment, kind: bool) -> Option<Self> {
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
    fn go(mut self, event: Event, at: Moment, mut world: World) -> End {
        if let Event::Died(pid, how) = event
            && self.alive == Some(pid)
        {
            self.dies(how);
        }
        let mut next = Some(event);
        while let Some(event) = next.take() {
            let actions: Actions;
            let doubtful = matches!(self.machine.process, Process::Doubtful { .. });
            let mut policy = self.policy;
            if policy.needs == Needs::Unmet && world.kind {
                policy.needs = Needs::Met;
            }
            (self.machine, actions) = self.machine.step(event, at, &policy);
            if world.killed() {
                return End::Killed(self);
            }
            let service = self.record.service;
            let noted = takeover::noted(&self.machine, service);
            self.record = noted.in_record(&self.machine, self.record);
            self.more = takeover::more(&State::new(self.machine), &self.policy, None, None);
            // The next supervise is told that one knew of it.
            assert_eq!(
                self.record.service,
                service.filter(|_| self.machine.process.pid().is_some())
            );
            if doubtful && actions.contains(&Some(Action::Quit)) {
                // Given up by whoever said so.
                self.alive = None;
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
                    Action::Send(to, _) => {
                        assert_eq!(Some(to), self.alive, "what has no process is signalled");
                    }
                    Action::Start(role) => {
                        next = Some(self.start(role, at, world.kind));
                        if world.killed() {
                            return End::Killed(self);
                        }
                    }
                    Action::Examine(pid) => next = Some(self.examine(pid, world.kind)),
                    Action::Quit => {
                        assert_eq!(self.alive, None, "leaves the service behind");
                        self.check_come();
                        return End::Quit;
                    }
                }
            }
        }
        self.check(at);
        End::On(self)
    }

    /// A child that is killed with its supervise before it is on record becomes
    /// nothing; so the two are one step.
    fn start(&mut self, role: Role, at: Moment, forks: bool) -> Event {
        assert_eq!(self.alive, None, "a second copy");
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
        if let Some(place) = place {
            self.last_starts[place] = Some(at);
        }
        self.alive = Some(OURS);
        self.role = role;
        let started = takeover::started(SERVICE, at, PACE);
        self.more = self.more.map(takeover::more_started);
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
    fn taken_over(mut self, at: Moment) -> Vec<(Self, Event)> {
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
                self.last_starts = [None; 2];
                self.check_come();
                self.come = Come::Down;
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
        match machine.process {
            Process::Down => {
                assert!(
                    !machine.leaving,
                    "nothing is there and nothing due: why stay"
                );
                assert_ne!(machine.want, Want::Up, "wanted up and forgotten");
                assert_eq!(self.alive, None, "lost sight of");
                self.check_come();
            }
            Process::Waiting { until, .. } => {
                assert_eq!(machine.deadline(), Some(until), "a wait without an end");
                assert!(until.since(at) <= Duration::from_mins(1), "too long a wait");
                let wanted =
                    machine.want != Want::Down || matches!(machine.role, Role::Stop | Role::Finish);
                assert!(wanted, "waits for what is not wanted");
                assert_eq!(self.alive, None, "lost sight of");
            }
            Process::Starting { .. } => panic!("an answer that never came"),
            Process::Running { pid, .. } => assert_eq!(self.alive, Some(pid), "a ghost"),
            Process::Doubtful { pid, until, .. } => {
                assert_eq!(machine.deadline(), Some(until), "a wait without an end");
                assert!(self.alive.is_none_or(|alive| alive == pid));
            }
        }
    }

    /// The same, seen from a time at which `at` is `EPOCH`.
    fn rebased(mut self, at: Moment) -> Self {
        let shift = |moment: Moment| EPOCH.plus(moment.since(at));
        self.machine.not_before = shift(self.machine.not_before);
        if let Process::Waiting { until, .. } | Process::Doubtful { until, .. } =
            &mut self.machine.process
        {
            *until = shift(*until);
        }
        let machine = &mut self.machine;
        machine.stable_at = EPOCH;
        machine.counted_from = if machine.starts == 0 {
            EPOCH
        } else {
            Moment::at(EPOCH.since(Moment::at(at.since(machine.counted_from))))
        };
        machine.up_by = machine.up_by.map(shift);
        machine.pressure.next = machine.pressure.next.map(shift);
        machine.pressure.kill = machine.pressure.kill.map(shift);
        let noted = takeover::noted(&self.machine, self.record.service);
        self.record = noted.in_record(&self.machine, self.record);
        self.more = takeover::more(&State::new(self.machine), &self.policy, None, None);
        if self.alive.is_none() && self.record.service.is_none() {
            // What it was is all the same.
            self.role = Role::Run;
        }
        // Older than the pace is all the same.
        self.last_starts = self.last_starts.map(|last| {
            let last = last.filter(|last| at.since(*last) < PACE)?;
            Some(Moment::at(EPOCH.since(Moment::at(at.since(last)))))
        });
        self
    }
}

/// How much time may pass before an event: none, half a pace, and ages.
const STEPS: [Duration; 3] = [
    Duration::ZERO,
    Duration::from_millis(510),
    Duration::from_mins(1),
];

/// What can happen to `reality`, and what cannot but must do no harm. A pid is
/// reaped only where it was alive.
fn possible(reality: &Reality) -> Vec<Event> {
    let plain = Command::ALL
        .into_iter()
        .filter(|command| command.is_plain());
    let commands = plain.map(Event::Control);
    let ours = reality.alive.into_iter();
    let deaths = ours.flat_map(|ours| OUTCOMES.map(|how| Event::Died(ours, how)));
    let deaths = deaths.chain([Event::Died(STRANGER, DONE)]);
    let rest = [
        Event::Boot,
        Event::Due,
        Event::Ready,
        Event::Neighbours,
        Event::Started(STRANGER),
        Event::StartFailed,
        Event::Proven(STRANGER),
        Event::Doubted(STRANGER),
    ];
    commands.chain(deaths).chain(rest).collect()
}

/// What there may be after supervise was killed anywhere on the way through an
/// event, and another has begun.
fn killed_at_each_step(reality: Reality, event: Event, at: Moment, kind: bool) -> Vec<Reality> {
    let mut all = Vec::new();
    for steps in 0.. {
        let End::Killed(dead) = reality.go(event, at, World { kind, steps }) else {
            break;
        };
        let due = dead.record.due && !dead.record.leaving;
        for (begun, event) in dead.taken_over(at) {
            let leaving = begun.machine.leaving && event != Event::Boot;
            let Some(begun) = begun.settle(event, at, kind) else {
                assert!(leaving, "it quits at once");
                continue;
            };
            let there = begun.alive.is_some() || begun.machine.is_due();
            assert!(!due || there, "a start that was due is forgotten");
            all.push(begun);
        }
    }
    assert!(!all.is_empty());
    all
}

/// Whether the world is kind; where there is more to a service it is unkind only so
/// often in a row, as there would be too many states.
fn kinds(reality: &Reality) -> Vec<bool> {
    match reality.machine.process {
        Process::Waiting {
            why: Reason::ForkFailed { .. },
            ..
        } if !reality.policy.plain => vec![true],
        _ => vec![true, false],
    }
}

#[test]
fn no_state_that_can_be_reached_breaks_a_promise() {
    explore(Policy::PLAIN);
}

#[test]
fn nor_with_start_and_stop() {
    explore(FULL);
}

#[test]
fn nor_with_finish_and_a_kill() {
    explore_so_far(FINISHING, 2500);
}

/// As far as it goes in reasonable time.
#[test]
fn nor_with_a_limit_to_starts() {
    explore_so_far(LIMITED, 1500);
}

/// What a service needs may come and go, which is as if it were unkind.
#[test]
fn nor_while_something_is_needed() {
    for needs in [Needs::Unmet, Needs::Failed, Needs::Ring] {
        explore_so_far(Policy { needs, ..FULL }, 2000);
    }
}

#[test]
fn nor_with_one_of_them_or_without_run() {
    let [only_start, only_stop, runless] = [FULL; 3];
    explore(Policy {
        stop: false,
        ..only_start
    });
    explore(Policy {
        start: false,
        ..only_stop
    });
    explore(Policy {
        runless: true,
        ..runless
    });
}

fn explore(policy: Policy) {
    explore_so_far(policy, usize::MAX);
}

fn explore_so_far(policy: Policy, most: usize) {
    let mut seen = HashSet::new();
    let mut ahead = VecDeque::new();
    let mut visit = |reality: Option<Reality>, ahead: &mut VecDeque<_>| {
        if let Some(reality) = reality
            && seen.insert(reality)
        {
            ahead.push_back(reality);
        }
    };
    for want in [Want::Up, Want::Down] {
        for forks in [true, false] {
            let booted = Reality::with(want, policy).settle(Event::Boot, EPOCH, forks);
            visit(booted.map(|booted| booted.rebased(EPOCH)), &mut ahead);
        }
    }
    let mut steps = 0_u32;
    let mut visited = 0;
    while let Some(reality) = ahead.pop_front()
        && visited < most
    {
        visited += 1;
        for (event, wait) in possible(&reality)
            .into_iter()
            .flat_map(|event| STEPS.map(|wait| (event, wait)))
        {
            let at = EPOCH.plus(wait);
            for kind in kinds(&reality) {
                steps += 1;
                let next = reality.settle(event, at, kind);
                visit(next.map(|next| next.rebased(at)), &mut ahead);
                for next in killed_at_each_step(reality, event, at, kind) {
                    visit(Some(next.rebased(at)), &mut ahead);
                }
            }
        }
    }
    if policy.needs != Needs::Met {
        assert!(seen.len() > 1, "only {} states", seen.len());
        return;
    }
    // It did go somewhere: paced, failed up to the longest wait, paused, leaving.
    assert!(seen.len() > 100, "only {} states", seen.len());
    assert!(steps > 10_000, "only {steps} steps");
    if !policy.plain {
        return;
    }
    let longest = seen.iter().any(|reality| {
        let wait = reality.machine.deadline().map(|until| until.since(EPOCH));
        wait == Some(Duration::from_mins(1))
    });
    assert!(longest, "the longest wait was never reached");
}

#[test]
fn a_row_of_failed_forks_is_retried_after_1_2_4_and_at_last_60_seconds() {
    let mut reality = Reality::new(Want::Up)
        .settle(Event::Boot, EPOCH, false)
        .unwrap();
    let mut at = EPOCH;
    let mut waits = Vec::new();
    for _ in 0..9 {
        let until = reality.machine.deadline().unwrap();
        waits.push(until.since(at).as_secs());
        at = until;
        reality = reality.settle(Event::Due, at, false).unwrap();
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    for _ in 0..300 {
        at = reality.machine.deadline().unwrap();
        reality = reality.settle(Event::Due, at, false).unwrap();
    }
    let reality = reality.settle(Event::Due, reality.machine.deadline().unwrap(), true);
    assert_eq!(reality.unwrap().alive, Some(OURS), "the 310th try succeeds");
}

/// The original kept its mark "try again" when a command had started the service.
#[test]
fn a_failed_fork_followed_by_a_command_does_not_start_a_second_copy() {
    let failed = Reality::new(Want::Up)
        .settle(Event::Boot, EPOCH, false)
        .unwrap();
    for command in [Command::Up, Command::Once] {
        let up = failed.settle(Event::Control(command), EPOCH, true).unwrap();
        assert_eq!(up.alive, Some(OURS));
        // Would panic in `start`.
        let later = up.settle(Event::Due, EPOCH.plus(Duration::from_mins(2)), true);
        assert_eq!(later, Some(up));
    }
}

/// The command letters, with a service that obeys at once, from being up and from
/// being down: what `svc`'s manual and its users' scripts count on.
#[test]
fn sequences_of_commands_end_as_scripts_expect() {
    let expected: HashMap<&str, [&str; 2]> = HashMap::from([
        ("dx", ["quits", "quits"]),
        ("xd", ["quits", "quits"]),
        ("udx", ["quits", "quits"]),
        ("x", ["up, quits at death", "quits"]),
        ("ux", ["up, quits at death", "up, quits at death"]),
        ("xu", ["up, quits at death", "quits"]),
        ("xo", ["up, quits at death", "quits"]),
        ("ox", ["up, quits at death", "up, quits at death"]),
        ("ud", ["down", "down"]),
        ("du", ["up", "up"]),
        ("o", ["up, once", "up, once"]),
        ("do", ["down", "up, once"]),
    ]);
    for (letters, ends) in expected {
        for (want, end) in [Want::Up, Want::Down].into_iter().zip(ends) {
            assert_eq!(
                end_of(letters, want),
                end,
                "-{letters}, wanted {want:?} before"
            );
        }
    }
}

fn end_of(letters: &str, want: Want) -> &'static str {
    let mut at = EPOCH;
    let mut now = Reality::new(want).settle(Event::Boot, at, true).unwrap();
    at = at.plus(Duration::from_mins(1));
    let mut told_to_end = false;
    for letter in letters.bytes() {
        let command = Command::from_byte(letter).unwrap();
        let (_, actions) = now
            .machine
            .step(Event::Control(command), at, &Policy::PLAIN);
        told_to_end |= actions
            .into_iter()
            .flatten()
            .any(|action| action == Action::Send(OURS, Signal::SIGTERM));
        match now.settle(Event::Control(command), at, true) {
            None => return "quits",
            Some(next) => now = next,
        }
    }
    at = at.plus(Duration::from_mins(1));
    if told_to_end {
        match now.settle(Event::Died(OURS, DONE), at, true) {
            None => return "quits",
            Some(next) => now = next,
        }
    }
    match (now.alive, now.machine.leaving, now.machine.want) {
        (Some(_), true, _) => "up, quits at death",
        (Some(_), false, Want::Neither) => "up, once",
        (Some(_), false, _) => "up",
        (None, ..) => "down",
    }
}

/// Each early death doubles what is between two starts, up to the longest; a service
/// that has lived long enough begins anew.
#[test]
fn starts_are_further_apart_after_each_early_death() {
    let policy = Policy {
        plain: false,
        delay: Duration::from_secs(2),
        delay_max: Duration::from_secs(10),
        stable_after: Duration::from_mins(1),
        jitter: 255,
        ..Policy::PLAIN
    };
    let mut reality = Reality::with(Want::Up, policy);
    reality = reality.settle(Event::Boot, EPOCH, true).unwrap();
    let mut waits = Vec::new();
    let mut at = EPOCH;
    for _ in 0..5 {
        reality = reality.settle(Event::Died(OURS, DONE), at, true).unwrap();
        let until = reality.machine.deadline().unwrap();
        waits.push(until.since(at).as_secs());
        at = until;
        reality = reality.settle(Event::Due, at, true).unwrap();
    }
    assert_eq!(waits, [2, 4, 8, 10, 10]);
    at = at.plus(Duration::from_mins(1));
    reality = reality.settle(Event::Died(OURS, DONE), at, true).unwrap();
    assert_eq!(
        reality.alive,
        Some(OURS),
        "at once, and as if for the first time"
    );
    reality = reality.settle(Event::Died(OURS, DONE), at, true).unwrap();
    assert_eq!(reality.machine.deadline().unwrap().since(at).as_secs(), 2);
}

#[test]
fn the_spacing_is_never_shorter_than_the_delay_whatever_the_chance() {
    let mut policy = Policy {
        delay: Duration::from_secs(1),
        delay_max: Duration::from_secs(100),
        ..Policy::PLAIN
    };
    for jitter in 0..=u8::MAX {
        policy.jitter = jitter;
        for early in 0..=u8::MAX {
            let spacing = policy.spacing(early);
            assert!((policy.delay..=policy.delay_max).contains(&spacing));
        }
    }
}

#[test]
fn down_signals_go_out_in_order_and_at_last_the_kill() {
    let policy = Policy {
        plain: false,
        down: dt_settings::value::down_signals(b"QUIT 3s TERM 2s INT").unwrap(),
        kill_after: Some(Duration::from_secs(10)),
        ..Policy::PLAIN
    };
    let mut machine = Reality::with(Want::Up, policy)
        .settle(Event::Boot, EPOCH, true)
        .unwrap()
        .machine;
    let mut sent = Vec::new();
    let mut at = EPOCH;
    let mut event = Event::Control(Command::Down);
    loop {
        let actions;
        (machine, actions) = machine.step(event, at, &policy);
        for action in actions.into_iter().flatten() {
            if let Action::Send(_, signal) = action {
                sent.push((at.since(EPOCH).as_secs(), signal));
            }
        }
        event = Event::Due;
        let Some(deadline) = machine.deadline() else {
            break;
        };
        at = deadline;
    }
    let expected = [
        (0, Signal::SIGQUIT),
        (0, Signal::SIGCONT),
        (3, Signal::SIGTERM),
        (5, Signal::SIGINT),
        (10, Signal::SIGKILL),
    ];
    assert_eq!(sent, expected);
}
