//! What the files of a service directory have `supervise` do.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[expect(dead_code, reason = "others of these tests use it all")]
mod kit;

use std::fs;
use std::time::Duration;

use dt_service::Want;
use dt_service::deaths::{self, Death, Ending, Role};
use dt_service::details::{Details, Reason, State};
use dt_testkit::{Running, Suite, until};
use kit::Service;

/// Notes each copy, and lives on as one process.
const RUN: &str = "echo run >> events; exec sleep 1000";

impl Service {
    fn hook(&self, name: &str, script: &str) {
        self.scratch
            .script(format!("d/{name}"), format!("#!/bin/sh\n{script}\n"));
    }

    fn setting(&self, name: &str, value: &str) {
        self.scratch.file(format!("d/{name}"), value);
    }

    #[track_caller]
    fn until_words(&self, name: &str, words: &[&str]) {
        until("the file says what is expected", || {
            self.words(name) == words
        });
    }

    fn details(&self) -> Option<Details> {
        let file = fs::read(self.scratch.join("d/supervise/details")).ok()?;
        Details::decode(&file)
    }

    #[track_caller]
    fn until_detail(&self, state: State, reason: Reason) {
        until("the details are as expected", || {
            self.details()
                .is_some_and(|details| (details.state, details.reason) == (state, reason))
        });
    }

    fn deaths(&self) -> Vec<Death> {
        let file = fs::read(self.scratch.join("d/supervise/deaths")).unwrap_or_default();
        let deaths = deaths::read(&file);
        deaths.into_iter().map(|(_, death)| death).collect()
    }
}

/// A second service in the same scan directory, `e`; whoever needs one is `d`.
fn other(service: &Service, script: &str) {
    let script = format!("#!/bin/sh\n{script}\n");
    service.scratch.script("e/run", script);
}

fn start_other(service: &Service) -> Running {
    let mut command = Suite::under_test().command("supervise", &service.scratch);
    Running::start(command.arg("e"), &service.scratch)
}

fn kill(running: &mut Running) {
    running.signal("KILL");
    running.wait();
}

/// Has died: that it has no process could also be because it has not got one yet.
fn until_dead(service: &Service) {
    until("it is dead", || {
        !service.deaths().is_empty() && service.status().pid == 0
    });
}

/// Deaf to TERM.
const DEAF: &str = "trap '' TERM; echo run >> events; while :; do sleep 1000; done";

#[test]
fn a_service_that_does_not_end_is_killed_after_timeout_kill() {
    let service = Service::new(DEAF);
    service.setting("timeout-kill", "100ms");
    let _running = service.start();
    service.until_words("events", &["run"]);
    service.send("d");
    until_dead(&service);
    assert_eq!(service.deaths()[0].ending, Ending::Signal(9));
    assert_eq!(service.status().want, Want::Down);
}

#[test]
fn the_kill_outlives_the_supervise_that_was_to_send_it() {
    let service = Service::new(DEAF);
    service.setting("timeout-kill", "2s");
    let mut first = service.start();
    service.until_words("events", &["run"]);
    service.send("d");
    until("it is told", || service.status().want == Want::Down);
    kill(&mut first);
    let _second = service.start();
    service.until_there();
    until_dead(&service);
}

#[test]
fn down_signal_names_the_signals_and_the_waits_between_them() {
    let service = Service::new(
        "trap 'echo quit >> events' QUIT; trap 'echo int >> events; exit' INT; trap '' TERM\n\
         echo run >> events; while :; do sleep 0.05; done",
    );
    service.setting("down-signal", "QUIT 1s TERM 1s INT");
    let _running = service.start();
    service.until_words("events", &["run"]);
    service.send("d");
    until_dead(&service);
    assert_eq!(service.words("events"), ["run", "quit", "int"]);
}

#[test]
fn a_reload_sends_the_reload_signal() {
    let service = Service::new(
        "trap 'echo read >> events' USR2; echo run >> events; while :; do sleep 0.05; done",
    );
    service.setting("reload-signal", "usr2");
    let _running = service.start();
    service.until_words("events", &["run"]);
    service.send("@");
    service.until_words("events", &["run", "read"]);
}

#[test]
fn finish_is_told_how_run_ended_and_goes_before_the_next() {
    let service = Service::new("echo run >> events; exit 7");
    service.hook("finish", "echo \"$1-$2-$3-$#\" >> events");
    let _running = service.start();
    until("it has gone round", || service.words("events").len() >= 4);
    let events = service.words("events");
    assert_eq!(events[..4], ["run", "7-0-d-4", "run", "7-0-d-4"]);
    let runit = Service::new(RUN);
    runit.hook("finish", "echo \"$1-$2-$#\" >> events");
    runit.setting("flag-finish-runit", "");
    let _running = runit.start();
    runit.until_words("events", &["run"]);
    runit.send("d");
    runit.until_words("events", &["run", "-1-15-2"]);
}

#[test]
fn a_finish_that_exits_with_125_keeps_the_service_down() {
    let service = Service::new("echo run >> events; exit 7");
    service.hook("finish", "exit 125");
    let _running = service.start();
    service.until_detail(State::Stopped, Reason::FinishSaidSo);
    assert_eq!(service.words("events"), ["run"]);
    until("the status says so", || service.status().want == Want::Down);
}

#[test]
fn a_finish_that_takes_too_long_is_killed() {
    let service = Service::new(RUN);
    service.hook("finish", "echo finish >> events; exec sleep 1000");
    service.setting("timeout-finish", "100ms");
    let _running = service.start();
    service.until_words("events", &["run"]);
    service.send("d");
    until("finish is recorded", || service.deaths().len() == 2);
    let roles: Vec<_> = service.deaths().iter().map(|death| death.role).collect();
    assert_eq!(roles, [Role::Run, Role::Finish]);
    assert_eq!(service.deaths()[1].ending, Ending::Signal(9));
    until("it is down", || service.status().pid == 0);
}

#[test]
fn a_finish_that_runs_outlives_its_supervise_and_is_not_run_twice() {
    let service = Service::new(RUN);
    service.hook("finish", "echo finish >> events; read x < gate");
    service.setting("timeout-finish", "1m");
    dt_os::file::make_fifo(service.scratch.join("d/gate"), 0o600).unwrap();
    let mut first = service.start();
    service.until_words("events", &["run"]);
    service.send("k");
    service.until_words("events", &["run", "finish"]);
    kill(&mut first);
    let _second = service.start();
    service.until_there();
    fs::write(service.scratch.join("d/gate"), "x\n").unwrap();
    service.until_words("events", &["run", "finish", "run"]);
}

#[test]
fn restart_says_after_which_deaths_it_is_started_again() {
    let service = Service::new("echo run >> events; exit 0");
    service.setting("restart", "on-failure");
    let _running = service.start();
    service.until_detail(State::Stopped, Reason::NoRestart);
    assert_eq!(service.words("events"), ["run"]);
    let failing = Service::new("echo run >> events; exit 1");
    failing.setting("restart", "on-failure");
    let _running = failing.start();
    failing.until_words("events", &["run", "run"]);
}

#[test]
fn too_many_starts_are_failure_until_it_is_tried_again() {
    let service = Service::new("echo run >> events; exit 1");
    service.setting("start-limit", "3 60s");
    service.setting("restart-delay", "10ms");
    let _running = service.start();
    service.until_detail(State::Failed, Reason::StartLimit);
    assert_eq!(service.words("events"), ["run"; 3]);
    // Once they were 0, for the count begins anew.
    let details = service.details().unwrap();
    assert_eq!(details.recent_deaths, 3);
    assert_eq!(details.death_window, Duration::from_mins(1));
    until("the status says so", || service.status().want == Want::Down);
    service.setting("retry-after", "50ms");
    service.send("u");
    until("it is tried again and again", || {
        service.words("events").len() > 7
    });
}

#[test]
fn the_delay_grows_and_details_tell_of_it() {
    let service = Service::new("exit 1");
    service.setting("restart-delay", "50ms");
    service.setting("restart-delay-max", "20s");
    let _running = service.start();
    service.until_detail(State::Waiting, Reason::Backoff);
    let details = service.details().unwrap();
    assert!(details.until.is_some() && details.deaths > 0, "{details:?}");
}

/// A first death was told to wait for the pause that is before every start.
#[test]
fn a_restart_delay_is_told_from_the_pause_before_every_start() {
    let delayed = Service::new("exit 1");
    delayed.setting("restart-delay", "1h");
    let _running = delayed.start();
    delayed.until_detail(State::Waiting, Reason::Backoff);
    let spaced = Service::new("exit 1");
    spaced.setting("restart", "always");
    let _running = spaced.start();
    spaced.until_detail(State::Waiting, Reason::Spacing);
}

#[test]
fn each_death_is_on_record_also_in_a_plain_directory() {
    let service = Service::new("[ -e died ] && exec sleep 1000; : > died; exit 3");
    let _running = service.start();
    until("it has died", || service.deaths().len() == 1);
    let death = service.deaths()[0];
    assert_eq!((death.role, death.ending), (Role::Run, Ending::Code(3)));
    assert!(death.peak_memory > 0, "{death:?}");
    service.until_up();
    assert!(service.details().is_none(), "details of a plain directory");
}

#[test]
fn no_more_deaths_are_kept_than_max_death_tally_says() {
    let service = Service::new("echo run >> events; exit 3");
    service.setting("max-death-tally", "2");
    service.setting("restart-delay", "10ms");
    let _running = service.start();
    until("it has died often", || service.words("events").len() > 5);
    assert_eq!(service.deaths().len(), 2);
    let none = Service::new("echo run >> events; exit 3");
    none.setting("max-death-tally", "0");
    let _running = none.start();
    until("it has died", || none.words("events").len() > 1);
    assert!(none.deaths().is_empty());
}

#[test]
fn a_value_without_sense_is_told_once_and_leaves_the_default() {
    let service = Service::new(RUN);
    service.setting("timeout-kill", "soon");
    let _running = service.start();
    service.until_words("events", &["run"]);
    service.send("h");
    service.send("t");
    service.until_words("events", &["run", "run"]);
    let said = service.errors();
    assert_eq!(
        said.matches("supervise: warning: d/timeout-kill: ").count(),
        1,
        "{said}"
    );
    assert!(said.contains(": using never\n"), "{said}");
}

#[test]
fn a_service_says_on_notification_fd_that_it_is_ready() {
    let service = Service::new("read x < gate; echo yes >&4; echo run >> events; exec sleep 1000");
    dt_os::file::make_fifo(service.scratch.join("d/gate"), 0o600).unwrap();
    service.setting("notification-fd", "4");
    let mut first = service.start();
    service.until_detail(State::Starting, Reason::None);
    service.until_up();
    assert_eq!(service.details().unwrap().ready, None);
    // A supervise that is killed meanwhile does not make it deaf.
    kill(&mut first);
    let mut second = service.start();
    service.until_there();
    fs::write(service.scratch.join("d/gate"), "x\n").unwrap();
    service.until_detail(State::Running, Reason::None);
    assert!(service.details().unwrap().ready.is_some());
    kill(&mut second);
    let _third = service.start();
    service.until_there();
    assert!(service.details().unwrap().ready.is_some(), "forgets it");
    service.send("k");
    until("another one is not ready", || {
        service.details().unwrap().ready.is_none()
    });
}

/// Nobody keeps anything for supervise here.
#[test]
fn who_says_that_it_is_ready_to_nobody_meets_no_broken_pipe_and_is_heard_later() {
    let script = "read x < gate; echo yes >&4 && echo said >> events; exec sleep 1000";
    let service = Service::new(script);
    dt_os::file::make_fifo(service.scratch.join("d/gate"), 0o600).unwrap();
    service.setting("notification-fd", "4");
    let mut first = service.start();
    service.until_up();
    kill(&mut first);
    fs::write(service.scratch.join("d/gate"), "x\n").unwrap();
    service.until_words("events", &["said"]);
    let _second = service.start();
    service.until_detail(State::Running, Reason::None);
    assert!(service.details().unwrap().ready.is_some());
    assert_eq!(service.errors(), "");
}

/// It is not read any more then.
#[test]
fn who_goes_on_to_say_that_it_is_ready_is_not_kept_waiting() {
    let script = "echo run >> events; exec perl -e '
        open(my $ready, \">&=\", 4) or die; syswrite($ready, \"\\n\");
        1 while syswrite($ready, \"x\" x 4096);
        my $why = $!{EAGAIN} ? \"full\" : \"$!\";
        open(my $said, \">>\", \"events\"); syswrite($said, $why);
        close($said); sleep 1000'";
    let perl = std::process::Command::new("perl")
        .args(["-e", "0"])
        .status();
    if !perl.is_ok_and(|status| status.success()) {
        return;
    }
    let service = Service::new(script);
    service.setting("notification-fd", "4");
    let _running = service.start();
    service.until_words("events", &["run", "full"]);
    service.until_detail(State::Running, Reason::None);
}

#[test]
fn a_service_that_is_not_ready_in_time_is_stopped_and_started_again() {
    let service = Service::new("echo run >> events; exec sleep 1000");
    service.setting("notification-fd", "5");
    service.setting("timeout-up", "100ms");
    service.setting("restart-delay", "10ms");
    let _running = service.start();
    until("it is started again", || service.words("events").len() > 1);
    assert_eq!(service.deaths()[0].ending, Ending::Signal(15));
}

#[test]
fn a_service_starts_when_what_it_needs_is_ready() {
    let service = Service::new(RUN);
    service.setting("dependencies.d/e", "");
    other(&service, "read x < gate; echo yes >&4; exec sleep 1000");
    service.setting("../e/notification-fd", "4");
    dt_os::file::make_fifo(service.scratch.join("e/gate"), 0o600).unwrap();
    let mut first = service.start();
    service.until_detail(State::Waiting, Reason::Dependency);
    assert_eq!(service.details().unwrap().about.as_bytes(), b"e");
    let _other = start_other(&service);
    // Another supervise waits as the one before it.
    kill(&mut first);
    let second = service.start();
    service.until_detail(State::Waiting, Reason::Dependency);
    service.send("^");
    let name = format!("/proc/{}/cmdline", second.pid());
    until("it is replaced", || {
        String::from_utf8_lossy(&fs::read(&name).unwrap()).contains("--takes-over=")
    });
    service.until_detail(State::Waiting, Reason::Dependency);
    assert!(service.words("events").is_empty());
    fs::write(service.scratch.join("e/gate"), "x\n").unwrap();
    service.until_words("events", &["run"]);
    assert_eq!(service.errors(), "");
}

#[test]
fn the_original_s_service_is_ready_when_it_is_up() {
    let service = Service::new(RUN);
    service.setting("waits-for.d/e", "");
    other(&service, "exec sleep 1000");
    let _running = service.start();
    service.until_detail(State::Waiting, Reason::Dependency);
    let original = Suite::original_for("the_original_s_service_is_ready_when_it_is_up");
    let suite = original.unwrap_or_else(Suite::under_test);
    let mut command = suite.command("supervise", &service.scratch);
    let _other = Running::start(command.arg("e"), &service.scratch);
    service.until_words("events", &["run"]);
}

#[test]
fn a_final_failure_of_what_it_needs_is_its_own_but_not_of_what_it_waits_for() {
    for (directory, ends) in [("dependencies.d", false), ("waits-for.d", true)] {
        let service = Service::new(RUN);
        service.setting(&format!("{directory}/e"), "");
        // Ready it never is; without this it would be, for the instant that it is up.
        other(&service, "exit 1");
        service.setting("../e/notification-fd", "3");
        service.setting("../e/start-limit", "1 60s");
        let _other = start_other(&service);
        let _running = service.start();
        if ends {
            service.until_words("events", &["run"]);
        } else {
            service.until_detail(State::Failed, Reason::Dependency);
            assert!(service.words("events").is_empty());
            assert_eq!(service.errors().matches("d needs e").count(), 1);
        }
    }
}

#[test]
fn what_is_not_there_and_what_goes_in_a_circle_is_told_and_never_waited_for() {
    let missing = Service::new(RUN);
    missing.setting("dependencies.d/nobody", "");
    let _running = missing.start();
    missing.until_detail(State::Failed, Reason::Dependency);
    assert_eq!(missing.errors().matches("d needs nobody").count(), 1);
    let wished = Service::new(RUN);
    wished.setting("waits-for.d/nobody", "");
    let _running = wished.start();
    wished.until_words("events", &["run"]);
    let ring = Service::new(RUN);
    ring.setting("dependencies.d/e", "");
    other(&ring, "exec sleep 1000");
    ring.setting("../e/dependencies.d/d", "");
    let _running = ring.start();
    ring.until_detail(State::Failed, Reason::Cycle);
    assert_eq!(ring.errors().matches("d needs e").count(), 1);
}
