//! What daemontools-encore has beside `run`: `start`, `stop`, `notify`, `log`, and
//! what a directory opts in to.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[expect(dead_code, reason = "others of these tests use it all")]
mod kit;

use std::fs;
use std::os::unix::fs::symlink;

use dt_service::{State, StatusFile, Want};
use dt_testkit::{Running, Suite, signal, until};
use kit::Service;

/// Notes each copy, and lives on as one process.
const RUN: &str = "echo run >> events; exec sleep 1000";

impl Service {
    fn hook(&self, name: &str, script: &str) {
        self.scratch
            .script(format!("d/{name}"), format!("#!/bin/sh\n{script}\n"));
    }

    fn file(&self) -> StatusFile {
        StatusFile::decode(&self.scratch.read("d/supervise/status")).unwrap()
    }

    fn length(&self) -> usize {
        self.scratch.read("d/supervise/status").len()
    }

    #[track_caller]
    fn until_state(&self, state: State) {
        self.until_there();
        until("the state is as expected", || {
            self.file().state == Some(state)
        });
    }

    #[track_caller]
    fn until_words(&self, name: &str, words: &[&str]) {
        until("the file says what is expected", || {
            self.words(name) == words
        });
    }

    fn start_with(&self, variable: &str, value: &str) -> Running {
        let mut command = Suite::under_test().command("supervise", &self.scratch);
        command.arg("d").env(variable, value);
        Running::start(&mut command, &self.scratch)
    }
}

fn kill(running: &mut Running) {
    running.signal("KILL");
    running.wait();
}

/// The session of a process.
fn session(pid: u32) -> u32 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let after = stat.rsplit(')').next().unwrap();
    after.split_whitespace().nth(3).unwrap().parse().unwrap()
}

#[test]
fn start_goes_before_run_and_stop_after_it_each_once() {
    let service = Service::new("echo run >> events; read wait < gate; exec sleep 1000");
    service.hook("start", "echo start >> events");
    service.hook("stop", "echo stop >> events");
    dt_os::file::make_fifo(service.scratch.join("d/gate"), 0o600).unwrap();
    let mut running = service.start();
    service.until_state(State::Running);
    assert_eq!((service.length(), service.file().main.want), (20, Want::Up));
    service.until_words("events", &["start", "run"]);
    // One death of `run` is not the end.
    service.send("k");
    service.until_words("events", &["start", "run", "run"]);
    service.send("d");
    service.until_state(State::Stopped);
    let all = ["start", "run", "run", "stop"];
    service.until_words("events", &all);
    until("stop has ended", || service.status().pid == 0);
    service.send("u");
    service.until_words("events", &[&all[..], &["start", "run"]].concat());
    service.until_state(State::Running);
    service.send("dx");
    assert_eq!(running.wait(), 0);
    let whole = [&all[..], &["start", "run", "stop"]].concat();
    assert_eq!(service.words("events"), whole);
}

#[test]
fn a_start_that_fails_keeps_run_from_running_until_somebody_says_so() {
    for script in ["exit 3", "kill -9 $$"] {
        let service = Service::new(RUN);
        service.hook("start", &format!("echo start >> events; {script}"));
        service.hook("stop", "echo stop >> events");
        let _running = service.start();
        service.until_state(State::Failed);
        assert_eq!(
            (service.status().pid, service.status().want),
            (0, Want::Down)
        );
        service.send("u");
        service.until_words("events", &["start", "start"]);
        service.until_state(State::Failed);
        service.send("d");
        service.until_state(State::Stopped);
        assert_eq!(service.words("events"), ["start", "start"]);
    }
}

#[test]
fn without_run_the_service_is_up_when_start_is_done() {
    let service = Service::new("");
    fs::remove_file(service.scratch.join("d/run")).unwrap();
    service.hook("start", "echo start >> events");
    service.hook("stop", "echo stop >> events");
    let mut running = service.start();
    service.until_state(State::Started);
    assert_eq!(
        (service.status().pid, service.status().want),
        (0, Want::Neither)
    );
    kill(&mut running);
    // A kill does not make it forget that it is up.
    let mut running = service.start();
    service.until_state(State::Started);
    service.send("dx");
    assert_eq!(running.wait(), 0);
    assert_eq!(service.words("events"), ["start", "stop"]);
}

#[test]
fn notify_is_told_of_each_start_and_end_in_order() {
    let service = Service::new("exec sleep 1000");
    service.hook("start", "exit 0");
    service.hook("stop", "exit 7");
    service.hook("notify", "echo \"$1-$2-$4-$3\" >> events");
    let mut running = service.start();
    until("run is told of", || service.words("events").len() == 3);
    let pid = service.until_up().pid;
    service.send("dx");
    assert_eq!(running.wait(), 0);
    until("all is told", || service.words("events").len() == 6);
    let events: Vec<String> = service
        .words("events")
        .iter()
        .map(|event| event.rsplit_once('-').unwrap().0.to_owned())
        .collect();
    let expected = [
        "start-start-0",
        "start-exit-0",
        "run-start-0",
        "run-killed-15",
        "stop-start-0",
        "stop-exit-7",
    ];
    let mut sorted = events.clone();
    sorted.sort_unstable();
    let mut all = expected.to_vec();
    all.sort_unstable();
    // The last ones are given together, as nobody waits for them any more.
    assert_eq!(sorted, all);
    assert_eq!(events[..3], expected[..3]);
    let told: Vec<_> = service.words("events");
    let told = told.iter().find(|event| event.starts_with("run-killed"));
    assert_eq!(told.unwrap().rsplit('-').next(), Some(&*pid.to_string()));
}

/// Six are made each time that it comes up and goes down.
#[test]
fn that_a_notify_keeps_others_waiting_until_they_are_lost_is_said_once() {
    let service = Service::new("exec sleep 1000");
    service.hook("start", "exit 0");
    service.hook("stop", "exit 0");
    service.hook("notify", "exec sleep 1000");
    let _running = service.start();
    for _ in 0..3 {
        service.until_state(State::Running);
        service.send("d");
        service.until_state(State::Stopped);
        service.send("u");
    }
    let said = "supervise: warning: d/notify takes too long: \
                of what it is to be told the oldest is lost\n";
    assert_eq!(service.errors(), said);
}

#[test]
fn log_reads_what_run_writes_and_neither_loses_a_line_by_the_other() {
    let service =
        Service::new("i=0; while :; do read x < go || continue; i=$((i+1)); echo line$i; done");
    dt_os::file::make_fifo(service.scratch.join("d/go"), 0o600).unwrap();
    service.hook("log", "exec cat >> lines");
    let mut running = service.start();
    service.until_up();
    until("the log is up", || {
        service.file().log.is_some_and(|log| log.status.pid != 0)
    });
    assert_eq!(service.length(), 40);
    let write = |service: &Service| {
        fs::write(service.scratch.join("d/go"), "x\n").unwrap();
    };
    write(&service);
    service.until_words("lines", &["line1"]);
    // The log dies; what is written meanwhile waits.
    let log = service.file().log.unwrap();
    service.send("Ld");
    until("the log is down", || {
        service.file().log.unwrap().status.pid == 0
    });
    assert_eq!(service.file().log.unwrap().status.want, Want::Down);
    assert_eq!(service.status().want, Want::Up);
    write(&service);
    service.send("Lu");
    service.until_words("lines", &["line1", "line2"]);
    assert_ne!(service.file().log.unwrap().status.pid, log.status.pid);
    // Supervise dies; the next one finds the pipe.
    let before = service.file();
    kill(&mut running);
    let mut running = service.start();
    service.until_there();
    assert_eq!(service.file(), before);
    signal(before.log.unwrap().status.pid, "KILL");
    until("another log is up", || {
        let pid = service.file().log.unwrap().status.pid;
        pid != 0 && pid != before.log.unwrap().status.pid
    });
    write(&service);
    service.until_words("lines", &["line1", "line2", "line3"]);
    // And so does one that is replaced.
    service.send("^");
    let name = format!("/proc/{}/cmdline", running.pid());
    until("it is replaced", || {
        String::from_utf8_lossy(&fs::read(&name).unwrap()).contains("--takes-over=2")
    });
    let before = service.file();
    service.send("Lk");
    until("another log is up", || {
        let pid = service.file().log.unwrap().status.pid;
        pid != 0 && pid != before.log.unwrap().status.pid
    });
    write(&service);
    service.until_words("lines", &["line1", "line2", "line3", "line4"]);
    service.send("dx");
    assert_eq!(running.wait(), 0);
    assert_eq!(service.file().log.unwrap().status.pid, 0);
}

#[test]
fn what_the_service_wrote_last_is_read_before_supervise_exits() {
    let service = Service::new("trap 'echo last; exit' TERM; echo first; sleep 1000 & wait; wait");
    service.hook("log", "cat >> lines; echo end >> lines");
    service.hook("stop", "echo stopped");
    let mut running = service.start();
    service.until_words("lines", &["first"]);
    service.send("dx");
    // What it left behind holds the pipe open.
    let left = dt_testkit::descendants_of_scratch(service.scratch.path());
    until("the service has ended", || service.status().pid == 0);
    for pid in left {
        if fs::read(format!("/proc/{pid}/comm")).is_ok_and(|name| name == b"sleep\n") {
            signal(pid, "KILL");
        }
    }
    assert_eq!(running.wait(), 0);
    assert_eq!(service.words("lines"), ["first", "last", "stopped", "end"]);
}

#[test]
fn a_log_that_is_killed_while_it_reads_what_was_last_is_started_once_more() {
    let service = Service::new("echo first; echo run >> events; exec sleep 1000");
    service.hook("log", "[ -e go ] || exec sleep 1000; exec cat >> lines");
    let mut running = service.start();
    service.until_words("events", &["run"]);
    service.send("dx");
    until("the service has ended", || service.status().pid == 0);
    service.scratch.file("d/go", "");
    signal(service.file().log.unwrap().status.pid, "KILL");
    assert_eq!(running.wait(), 0);
    assert_eq!(service.words("lines"), ["first"]);
}

#[test]
fn what_the_service_writes_goes_where_it_should_once_log_has_been_taken_away() {
    let service = Service::new("echo run >> events; echo line");
    service.hook("log", "exec cat >> lines");
    service.scratch.file("d/down", "");
    let once_with_output = |service: &Service, commands| {
        let output = fs::File::create(service.scratch.join("output")).unwrap();
        let mut command = Suite::under_test().command("supervise", &service.scratch);
        let mut running = Running::start(command.arg("d").stdout(output), &service.scratch);
        service.until_there();
        service.send(commands);
        assert_eq!(running.wait(), 0);
    };
    once_with_output(&service, "Lolox");
    service.until_words("lines", &["line"]);
    fs::remove_file(service.scratch.join("d/log")).unwrap();
    once_with_output(&service, "ox");
    assert_eq!(service.words("events"), ["run", "run"]);
    assert_eq!(service.words("lines"), ["line"]);
    assert_eq!(service.words("../output"), ["line"]);
    assert_eq!(service.length(), 18);
}

#[test]
fn a_log_that_was_wanted_down_is_wanted_as_ever_after_an_exit_in_order() {
    let service = Service::new("exec sleep 1000");
    service.hook("log", "exec cat");
    let log = |service: &Service| service.file().log.unwrap().status;
    let mut running = service.start();
    service.until_up();
    service.send("Ldl");
    until("the log is down", || log(&service).pid == 0);
    service.send("dx");
    assert_eq!(running.wait(), 0);
    let mut running = service.start();
    service.until_up();
    until("the log is up", || log(&service).pid != 0);
    assert_eq!(log(&service).want, Want::Up);
    service.send("dx");
    assert_eq!(running.wait(), 0);
}

#[test]
fn a_directory_that_opts_in_has_a_session_of_its_own() {
    let own = |service: &Service| {
        let pid = service.until_up().pid;
        // By then it has come so far.
        service.until_words("events", &["run"]);
        (session(pid) == pid, service.length())
    };
    let plain = Service::new(RUN);
    let _running = plain.start();
    assert_eq!(own(&plain), (false, 18));
    let compatible = Service::new(RUN);
    let _running = compatible.start_with("SUPERVISE_COMPAT", "encore");
    assert_eq!(own(&compatible), (true, 20));
    let flagged = Service::new(RUN);
    flagged.scratch.file("d/flag-encore", "");
    let _running = flagged.start();
    assert_eq!(own(&flagged), (true, 20));
    let without = Service::new(RUN);
    without.scratch.file("d/flag-encore", "");
    without.scratch.file("d/no-setsid", "");
    let _running = without.start();
    assert_eq!(own(&without), (false, 20));
}

#[test]
fn a_directory_that_opts_in_has_its_supervise_obey_signals() {
    let service = Service::new(RUN);
    service.scratch.file("d/flag-encore", "");
    service.hook("stop", "echo stop >> events");
    let mut running = service.start();
    service.until_words("events", &["run"]);
    running.signal("TSTP");
    until("it is paused", || service.status().paused);
    running.signal("CONT");
    until("it goes on", || !service.status().paused);
    running.signal("TERM");
    assert_eq!(running.wait(), 0);
    assert_eq!(service.status().pid, 0);
    assert_eq!(service.words("events"), ["run", "stop"]);
}

#[test]
fn a_run_that_exits_with_100_has_failed_where_that_is_opted_in() {
    let script = "echo run >> events; exit 100";
    let service = Service::new(script);
    service.scratch.file("d/flag-encore", "");
    let _running = service.start();
    service.until_state(State::Failed);
    assert_eq!(service.status().want, Want::Down);
    assert_eq!(service.words("events"), ["run"]);
    let plain = Service::new(script);
    let _running = plain.start();
    until("it is started again", || plain.words("events").len() == 2);
}

#[test]
fn the_files_are_where_supervisedir_says() {
    let relative = Service::new(RUN);
    let _running = relative.start_with("SUPERVISEDIR", ".sv");
    until("it is up", || {
        fs::read(relative.scratch.join("d/.sv/status")).is_ok_and(|bytes| bytes.len() == 18)
    });
    assert!(!relative.scratch.join("d/supervise").exists());
    let absolute = Service::new(RUN);
    let base = absolute.scratch.join("base");
    fs::create_dir(&base).unwrap();
    let _running = absolute.start_with("SUPERVISEDIR", base.to_str().unwrap());
    let inner = absolute.scratch.join("d");
    let inner = inner.to_str().unwrap().trim_start_matches('/');
    let place = base.join(inner.replace('/', ":"));
    until("it is up", || place.join("ok").exists());
    assert!(!absolute.scratch.join("d/supervise").exists());
}

#[test]
fn a_signal_to_the_group_reaches_what_run_has_started() {
    let service = Service::new("sleep 1000 & echo $! > child; trap '' USR1; wait; exec sleep 1000");
    service.scratch.file("d/flag-encore", "");
    let _running = service.start();
    service.until_up();
    until("the child is there", || !service.words("child").is_empty());
    let child = service.words("child")[0].clone();
    service.send("+1");
    until("the child is gone", || {
        fs::read_to_string(format!("/proc/{child}/stat")).map_or(true, |stat| stat.contains(") Z"))
    });
    assert_ne!(service.status().pid, 0);
}

/// Neither a second copy beside it nor a lost one.
#[test]
fn a_hook_outlives_the_supervise_that_is_killed_and_is_waited_for() {
    for hook in ["start", "stop", "notify"] {
        let service = Service::new(RUN);
        dt_os::file::make_fifo(service.scratch.join("d/gate"), 0o600).unwrap();
        for name in ["start", "stop", "notify"] {
            let waits = if name == hook {
                "read x < gate; echo after >> hook"
            } else {
                ":"
            };
            service.hook(
                name,
                &format!(
                    "[ $# = 0 ] || [ $1-$2 = run-start ] || exit 0; echo $$ >> hook.{name}; {waits}"
                ),
            );
        }
        let mut first = service.start();
        if hook == "stop" {
            service.until_state(State::Running);
            service.send("d");
        }
        let file = format!("hook.{hook}");
        until("the hook runs", || service.words(&file).len() == 1);
        kill(&mut first);
        let _second = service.start();
        service.until_there();
        if hook != "notify" {
            // A child of the first that is not another program yet may hold the signs of
            // it too.
            until("it is shown", || {
                service.words(&file) == [service.status().pid.to_string()]
            });
        }
        fs::write(service.scratch.join("d/gate"), "x\n").unwrap();
        service.until_words("hook", &["after"]);
        match hook {
            // What became of it an older kernel tells only its parent: then it is gone
            // through again.
            "start" => {
                until("it is done, or gone through again", || {
                    service.file().state == Some(State::Running) || service.words(&file).len() == 2
                });
                if service.words(&file).len() == 2 {
                    fs::write(service.scratch.join("d/gate"), "x\n").unwrap();
                }
                service.until_state(State::Running);
            }
            "stop" => {
                until("it is down", || service.status().pid == 0);
                assert_eq!(service.file().state, Some(State::Stopped));
                assert_eq!(service.words(&file).len(), 1);
            }
            _ => {
                service.until_state(State::Running);
                service.send("dx");
                assert_eq!(service.words(&file).len(), 1);
            }
        }
    }
}

#[test]
fn an_older_supervise_that_could_not_read_the_record_is_not_become() {
    let service = Service::new(RUN);
    service.hook("stop", ":");
    // It knows only of version 1.
    service.scratch.script(
        "supervise",
        "#!/bin/sh\n[ \"$1\" = --takes-over=1 ] && exit 0\nexit 100\n",
    );
    let built = service.scratch.join("built");
    fs::create_dir(&built).unwrap();
    symlink(
        Suite::under_test().program("supervise"),
        built.join("supervise"),
    )
    .unwrap();
    let mut command = Suite::under_test().command("supervise", &service.scratch);
    let path = format!("{}:/usr/bin:/bin", service.scratch.path().display());
    command.arg("d").env("PATH", path);
    let errors = fs::File::create(service.scratch.join("errors")).unwrap();
    command.stderr(errors);
    let running = Running::start(&mut command, &service.scratch);
    let before = service.until_up();
    service.send("^");
    until("it says why not", || {
        service.errors().contains("cannot take over")
    });
    assert_eq!(service.status(), before);
    drop(running);
}
