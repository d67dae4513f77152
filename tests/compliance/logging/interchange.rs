//! Each suite's multilog goes on with a directory that the other has left.
//!
//! Needs the original beside the suite under test, and is skipped where it is not
//! named. The suite under test may itself be the original, which shows that the
//! expectations hold for it too.

use dt_testkit::{Running, Scratch, Suite, until};
use std::fs;
use std::io::Write;
use std::process::Stdio;

use super::kit::{is_settled, numbered_lines, unstamped};

/// The two in both orders, the first of which starts the log: the pairs' names for
/// messages.
fn pairs(test: &str) -> Vec<(Suite, Suite, &'static str)> {
    let Some(original) = Suite::original_for(test) else {
        return Vec::new();
    };
    let tested = Suite::under_test();
    vec![
        (
            original.clone(),
            tested.clone(),
            "the original's goes on in the suite's",
        ),
        (tested, original, "the suite's goes on in the original's"),
    ]
}

/// All of a log directory, archives and `current`, and the names.
fn all(scratch: &Scratch) -> (Vec<u8>, Vec<String>) {
    let names = scratch.names("d");
    let log = |name: &&String| name.starts_with('@') || *name == "current";
    let files = names
        .iter()
        .filter(log)
        .map(|name| scratch.read(format!("d/{name}")));
    (files.flatten().collect(), names)
}

fn run(suite: &Suite, scratch: &Scratch, script: &[&str], input: &[u8]) {
    let outcome = suite.feed("multilog", script, input, scratch);
    assert_eq!(
        (outcome.code, outcome.stderr.as_slice()),
        (0, &b""[..]),
        "{outcome:?}"
    );
}

/// Starts multilog, gives it input, waits until it has done what it can, and kills it.
fn killed(suite: &Suite, scratch: &Scratch, script: &[&str], input: &[u8]) {
    let mut command = suite.command("multilog", scratch);
    command.args(script).stdin(Stdio::piped());
    let mut running = Running::start(&mut command, scratch);
    let pid = running.pid();
    running
        .child()
        .stdin
        .as_mut()
        .unwrap()
        .write_all(input)
        .unwrap();
    until("it is there", || scratch.join("d/current").exists());
    until("it waits", || is_settled(pid));
    running.signal("KILL");
    running.wait();
}

#[test]
fn after_a_clean_exit() {
    for (first, second, pair) in pairs("after_a_clean_exit") {
        for script in [
            &["t", "s4096", "n100", "./d"][..],
            &["s4096", "n100", "./d"],
            &["s4096", "n100", "!cat", "./d"],
        ] {
            let scratch = Scratch::new();
            let input = numbered_lines(20_000);
            for (place, part) in input.chunks(3333).enumerate() {
                // Cut in mid-line, each part ends with a line of its own.
                run(
                    if place % 2 == 0 { &first } else { &second },
                    &scratch,
                    script,
                    part,
                );
            }
            let mut expected = Vec::new();
            for part in input.chunks(3333) {
                expected.extend(part);
                expected.extend((!part.ends_with(b"\n")).then_some(b'\n'));
            }
            let (log, names) = all(&scratch);
            assert_eq!(
                unstamped(&log).escape_ascii().to_string(),
                expected.escape_ascii().to_string(),
                "{pair} {script:?}"
            );
            assert!(
                !names.iter().any(|name| name.contains(".u")),
                "{pair} {names:?}"
            );
        }
    }
}

#[test]
fn after_a_kill() {
    for (first, second, pair) in pairs("after_a_kill") {
        for script in [
            &["t", "n100", "./d"][..],
            &["s4096", "n100", "./d"],
            &["s4096", "n100", "!cat", "./d"],
        ] {
            let scratch = Scratch::new();
            let (before, after) = (numbered_lines(10_000), b"after\n");
            killed(&first, &scratch, script, &before);
            run(&second, &scratch, script, after);
            let expected = [before.as_slice(), after].concat();
            let (log, names) = all(&scratch);
            assert_eq!(
                unstamped(&log).escape_ascii().to_string(),
                expected.escape_ascii().to_string(),
                "{pair} {script:?} {names:?}"
            );
            for left in ["previous", "processed", "newstate"] {
                assert!(!names.iter().any(|name| name == left), "{pair} {names:?}");
            }
        }
    }
}

#[test]
fn what_one_left_behind_is_stale_after_the_other() {
    for (first, second, pair) in pairs("what_one_left_behind_is_stale_after_the_other") {
        for script in [&["t", "n100", "./d"][..], &["s4096", "n100", "./d"]] {
            let scratch = Scratch::new();
            let mut expected = Vec::new();
            for (place, suite) in [&first, &second, &first, &first, &second, &second, &first]
                .into_iter()
                .enumerate()
            {
                let part = [
                    numbered_lines(1500),
                    format!("round {place}\n").into_bytes(),
                ]
                .concat();
                expected.extend(&part);
                if place % 2 == 0 {
                    killed(suite, &scratch, script, &part);
                } else {
                    run(suite, &scratch, script, &part);
                }
            }
            let (log, names) = all(&scratch);
            assert_eq!(
                unstamped(&log).escape_ascii().to_string(),
                expected.escape_ascii().to_string(),
                "{pair} {script:?} {names:?}"
            );
        }
    }
}

#[test]
fn after_a_kill_during_the_processor() {
    for (first, second, pair) in pairs("after_a_kill_during_the_processor") {
        let scratch = Scratch::new();
        let before = "x".repeat(4095) + "\n";
        let stuck = ["s4096", "n100", "!echo half; exec sleep 1000", "./d"];
        let mut command = first.command("multilog", &scratch);
        command.args(stuck).stdin(Stdio::piped());
        let mut running = Running::start(&mut command, &scratch);
        running
            .child()
            .stdin
            .as_mut()
            .unwrap()
            .write_all(before.as_bytes())
            .unwrap();
        until("the processor has begun", || {
            fs::read(scratch.join("d/processed")).is_ok_and(|content| content == b"half\n")
        });
        for pid in dt_testkit::descendants_of_scratch(scratch.path()) {
            let kill = std::process::Command::new("kill")
                .args(["-KILL", &pid.to_string()])
                .status();
            assert!(kill.unwrap().success());
        }
        running.wait();
        run(
            &second,
            &scratch,
            &["s4096", "n100", "!cat", "./d"],
            b"after\n",
        );
        let (log, names) = all(&scratch);
        let expected = [before.as_bytes(), b"after\n"].concat();
        assert_eq!(
            log.escape_ascii().to_string(),
            expected.escape_ascii().to_string(),
            "{pair} {names:?}"
        );
        assert!(
            !names
                .iter()
                .any(|name| name == "previous" || name == "processed"),
            "{pair} {names:?}"
        );
    }
}

#[test]
fn with_a_processors_state() {
    for (first, second, pair) in pairs("with_a_processors_state") {
        let scratch = Scratch::new();
        let script = [
            "s4096",
            "n100",
            "!s=$(cat <&4)x; echo $s; echo $s >&5",
            "./d",
        ];
        run(&first, &scratch, &script, "x".repeat(4097).as_bytes());
        run(&second, &scratch, &script, "y".repeat(4097).as_bytes());
        run(&first, &scratch, &script, "z".repeat(4097).as_bytes());
        assert_eq!(scratch.read("d/state"), b"xxx\n", "{pair}");
        let sizes: Vec<_> = scratch
            .names("d")
            .iter()
            .filter(|name| name.starts_with('@'))
            .map(|name| scratch.read(format!("d/{name}")).len())
            .collect();
        assert_eq!(sizes, [2, 3, 4], "{pair}");
    }
}

#[test]
fn one_locks_out_the_other() {
    for (first, second, pair) in pairs("one_locks_out_the_other") {
        let scratch = Scratch::new();
        let mut command = first.command("multilog", &scratch);
        command.arg("./d").stdin(Stdio::piped());
        let running = Running::start(&mut command, &scratch);
        until("it runs", || {
            scratch.join("d/current").exists() && is_settled(running.pid())
        });
        let outcome = second.feed("multilog", &["./d"], b"a\n", &scratch);
        let refusal = b"multilog: fatal: unable to lock directory ./d: temporary failure\n";
        assert_eq!(outcome, dt_testkit::Outcome::fails(111, refusal), "{pair}");
    }
}

#[test]
fn a_successor_on_the_same_pipe() {
    for (first, second, pair) in pairs("a_successor_on_the_same_pipe") {
        let scratch = Scratch::new();
        let (reader, mut writer) = std::io::pipe().unwrap();
        let start = |suite: &Suite| {
            let mut command = suite.command("multilog", &scratch);
            command.arg("./d").stdin(reader.try_clone().unwrap());
            Running::start(&mut command, &scratch)
        };
        let mut running = start(&first);
        writer.write_all(b"one\ntw").unwrap();
        until("the first line", || {
            fs::read(scratch.join("d/current")).is_ok_and(|log| log == b"one\n")
        });
        until("it waits", || is_settled(running.pid()));
        running.signal("TERM");
        until("it waits", || is_settled(running.pid()));
        writer.write_all(b"o\nthree\nfour\n").unwrap();
        assert_eq!(running.wait(), 0, "{pair}");
        let mut running = start(&second);
        drop(writer);
        assert_eq!(running.wait(), 0, "{pair}");
        assert_eq!(
            scratch.read("d/current"),
            b"one\ntwo\nthree\nfour\n",
            "{pair}"
        );
    }
}

#[test]
fn pipes_of_stamps() {
    for (first, second, pair) in pairs("pipes_of_stamps") {
        let scratch = Scratch::new();
        let stamped = first.feed("tai64n", &[""; 0], b"a\n\nb", &scratch);
        let shown = second.feed("tai64nlocal", &[""; 0], &stamped.stdout, &scratch);
        let text = String::from_utf8(shown.stdout).unwrap();
        let tails: Vec<_> = text
            .lines()
            .map(|line| (line[..2].to_owned(), line[29..].to_owned()))
            .collect();
        let expected = [" a", " ", " b"].map(|tail| ("20".to_owned(), tail.to_owned()));
        assert_eq!(tails, expected, "{pair}");
    }
}
