//! Usage, messages and exit codes of `svc`, and the bytes it sends.
//! `DAEMONTOOLS_UNDER_TEST=/usr/bin` runs the original.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::symlink;

use dt_os::file::{How, make_fifo};
use dt_service::{Status, Want};
use dt_testkit::{Outcome, Running, Scratch, Suite, until};

const WORDS: &str = "svc options: u up, d down, o once, x exit, p pause, c continue, h hup, a alarm, \
     i interrupt, t term, k kill\n";

fn run(scratch: &Scratch, arguments: &[&str]) -> Outcome {
    Suite::under_test().run("svc", arguments, scratch)
}

/// Success, with a warning or none.
fn warns(line: &str) -> Outcome {
    Outcome {
        stderr: line.into(),
        ..Outcome::gives("")
    }
}

/// Makes a directory's control FIFO and holds it open for reading.
fn control(scratch: &Scratch, directory: &str) -> File {
    let fifo = scratch
        .directory(format!("{directory}/supervise"))
        .join("control");
    make_fifo(&fifo, 0o600).unwrap();
    How::READ.open(fifo).unwrap()
}

/// Makes the FIFO that tells of a living supervise in `d`, as long as it is held.
fn presence(scratch: &Scratch) -> File {
    let ok = scratch.join("d/supervise/ok");
    make_fifo(&ok, 0o600).unwrap();
    How::READ.open(ok).unwrap()
}

/// What has arrived.
fn arrived(control: &mut File) -> String {
    let mut bytes = Vec::new();
    // Ends with "temporary failure" while there are other writers, else with the end.
    let _ = control.read_to_end(&mut bytes);
    String::from_utf8(bytes).unwrap()
}

#[test]
fn letters_are_sent_in_order_and_once() {
    let scratch = Scratch::new();
    let mut control = control(&scratch, "d");
    for (options, bytes) in [
        (&["-d"][..], "d"),
        (&["-udopchaitkx"], "udopchaitkx"),
        (&["-xkt", "-iahcpodu"], "xktiahcpodu"),
        (&["-du"], "du"),
        (&["-d", "-u"], "du"),
        (&["-udu"], "ud"),
        (&["-xx", "-x"], "x"),
        (&["-u", "--"], "u"),
        (&["-u", "--whatever"], "u"),
        (&["--help"], ""),
        (&[], ""),
    ] {
        let arguments = [options, &["d"]].concat();
        assert_eq!(run(&scratch, &arguments), Outcome::gives(""), "{options:?}");
        assert_eq!(arrived(&mut control), bytes, "{options:?}");
    }
}

#[test]
fn every_directory_is_told_even_after_one_that_cannot_be() {
    let scratch = Scratch::new();
    let mut first = control(&scratch, "a");
    let mut last = control(&scratch, "b/c");
    let line = "svc: warning: unable to chdir to no/such: file does not exist\n";
    let outcome = run(&scratch, &["-t", "a", "no/such", "b/c", "a"]);
    assert_eq!(outcome, warns(line));
    assert_eq!(
        (arrived(&mut first), arrived(&mut last)),
        ("tt".into(), "t".into())
    );
}

#[test]
fn nothing_to_do_is_done() {
    let scratch = Scratch::new();
    for arguments in [&[][..], &["-u"], &["--"]] {
        assert_eq!(run(&scratch, arguments), Outcome::gives(""));
    }
}

#[test]
fn a_bad_letter_sends_nothing_at_all() {
    let scratch = Scratch::new();
    let mut control = control(&scratch, "d");
    for (options, letter) in [("-dz", "z"), ("-u-", "-"), ("-0", "0"), ("-n", "n")] {
        let lines = format!("svc: illegal option -- {letter}\n{WORDS}");
        let outcome = run(&scratch, &["-u", options, "d"]);
        assert_eq!(outcome, Outcome::fails(100, lines));
    }
    assert_eq!(arrived(&mut control), "");
}

#[test]
fn only_the_offending_byte_of_a_character_is_named() {
    let option = OsString::from_vec(b"-\xc3\xa9".to_vec());
    let outcome = Suite::under_test().run("svc", &[option], &Scratch::new());
    let lines = [b"svc: illegal option -- \xc3\n", WORDS.as_bytes()].concat();
    assert_eq!(outcome, Outcome::fails(100, lines));
}

#[test]
fn what_cannot_be_controlled_is_a_warning_and_still_a_success() {
    let scratch = Scratch::new();
    scratch.file("file", "");
    scratch.directory("never");
    scratch.directory("odd/supervise/control");
    drop(control(&scratch, "dead"));
    for (name, what) in [
        ("", "chdir to : file does not exist"),
        ("-", "chdir to -: file does not exist"),
        ("file", "chdir to file: not a directory"),
        ("never", "control never: file does not exist"),
        ("odd", "control odd: is a directory"),
        ("dead//", "control dead//: supervise not running"),
    ] {
        let line = format!("svc: warning: unable to {what}\n");
        assert_eq!(run(&scratch, &["-u", "--", name]), warns(&line));
        // Even with nothing to send.
        assert_eq!(run(&scratch, &["--", name]), warns(&line));
    }
}

#[test]
fn a_name_is_printed_byte_for_byte() {
    let name = OsString::from_vec(b"\xff\n".to_vec());
    let outcome = Suite::under_test().run("svc", &[name], &Scratch::new());
    let line = b"svc: warning: unable to chdir to \xff\n: file does not exist\n".to_vec();
    assert_eq!(outcome.stderr, line);
    assert_eq!(outcome.code, 0);
}

/// The original writes into it: with a link for `control`, into any file there is.
#[test]
fn a_control_that_is_a_file_is_not_written_to() {
    if Suite::under_test().is_original() {
        return;
    }
    let scratch = Scratch::new();
    scratch.file("victim", "precious");
    scratch.directory("d/supervise");
    symlink("../../victim", scratch.join("d/supervise/control")).unwrap();
    let line = "svc: warning: unable to control d: not a stream device\n";
    assert_eq!(run(&scratch, &["-u", "d"]), warns(line));
    assert_eq!(scratch.read("victim"), b"precious");
}

/// A supervise that is stopped still gets every command once it goes on.
#[test]
fn a_full_fifo_is_waited_for() {
    let scratch = Scratch::new();
    let mut reader = control(&scratch, "d");
    let writer = How::WRITE
        .open(scratch.join("d/supervise/control"))
        .unwrap();
    while dt_os::descriptor::write(&writer, &[b'z'; 4096]).is_ok() {}
    while dt_os::descriptor::write(&writer, b"z").is_ok() {}
    let mut command = Suite::under_test().command("svc", &scratch);
    let mut running = Running::start(command.args(["-d", "d"]), &scratch);
    let state = format!("/proc/{}/wchan", running.pid());
    until("it waits", || {
        // Not shown everywhere: then there is nothing to wait for.
        let waits_in = fs::read_to_string(&state).unwrap_or_default();
        waits_in.contains("pipe") || waits_in == "0" || waits_in.is_empty()
    });
    assert_eq!(running.ended(), None);
    drop(writer);
    let mut seen = String::new();
    until("the command arrives", || {
        seen.push_str(&arrived(&mut reader));
        seen.ends_with('d')
    });
    assert_eq!(running.wait(), 0);
}

/// What only ours can do is not asked of the original.
fn is_original() -> bool {
    Suite::under_test().is_original()
}

#[test]
fn encore_s_letters_are_known() {
    if is_original() {
        return;
    }
    let scratch = Scratch::new();
    let mut control = control(&scratch, "d");
    for (options, bytes) in [
        (&["-1"][..], "l1"),
        (&["-q2w"], "lq2w"),
        (&["-L", "-d", "-l"], "lLdl"),
        (&["-+k"], "l+k="),
        (&["--reload"], "@"),
        (&["-u", "--reload"], "u@"),
        (&["-u", "--reloads"], "u"),
    ] {
        let arguments = [options, &["d"]].concat();
        assert_eq!(run(&scratch, &arguments), Outcome::gives(""), "{options:?}");
        assert_eq!(arrived(&mut control), bytes, "{options:?}");
    }
}

#[test]
fn encore_s_usage_is_for_those_who_asked_for_encore() {
    if is_original() {
        return;
    }
    let scratch = Scratch::new();
    let mut command = Suite::under_test().command("svc", &scratch);
    let outcome = Outcome::of(command.env("SUPERVISE_COMPAT", "encore").arg("-z"));
    let words = "svc options: + kill process group, = kill parent process, L kill log, l kill main, \
                 u up, d down, o once, x exit, p pause, c continue, h hup, a alarm, i interrupt, \
                 t term, k kill, q quit, 1 SIGUSR1, 2 SIGUSR2, w SIGWINCH\n";
    let lines = format!("svc: illegal option -- z\n{words}");
    assert_eq!(outcome, Outcome::fails(100, lines));
}

#[test]
fn the_file_down_is_made_and_removed_before_the_command() {
    if is_original() {
        return;
    }
    let scratch = Scratch::new();
    let mut control = control(&scratch, "d");
    let down = scratch.join("d/down");
    for (option, bytes, exists) in [
        ("-D", "d", true),
        ("-D", "d", true),
        ("-U", "u", false),
        ("-U", "u", false),
        ("-Q", "o", true),
    ] {
        assert_eq!(
            run(&scratch, &[option, "d"]),
            Outcome::gives(""),
            "{option}"
        );
        assert_eq!(arrived(&mut control), bytes, "{option}");
        assert_eq!(down.exists(), exists, "{option}");
    }
    scratch.file("d/supervise/status", status(0, 1));
    assert_eq!(run(&scratch, &["-Q", "d"]), Outcome::gives(""));
    assert_eq!(arrived(&mut control), "d", "what is down is not started");
}

#[test]
fn a_down_that_cannot_be_made_is_a_failure_and_nothing_is_sent() {
    if is_original() {
        return;
    }
    let scratch = Scratch::new();
    let mut control = control(&scratch, "d");
    symlink("../victim", scratch.join("d/down")).unwrap();
    let line = "svc: warning: unable to make d/down: file already exists\n";
    assert_eq!(run(&scratch, &["-D", "d"]), Outcome::fails(111, line));
    assert!(!scratch.join("victim").exists());
    assert_eq!(arrived(&mut control), "");
}

/// A status with this process, and a stamp of its own.
fn status(pid: u32, stamp: u32) -> [u8; Status::LEN] {
    let status = Status {
        seconds: 1 << 62,
        nanos: stamp,
        pid,
        paused: false,
        want: Want::Up,
    };
    status.encode()
}

/// As supervise writes it.
fn replace_status(scratch: &Scratch, pid: u32, stamp: u32) {
    scratch.file("d/supervise/status.new", status(pid, stamp));
    let new = scratch.join("d/supervise/status.new");
    fs::rename(new, scratch.join("d/supervise/status")).unwrap();
}

#[test]
fn what_comes_of_a_command_is_waited_for() {
    if is_original() {
        return;
    }
    let scratch = Scratch::new();
    let mut control = control(&scratch, "d");
    let _ok = presence(&scratch);
    replace_status(&scratch, 7, 1);
    for (goal, letter, path) in [
        ("down", "-d", &[0][..]),
        ("up", "-u", &[8]),
        ("ready", "-u", &[]),
        ("restart", "-t", &[0, 9]),
        ("restart", "-t", &[10]),
    ] {
        let mut command = Suite::under_test().command("svc", &scratch);
        let goal = format!("--wait={goal}");
        let mut running = Running::start(command.args([&goal, letter, "d"]), &scratch);
        let mut seen = String::new();
        until("the command arrives", || {
            seen.push_str(&arrived(&mut control));
            seen.ends_with(&letter[1..])
        });
        for pid in path {
            assert_eq!(running.ended(), None, "{goal} {path:?}");
            replace_status(&scratch, *pid, *pid + 1);
        }
        assert_eq!(running.wait(), 0, "{goal} {path:?}");
    }
}

#[test]
fn waiting_ends_with_the_time_or_with_supervise() {
    if is_original() {
        return;
    }
    let scratch = Scratch::new();
    let mut control = control(&scratch, "d");
    let ok = presence(&scratch);
    replace_status(&scratch, 7, 1);
    let arguments = ["-t", "--wait=restart", "--timeout=10ms", "d"];
    let line = "svc: fatal: timed out\n";
    assert_eq!(run(&scratch, &arguments), Outcome::fails(99, line));
    assert_eq!(arrived(&mut control), "t");

    let mut command = Suite::under_test().command("svc", &scratch);
    let mut running = Running::start(command.args(["-x", "--wait=restart", "d"]), &scratch);
    until("the command arrives", || arrived(&mut control) == "x");
    drop(ok);
    assert_eq!(running.wait(), 1);
}

#[test]
fn a_name_that_is_not_here_is_looked_for_in_the_scan_directory() {
    if is_original() {
        return;
    }
    let scratch = Scratch::new();
    let mut one = control(&scratch, "scan/web1");
    let mut two = control(&scratch, "scan/web2");
    let run = |operand: &str| {
        let mut command = Suite::under_test().command("svc", &scratch);
        Outcome::of(command.env("SVDIR", "scan").args(["-h", operand]))
    };
    assert_eq!(run("web1"), Outcome::gives(""));
    assert_eq!(
        (arrived(&mut one), arrived(&mut two)),
        ("h".into(), String::new())
    );
    assert_eq!(run("web?"), Outcome::gives(""));
    assert_eq!(
        (arrived(&mut one), arrived(&mut two)),
        ("h".into(), "h".into())
    );
    let line = "svc: warning: unable to chdir to ./web1: file does not exist\n";
    assert_eq!(run("./web1"), warns(line));
}
