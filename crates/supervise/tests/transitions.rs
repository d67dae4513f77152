//! What the machine does, on one page.

mod machine;

use std::fmt::Write;
use std::time::Duration;

use dt_os::clock::Moment;
use dt_service::deaths::Role;
use dt_service::{Command, Want};
use supervise::machine::{
    Action, Event, Heard, Machine, Needs, Outcome, Phase, Policy, Process, Reason, Rest, Says,
};

use machine::{
    CHECK, DONE, FINISHING, FULL, HOOK, LIMITED, OURS, OUTCOMES, SAYS, SPEAKING, STRANGER, hooked,
};

/// The moment at which every event of the page happens.
const NOW: Moment = Moment::at(Duration::from_secs(1000));

fn events(policy: &Policy) -> Vec<Event> {
    let outcomes = if policy.plain { 1 } else { OUTCOMES.len() };
    let deaths = OUTCOMES.into_iter().take(outcomes);
    let deaths = deaths.map(|outcome| Event::Died(OURS, outcome));
    let before = [Event::Boot, Event::Started(OURS), Event::StartFailed];
    let beside = [
        Event::Beside(Role::Control, HOOK),
        Event::BesideFailed(Role::Control),
        Event::Died(HOOK, DONE),
        Event::Died(HOOK, Outcome::Exited(1)),
        Event::Beside(Role::Check, CHECK),
        Event::BesideFailed(Role::Check),
        Event::Died(CHECK, DONE),
        Event::Died(CHECK, Outcome::Exited(1)),
    ];
    let beside = beside.into_iter().filter(|_| policy.check);
    let left = [Event::Left, Event::Empty, Event::Stirred];
    let left = left.into_iter().filter(|_| policy.rest != Rest::Ignored);
    let says = SAYS.map(Event::Heard).into_iter();
    let says = says.filter(|_| policy.watchdog.is_some());
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
    commands
        .chain(before)
        .chain(deaths)
        .chain(beside)
        .chain(left)
        .chain(says)
        .chain(rest)
        .collect()
}

fn event_name(event: Event) -> String {
    match event {
        Event::Control(command) => char::from(command.byte()).to_string(),
        Event::Heard(heard) => said(&heard).to_owned(),
        Event::Beside(role, _) => format!("Started({})", role.word()),
        Event::BesideFailed(role) => format!("StartFailed({})", role.word()),
        Event::Died(pid, how) if [HOOK, CHECK].contains(&pid) => {
            let role = if pid == HOOK { "control" } else { "check" };
            let how = if how == DONE { "" } else { " 1" };
            format!("Died({role}{how})")
        }
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
        | Event::Empty
        | Event::Left
        | Event::Stirred
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
        Action::SendRest(signal) => {
            format!("rest {}", signal.as_str().trim_start_matches("SIG"))
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
        | Action::Sweep
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
                Reason::Hook { .. } => "control".to_owned(),
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
        Process::Clearing { due, look } => {
            let due = if due { " and due" } else { "" };
            let look = look.map(|look| format!(" look in {:.2}s", seconds(look)));
            format!("Clearing{due}{}", look.unwrap_or_default())
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
    if let Some((hook, now)) = state.hooks.now {
        let moot = if now.live { "" } else { " for nobody" };
        let _ = write!(name, " control/{}{moot}", char::from(hook.letter()));
    }
    for hook in state.hooks.queue.iter().flatten() {
        let _ = write!(name, " then control/{}", char::from(hook.letter()));
    }
    match (state.check.now, state.check.next) {
        (Some(_), _) => name.push_str(" checked"),
        (None, Some(next)) => {
            let _ = write!(name, " check in {:.2}s", seconds(next));
        }
        (None, None) => {}
    }
    if state.says.stopping {
        name.push_str(" by itself");
    }
    if let Some(by) = state.says.by {
        let _ = write!(name, " silent for {:.2}s", seconds(by));
    }
    if let Some(by) = state.up_by {
        let _ = write!(name, " ready in {:.2}s", seconds(by));
    }
    if state.ready {
        name.push_str(" ready");
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

fn said(heard: &Heard) -> &'static str {
    match heard.phase {
        Some(Phase::Ready) => "READY",
        Some(Phase::Reloading) => "RELOADING",
        Some(Phase::Stopping) => "STOPPING",
        None if heard.alive => "WATCHDOG",
        None if heard.trigger => "WATCHDOG!",
        None if heard.every.is_some() => "EVERY",
        None => "EXTEND",
    }
}

fn states_that_speak() -> Vec<Machine> {
    let running = Machine {
        process: Process::Running {
            pid: OURS,
            paused: false,
        },
        up: true,
        not_before: NOW,
        up_by: Some(NOW.plus(Duration::from_secs(30))),
        ..Machine::new(Want::Up)
    };
    let after = |machine: Machine, event| machine.step(event, NOW, &SPEAKING).0;
    let says = |machine, heard| after(machine, Event::Heard(heard));
    let ready = says(running, SAYS[0]);
    let silent = Machine {
        says: Says {
            by: Some(NOW),
            ..ready.says
        },
        ..ready
    };
    vec![
        running,
        ready,
        silent,
        after(silent, Event::Due),
        says(ready, SAYS[1]),
        says(ready, SAYS[2]),
        after(ready, Event::Control(Command::Down)),
    ]
}

fn states_with_hooks() -> Vec<Machine> {
    let policy = hooked();
    let running = Machine {
        process: Process::Running {
            pid: OURS,
            paused: false,
        },
        up: true,
        not_before: NOW,
        ..Machine::new(Want::Up)
    };
    let after = |machine: Machine, event| machine.step(event, NOW, &policy).0;
    let told = |machine, command| after(machine, Event::Control(command));
    let hooked = |machine| after(machine, Event::Beside(Role::Control, HOOK));
    let asked = after(
        after(running, Event::Due),
        Event::Beside(Role::Check, CHECK),
    );
    let ready = after(asked, Event::Died(CHECK, DONE));
    let stopping = hooked(told(ready, Command::Down));
    vec![
        after(Machine::new(Want::Up), Event::Boot),
        hooked(after(Machine::new(Want::Up), Event::Boot)),
        asked,
        after(asked, Event::Died(OURS, DONE)),
        told(ready, Command::Down),
        stopping,
        after(stopping, Event::Died(OURS, DONE)),
        hooked(told(ready, Command::Kill)),
        told(told(ready, Command::Exit), Command::Terminate),
    ]
}

/// Leaves out what cannot be, which the exploration below shows.
fn makes_sense(state: &Machine) -> bool {
    match state.process {
        Process::Down => !state.leaving && (state.want != Want::Up || state.not_before == NOW),
        Process::Waiting { .. } | Process::Starting { .. } => {
            state.want != Want::Down || matches!(state.role, Role::Stop | Role::Finish)
        }
        Process::Running { .. } | Process::Doubtful { .. } | Process::Clearing { .. } => true,
    }
}

/// What is left of a service that has died, in each way that it may have been looked at.
fn states_with_leftovers(policy: &Policy) -> Vec<Machine> {
    let running = Machine {
        process: Process::Running {
            pid: OURS,
            paused: false,
        },
        up: true,
        not_before: NOW,
        ..Machine::new(Want::Up)
    };
    let after = |machine: Machine, event| machine.step(event, NOW, policy).0;
    let told = |machine, command| after(machine, Event::Control(command));
    let died = after(running, Event::Died(OURS, DONE));
    let left = after(died, Event::Left);
    let pressed = after(told(running, Command::Down), Event::Died(OURS, DONE));
    let begun = after(Machine::new(Want::Up), Event::Boot);
    vec![
        running,
        died,
        left,
        told(left, Command::Down),
        told(left, Command::Exit),
        after(pressed, Event::Left),
        begun,
        told(begun, Command::Down),
        after(Machine::new(Want::Down), Event::Boot),
    ]
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
    page.push_str("\n# With check, and control/t, d, u and k.\n");
    add_states(&mut page, states_with_hooks(), &hooked());
    let clearing = Policy {
        rest: Rest::Told,
        ..FINISHING
    };
    page.push_str("\n# With a cgroup, finish and stop, and a kill 0.51 s after TERM.\n");
    add_states(&mut page, states_with_leftovers(&clearing), &clearing);
    let looking = Policy {
        plain: false,
        rest: Rest::Looked,
        ..Policy::PLAIN
    };
    page.push_str("\n# The same where what is left has to be looked for, with nothing else.\n");
    add_states(&mut page, states_with_leftovers(&looking), &looking);
    page.push_str("\n# With a socket, a watchdog of 0.51 s, and a minute to get ready.\n");
    add_states(&mut page, states_that_speak(), &SPEAKING);
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
