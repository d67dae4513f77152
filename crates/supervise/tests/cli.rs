//! Usage, messages and exit codes of `supervise`, and what it does to real
//! processes. `DAEMONTOOLS_UNDER_TEST=/usr/bin` runs the original.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[expect(dead_code, reason = "others of these tests use it all")]
mod kit;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};

use dt_os::file::{self, How};
use dt_service::Want;
use dt_testkit::{Outcome, Scratch, Suite, until};
use kit::Service;

/// What there is in `supervise/`; the original has no record.
fn files() -> Vec<&'static str> {
    let all = ["control", "lock", "ok", "record", "status"];
    let original = Suite::under_test().is_original();
    let known = all
        .into_iter()
        .filter(|name| !original || *name != "record");
    known.collect()
}

fn run(scratch: &Scratch, arguments: &[&str]) -> Outcome {
    Suite::under_test().run("supervise", arguments, scratch)
}

#[test]
fn exactly_one_argument_is_wanted_and_none_is_an_option() {
    let usage = Outcome::fails(100, "supervise: usage: supervise dir\n");
    let scratch = Scratch::new();
    for arguments in [&[][..], &["a", "b"], &["--", "d"]] {
        assert_eq!(run(&scratch, arguments), usage, "{arguments:?}");
    }
}

#[test]
fn a_directory_that_cannot_be_entered_is_named_as_it_was_given() {
    let scratch = Scratch::new();
    scratch.file("file", "");
    for (name, why) in [
        ("no//such", "file does not exist"),
        ("", "file does not exist"),
        ("file", "not a directory"),
        ("--help", "file does not exist"),
    ] {
        let line = format!("supervise: fatal: unable to chdir to {name}: {why}\n");
        assert_eq!(run(&scratch, &[name]), Outcome::fails(111, line));
    }
}

#[test]
fn a_name_is_printed_byte_for_byte() {
    let name = OsString::from_vec(b"\xffno\nsuch".to_vec());
    let outcome = Suite::under_test().run("supervise", &[name], &Scratch::new());
    let line = b"supervise: fatal: unable to chdir to \xffno\nsuch: file does not exist\n";
    assert_eq!(outcome, Outcome::fails(111, line));
}

#[test]
fn a_down_file_that_cannot_be_looked_at_is_fatal() {
    let scratch = Scratch::new();
    scratch.directory("d");
    symlink("down", scratch.join("d/down")).unwrap();
    let line = "supervise: fatal: unable to stat d/down: symbolic link loop\n";
    assert_eq!(run(&scratch, &["d"]), Outcome::fails(111, line));
}

#[test]
fn a_second_supervise_is_refused_by_the_lock() {
    let scratch = Scratch::new();
    let held = scratch.file("d/supervise/lock", "");
    let held = How::WRITE.open(held).unwrap();
    file::lock_exclusive(&held, false).unwrap();
    let line = "supervise: fatal: unable to acquire d//supervise/lock: temporary failure\n";
    assert_eq!(run(&scratch, &["d/"]), Outcome::fails(111, line));
}

#[test]
fn what_is_not_usable_in_the_directory_is_fatal() {
    let scratch = Scratch::new();
    scratch.file("a/supervise", "");
    scratch.directory("c/supervise/control");
    let fatal = |what: &str| Outcome::fails(111, format!("supervise: fatal: unable to {what}\n"));
    assert_eq!(
        run(&scratch, &["a"]),
        fatal("acquire a/supervise/lock: not a directory")
    );
    assert_eq!(
        run(&scratch, &["c"]),
        fatal("write c/supervise/control: is a directory")
    );
}

/// The original reads it as commands and then never rests.
#[test]
fn a_control_that_is_a_file_is_refused() {
    if Suite::under_test().is_original() {
        return;
    }
    let scratch = Scratch::new();
    scratch.file("d/supervise/control", "x");
    let line = "supervise: fatal: unable to read d/supervise/control: not a stream device\n";
    assert_eq!(run(&scratch, &["d"]), Outcome::fails(111, line));
}

/// The original makes or opens whatever the link points to.
#[test]
fn a_lock_that_is_a_link_is_refused() {
    if Suite::under_test().is_original() {
        return;
    }
    let scratch = Scratch::new();
    scratch.directory("d/supervise");
    symlink("../../victim", scratch.join("d/supervise/lock")).unwrap();
    let line = "supervise: fatal: unable to acquire d/supervise/lock: symbolic link loop\n";
    assert_eq!(run(&scratch, &["d"]), Outcome::fails(111, line));
    assert!(!scratch.join("victim").exists());
}

#[test]
fn a_link_to_a_missing_directory_has_that_directory_made() {
    let service = Service::new("exec sleep 1000");
    let scratch = &service.scratch;
    symlink("../state", scratch.join("d/supervise")).unwrap();
    let mut running = service.start();
    service.until_up();
    let mode = fs::metadata(scratch.join("state")).unwrap().permissions();
    assert_eq!(mode.mode() & 0o7777, 0o700);
    service.send("dx");
    assert_eq!(running.wait(), 0);
}

#[test]
fn a_link_whose_directory_cannot_be_made_ends_at_the_lock() {
    let scratch = Scratch::new();
    scratch.directory("d");
    symlink("../no/such", scratch.join("d/supervise")).unwrap();
    let line = "supervise: fatal: unable to acquire d/supervise/lock: file does not exist\n";
    assert_eq!(run(&scratch, &["d"]), Outcome::fails(111, line));
}

#[test]
fn the_files_have_the_types_and_modes_that_others_know() {
    let service = Service::new("exec sleep 1000");
    let _running = service.start();
    service.until_up();
    let scratch = &service.scratch;
    assert_eq!(scratch.names("d/supervise"), files());
    for (name, mode, fifo) in [
        ("control", 0o600, true),
        ("ok", 0o600, true),
        ("lock", 0o600, false),
        ("status", 0o644, false),
    ] {
        let metadata = fs::metadata(scratch.join("d/supervise").join(name)).unwrap();
        let found = (
            metadata.permissions().mode() & 0o7777,
            metadata.file_type().is_fifo(),
        );
        assert_eq!(found, (mode, fifo), "{name}");
    }
    assert_eq!(scratch.read("d/supervise/lock"), b"");
    assert_eq!(scratch.read("d/supervise/status").len(), 18);
}

#[test]
fn the_status_names_the_process_the_time_and_the_wish() {
    let service = Service::new("echo $$ > pid; exec sleep 1000");
    let _running = service.start();
    let status = service.until_up();
    until("the service tells its pid", || {
        service.words("pid").len() == 1
    });
    assert_eq!(service.words("pid"), [status.pid.to_string()]);
    assert_eq!((status.paused, status.want), (false, Want::Up));
    assert_eq!(status.nanos % 1000, 500, "microseconds and a half");
    let now = dt_os::clock::UnixTime::now().secs;
    let age = now - dt_tai::unix_seconds(dt_tai::Tai64N(dt_tai::Tai64(status.seconds), 0));
    assert!((0..60).contains(&age), "{age} seconds old");
}

#[test]
fn a_service_that_dies_is_started_again_and_told_to_stop_it_stays_down() {
    let service = Service::new("echo up >> log; exec sleep 1000");
    let _running = service.start();
    let starts = |number| {
        until("it was started as often as wanted", || {
            service.words("log").len() == number
        });
        service.until_up()
    };
    starts(1);
    service.send("k");
    starts(2);
    service.send("d");
    until("it is down", || service.status().pid == 0);
    assert_eq!(service.status().want, Want::Down);
    service.send("o");
    assert_eq!(starts(3).want, Want::Neither);
    service.send("k");
    until("it is down", || service.status().pid == 0);
    service.send("u");
    assert_eq!(starts(4).want, Want::Up);
}

#[test]
fn a_down_file_keeps_it_from_starting_and_is_looked_at_once() {
    let service = Service::new("exec sleep 1000");
    service.scratch.file("d/down", "");
    let mut running = service.start();
    service.until_there();
    assert_eq!(
        (service.status().pid, service.status().want),
        (0, Want::Down)
    );
    service.send("u");
    service.until_up();
    service.send("dx");
    assert_eq!(running.wait(), 0);
}

#[test]
fn a_dangling_link_named_down_is_no_down_file() {
    let service = Service::new("exec sleep 1000");
    symlink("nowhere", service.scratch.join("d/down")).unwrap();
    let _running = service.start();
    service.until_up();
}

#[test]
fn each_signal_letter_sends_its_signal_to_the_one_process() {
    let traps = ["HUP", "ALRM", "INT", "TERM"]
        .map(|name| format!("trap 'echo {name} >> log' {name}\n"))
        .concat();
    let service = Service::new(&format!(
        "{traps}echo ready >> log\nwhile :; do sleep 0.01; done"
    ));
    let _running = service.start();
    let mut expected = vec!["ready".to_owned()];
    until("the traps are set", || service.words("log") == expected);
    for (letter, name) in [("h", "HUP"), ("a", "ALRM"), ("i", "INT"), ("t", "TERM")] {
        service.send(letter);
        expected.push(name.to_owned());
        until(name, || service.words("log") == expected);
    }
}

#[test]
fn pausing_stops_the_process_and_down_wakes_it() {
    let service = Service::new("exec sleep 1000");
    let mut running = service.start();
    let pid = service.until_up().pid;
    let state = || {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit(')')
            .next()
            .unwrap_or_default()
            .trim_start()
            .chars()
            .next()
    };
    service.send("p");
    until("it is stopped", || state() == Some('T'));
    assert!(service.status().paused);
    service.send("c");
    until("it goes on", || state() == Some('S'));
    assert!(!service.status().paused);
    service.send("p");
    until("it is stopped", || state() == Some('T'));
    service.send("dx");
    assert_eq!(running.wait(), 0);
    let status = service.status();
    assert_eq!(
        (status.pid, status.paused, status.want),
        (0, false, Want::Down)
    );
}

#[test]
fn a_pause_of_what_is_not_there_does_not_show() {
    let service = Service::new("exec sleep 1000");
    service.scratch.file("d/down", "");
    let mut running = service.start();
    service.until_there();
    service.send("pctkhaiq12");
    service.send("x");
    assert_eq!(running.wait(), 0);
    assert!(!service.status().paused);
}

#[test]
fn told_to_exit_it_does_when_the_service_dies() {
    let service = Service::new("echo up >> log; exec sleep 1000");
    let mut running = service.start();
    // Killed any sooner, it would not have come to say so.
    until("the service runs", || service.words("log") == ["up"]);
    service.send("x");
    // Read in order, so that the exit is noted before the signal is sent.
    service.send("k");
    assert_eq!(running.wait(), 0);
    let status = service.status();
    assert_eq!((status.pid, status.want), (0, Want::Up));
    assert_eq!(service.words("log"), ["up"]);
    let names = service.scratch.names("d/supervise");
    // A death is kept where one has happened.
    let names: Vec<_> = names.into_iter().filter(|name| name != "deaths").collect();
    assert_eq!(names, files(), "all is left");
}

/// The original obeys one byte a restart, and only once the service is up.
#[test]
fn commands_are_obeyed_while_a_crashing_service_waits() {
    let service = Service::new("echo up >> log; exit 1");
    let mut running = service.start();
    until("it crashed", || service.words("log").len() >= 2);
    service.send("haitpcd");
    until("it is to be down", || service.status().want == Want::Down);
    let starts = service.words("log").len();
    service.send("x");
    assert_eq!(running.wait(), 0);
    assert_eq!(service.words("log").len(), starts);
    assert_eq!(service.status().pid, 0);
}

#[test]
fn a_run_that_cannot_be_executed_is_a_service_that_dies() {
    let scratch = Scratch::new();
    scratch.directory("missing");
    scratch.file("plain/run", "#!/bin/sh\n");
    scratch.script("shapeless/run", "true\n");
    scratch.script("lost/run", "#!/no/such\n");
    scratch.directory("dir/run");
    for (name, why) in [
        ("missing", "file does not exist"),
        ("plain", "access denied"),
        ("shapeless", "exec format error"),
        ("lost", "file does not exist"),
        ("dir", "access denied"),
    ] {
        let line = format!("supervise: fatal: unable to start {name}/run: {why}\n");
        let errors = scratch.file(format!("{name}.err"), "");
        let mut command = Suite::under_test().command("supervise", &scratch);
        command.arg(name).stderr(fs::File::create(&errors).unwrap());
        let running = dt_testkit::Running::start(&mut command, &scratch);
        until("it was tried twice", || {
            scratch.read(&errors).starts_with(line.repeat(2).as_bytes())
        });
        drop(running);
    }
}

#[test]
fn the_service_finds_what_supervise_was_given() {
    let service = Service::new(
        "umask > umask; cat /proc/self/status > status; cat /proc/self/environ > environ
         pwd > cwd; echo $# \"$0\" > argv; (ls /proc/self/fd) > fds; exec sleep 1000",
    );
    let scratch = &service.scratch;
    let listing = Outcome::of(std::process::Command::new("sh").args(["-c", "(ls /proc/self/fd)"]));
    let listing = String::from_utf8(listing.stdout).unwrap();
    let listing: Vec<_> = listing.split_whitespace().collect();
    // In the same way with and without supervise.
    let under_shell = |program: &OsStr, arguments: &[&str]| {
        let script = "umask 27; trap '' USR1; exec \"$0\" \"$@\"";
        let mut command = std::process::Command::new("sh");
        command
            .args(["-c", script])
            .arg(program)
            .args(arguments)
            .current_dir(scratch.path())
            .env_clear()
            .env("B", "first")
            .env("A", OsStr::from_bytes(b"\xff="));
        command
    };
    let direct = Outcome::of(&mut under_shell(
        "/bin/cat".as_ref(),
        &["/proc/self/status"],
    ));
    let supervise = Suite::under_test().program("supervise");
    let mut command = under_shell(supervise.as_os_str(), &["d"]);
    let running = dt_testkit::Running::start(&mut command, scratch);
    service.until_up();
    until("the service has told all", || {
        !service.words("fds").is_empty()
    });
    assert_eq!(service.words("umask"), ["0027"]);
    assert_eq!(service.words("argv"), ["0", "./run"]);
    assert_eq!(service.words("cwd"), [scratch.join("d").to_str().unwrap()]);
    assert_eq!(
        service.words("fds"),
        listing,
        "no descriptor of supervise's"
    );
    let environ = scratch.read("d/environ");
    let has = |entry: &[u8]| environ.split(|byte| *byte == 0).any(|known| known == entry);
    assert!(has(b"B=first") && has(b"A=\xff="));
    let status = String::from_utf8(scratch.read("d/status")).unwrap();
    let direct = String::from_utf8(direct.stdout).unwrap();
    let line = |text: &str, name: &str| {
        let found = text.lines().find(|line| line.starts_with(name));
        found.unwrap_or_default().to_owned()
    };
    for name in ["SigBlk", "SigIgn", "SigCgt"] {
        assert_eq!(line(&status, name), line(&direct, name));
    }
    let group = |pid: u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let fields: Vec<_> = stat.rsplit(')').next().unwrap().split(' ').collect();
        // Process group and session.
        (fields[3].to_owned(), fields[4].to_owned())
    };
    assert_eq!(group(service.until_up().pid), group(running.pid()));
}

#[test]
fn a_status_that_cannot_be_written_is_a_warning() {
    let service = Service::new("exec sleep 1000");
    service.scratch.directory("d/supervise/status.new");
    let _running = service.start();
    let line = "supervise: warning: unable to open d/supervise/status.new: is a directory\n";
    until("it warned and went on", || {
        service.errors() == line.repeat(2) || service.errors() == line.repeat(3)
    });
    let scratch = &service.scratch;
    fs::remove_dir(scratch.join("d/supervise/status.new")).unwrap();
    service.send("u");
    until("the status is written", || {
        scratch.join("d/supervise/status").exists()
    });
}

/// It told of the old process until the next event, which may be a long time to come.
#[test]
fn a_status_that_could_not_be_written_is_written_once_it_can_be() {
    let service = Service::new("exec sleep 1000");
    service.scratch.directory("d/supervise/status.new");
    let _running = service.start();
    // Before the start, and after it.
    until("it could not", || service.errors().lines().count() >= 2);
    fs::remove_dir(service.scratch.join("d/supervise/status.new")).unwrap();
    // Nothing else happens that it would be written for.
    let status = service.scratch.join("d/supervise/status");
    until("the status is written", || status.exists());
    assert_ne!(service.status().pid, 0);
}

#[test]
fn a_status_that_cannot_be_put_in_place_is_a_warning() {
    let service = Service::new("exec sleep 1000");
    service.scratch.directory("d/supervise/status");
    let _running = service.start();
    let line =
        "supervise: warning: unable to rename d/supervise/status.new to status: is a directory\n";
    until("it warned and went on", || {
        service.errors().starts_with(&line.repeat(2))
    });
}

/// The original writes through the link.
#[test]
fn a_link_in_place_of_the_new_status_is_not_followed() {
    if Suite::under_test().is_original() {
        return;
    }
    let service = Service::new("exec sleep 1000");
    let scratch = &service.scratch;
    scratch.file("victim", "precious");
    scratch.directory("d/supervise");
    symlink("../../victim", scratch.join("d/supervise/status.new")).unwrap();
    let _running = service.start();
    service.until_up();
    assert_eq!(scratch.read("victim"), b"precious");
}

#[test]
fn children_that_are_not_the_service_are_reaped_and_forgotten() {
    let service = Service::new("exec sleep 1000");
    let scratch = &service.scratch;
    let mut command = std::process::Command::new("sh");
    command
        .args(["-c", "sleep 0.1 & echo $! > stranger; exec \"$0\" d"])
        .arg(Suite::under_test().program("supervise"))
        .current_dir(scratch.path());
    let _running = dt_testkit::Running::start(&mut command, scratch);
    let pid = service.until_up().pid;
    let stranger = String::from_utf8(scratch.read("stranger")).unwrap();
    until("the stranger is reaped", || {
        !fs::exists(format!("/proc/{}", stranger.trim())).unwrap()
    });
    assert_eq!(service.status().pid, pid);
}

/// The original sleeps a minute first, and answers nobody meanwhile.
#[test]
fn a_fork_that_fails_is_tried_again_soon_and_at_once_when_told_to() {
    let suite = Suite::under_test();
    if suite.is_original() {
        return;
    }
    let service = Service::new("exec sleep 1000");
    let mut running = service.start_without_processes();
    let line = "supervise: warning: unable to fork for d, sleeping 60 seconds: temporary failure\n";
    until("it was refused a process", || {
        service.errors().starts_with(line)
    });
    service.send("o");
    until("it was refused another", || {
        service.errors().starts_with(&line.repeat(2))
    });
    let status = service.status();
    assert_eq!((status.pid, status.want), (0, Want::Neither));
    service.send("u");
    until("the wish is noted", || service.status().want == Want::Up);
    kit::allow_processes(&running);
    service.until_up();
    service.send("dx");
    assert_eq!(running.wait(), 0);
}

#[test]
fn a_wish_for_down_is_obeyed_while_processes_are_refused() {
    if Suite::under_test().is_original() {
        return;
    }
    let service = Service::new("exec sleep 1000");
    let mut running = service.start_without_processes();
    until("it was refused a process", || !service.errors().is_empty());
    service.send("dx");
    assert_eq!(running.wait(), 0);
    assert_eq!(service.status().want, Want::Down);
}

#[test]
fn a_flood_of_commands_is_obeyed_to_the_last() {
    let service = Service::new("exec sleep 1000");
    service.scratch.file("d/down", "");
    let mut running = service.start();
    service.until_there();
    for _ in 0..100 {
        service.send(&"zqw12+=L".repeat(512));
    }
    service.send("x");
    assert_eq!(running.wait(), 0);
}

#[test]
fn a_status_that_was_taken_away_is_written_by_the_next_command() {
    let service = Service::new("exec sleep 1000");
    let _running = service.start();
    let pid = service.until_up().pid;
    let status = service.scratch.join("d/supervise/status");
    for command in ["c", "u", "c"] {
        // The original writes once more when its first second is over.
        until("it is taken away and comes back", || {
            let _ = fs::remove_file(&status);
            service.send(command);
            until("it is written", || status.exists());
            service.status().pid == pid
        });
    }
}
