//! `svwhy` about services that a real `supervise` looks after, and about some that
//! nobody does.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::fs::File;

use dt_os::file::{How, make_fifo};
use dt_service::{Status, Want};
use dt_testkit::{Outcome, Running, Scratch, Suite, until};

fn why(scratch: &Scratch, arguments: &[&str]) -> String {
    let outcome = Suite::ours().run("svwhy", arguments, scratch);
    assert_eq!((outcome.code, outcome.stderr), (0, vec![]));
    String::from_utf8(outcome.stdout).unwrap()
}

fn supervise(scratch: &Scratch, name: &str) -> Running {
    let mut command = Suite::ours().command("supervise", scratch);
    let running = Running::start(command.arg(name), scratch);
    until("supervise is there", || {
        Suite::ours().run("svok", &[name], scratch).code == 0
    });
    running
}

fn svc(scratch: &Scratch, letter: &str) {
    let outcome = Suite::ours().run("svc", &[letter, "d"], scratch);
    assert_eq!(outcome, Outcome::gives(""));
}

/// Waits until the sentence has this in it.
fn says(scratch: &Scratch, text: &str) {
    until(&format!("{text:?} is said"), || {
        why(scratch, &["d"]).contains(text)
    });
}

#[test]
fn the_way_of_a_service() {
    let scratch = Scratch::new();
    scratch.script("d/run", "#!/bin/sh\nexec sleep 1000\n");
    scratch.file("d/down", "");
    let mut supervise = supervise(&scratch, "d");
    says(&scratch, ": the file down says so\n");
    svc(&scratch, "-u");
    says(&scratch, ", although there is a file down");
    std::fs::remove_file(scratch.join("d/down")).unwrap();
    svc(&scratch, "-p");
    says(&scratch, ", paused by svc -p until svc -c\n");
    svc(&scratch, "-d");
    says(&scratch, ": told to go down (svc -d), until svc -u");
    svc(&scratch, "-x");
    assert_eq!(supervise.wait(), 0);
    says(
        &scratch,
        ": supervise not running: it has ended or been killed",
    );
}

#[test]
fn a_run_that_cannot_be_run_is_said() {
    let scratch = Scratch::new();
    scratch.file("d/run", "#!/bin/sh\n");
    let _supervise = supervise(&scratch, "d");
    says(&scratch, "; run is not executable\n");
    scratch.script("d/run", "#!/bin/no-such\r\nexec x\n");
    says(
        &scratch,
        "; run wants /bin/no-such\\x0d, which does not exist\n",
    );
}

#[test]
fn a_lock_that_another_program_holds_is_said() {
    let scratch = Scratch::new();
    scratch.script("d/run", "#!/bin/sh\n");
    let files = scratch.directory("d/supervise");
    make_fifo(files.join("ok"), 0o600).unwrap();
    let lock = File::create(files.join("lock")).unwrap();
    dt_os::file::lock_exclusive(&lock, false).unwrap();
    let text = why(&scratch, &["d"]);
    let own = std::process::id();
    let holder = format!("d: supervise not running, but its lock is held by process {own} (");
    // In some containers /proc/locks shows nothing.
    let shown = std::fs::read_to_string("/proc/locks").is_ok_and(|locks| !locks.is_empty());
    assert!(text.starts_with(&holder) || !shown, "{text}");
}

#[test]
fn the_last_words_of_the_log_are_shown_of_what_is_not_well() {
    let scratch = Scratch::new();
    scratch.script("d/run", "#!/bin/sh\n");
    let ok = scratch.directory("d/supervise").join("ok");
    make_fifo(&ok, 0o600).unwrap();
    let _ok = How::READ.open(ok).unwrap();
    let status = |pid: u32| Status {
        seconds: dt_tai::EPOCH,
        nanos: 0,
        pid,
        paused: false,
        want: Want::Down,
    };
    scratch.file("d/supervise/status", status(0).encode());
    let words = "@400000006b0372ef00ddcfdc no database\n";
    scratch.file("d/log/main/current", format!("first\n{words}"));
    let text = why(&scratch, &["d"]);
    assert!(
        text.ends_with("\n    its log ends: no database\n"),
        "{text}"
    );
    let up = Status {
        want: Want::Up,
        ..status(7)
    };
    scratch.file("d/supervise/status", up.encode());
    let text = why(&scratch, &["d"]);
    assert!(!text.contains("its log ends"), "{text}");
}

/// The logger has the file open, wherever it is.
#[test]
fn the_log_is_found_by_the_process_that_writes_it() {
    let scratch = Scratch::new();
    scratch.script("d/run", "#!/bin/sh\nexec sleep 1000\n");
    let log = "#!/bin/sh\nexec sleep 1000 >>../elsewhere/current\n";
    scratch.script("d/log/run", log);
    scratch.file("d/elsewhere/current", "out of beer\n");
    let _log = supervise(&scratch, "d/log");
    let _main = supervise(&scratch, "d");
    svc(&scratch, "-d");
    says(&scratch, "\n    its log ends: out of beer\n");
}

#[test]
fn without_a_name_it_is_about_all_services() {
    let scratch = Scratch::new();
    scratch.script("scan/b/run", "#!/bin/sh\n");
    scratch.script("scan/a/run", "#!/bin/sh\n");
    let mut command = Suite::ours().command("svwhy", &scratch);
    let outcome = Outcome::of(command.env("SVDIR", "scan"));
    let never = "never supervised: no svscan has found it, or its supervise could not start\n";
    let expected = format!("a: {never}b: {never}");
    assert_eq!(outcome, Outcome::gives(expected));
    let line = "nosuch: unable to chdir: file does not exist\n";
    assert_eq!(why(&scratch, &["nosuch"]), line);
}
