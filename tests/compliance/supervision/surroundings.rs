//! What happens to a supervise whose files change under it, and where ours is
//! meant to do better.

use std::os::unix::fs::symlink;

use dt_testkit::until;

use crate::harness::{Case, check};
use crate::service::{self, Manners, Service, make_fifo, start_quietly, write_run};
use crate::supervision::startup::svstat_now;

/// What was said so far, each line once.
fn said(case: &mut Case) {
    let words = String::from_utf8(case.scratch.read("err")).unwrap();
    let mut lines: Vec<_> = words.lines().collect();
    lines.dedup();
    case.note(format!("  said: {lines:?}"));
}

/// How many services have been started and live.
fn copies(case: &Case) -> usize {
    let log = String::from_utf8(case.scratch.read("d/log")).unwrap();
    let started = log.lines().filter_map(|line| line.strip_prefix("ready "));
    let pids = started.map(|pid| pid.parse().unwrap());
    pids.filter(|pid| !matches!(service::state(*pid), None | Some('Z')))
        .count()
}

#[test]
fn supervise_directory_is_removed() {
    check("supervise_directory_is_removed", |case| {
        let service = Service::start(case, Manners::Dies, false);
        let first = service.pid();
        std::fs::remove_dir_all(case.scratch.join("d/supervise")).unwrap();
        case.run("svc", &["-u", "d"]);
        case.run("svok", &["d"]);
        svstat_nothing(case);
        service::signal(first, "KILL");
        until("it is started again", || {
            let log = String::from_utf8(case.scratch.read("d/log")).unwrap();
            log.lines().count() == 2
        });
        said(case);
    });
}

/// The whole directory goes; the service is started again and again in vain.
#[test]
fn service_directory_is_removed() {
    check("service_directory_is_removed", |case| {
        let mut service = Service::start(case, Manners::Dies, false);
        std::fs::remove_dir_all(case.scratch.join("d")).unwrap();
        for program in ["svc", "svok", "svstat"] {
            case.run(program, &["d"]);
        }
        let pid = service.first_pid();
        service::signal(pid, "KILL");
        let errors = case.scratch.join("err");
        until("it has been tried twice, or given up", || {
            let words = std::fs::read_to_string(&errors).unwrap_or_default();
            words.matches("unable to start").count() >= 2 || service.process().ended().is_some()
        });
        let words = std::fs::read_to_string(&errors).unwrap();
        let mut lines: Vec<_> = words.lines().collect();
        lines.sort_unstable();
        lines.dedup();
        case.note(format!("  said: {lines:?}"));
    });
}

fn svstat_nothing(case: &mut Case) {
    case.run("svstat", &["d"]);
}

#[test]
fn control_is_replaced() {
    check("control_is_replaced", |case| {
        let service = Service::start(case, Manners::Dies, false);
        let control = case.scratch.join("d/supervise/control");
        std::fs::remove_file(&control).unwrap();
        case.run("svc", &["-d", "d"]);
        make_fifo(&control);
        case.run("svc", &["-d", "d"]);
        svstat_now(case, &service);
    });
}

#[test]
fn status_cannot_be_renamed() {
    check("status_cannot_be_renamed", |case| {
        write_run(case, Manners::Dies);
        case.scratch.file("d/down", "");
        case.scratch.directory("d/supervise/status/full");
        let mut running = start_quietly(
            case,
            case.suite.command("supervise", &case.scratch).arg("d"),
        );
        until("it can be controlled", || {
            case.suite.run("svok", &["d"], &case.scratch).code == 0
        });
        case.run("svc", &["-x", "d"]);
        case.note(format!("exit {}", running.wait()));
        said(case);
    });
}

#[test]
fn status_new_is_a_directory() {
    check("status_new_is_a_directory", |case| {
        case.scratch.file("d/down", "");
        case.scratch.directory("d/supervise/status.new/full");
        let mut running = start_quietly(
            case,
            case.suite.command("supervise", &case.scratch).arg("d"),
        );
        until("it can be controlled", || {
            case.suite.run("svok", &["d"], &case.scratch).code == 0
        });
        svstat_nothing(case);
        case.run("svc", &["-x", "d"]);
        case.note(format!("exit {}", running.wait()));
        said(case);
    });
}

#[test]
fn status_new_is_a_link() {
    check("status_new_is_a_link", |case| {
        case.scratch.file("victim", "precious");
        case.scratch.directory("d/supervise");
        symlink("../../victim", case.scratch.join("d/supervise/status.new")).unwrap();
        let mut service = Service::start(case, Manners::Dies, false);
        service.send(b"dx");
        let precious = case.scratch.read("victim") == b"precious";
        case.note(format!("what the link pointed to is unharmed: {precious}"));
    });
}

#[test]
fn control_is_a_plain_file() {
    check("control_is_a_plain_file", |case| {
        case.scratch.file("d/down", "");
        case.scratch.file("d/supervise/control", "x");
        let mut running = start_quietly(
            case,
            case.suite.command("supervise", &case.scratch).arg("d"),
        );
        case.note(format!("exit {}", running.wait()));
        said(case);
    });
}

#[test]
fn standard_descriptors_are_closed() {
    check("standard_descriptors_are_closed", |case| {
        case.scratch.directory("d");
        let mut command = case.shell_command("exec supervise d 0<&- 1>&- 2>&-");
        let mut running = start_quietly(case, &mut command);
        until("it can be controlled", || {
            case.suite.run("svok", &["d"], &case.scratch).code == 0
        });
        case.run("svc", &["-dx", "d"]);
        case.note(format!("exit {}", running.wait()));
        let lock = case.scratch.read("d/supervise/lock");
        let spoilt = lock.windows(5).any(|some| some == b"fatal");
        case.note(format!("messages in the lock: {spoilt}"));
    });
}

/// Supervise is killed and another started; the service is still there.
#[test]
fn supervise_is_killed_and_started_again() {
    check("supervise_is_killed_and_started_again", |case| {
        let mut first = Service::start(case, Manners::Dies, false);
        first.process().signal("KILL");
        first.process().wait();
        let second = Service::supervise(case, &case.suite.clone());
        assert_ne!(second.pid(), 0);
        case.note(format!("copies of the service: {}", copies(case)));
    });
}

#[test]
fn supervise_directory_is_removed_and_another_supervise_started() {
    let name = "supervise_directory_is_removed_and_another_supervise_started";
    check(name, |case| {
        let _first = Service::start(case, Manners::Dies, false);
        std::fs::remove_dir_all(case.scratch.join("d/supervise")).unwrap();
        let mut command = case.suite.command("supervise", &case.scratch);
        let mut second = start_quietly(case, command.arg("d"));
        let ended = dt_testkit::until_some("it starts or ends", || {
            let log = String::from_utf8(case.scratch.read("d/log")).unwrap();
            second
                .ended()
                .map(Some)
                .or((log.lines().count() == 2).then_some(None))
        });
        case.note(format!("the second's exit: {ended:?}"));
        case.note(format!("copies of the service: {}", copies(case)));
    });
}

/// Five commands to a service that dies at once.
#[test]
fn commands_to_a_crash_loop() {
    check("commands_to_a_crash_loop", |case| {
        case.scratch.script("d/run", "#!/bin/sh\necho >>starts\n");
        let mut command = case.suite.command("supervise", &case.scratch);
        let mut running = start_quietly(case, command.arg("d"));
        let file = case.scratch.join("d/starts");
        let starts = || std::fs::read(&file).unwrap_or_default().len();
        until("it is started", || starts() > 0);
        let before = starts();
        case.run("svc", &["-haitdx", "d"]);
        case.note(format!("exit {}", running.wait()));
        let delayed = starts() - before > 3;
        case.note(format!("one byte for each restart: {delayed}"));
    });
}
