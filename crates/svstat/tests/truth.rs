//! A status that names a process which does not exist. Where it is certain that the
//! `supervise` is one of our own, it is not believed; a `supervise` that may live in
//! another PID namespace is.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::fs::{self, File};
use std::process::Stdio;
use std::time::Duration;

use dt_os::file::{How, make_fifo};
use dt_os::incarnation;
use dt_os::process::Pid;
use dt_service::{Incarnation, Record, Status, Want};
use dt_testkit::{Outcome, Running, Scratch, Suite, until, until_some};

/// A number that Linux could give, and has given to nobody.
fn nobody() -> u32 {
    let free = |pid: &u32| !incarnation::lives(Pid::from_raw(i32::try_from(*pid).unwrap()));
    (4_190_000..4_194_304).rev().find(free).unwrap()
}

fn status(pid: u32) -> [u8; Status::LEN] {
    let status = Status {
        seconds: dt_tai::EPOCH + (1 << 40),
        nanos: 500,
        pid,
        paused: false,
        want: Want::Up,
    };
    status.encode()
}

/// A directory that this test itself supervises: it holds `ok` and is in the record.
fn supervised_by_us(scratch: &Scratch) -> File {
    let ok = scratch.directory("d/supervise").join("ok");
    make_fifo(&ok, 0o600).unwrap();
    scratch.file("d/supervise/record", record().encode(0));
    How::READ.open(ok).unwrap()
}

fn record() -> Record {
    let pid = std::process::id();
    let seen = incarnation::look_up(Pid::from_raw(i32::try_from(pid).unwrap()));
    Record {
        boot: incarnation::boot_id(),
        supervise: Incarnation {
            pid,
            start: Some(seen.unwrap().start),
        },
        service: None,
        want: Want::Up,
        paused: false,
        due: false,
        leaving: false,
        since: (0, 0),
        since_boot: Duration::ZERO,
        not_before: Duration::ZERO,
    }
}

fn ask(scratch: &Scratch, program: &str, words: &[&str]) -> Outcome {
    Suite::ours().run(program, words, scratch)
}

#[test]
fn a_process_that_does_not_exist_is_not_shown_where_the_supervise_is_our_own() {
    let scratch = Scratch::new();
    let _ok = supervised_by_us(&scratch);
    let pid = nobody();
    scratch.file("d/supervise/status", status(pid));
    let why = format!("supervise/status is not true: there is no process {pid}");
    let line = Outcome::gives(format!("d: {why}\n"));
    assert_eq!(ask(&scratch, "svstat", &["d"]), line);
    for (form, code) in [("-j", 111), ("-t", 0)] {
        let told = ask(&scratch, "svstat", &[form, "d"]);
        let text = String::from_utf8(told.stdout).unwrap();
        assert!(text.contains(&why), "{form}: {text}");
        assert_eq!(told.code, code, "{form}");
    }
    let values = ask(&scratch, "svstat", &["-o", "pid", "d"]);
    let warning = Outcome::fails(111, format!("svstat: warning: d: {why}\n"));
    assert_eq!(values, warning);
    let up = ask(&scratch, "svup", &["d"]);
    let unable = Outcome::fails(111, format!("svup: fatal: d: {why}\n"));
    assert_eq!(up, unable);
    let why = ask(&scratch, "svwhy", &["d"]);
    let text = String::from_utf8(why.stdout).unwrap();
    assert!(
        text.contains(&format!("its process {pid} has gone")),
        "{text}"
    );
    // It may come up yet, but is not so now.
    let waited = ask(&scratch, "svwait", &["-t", "1", "-u", "d"]);
    assert_ne!(waited.code, 0);
}

#[test]
fn a_process_that_does_not_exist_is_shown_where_the_supervise_may_be_elsewhere() {
    let scratch = Scratch::new();
    let _ok = supervised_by_us(&scratch);
    let pid = nobody();
    scratch.file("d/supervise/status", status(pid));
    let believed = Outcome::gives(format!("d: up (pid {pid}) 0 seconds\n"));
    let own = record();
    let changed = |change: &dyn Fn(&mut Record)| {
        let mut record = own;
        change(&mut record);
        record.encode(0)
    };
    // As in a container, whose processes have other numbers, or the same ones since
    // another time; and before the last boot.
    for other in [
        changed(&|record| record.supervise.pid = nobody()),
        changed(&|record| record.supervise.start = own.supervise.start.map(|it| it + 1)),
        changed(&|record| record.supervise.start = None),
        changed(&|record| record.boot = None),
        changed(&|record| record.boot = Some(*b"another boot id.")),
    ] {
        scratch.file("d/supervise/record", other);
        assert_eq!(ask(&scratch, "svstat", &["d"]), believed);
    }
    // The original's supervise leaves none.
    fs::remove_file(scratch.join("d/supervise/record")).unwrap();
    assert_eq!(ask(&scratch, "svstat", &["d"]), believed);
}

#[test]
fn a_death_that_is_just_being_noticed_is_waited_for() {
    let scratch = Scratch::new();
    let _ok = supervised_by_us(&scratch);
    scratch.file("d/supervise/status", status(nobody()));
    let mut command = Suite::ours().command("svstat", &scratch);
    command.arg("d").stdout(Stdio::piped());
    let mut svstat = Running::start(&mut command, &scratch);
    let pid = Pid::from_raw(i32::try_from(svstat.pid()).unwrap());
    // The kernel tells in what a process sleeps only to who may trace it.
    let sleeps = || {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        stat.rsplit_once(") ")
            .is_some_and(|(_, rest)| rest.starts_with('S'))
    };
    until("svstat waits", sleeps);
    assert_eq!(svstat.ended(), None);
    let new = scratch.file("d/supervise/status.new", status(0));
    fs::rename(new, scratch.join("d/supervise/status")).unwrap();
    let mut told = String::new();
    let mut pipe = svstat.child().stdout.take().unwrap();
    std::io::Read::read_to_string(&mut pipe, &mut told).unwrap();
    assert_eq!(told, "d: down 0 seconds, normally up, want up\n");
}

/// The whole of it: a `supervise` that is stopped while its service, which is no child of
/// its own any more, dies and is reaped by another.
#[test]
fn a_stopped_supervise_is_not_believed_once_its_service_has_gone() {
    let scratch = Scratch::new();
    let suite = Suite::ours();
    scratch.script("d/run", "#!/bin/sh\nexec sleep 1000\n");
    let start = || {
        let mut command = suite.command("supervise", &scratch);
        command.arg("d").stdout(Stdio::null());
        Running::start(&mut command, &scratch)
    };
    let service = || {
        let told = String::from_utf8(ask(&scratch, "svstat", &["d"]).stdout).unwrap();
        let (_, rest) = told.split_once("(pid ")?;
        rest.split_once(')')?.0.parse::<u32>().ok()
    };
    let first = start();
    let pid = until_some("the service is up", service);
    drop(first);
    let second = start();
    until("it is taken over", || service() == Some(pid));
    second.signal("STOP");
    dt_testkit::signal(pid, "KILL");
    let raw = Pid::from_raw(i32::try_from(pid).unwrap());
    // Whoever is the parent of orphans here may have them wait for ever.
    let reaped = || !incarnation::lives(raw);
    let begun = std::time::Instant::now();
    while !reaped() {
        if begun.elapsed() > Duration::from_secs(5) {
            eprintln!("skipped: nobody reaps orphans here");
            second.signal("CONT");
            return;
        }
        std::thread::yield_now();
    }
    let why = format!("d: supervise/status is not true: there is no process {pid}\n");
    assert_eq!(ask(&scratch, "svstat", &["d"]), Outcome::gives(why));
    second.signal("CONT");
    until("another is started", || {
        service().is_some_and(|now| now != pid)
    });
}
