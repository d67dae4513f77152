//! The whole transition table of one service, as one page: transitions.txt.
//!
//! `DAEMONTOOLS_RECORD=1` writes it anew, for a reviewer to read the difference.

use std::fmt::Write;
use std::time::Duration;

use dt_os::clock::Moment;
use dt_os::process::{Ending, Pid};
use svscan::machine::{Action, Event, Half, Logs, Process, Reason, Service, Stage, Stop, Wait};

/// All events happen at this moment.
const NOW: Moment = Moment::at(Duration::from_secs(100));

fn ago(seconds: u64) -> Moment {
    Moment::at(Duration::from_secs(100 - seconds))
}

fn wait(until: Moment, because: Reason) -> Wait {
    Wait { until, because }
}

fn states() -> Vec<Service> {
    let soon = NOW.plus(Duration::from_millis(700));
    let new = [
        (NOW, None),
        (NOW, Some(wait(soon, Reason::Settling))),
        (ago(1), Some(wait(ago(0), Reason::Settling))),
        (ago(1), Some(wait(soon, Reason::Unfinished))),
        (ago(5), Some(wait(NOW, Reason::Unfinished))),
        (ago(1), Some(wait(soon, Reason::Unreadable))),
        (ago(1), Some(wait(soon, Reason::NoPipe))),
        (ago(1), Some(wait(NOW, Reason::NoPipe))),
    ];
    let new = new.map(|(first_seen, wait)| Stage::New { first_seen, wait });
    let processes = [
        Process::Down,
        Process::Waiting(wait(soon, Reason::ForkFailed)),
        Process::Waiting(wait(NOW, Reason::Refused)),
        Process::Running {
            pid: Pid::from_raw(7),
            since: ago(0),
        },
        Process::Running {
            pid: Pid::from_raw(7),
            since: ago(60),
        },
    ];
    let logs = std::iter::once(None).chain(processes.into_iter().map(Some));
    let known = logs.flat_map(|log| processes.map(|main| Stage::Known { main, log }));
    let stages: Vec<Stage> = new.into_iter().chain(known).collect();
    let service = |listed, stop| {
        move |stage: &Stage| Service {
            stage: *stage,
            listed,
            stop,
        }
    };
    let stop = |logs, main_told, log_told| Stop {
        logs,
        main_told,
        log_told,
    };
    let stops = [
        stop(Logs::AtEnd, false, false),
        stop(Logs::AtEnd, true, false),
        stop(Logs::AtEnd, true, true),
        stop(Logs::AtOnce, true, true),
    ];
    let listed = stages.iter().map(service(true, None));
    let nameless = stages.iter().map(service(false, None));
    let alive = |service: &Service| service.is_alive();
    let stopped = stops.into_iter().flat_map(|stop| {
        let stages = stages.iter().map(service(true, Some(stop)));
        stages.filter(alive).collect::<Vec<_>>()
    });
    listed.chain(nameless).chain(stopped).collect()
}

fn events() -> Vec<Event> {
    let mut events = vec![Event::Seen(NOW), Event::Sought(NOW), Event::Missed];
    for (run, log) in [(false, false), (true, false), (true, true)] {
        events.push(Event::Examined { now: NOW, run, log });
    }
    events.push(Event::ExamineFailed(NOW));
    for log in [false, true] {
        events.push(Event::Prepared { now: NOW, log });
    }
    events.push(Event::PrepareFailed(NOW));
    for logs in [Logs::AtEnd, Logs::AtOnce] {
        events.push(Event::Stop(logs, NOW));
    }
    for half in [Half::Main, Half::Log] {
        events.push(Event::Orphaned(half));
        events.push(Event::Untold(half, NOW));
        events.push(Event::Started(half, Pid::from_raw(8), NOW));
        events.push(Event::StartFailed(half, NOW));
        events.push(Event::Absent(half, NOW));
        events.push(Event::OutOfReach(half, NOW));
        for ending in [Ending::Exited(0), Ending::Exited(111), Ending::Killed(9)] {
            events.push(Event::Died(half, ending, NOW));
        }
    }
    events
}

/// A moment as seconds before or after now.
fn time(moment: Moment) -> String {
    let (sign, distance) = if moment >= NOW {
        ('+', moment.since(NOW))
    } else {
        ('-', NOW.since(moment))
    };
    format!("{sign}{}", distance.as_secs_f64())
}

fn process(process: Process) -> String {
    match process {
        Process::Down => "Down".into(),
        Process::Waiting(wait) => format!("Waiting({:?} {})", wait.because, time(wait.until)),
        Process::Running { pid, since } => format!("Running({pid} {})", time(since)),
    }
}

fn state(service: Service) -> String {
    let stage = match service.stage {
        Stage::New { first_seen, wait } => {
            let wait = wait.map(|wait| format!(" {:?} {}", wait.because, time(wait.until)));
            format!("New({}{})", time(first_seen), wait.unwrap_or_default())
        }
        Stage::Known { main, log: None } => process(main),
        Stage::Known {
            main,
            log: Some(log),
        } => format!("{} | {}", process(main), process(log)),
    };
    let stop = service.stop.map(|stop| {
        let told = |told| if told { "told" } else { "untold" };
        let (main, log) = (told(stop.main_told), told(stop.log_told));
        format!("stopping({:?} {main} {log}) ", stop.logs)
    });
    let name = if service.listed { "" } else { "nameless " };
    format!("{name}{}{stage}", stop.unwrap_or_default())
}

fn event(event: Event) -> String {
    match event {
        Event::Seen(_) => "Seen".into(),
        Event::Sought(_) => "Sought".into(),
        Event::Missed => "Missed".into(),
        Event::Examined { run, log, .. } => format!("Examined(run {run}, log {log})"),
        Event::ExamineFailed(_) => "ExamineFailed".into(),
        Event::Prepared { log, .. } => format!("Prepared(log {log})"),
        Event::PrepareFailed(_) => "PrepareFailed".into(),
        Event::Started(half, pid, _) => format!("Started({half:?} {pid})"),
        Event::StartFailed(half, _) => format!("StartFailed({half:?})"),
        Event::Absent(half, _) => format!("Absent({half:?})"),
        Event::OutOfReach(half, _) => format!("OutOfReach({half:?})"),
        Event::Stop(logs, _) => format!("Stop({logs:?})"),
        Event::Untold(half, _) => format!("Untold({half:?})"),
        Event::Orphaned(half) => format!("Orphaned({half:?})"),
        Event::Died(half, ending, _) => format!("Died({half:?} {ending:?})"),
    }
}

fn action(action: Action) -> String {
    match action {
        Action::ScanBy(at) => format!("ScanBy {}", time(at)),
        other => format!("{other:?}"),
    }
}

/// Whether the event can happen in that state: a half that runs is not started,
/// one that does not cannot die, and what is not known has no halves.
fn can_happen(service: Service, event: Event) -> bool {
    let runs = |process| matches!(process, Process::Running { .. });
    let half = |half| match (service.stage, half) {
        (Stage::New { .. }, _) => None,
        (Stage::Known { main, .. }, Half::Main) => Some(runs(main)),
        (Stage::Known { log, .. }, Half::Log) => log.map(runs),
    };
    let new = matches!(service.stage, Stage::New { .. });
    match event {
        Event::Seen(_) | Event::Stop(..) => true,
        Event::Sought(_) => service.stop.is_none(),
        Event::Missed => service.listed,
        Event::Examined { .. }
        | Event::ExamineFailed(_)
        | Event::Prepared { .. }
        | Event::PrepareFailed(_) => {
            let asked = new || (half(Half::Main) == Some(false) && half(Half::Log).is_none());
            asked && service.listed && service.stop.is_none()
        }
        Event::Started(which, ..)
        | Event::StartFailed(which, _)
        | Event::Absent(which, _)
        | Event::OutOfReach(which, _) => {
            half(which) == Some(false) && service.listed && service.stop.is_none()
        }
        Event::Untold(which, _) => half(which) == Some(true) && service.stop.is_some(),
        Event::Orphaned(which) | Event::Died(which, ..) => half(which) == Some(true),
    }
}

#[test]
fn every_transition_is_as_written_down() {
    let mut page =
        String::from("Times are seconds from now. What is not listed changes nothing.\n");
    for before in states() {
        let possible = events().into_iter();
        for happens in possible.filter(|event| can_happen(before, *event)) {
            let (after, actions) = before.step(happens);
            let actions: Vec<_> = actions.into_iter().flatten().map(action).collect();
            if after != before || !actions.is_empty() {
                writeln!(
                    page,
                    "{} + {} -> {} [{}]",
                    state(before),
                    event(happens),
                    state(after),
                    actions.join(", ")
                )
                .unwrap();
            }
        }
    }
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/transitions.txt");
    if std::env::var_os("DAEMONTOOLS_RECORD").is_some_and(|value| value == "1") {
        std::fs::write(file, &page).unwrap();
    }
    let golden = std::fs::read_to_string(file).unwrap();
    for (golden, seen) in golden.lines().zip(page.lines()) {
        assert_eq!(golden, seen);
    }
    assert_eq!(golden.lines().count(), page.lines().count());
}
