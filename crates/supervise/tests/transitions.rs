//! What the machine does, on one page, and what it never does, in all the states
//! that it can get into.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on panics"
)]

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt::Write;
use std::time::Duration;

use dt_os::clock::Moment;
use dt_os::process::Pid;
use dt_os::signals::Signal;
use dt_service::{Command, Incarnation, Record, Want};
use supervise::machine::{Action, Actions, Event, Machine, PACE, Process, Reason};
use supervise::takeover::{self, Fate};

/// The moment at which every event of the page happens.
const NOW: Moment = Moment::at(Duration::from_secs(1000));

const OURS: Pid = Pid::from_raw(7);
const STRANGER: Pid = Pid::from_raw(8);

fn events() -> Vec<Event> {
    let rest = [
        Event::Boot,
        Event::Started(OURS),
        Event::StartFailed,
        Event::Died(OURS),
        Event::Died(STRANGER),
        Event::Proven(OURS),
        Event::Doubted(OURS),
        Event::Upgrade,
        Event::Probed,
        Event::Due,
    ];
    let plain = Command::ALL
        .into_iter()
        .filter(|command| command.is_plain());
    let commands = plain.map(Event::Control);
    commands.chain(rest).collect()
}

fn event_name(event: Event) -> String {
    match event {
        Event::Control(command) => char::from(command.byte()).to_string(),
        Event::Died(STRANGER) => "Died(a stranger)".to_owned(),
        Event::Died(_) => "Died".to_owned(),
        Event::Started(_) => "Started".to_owned(),
        Event::Proven(_) => "Proven".to_owned(),
        Event::Doubted(_) => "Doubted".to_owned(),
        other
        @ (Event::Boot | Event::StartFailed | Event::Upgrade | Event::Probed | Event::Due) => {
            format!("{other:?}")
        }
    }
}

fn action_name(action: Action) -> String {
    match action {
        Action::Send(_, signal) => signal.as_str().trim_start_matches("SIG").to_owned(),
        Action::Examine(_) => "Examine".to_owned(),
        other @ (Action::MarkChange
        | Action::Announce
        | Action::Start
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
                    want,
                    leaving,
                    not_before,
                };
                if makes_sense(&state) {
                    states.push(state);
                }
            }
        }
    }
    states
}

/// Leaves out what cannot be, which the exploration below shows.
fn makes_sense(state: &Machine) -> bool {
    match state.process {
        Process::Down => !state.leaving && (state.want != Want::Up || state.not_before == NOW),
        Process::Waiting { .. } | Process::Starting { .. } => state.want != Want::Down,
        Process::Running { .. } | Process::Doubtful { .. } => true,
    }
}

fn page() -> String {
    let mut page = String::from(
        "# Every state, every event: the state after it, and what is done, in order.\n\
         # Events that change nothing and have nothing done stand in the last line of a state.\n",
    );
    for state in states_of_the_page() {
        let _ = writeln!(page, "\n{}", state_name(&state));
        let mut ignored = Vec::new();
        for event in events() {
            let (next, actions) = state.step(event, NOW);
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
    page
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
    /// The living (or dead and not yet reaped) process of the service.
    alive: Option<Pid>,
    last_start: Option<Moment>,
    /// What the next `supervise` finds.
    record: Record,
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
        Self {
            machine: Machine::new(want),
            alive: None,
            last_start: None,
            record: NO_RECORD,
        }
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
        if self.alive.map(Event::Died) == Some(event) {
            self.alive = None;
        }
        let mut next = Some(event);
        while let Some(event) = next.take() {
            let actions: Actions;
            let doubtful = matches!(self.machine.process, Process::Doubtful { .. });
            (self.machine, actions) = self.machine.step(event, at);
            if world.killed() {
                return End::Killed(self);
            }
            let service = self.record.service;
            self.record = takeover::noted(&self.machine, self.record);
            // The next supervise is told that one knew of it.
            assert_eq!(
                self.record.service,
                service.filter(|_| self.machine.process.pid().is_some())
            );
            if doubtful && actions.contains(&Some(Action::Quit)) {
                // Given up by whoever said so.
                self.alive = None;
            }
            for action in actions.into_iter().flatten() {
                assert_eq!(next, None, "{action:?} comes after a start");
                if world.killed() {
                    return End::Killed(self);
                }
                match action {
                    Action::MarkChange | Action::Announce | Action::Probe => {}
                    // As a kill without one, but that the next begins at once.
                    Action::Replace => return End::Killed(self),
                    Action::Send(to, _) => {
                        assert_eq!(Some(to), self.alive, "what has no process is signalled");
                    }
                    Action::Start => {
                        next = Some(self.start(at, world.kind));
                        if world.killed() {
                            return End::Killed(self);
                        }
                    }
                    Action::Examine(pid) => next = Some(self.examine(pid, world.kind)),
                    Action::Quit => {
                        assert_eq!(self.alive, None, "leaves the service behind");
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
    fn start(&mut self, at: Moment, forks: bool) -> Event {
        assert_eq!(self.alive, None, "a second copy");
        assert_ne!(self.machine.want, Want::Down, "wanted down is started");
        if let Some(last) = self.last_start {
            assert!(at.since(last) >= PACE, "{:?} after a start", at.since(last));
        }
        if !forks {
            return Event::StartFailed;
        }
        self.alive = Some(OURS);
        self.last_start = Some(at);
        self.record = takeover::started(self.record, SERVICE, at);
        Event::Started(OURS)
    }

    /// A stranger may have the number by now.
    fn examine(&self, pid: Pid, tells: bool) -> Event {
        match (self.alive, tells) {
            (_, false) => Event::Doubted(pid),
            (Some(_), true) => Event::Proven(pid),
            (None, true) => Event::Died(pid),
        }
    }

    /// Another supervise in the killed one's place, in all the ways it may begin.
    fn taken_over(mut self, at: Moment) -> Vec<Self> {
        let fates = match (self.record.service, self.alive) {
            (Some(_), Some(_)) => [Fate::Lives, Fate::Unknown],
            (Some(_), None) => [Fate::Gone, Fate::Unknown],
            (None, alive) => {
                assert_eq!(alive, None, "nobody knows of it");
                [Fate::Gone; 2]
            }
        };
        let killed = self.machine;
        let resumed = fates.map(|fate| takeover::resumed(&self.record, fate, at));
        let mut all = Vec::new();
        for resumed in resumed {
            if let Some(machine) = resumed {
                assert_eq!(machine.want, self.record.want, "the wish is forgotten");
                all.push(Self { machine, ..self });
            } else {
                assert!(self.record.leaving && self.alive.is_none(), "{killed:?}");
                self.last_start = None;
                for want in [Want::Up, Want::Down] {
                    all.push(Self {
                        machine: Machine::new(want),
                        ..self
                    });
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
            }
            Process::Waiting { until, .. } => {
                assert_eq!(machine.deadline(), Some(until), "a wait without an end");
                assert!(until.since(at) <= Duration::from_mins(1), "too long a wait");
                assert_ne!(machine.want, Want::Down, "waits for what is not wanted");
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
        let not_before = shift(Moment::at(self.record.not_before));
        self.record.not_before = not_before.since(Moment::default());
        // Older than the pace is all the same.
        self.last_start = self.last_start.filter(|last| at.since(*last) < PACE);
        self.last_start = self
            .last_start
            .map(|last| Moment::at(EPOCH.since(Moment::at(at.since(last)))));
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
    let deaths = reality.alive.into_iter().chain([STRANGER]).map(Event::Died);
    let rest = [
        Event::Boot,
        Event::Due,
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
        for begun in dead.taken_over(at) {
            let begun = begun.settle(Event::Boot, at, kind);
            let begun = begun.expect("nothing makes it quit at once");
            let there = begun.alive.is_some() || begun.machine.is_due();
            assert!(!due || there, "a start that was due is forgotten");
            all.push(begun);
        }
    }
    assert!(!all.is_empty());
    all
}

#[test]
fn no_state_that_can_be_reached_breaks_a_promise() {
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
            let booted = Reality::new(want).settle(Event::Boot, EPOCH, forks);
            visit(booted.map(|booted| booted.rebased(EPOCH)), &mut ahead);
        }
    }
    let mut steps = 0_u32;
    while let Some(reality) = ahead.pop_front() {
        for (event, wait) in possible(&reality)
            .into_iter()
            .flat_map(|event| STEPS.map(|wait| (event, wait)))
        {
            let at = EPOCH.plus(wait);
            for kind in [true, false] {
                steps += 1;
                let next = reality.settle(event, at, kind);
                visit(next.map(|next| next.rebased(at)), &mut ahead);
                for next in killed_at_each_step(reality, event, at, kind) {
                    visit(Some(next.rebased(at)), &mut ahead);
                }
            }
        }
    }
    // It did go somewhere: paced, failed up to the longest wait, paused, leaving.
    assert!(seen.len() > 100, "only {} states", seen.len());
    assert!(steps > 10_000, "only {steps} steps");
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
        let (_, actions) = now.machine.step(Event::Control(command), at);
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
        match now.settle(Event::Died(OURS), at, true) {
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
