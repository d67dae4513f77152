//! Supervise becomes the program that is installed now.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[expect(dead_code, reason = "others of these tests use it all")]
mod kit;

use std::fs::{self, File};
use std::process::Command;

use dt_service::Want;
use dt_service::details::Details;
use dt_testkit::{Running, Suite, until};
use kit::Service;

const RUN: &str = "echo $$ >> log; exec sleep 1000";

/// Installs a copy of supervise, in the place of one that may be there.
fn install(service: &Service) {
    let program = Suite::under_test().program("supervise");
    let new = service.scratch.program(program, "supervise.new");
    fs::rename(new, service.scratch.join("supervise")).unwrap();
}

/// Starts the installed one, found along `PATH` or by its place.
fn start(service: &Service, name: &str) -> Running {
    let errors = File::options()
        .append(true)
        .open(service.scratch.join("errors"));
    let path = format!("{}:/bin:/usr/bin", service.scratch.path().display());
    // env(1) keeps the name as it is looked for.
    let mut command = Command::new("env");
    command
        .args([&format!("PATH={path}"), name, "d"])
        .current_dir(service.scratch.path())
        .stderr(errors.unwrap());
    Running::start(&mut command, &service.scratch)
}

/// Whether `running` runs what is installed now.
fn runs_installed(service: &Service, running: &Running) -> bool {
    let place = fs::read_link(format!("/proc/{}/exe", running.pid()));
    place.is_ok_and(|place| place == service.scratch.join("supervise"))
}

#[test]
fn an_upgrade_keeps_the_process_ids_and_all_that_was_wished() {
    for name in ["supervise", "./supervise"] {
        let service = Service::new(RUN);
        install(&service);
        let mut running = start(&service, name);
        let before = service.until_up();
        until("the service runs", || service.words("log").len() == 1);
        service.send("p");
        until("it is paused", || service.status().paused);
        install(&service);
        assert!(!runs_installed(&service, &running));
        // What comes after it in the FIFO is not lost.
        service.send("^");
        until("it is the new one", || runs_installed(&service, &running));
        service.send("c");
        until("it goes on", || !service.status().paused);
        assert_eq!(service.status(), before, "pid, since when and wish");
        assert_eq!(running.ended(), None);
        service.send("k");
        until("a death is seen", || service.words("log").len() == 2);
        service.send("d");
        until("it is down", || service.status().pid == 0);
        // Down, too, it stays as it was wished.
        install(&service);
        service.send("^");
        until("it is the newest one", || {
            runs_installed(&service, &running)
        });
        service.until_there();
        assert_eq!(service.status().want, Want::Down);
        let open = fs::read_dir(format!("/proc/{}/fd", running.pid())).unwrap();
        assert!(open.count() < 16, "descriptors are left open");
        service.send("u");
        until("it is up", || service.words("log").len() == 3);
        service.send("dx");
        assert_eq!(running.wait(), 0);
        assert_eq!(service.errors(), "");
    }
}

/// Whether a child of `parent` has ended and was not reaped.
fn has_dead_child(parent: u32) -> bool {
    let pids = fs::read_dir("/proc").unwrap().flatten();
    let stats = pids.filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok());
    let dead = format!(" Z {parent} ");
    let mut facts = stats.filter_map(|stat| Some(stat.rsplit_once(')')?.1.to_owned()));
    facts.any(|facts| facts.starts_with(&dead))
}

/// The end of the pipe on which the service says so was closed, and not found again.
#[test]
fn readiness_that_is_said_and_done_with_during_an_upgrade_is_not_lost() {
    let script = "read -r x < gate; echo yes >&4; exec 4>&-; echo said >> log; exec sleep 1000";
    let service = Service::new(script);
    service.scratch.file("d/notification-fd", "4");
    for name in ["d/gate", "d/answer"] {
        dt_os::file::make_fifo(service.scratch.join(name), 0o600).unwrap();
    }
    install(&service);
    let running = start(&service, "supervise");
    service.until_up();
    let real = Suite::under_test().program("supervise");
    let asked = "if [ \"$2\" = '?' ]; then : > asked; read -r x < answer; fi";
    let wrapper = format!("#!/bin/sh\n{asked}\nexec {} \"$@\"\n", real.display());
    service.scratch.script("supervise.new", wrapper);
    let place = service.scratch.join("supervise");
    fs::rename(service.scratch.join("supervise.new"), place).unwrap();
    service.send("^");
    until("the new one is asked", || {
        service.scratch.join("d/asked").exists()
    });
    running.signal("STOP");
    fs::write(service.scratch.join("d/answer"), "x\n").unwrap();
    until("it has answered", || has_dead_child(running.pid()));
    fs::write(service.scratch.join("d/gate"), "x\n").unwrap();
    until("it is said", || service.words("log") == ["said"]);
    running.signal("CONT");
    until("the new one knows it", || {
        let details = fs::read(service.scratch.join("d/supervise/details")).unwrap();
        let details = Details::decode(&details).unwrap();
        details.ready.is_some()
    });
    let cmdline = fs::read(format!("/proc/{}/cmdline", running.pid())).unwrap();
    assert!(String::from_utf8_lossy(&cmdline).contains("--takes-over="));
    assert_eq!(service.errors(), "");
}

#[test]
fn a_new_program_that_cannot_take_over_is_not_become() {
    let service = Service::new(RUN);
    install(&service);
    let mut running = start(&service, "./supervise");
    let before = service.until_up();
    // As the original does when it is asked.
    service
        .scratch
        .script("supervise.new", "#!/bin/sh\nexit 100\n");
    let place = service.scratch.join("supervise");
    fs::rename(service.scratch.join("supervise.new"), &place).unwrap();
    service.send("^");
    let cannot = "supervise: warning: the supervise now installed cannot take over for d\n";
    until("it says so", || service.errors() == cannot);
    fs::remove_file(&place).unwrap();
    service.send("^");
    let missing = "supervise: warning: unable to start supervise anew for d: file does not exist\n";
    let all = [cannot, missing, cannot].concat();
    until("it says so", || service.errors() == all);
    assert_eq!(service.status(), before);
    service.send("dx");
    assert_eq!(running.wait(), 0);
}

#[test]
fn what_an_upgrade_is_asked_and_told_is_nothing_to_the_original() {
    let service = Service::new(RUN);
    let run =
        |arguments: &[&str]| Suite::under_test().run("supervise", arguments, &service.scratch);
    let code = if Suite::under_test().is_original() {
        100
    } else {
        0
    };
    assert_eq!(run(&["--takes-over=1", "?"]).code, code);
    for arguments in [
        &["--takes-over=0", "?"][..],
        &["d", "--takes-over=2", "3,4,5"],
        &["d", "--takes-over=1", "3,4"],
        &["d", "--takes-over=1", "0,1,2"],
        &["d", "--takes-over=1", "77,78,79"],
        &["d", "--takes-over=1", "x"],
    ] {
        assert_eq!(run(arguments).code, 100, "{arguments:?}");
    }
}
