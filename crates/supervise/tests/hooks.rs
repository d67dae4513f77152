//! The programs in `control`, and `check`.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[expect(dead_code, reason = "others of these tests use it all")]
mod kit;

use std::fs;

use dt_service::deaths::{self, Death, Ending, Role};
use dt_service::details::{Details, State};
use dt_service::{Status, Want};
use dt_testkit::{Running, signal, until};
use kit::Service;

/// Notes each copy and each signal.
const RUN: &str = "trap 'echo term >> events; exit' TERM; trap 'echo hup >> events' HUP\n\
    echo run >> events; while :; do sleep 0.05; done";

impl Service {
    fn hook(&self, name: &str, script: &str) {
        self.scratch
            .script(format!("d/{name}"), format!("#!/bin/sh\n{script}\n"));
    }

    #[track_caller]
    fn until_events(&self, words: &[&str]) {
        let mut seen = Vec::new();
        until(&format!("the events are {words:?}"), || {
            seen = self.words("events");
            seen == words
        });
    }

    fn details(&self) -> Option<Details> {
        Details::decode(&fs::read(self.scratch.join("d/supervise/details")).ok()?)
    }

    fn state(&self) -> Option<State> {
        self.details().map(|details| details.state)
    }

    fn gate(&self) {
        dt_os::file::make_fifo(self.scratch.join("d/gate"), 0o600).unwrap();
    }

    /// Lets one go that waits.
    fn open(&self) {
        fs::write(self.scratch.join("d/gate"), "x\n").unwrap();
    }

    fn deaths(&self) -> Vec<Death> {
        let file = fs::read(self.scratch.join("d/supervise/deaths")).unwrap_or_default();
        deaths::read(&file)
            .into_iter()
            .map(|(_, one)| one)
            .collect()
    }
}

fn kill(running: &mut Running) {
    running.signal("KILL");
    running.wait();
}

#[test]
fn a_program_in_control_goes_before_its_signal_and_exit_code_0_replaces_it() {
    let service = Service::new(RUN);
    service.hook("control/h", "echo \"h-$1\" >> events; exit 3");
    service.hook("control/t", "echo t >> events");
    let _running = service.start();
    service.until_events(&["run"]);
    let pid = service.until_up().pid;
    service.send("h");
    service.until_events(&["run", &format!("h-{pid}"), "hup"]);
    service.send("ti");
    until("INT comes, but no TERM", || {
        service.deaths().iter().any(|one| one.role == Role::Run)
    });
    let ends: Vec<_> = service
        .deaths()
        .iter()
        .map(|one| (one.role, one.ending))
        .collect();
    assert!(ends.contains(&(Role::Run, Ending::Signal(2))), "{ends:?}");
    assert!(!service.words("events").contains(&"term".to_owned()));
}

#[test]
fn down_is_control_t_and_then_control_d_and_up_is_control_u_before_each_start() {
    let service = Service::new(RUN);
    service.hook("control/u", "echo u >> events; exit 1");
    service.hook("control/t", "echo t >> events; exit 1");
    service.hook("control/d", "echo d >> events");
    service.hook("control/o", "echo never >> events");
    let mut running = service.start();
    service.until_events(&["u", "run"]);
    service.send("k");
    service.until_events(&["u", "run", "u", "run"]);
    service.send("d");
    until("it is down", || service.status().pid == 0);
    until("the last hook has run", || {
        service.words("events").contains(&"d".to_owned())
    });
    let mut events = service.words("events");
    // Who writes first of the two is their affair.
    events.retain(|word| word != "term");
    assert_eq!(events, ["u", "run", "u", "run", "t", "d"]);
    service.send("o");
    until("it is up", || service.status().pid != 0);
    service.send("dx");
    assert_eq!(running.wait(), 0);
    // What is told of the end is told to the end.
    let events = service.words("events");
    assert_eq!(
        events.iter().filter(|word| *word == "d").count(),
        2,
        "{events:?}"
    );
}

#[test]
fn x_runs_control_x_and_still_waits_for_the_service() {
    let service = Service::new(RUN);
    service.hook("control/x", "echo x >> events; exit 1");
    let mut running = service.start();
    service.until_events(&["run"]);
    service.send("x");
    service.until_events(&["run", "x"]);
    assert_eq!(running.ended(), None);
    signal(service.until_up().pid, "KILL");
    assert_eq!(running.wait(), 0);
}

/// Commands that need no program are obeyed meanwhile; those of the same kind wait.
#[test]
fn supervise_hears_and_obeys_while_a_hook_runs() {
    let service = Service::new(RUN);
    service.gate();
    service.hook("control/t", "echo t >> events; read x < gate; exit 1");
    let _running = service.start();
    service.until_events(&["run"]);
    service.send("d");
    service.until_events(&["run", "t"]);
    until("the status says so", || service.status().want == Want::Down);
    service.send("h");
    service.until_events(&["run", "t", "hup"]);
    service.send("u");
    until("the status says so", || service.status().want == Want::Up);
    service.open();
    service.until_events(&["run", "t", "hup", "term", "run"]);
}

#[test]
fn a_signal_for_a_service_that_is_gone_is_sent_to_no_other() {
    let service = Service::new(RUN);
    service.gate();
    service.hook(
        "control/t",
        "echo t >> events; read x < gate; echo done >> events; exit 1",
    );
    let _running = service.start();
    service.until_events(&["run"]);
    service.send("t");
    service.until_events(&["run", "t"]);
    service.send("k");
    service.until_events(&["run", "t", "run"]);
    service.open();
    until("the hook is noted", || {
        service.deaths().iter().any(|one| one.role == Role::Control)
    });
    service.send("h");
    service.until_events(&["run", "t", "run", "done", "hup"]);
}

/// It is neither run twice nor forgotten, and what it decides on is done.
#[test]
fn a_hook_that_runs_outlives_its_supervise() {
    for (ends_before, code) in [(false, 1), (false, 0), (true, 0)] {
        let service = Service::new(RUN);
        service.gate();
        service.hook(
            "control/t",
            &format!("echo t >> events; read x < gate; exit {code}"),
        );
        let end = if code == 1 { "" } else { "kill -KILL $1" };
        service.hook("control/d", &format!("echo d >> events; {end}"));
        let mut first = service.start();
        service.until_events(&["run"]);
        service.send("d");
        service.until_events(&["run", "t"]);
        kill(&mut first);
        if ends_before {
            service.open();
            until("the hook has gone", || running_in(&service) == 1);
        }
        let _second = service.start();
        service.until_there();
        if !ends_before {
            service.open();
        }
        until("it is down", || service.status().pid == 0);
        until("the last hook has run", || {
            service.words("events").contains(&"d".to_owned())
        });
        let count = |word: &str| {
            service
                .words("events")
                .iter()
                .filter(|one| *one == word)
                .count()
        };
        assert_eq!(
            (count("t"), count("run")),
            (1, 1),
            "{:?}",
            service.words("events")
        );
        // An exit code that nobody could be told is as if it had failed.
        if code == 1 {
            assert_eq!(count("term"), 1);
        }
    }
}

/// Processes in the service's directory that are no supervise, and no sleep of RUN.
fn running_in(service: &Service) -> usize {
    let directory = service.scratch.join("d");
    let pids = fs::read_dir("/proc").unwrap().flatten();
    pids.filter(|entry| {
        let path = entry.path();
        fs::read_link(path.join("cwd")).is_ok_and(|cwd| cwd == directory)
            && fs::read(path.join("comm")).is_ok_and(|name| {
                !b"supervise\nsleep\n"
                    .windows(name.len())
                    .any(|one| one == name)
            })
    })
    .count()
}

#[test]
fn a_program_in_control_that_cannot_be_executed_is_told_and_the_signal_is_sent() {
    let service = Service::new(RUN);
    service.scratch.file("d/control/h", "echo no");
    service.hook("control/i", "exit 0");
    fs::write(service.scratch.join("d/control/i"), "#!/nowhere/at/all\n").unwrap();
    let _running = service.start();
    service.until_events(&["run"]);
    service.send("h");
    service.until_events(&["run", "hup"]);
    let said = service.errors();
    assert_eq!(
        said.matches("supervise: warning: d/control").count(),
        1,
        "{said}"
    );
    service.send("i");
    until("INT is sent", || {
        service
            .deaths()
            .iter()
            .any(|one| one.ending == Ending::Signal(2))
    });
    assert!(
        service.errors().contains("unable to start d/control/i"),
        "{}",
        service.errors()
    );
}

#[test]
fn a_service_is_ready_when_check_says_so_which_is_not_run_after_that() {
    let service = Service::new(RUN);
    service.hook("check", "echo x >> asked; [ -e good ]");
    let mut first = service.start();
    service.until_events(&["run"]);
    until("it is asked again", || service.words("asked").len() > 1);
    assert_eq!(service.state(), Some(State::Starting));
    kill(&mut first);
    let _second = service.start();
    let so_far = service.words("asked").len();
    until("and again", || service.words("asked").len() > so_far + 1);
    service.scratch.file("d/good", "");
    until("it is ready", || service.state() == Some(State::Running));
    assert!(service.details().unwrap().ready.is_some());
    let asked = service.words("asked").len();
    // A new one is asked anew.
    fs::remove_file(service.scratch.join("d/good")).unwrap();
    service.send("k");
    until("another is not ready", || {
        service.state() == Some(State::Starting)
    });
    until("it is asked", || service.words("asked").len() > asked);
    service.send("d");
    until("it is down", || service.status().pid == 0);
}

#[test]
fn a_check_that_never_says_so_is_ended_by_timeout_up() {
    let service = Service::new(RUN);
    service.hook("check", "exit 1");
    service.scratch.file("d/timeout-up", "100ms");
    let _running = service.start();
    service.until_events(&["run", "term", "run", "term"]);
    let hanging = Service::new(RUN);
    hanging.hook("check", "exec sleep 1000");
    let _running = hanging.start();
    hanging.until_events(&["run"]);
    let before = hanging.until_up();
    hanging.send("t");
    until("it does not hold up the next", || {
        let Status { pid, .. } = hanging.status();
        pid != 0 && pid != before.pid
    });
    hanging.send("dx");
}

#[test]
fn a_check_without_the_right_to_run_is_told_and_as_if_it_were_not_there() {
    let service = Service::new(RUN);
    service.scratch.file("d/check", "exit 1");
    let _running = service.start();
    service.until_events(&["run"]);
    service.until_up();
    let said = service.errors();
    assert_eq!(
        said.matches("supervise: warning: d/check: ").count(),
        1,
        "{said}"
    );
}
