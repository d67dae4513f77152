//! What `svwait` waits for, with service directories made up here, and with a real
//! `supervise`.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::fs::{self, File};
use std::os::unix::fs::symlink;

use dt_os::file::{How, make_fifo};
use dt_service::{Block, State, Status, Want};
use dt_testkit::{Outcome, Running, Scratch, Suite, until};

const TIMED_OUT: &str = "svwait: fatal: timed out\n";
const LOST: &str = "svwait: fatal: some services have been given up, or their supervise has gone\n";

fn run(scratch: &Scratch, arguments: &[&str]) -> Outcome {
    Suite::ours().run("svwait", arguments, scratch)
}

/// Waits in the background; it is there once it has its inotify.
fn start(scratch: &Scratch, arguments: &[&str]) -> Running {
    let mut command = Suite::ours().command("svwait", scratch);
    let running = Running::start(command.args(arguments), scratch);
    let state = format!("/proc/{}/stat", running.pid());
    until("it waits", || {
        let waits_in = fs::read_to_string(format!("/proc/{}/wchan", running.pid()));
        let sleeps = fs::read_to_string(&state)
            .unwrap_or_default()
            .contains(") S ");
        // Not shown everywhere: then sleeping is as much as can be seen.
        let polls =
            waits_in.is_ok_and(|name| name.contains("poll") || name == "0" || name.is_empty());
        sleeps && polls
    });
    running
}

/// A service of which supervise/ is made up here.
struct Service<'a> {
    scratch: &'a Scratch,
    name: &'static str,
    stamp: u32,
}

impl<'a> Service<'a> {
    fn new(scratch: &'a Scratch, name: &'static str) -> Self {
        scratch.directory(name);
        let stamp = 0;
        Self {
            scratch,
            name,
            stamp,
        }
    }

    /// Has `supervise` be there: as it does, the status first.
    fn supervised(&mut self, pid: u32) -> File {
        self.scratch.directory(format!("{}/supervise", self.name));
        self.is(pid);
        let ok = self.scratch.join(format!("{}/supervise/ok", self.name));
        make_fifo(&ok, 0o600).unwrap();
        let ok = How::READ.open(ok).unwrap();
        self.is(pid);
        ok
    }

    fn status(&mut self, pid: u32) -> Status {
        self.stamp += 1;
        Status {
            seconds: 1 << 62,
            nanos: self.stamp,
            pid,
            paused: false,
            want: Want::Up,
        }
    }

    fn is(&mut self, pid: u32) {
        let bytes = self.status(pid).encode();
        self.replace(&bytes);
    }

    fn replace(&self, bytes: &[u8]) {
        let new = self
            .scratch
            .file(format!("{}/supervise/status.new", self.name), bytes);
        fs::rename(&new, new.with_extension("")).unwrap();
    }
}

#[test]
fn what_is_so_already_is_not_waited_for() {
    let scratch = Scratch::new();
    let mut service = Service::new(&scratch, "d");
    let _ok = service.supervised(7);
    for option in ["-u", "-U", "-ou"] {
        assert_eq!(run(&scratch, &[option, "d", "d"]), Outcome::gives(""));
    }
    assert_eq!(run(&scratch, &["d"]), Outcome::gives(""));
    service.is(0);
    for option in ["-d", "-D"] {
        assert_eq!(run(&scratch, &[option, "d"]), Outcome::gives(""));
    }
}

#[test]
fn the_time_is_over_some_time() {
    let scratch = Scratch::new();
    let mut service = Service::new(&scratch, "d");
    scratch.directory("never");
    let _ok = service.supervised(7);
    for arguments in [
        ["-d", "-t20", "d"],
        ["-D", "-t20ms", "d"],
        ["-r", "-t20", "d"],
        ["-u", "-t20", "never"],
    ] {
        let expected = Outcome::fails(99, TIMED_OUT);
        assert_eq!(run(&scratch, &arguments), expected, "{arguments:?}");
    }
}

#[test]
fn each_goal_is_told_apart() {
    for (option, path) in [
        ("-u", &[9][..]),
        ("-U", &[9]),
        ("-d", &[0]),
        ("-D", &[0]),
        ("-r", &[0, 9]),
        ("-R", &[9]),
    ] {
        let scratch = Scratch::new();
        let mut service = Service::new(&scratch, "d");
        let up = !matches!(option, "-u" | "-U");
        let _ok = service.supervised(if up { 7 } else { 0 });
        let mut running = start(&scratch, &[option, "d"]);
        for pid in path {
            assert_eq!(running.ended(), None, "{option}");
            service.is(*pid);
        }
        assert_eq!(running.wait(), 0, "{option}");
    }
}

#[test]
fn scripts_before_and_after_are_not_the_service() {
    let scratch = Scratch::new();
    let mut service = Service::new(&scratch, "d");
    let _ok = service.supervised(7);
    let mut block = |pid: u32, state: State| {
        let status = service.status(pid);
        service.replace(&Block { status, state }.encode());
    };
    let short = |option: &str| run(&scratch, &[option, "-t20", "d"]).code;
    block(8, State::Starting);
    assert_eq!((short("-u"), short("-d")), (99, 99));
    block(8, State::Stopped);
    assert_eq!((short("-u"), short("-d"), short("-D")), (99, 0, 99));
    block(0, State::Started);
    assert_eq!((short("-u"), short("-d")), (0, 99));
    block(0, State::Failed);
    assert_eq!(run(&scratch, &["-u", "d"]), Outcome::fails(1, LOST));
    assert_eq!(short("-D"), 0);
}

#[test]
fn a_supervise_that_comes_later_is_waited_for() {
    let scratch = Scratch::new();
    let mut service = Service::new(&scratch, "d");
    let mut running = start(&scratch, &["d"]);
    let ok = service.supervised(9);
    assert_eq!(running.wait(), 0);
    drop(ok);
    // Nobody is there: what the old status says is not so.
    assert_eq!(run(&scratch, &["-t20", "d"]).code, 99);
}

/// As Debian's update-service has it: a link that leads nowhere at first.
#[test]
fn a_supervise_behind_a_link_that_comes_later_is_waited_for() {
    let scratch = Scratch::new();
    let mut service = Service::new(&scratch, "d");
    scratch.directory("var");
    symlink("../var/d", scratch.join("d/supervise")).unwrap();
    let mut running = start(&scratch, &["d"]);
    scratch.directory("var/d");
    let _ok = service.supervised(9);
    assert_eq!(running.wait(), 0);
}

#[test]
fn a_supervise_that_goes_ends_the_wait() {
    let scratch = Scratch::new();
    let mut service = Service::new(&scratch, "d");
    let ok = service.supervised(7);
    let mut running = start(&scratch, &["-r", "d"]);
    drop(ok);
    assert_eq!(running.wait(), 1);
}

#[test]
fn one_of_them_is_enough_where_that_was_said() {
    let scratch = Scratch::new();
    let mut one = Service::new(&scratch, "one");
    let mut two = Service::new(&scratch, "two");
    let _one = one.supervised(0);
    let _two = two.supervised(0);
    let mut any = start(&scratch, &["-o", "one", "two"]);
    let mut all = start(&scratch, &["-a", "one", "two"]);
    two.is(7);
    assert_eq!(any.wait(), 0);
    assert_eq!(all.ended(), None);
    // That the other is down again does not matter: it has been up.
    two.is(0);
    one.is(8);
    assert_eq!(all.wait(), 0);
}

/// encore's supervise keeps the file open and writes into it.
#[test]
fn a_status_that_is_written_in_place_is_seen() {
    let scratch = Scratch::new();
    let mut service = Service::new(&scratch, "d");
    let _ok = service.supervised(0);
    let mut running = start(&scratch, &["-u", "d"]);
    let status = service.status(7);
    let state = State::Running;
    fs::write(
        scratch.join("d/supervise/status"),
        Block { status, state }.encode(),
    )
    .unwrap();
    assert_eq!(running.wait(), 0);
}

#[test]
fn a_name_of_the_scan_directory_is_found() {
    let scratch = Scratch::new();
    let mut service = Service::new(&scratch, "scan/web1");
    let _ok = service.supervised(7);
    let mut command = Suite::ours().command("svwait", &scratch);
    let outcome = Outcome::of(command.env("SVDIR", "scan").args(["-u", "web*"]));
    assert_eq!(outcome, Outcome::gives(""));
}

#[test]
fn wrong_usage_and_what_is_not_there() {
    let scratch = Scratch::new();
    let usage = "svwait: usage: svwait [ -U | -u | -d | -D | -r | -R ] [ -a | -o ] [ -t timeout ] dir ...\n";
    for arguments in [&[][..], &["-u"], &["-t", "x", "d"], &["-t", "-1", "d"]] {
        assert_eq!(run(&scratch, arguments), Outcome::fails(100, usage));
    }
    let lines = format!("svwait: illegal option -- z\n{usage}");
    assert_eq!(run(&scratch, &["-z", "d"]), Outcome::fails(100, lines));
    let line = "svwait: fatal: unable to watch nosuch: file does not exist\n";
    assert_eq!(run(&scratch, &["nosuch"]), Outcome::fails(111, line));
}

/// Whatever supervise there is: the programs under test, which can be the
/// original's, are waited for by ours.
#[test]
fn a_real_supervise_is_waited_for() {
    let suite = Suite::under_test();
    let scratch = Scratch::new();
    scratch.script("d/run", "#!/bin/sh\nexec sleep 1000\n");
    let mut waiting = start(&scratch, &["-u", "d"]);
    let mut supervise = Running::start(suite.command("supervise", &scratch).arg("d"), &scratch);
    assert_eq!(waiting.wait(), 0);
    for (option, letter) in [("-r", "-t"), ("-D", "-d"), ("-u", "-u"), ("-d", "-d")] {
        let mut waiting = start(&scratch, &[option, "d"]);
        let sent = suite.run("svc", &[letter, "d"], &scratch);
        assert_eq!(sent, Outcome::gives(""));
        assert_eq!(waiting.wait(), 0, "{option}");
    }
    let mut waiting = start(&scratch, &["-u", "d"]);
    let sent = suite.run("svc", &["-x", "d"], &scratch);
    assert_eq!(sent, Outcome::gives(""));
    assert_eq!((waiting.wait(), supervise.wait()), (1, 0));
}

/// With any setting there is a file of details, which knows no moment of readiness
/// where the service has no way to tell.
#[test]
fn a_service_with_settings_that_cannot_tell_is_ready_when_it_runs() {
    let scratch = Scratch::new();
    scratch.script("d/run", "#!/bin/sh\nexec sleep 1000\n");
    scratch.file("d/timeout-kill", "5s");
    let suite = Suite::ours();
    let _supervise = Running::start(suite.command("supervise", &scratch).arg("d"), &scratch);
    let up = run(&scratch, &["-U", "-t", "20s", "d"]);
    assert_eq!(up, Outcome::gives(""));
}
