//! Messages and exit codes of `svstat`, and what it makes of status records.
//! `DAEMONTOOLS_UNDER_TEST=/usr/bin` runs the original.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::symlink;
use std::process::Stdio;
use std::time::Duration;

use dt_os::file::{How, make_fifo};
use dt_service::{Block, Incarnation, Record, State, Status, Want};
use dt_testkit::{Outcome, Scratch, Suite};

fn run(scratch: &Scratch, arguments: &[&str]) -> Outcome {
    Suite::under_test().run("svstat", arguments, scratch)
}

/// A directory whose `ok` is held open, as if supervise were there.
fn supervised(scratch: &Scratch, name: &str) -> File {
    let ok = scratch.directory(format!("{name}/supervise")).join("ok");
    make_fifo(&ok, 0o600).unwrap();
    How::READ.open(ok).unwrap()
}

/// A record with a stamp far in the future, so that its age is 0.
fn record(pid: u32, paused: bool, want: Want) -> [u8; Status::LEN] {
    let status = Status {
        seconds: dt_tai::EPOCH + (1 << 40),
        nanos: 500,
        pid,
        paused,
        want,
    };
    status.encode()
}

#[test]
fn every_combination_has_its_words() {
    let scratch = Scratch::new();
    let _ok = supervised(&scratch, "d");
    for (pid, paused, want, down, words) in [
        (9, false, Want::Up, false, "up (pid 9) 0 seconds"),
        (
            9,
            false,
            Want::Up,
            true,
            "up (pid 9) 0 seconds, normally down",
        ),
        (
            9,
            false,
            Want::Down,
            false,
            "up (pid 9) 0 seconds, want down",
        ),
        (9, true, Want::Up, false, "up (pid 9) 0 seconds, paused"),
        (
            9,
            true,
            Want::Down,
            false,
            "up (pid 9) 0 seconds, paused, want down",
        ),
        (
            9,
            true,
            Want::Down,
            true,
            "up (pid 9) 0 seconds, normally down, paused, want down",
        ),
        (9, false, Want::Neither, false, "up (pid 9) 0 seconds"),
        (0, false, Want::Down, false, "down 0 seconds, normally up"),
        (0, false, Want::Down, true, "down 0 seconds"),
        (0, true, Want::Down, true, "down 0 seconds"),
        (
            0,
            false,
            Want::Up,
            false,
            "down 0 seconds, normally up, want up",
        ),
        (0, false, Want::Up, true, "down 0 seconds, want up"),
        (
            0,
            false,
            Want::Neither,
            false,
            "down 0 seconds, normally up",
        ),
        (
            1 << 22,
            false,
            Want::Up,
            false,
            "up (pid 4194304) 0 seconds",
        ),
    ] {
        scratch.file("d/supervise/status", record(pid, paused, want));
        // Whatever is there counts, a directory as well.
        let _ = std::fs::remove_dir(scratch.join("d/down"));
        if down {
            scratch.directory("d/down");
        }
        assert_eq!(
            run(&scratch, &["d"]),
            Outcome::gives(format!("d: {words}\n"))
        );
    }
}

#[test]
fn a_down_that_is_a_dangling_link_is_not_there() {
    let scratch = Scratch::new();
    let _ok = supervised(&scratch, "d");
    scratch.file("d/supervise/status", record(0, false, Want::Down));
    symlink("nowhere", scratch.join("d/down")).unwrap();
    let line = "d: down 0 seconds, normally up\n";
    assert_eq!(run(&scratch, &["d"]), Outcome::gives(line));
}

#[test]
fn records_of_other_lengths() {
    let scratch = Scratch::new();
    let _ok = supervised(&scratch, "d");
    let full = record(9, false, Want::Up);
    for length in [0, 1, 12, 17] {
        scratch.file("d/supervise/status", &full[..length]);
        let line = "d: unable to read supervise/status: bad format\n";
        assert_eq!(
            run(&scratch, &["d"]),
            Outcome::gives(line),
            "{length} bytes"
        );
    }
    for length in [19, 20, 40, 1001] {
        let mut longer = full.to_vec();
        longer.resize(length, 3);
        // A process id that there may be.
        if let Some(high) = longer.get_mut(34..36) {
            high.fill(0);
        }
        scratch.file("d/supervise/status", longer);
        // encore's long state, where the length is one of its files.
        let long = !Suite::under_test().is_original() && length < 1001;
        let state = if long { ", running" } else { "" };
        let start = "d log: up (pid 771) ";
        let outcome = run(&scratch, &["d"]);
        let text = String::from_utf8(outcome.stdout).unwrap();
        let first = text.lines().next().unwrap();
        assert_eq!(
            first,
            format!("d: up (pid 9) 0 seconds{state}"),
            "{length} bytes"
        );
        let second = text.lines().nth(1);
        assert_eq!(second.is_some(), long && length == 40, "{length} bytes");
        assert!(second.is_none_or(|line| line.starts_with(start)), "{text}");
    }
}

#[test]
fn nonsense_is_shown_as_it_stands() {
    let scratch = Scratch::new();
    let _ok = supervised(&scratch, "d");
    scratch.file("d/supervise/status", [0; 18]);
    let outcome = run(&scratch, &["d"]);
    let line = String::from_utf8(outcome.stdout).unwrap();
    let seconds = line
        .strip_prefix("d: down ")
        .and_then(|rest| rest.strip_suffix(" seconds, normally up\n"));
    let seconds: u64 = seconds.expect(&line).parse().unwrap();
    // Seconds since 2^62 before 1970, rounded to 1024 by the original's arithmetic.
    assert_eq!(seconds % 1024, 0);
    assert!(seconds > 1 << 62, "{seconds}");
}

/// svstat showed process ids that no process has ever had.
#[test]
fn a_pid_that_linux_gives_nobody_is_a_bad_format() {
    if Suite::under_test().is_original() {
        return;
    }
    let scratch = Scratch::new();
    let _ok = supervised(&scratch, "d");
    let line = "d: unable to read supervise/status: bad format\n";
    for pid in [(1 << 22) + 1, 1 << 31, u32::MAX] {
        scratch.file("d/supervise/status", record(pid, false, Want::Up));
        assert_eq!(run(&scratch, &["d"]), Outcome::gives(line), "{pid}");
    }
    let log = [&record(9, false, Want::Up)[..], &[3, 1], &[0xff; 20]].concat();
    scratch.file("d/supervise/status", log);
    assert_eq!(run(&scratch, &["d"]), Outcome::gives(line));
}

#[test]
fn obstacles_are_told_one_a_line_and_the_rest_goes_on() {
    let scratch = Scratch::new();
    scratch.file("file", "");
    scratch.directory("never");
    drop(supervised(&scratch, "dead"));
    let _loop = supervised(&scratch, "loop");
    symlink("down", scratch.join("loop/down")).unwrap();
    let _young = supervised(&scratch, "young");
    scratch.directory("odd/supervise/ok");
    let names = [
        "no", "", "file", "never", "dead/", "loop", "young", "odd", "-x", "--",
    ];
    let lines = "no: unable to chdir: file does not exist\n\
                 : unable to chdir: file does not exist\n\
                 file: unable to chdir: not a directory\n\
                 never: unable to open supervise/ok: file does not exist\n\
                 dead/: supervise not running\n\
                 loop: unable to stat down: symbolic link loop\n\
                 young: unable to open supervise/status: file does not exist\n\
                 odd: unable to open supervise/ok: is a directory\n\
                 -x: unable to chdir: file does not exist\n\
                 --: unable to chdir: file does not exist\n";
    assert_eq!(run(&scratch, &names), Outcome::gives(lines));
}

#[test]
fn no_directory_no_line() {
    assert_eq!(run(&Scratch::new(), &[]), Outcome::gives(""));
}

#[test]
fn a_name_is_printed_byte_for_byte() {
    let name = OsString::from_vec(b"\xff\n".to_vec());
    let outcome = Suite::under_test().run("svstat", &[name], &Scratch::new());
    let line = b"\xff\n: unable to chdir: file does not exist\n";
    assert_eq!(outcome, Outcome::gives(line));
}

#[test]
fn many_lines_come_out_whole_and_in_order() {
    let names: Vec<_> = (0..500).map(|number| format!("no-such-{number}")).collect();
    let outcome = Suite::under_test().run("svstat", &names, &Scratch::new());
    let lines: Vec<_> = names
        .iter()
        .map(|name| format!("{name}: unable to chdir: file does not exist\n"))
        .collect();
    assert_eq!(outcome, Outcome::gives(lines.concat()));
}

#[test]
fn a_reader_that_does_not_exist_is_no_failure() {
    let scratch = Scratch::new();
    let mut command = Suite::under_test().command("svstat", &scratch);
    let full = File::options().write(true).open("/dev/full").unwrap();
    command.arg("no").stdout(full).stderr(Stdio::piped());
    assert_eq!(Outcome::of(&mut command), Outcome::gives(""));
}

/// The original shows the record of the directory before.
#[test]
fn a_record_that_cannot_be_read_is_said_so() {
    if Suite::under_test().is_original() {
        return;
    }
    let scratch = Scratch::new();
    let _good = supervised(&scratch, "good");
    scratch.file("good/supervise/status", record(9, false, Want::Up));
    let _bad = supervised(&scratch, "bad");
    scratch.directory("bad/supervise/status");
    let lines = "good: up (pid 9) 0 seconds\n\
                 bad: unable to read supervise/status: is a directory\n";
    assert_eq!(run(&scratch, &["good", "bad"]), Outcome::gives(lines));
}

#[test]
fn a_fifo_in_place_of_the_record_does_not_keep_it_waiting() {
    let scratch = Scratch::new();
    let _ok = supervised(&scratch, "d");
    make_fifo(scratch.join("d/supervise/status"), 0o600).unwrap();
    let line = "d: unable to read supervise/status: bad format\n";
    assert_eq!(run(&scratch, &["d"]), Outcome::gives(line));
}

/// The original shows how far the clock was set besides.
#[test]
fn a_clock_that_was_set_makes_no_service_younger_or_older() {
    if Suite::under_test().is_original() {
        return;
    }
    let scratch = Scratch::new();
    let _ok = supervised(&scratch, "d");
    let now = dt_tai::from_unix(dt_os::clock::UnixTime::now().secs, 0).0.0;
    let seen = |seconds: u64, started: u64, stamp: u64| {
        let status = Status {
            seconds,
            nanos: 500,
            pid: 9,
            paused: false,
            want: Want::Up,
        };
        let record = Record {
            boot: dt_os::incarnation::boot_id(),
            supervise: Incarnation {
                pid: 8,
                start: Some(1),
            },
            service: None,
            want: Want::Up,
            paused: false,
            due: false,
            leaving: false,
            since: (stamp, 500),
            since_boot: dt_os::clock::since_boot().saturating_sub(Duration::from_secs(started)),
            not_before: Duration::ZERO,
        };
        scratch.file("d/supervise/status", status.encode());
        scratch.file("d/supervise/record", record.encode(0));
        let outcome = run(&scratch, &["d"]);
        let words = String::from_utf8(outcome.stdout).unwrap();
        let age = words.trim_end().strip_prefix("d: up (pid 9) ").unwrap();
        age.strip_suffix(" seconds")
            .unwrap()
            .parse::<u64>()
            .unwrap()
    };
    for stamp in [now - 100_000, now + 100_000] {
        let age = seen(stamp, 7, stamp);
        assert!((7..100).contains(&age), "{age} seconds");
    }
    // Of another change than the status: not believed.
    let age = seen(now - 100_000, 7, now);
    assert!((100_000..100_100).contains(&age), "{age} seconds");
}

/// What only ours can do is not asked of the original.
fn is_original() -> bool {
    Suite::under_test().is_original()
}

fn block(pid: u32, want: Want, state: State) -> Block {
    let status = Status::decode(&record(pid, false, want)).unwrap();
    Block { status, state }
}

/// The service runs once, and its log is a program that was told to go down.
fn with_log(scratch: &Scratch) -> File {
    let ok = supervised(scratch, "d");
    let main = block(9, Want::Neither, State::Running);
    let log = block(8, Want::Down, State::Stopping);
    scratch.file("d/supervise/status", main.encode_with_log(&log));
    ok
}

#[test]
fn a_log_that_is_a_program_has_its_own_line() {
    if is_original() {
        return;
    }
    let scratch = Scratch::new();
    let _ok = with_log(&scratch);
    let main = "d: up (pid 9) 0 seconds, once, running\n";
    let log = "d log: up (pid 8) 0 seconds, want down, stopping\n";
    let both = format!("{main}{log}");
    assert_eq!(run(&scratch, &["d"]), Outcome::gives(both));
    assert_eq!(run(&scratch, &["-l", "d"]), Outcome::gives(main));
    assert_eq!(run(&scratch, &["-L", "d"]), Outcome::gives(log));
    let one = block(0, Want::Down, State::Failed).encode();
    scratch.file("d/supervise/status", one);
    let line = "d: down 0 seconds, normally up, failed\n";
    assert_eq!(run(&scratch, &["d"]), Outcome::gives(line));
    let line = "d: no log service\n";
    assert_eq!(run(&scratch, &["-L", "d"]), Outcome::gives(line));
}

#[test]
fn a_directory_called_like_an_option_is_still_a_directory() {
    let scratch = Scratch::new();
    scratch.directory("-l");
    let line = "-l: unable to open supervise/ok: file does not exist\n";
    assert_eq!(run(&scratch, &["-l"]), Outcome::gives(line));
}

#[test]
fn values_are_in_s6_s_form() {
    if is_original() {
        return;
    }
    let scratch = Scratch::new();
    let _ok = supervised(&scratch, "d");
    let fields = "up,wantedup,normallyup,ready,paused,pid,exitcode,signal,signum,updownsince,\
                  updownfor,readyfor";
    let label = "@40000100000000"; // Far in the future, so that it is 0 seconds ago.
    scratch.file("d/supervise/status", record(9, true, Want::Up));
    let outcome = run(&scratch, &["-o", fields, "d"]);
    let expected = format!("true true true true true 9 -1 NA -1 {label}0a000001f4 0 0\n");
    assert_eq!(outcome, Outcome::gives(expected));
    scratch.file("d/supervise/status", record(0, false, Want::Down));
    let outcome = run(&scratch, &["-o", fields, "d"]);
    let expected = format!("false false true false false -1 -1 NA -1 {label}0a000001f4 0 -1\n");
    assert_eq!(outcome, Outcome::gives(expected));
}

#[test]
fn values_of_services_without_supervise_are_none_and_the_code_says_so() {
    if is_original() {
        return;
    }
    let scratch = Scratch::new();
    drop(supervised(&scratch, "dead"));
    scratch.directory("never");
    let _ok = supervised(&scratch, "d");
    scratch.file("d/supervise/status", record(9, false, Want::Up));
    let outcome = run(&scratch, &["-oname,pid", "dead", "d", "never"]);
    let warnings = "svstat: warning: dead: supervise not running\n\
                    svstat: warning: never: unable to open supervise/ok: file does not exist\n";
    let expected = Outcome {
        code: 1,
        stdout: b"d 9\n".to_vec(),
        stderr: warnings.into(),
    };
    assert_eq!(outcome, expected);
    let outcome = run(&scratch, &["-opid", "dead", "no"]);
    assert_eq!((outcome.code, outcome.stdout), (111, vec![]));
}

#[test]
fn wrong_fields_and_missing_directories_are_wrong_usage() {
    if is_original() {
        return;
    }
    let scratch = Scratch::new();
    let line = "svstat: fatal: invalid option field: foo\n";
    assert_eq!(run(&scratch, &["-ofoo", "d"]), Outcome::fails(100, line));
    let line = "svstat: usage: svstat [-L] [-l] [-t | -j | -o field,...] dir [dir ...]\n";
    assert_eq!(run(&scratch, &["-j"]), Outcome::fails(100, line));
}

#[test]
fn a_table_in_a_pipe_has_no_colour() {
    if is_original() {
        return;
    }
    let scratch = Scratch::new();
    let _ok = with_log(&scratch);
    let table = "NAME   STATE     PID  FOR  NOTES\n\
                 d      running     9   0s  once\n\
                 d log  stopping    8   0s\n\
                 no     unknown             unable to chdir: file does not exist\n";
    assert_eq!(run(&scratch, &["-t", "d", "no"]), Outcome::gives(table));
}

/// On a terminal (script(1) makes one) the line is in colour as a whole, so that
/// every text searched for in it is found; without colour it is the same line.
#[test]
fn on_a_terminal_the_line_is_the_same_in_colour() {
    if is_original() {
        return;
    }
    let scratch = Scratch::new();
    let _ok = supervised(&scratch, "a\u{1b}b");
    scratch.file("a\u{1b}b/supervise/status", record(9, false, Want::Up));
    let svstat = Suite::under_test().program("svstat");
    let on_terminal = |no_colour: &str| {
        let mut script = std::process::Command::new("script");
        let line = format!("'{}' a?b", svstat.display());
        script
            .args(["-qec", &line, "/dev/null"])
            .stdin(Stdio::null());
        script.env("TERM", "xterm").env("NO_COLOR", no_colour);
        script.current_dir(scratch.path()).output()
    };
    let Ok(plain) = on_terminal("1") else {
        eprintln!("on_a_terminal_the_line_is_the_same_in_colour: skipped, no script(1)");
        return;
    };
    let text = "a\\x1bb: up (pid 9) 0 seconds";
    assert_eq!(
        String::from_utf8(plain.stdout).unwrap(),
        format!("{text}\r\n")
    );
    let coloured = on_terminal("").unwrap().stdout;
    let expected = format!("\u{1b}[32m{text}\u{1b}[0m\r\n");
    assert_eq!(String::from_utf8(coloured).unwrap(), expected);
}

/// Where s6 is installed its own usage line says which fields there are.
#[test]
fn every_field_of_s6_is_known() {
    if is_original() {
        return;
    }
    let Ok(usage) = std::process::Command::new("s6-svstat").output() else {
        eprintln!("every_field_of_s6_is_known: skipped, no s6-svstat");
        return;
    };
    let usage = String::from_utf8(usage.stderr).unwrap();
    let fields = usage.split("-o ").nth(1).unwrap();
    let fields = fields.split_whitespace().next().unwrap();
    assert!(fields.split(',').count() >= 13, "{usage}");
    let scratch = Scratch::new();
    let _ok = supervised(&scratch, "d");
    scratch.file("d/supervise/status", record(9, false, Want::Up));
    let outcome = run(&scratch, &["-o", fields, "d"]);
    assert_eq!((outcome.code, outcome.stderr), (0, vec![]));
    let values = String::from_utf8(outcome.stdout).unwrap();
    assert_eq!(values.split_whitespace().count(), fields.split(',').count());
}
