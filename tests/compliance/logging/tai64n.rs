//! tai64n.

use std::io::{Read, Write};
use std::process::Stdio;

use dt_testkit::Running;

use super::kit::{STAMP, ended, is_label, labels, moment, now, run_shell, unstamped, words};
use crate::harness::{Case, check};

/// Runs tai64n on `input` and writes down what came of it.
fn stamped(case: &mut Case, arguments: &[&str], input: &[u8]) {
    let outcome = case.suite.feed("tai64n", arguments, input, &case.scratch);
    ended(case, &words("tai64n", arguments), &outcome);
}

#[test]
fn every_line_gets_a_stamp() {
    check("tai64n_every_line_gets_a_stamp", |case| {
        for input in [
            &b""[..],
            b"a\n",
            b"a\nb\n",
            b"\n\n",
            b"a",
            b"a\nb",
            b"\0\n\xff\r\n\0",
        ] {
            stamped(case, &[], input);
        }
        stamped(case, &["-x", "any", "--help"], b"a\n");
        stamped(case, &[], b"@400000000000000a00000000 x\n");
    });
}

#[test]
fn long_lines_get_one_stamp() {
    check("tai64n_long_lines_get_one_stamp", |case| {
        for length in [1000, 1023, 1024, 1025, 2047, 2048, 4096, 65_536, 200_000] {
            let input = ["x".repeat(length), "y".into(), "z".repeat(length)].join("\n");
            let outcome = case
                .suite
                .feed("tai64n", &[""; 0], input.as_bytes(), &case.scratch);
            let shown = labels(&outcome.stdout);
            case.note(format!(
                "{length}: exit {}, {} bytes",
                outcome.code,
                shown.len()
            ));
            case.note(format!(
                "  the input: {}",
                unstamped(&outcome.stdout) == input.as_bytes()
            ));
        }
    });
}

#[test]
fn a_stamp_is_of_the_moment() {
    check("tai64n_a_stamp_is_of_the_moment", |case| {
        let input = super::kit::numbered_lines(500_000);
        let start = now();
        let outcome = case.suite.feed("tai64n", &[""; 0], &input, &case.scratch);
        let end = now();
        let lines = || outcome.stdout.split_inclusive(|byte| *byte == b'\n');
        let moments: Vec<_> = lines().map(moment).collect();
        case.note(format!("all stamped: {}", lines().all(is_label)));
        case.note(format!("in order: {}", moments.is_sorted()));
        // The original's clock has microseconds only, and half of one is added.
        let within = |at: &u128| at + 1000 > start && *at < end + 1000;
        case.note(format!("within the run: {}", moments.iter().all(within)));
        case.note(format!(
            "the input: {}",
            unstamped(&outcome.stdout) == input
        ));
    });
}

/// A program between two pipes.
struct Live {
    running: Running,
    seen: Vec<u8>,
}

impl Live {
    fn start(case: &Case, name: &str) -> Self {
        let mut command = case.suite.command(name, &case.scratch);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .env("TZ", "UTC");
        Self {
            running: Running::start(&mut command, &case.scratch),
            seen: Vec::new(),
        }
    }

    /// Writes, and waits until this many bytes have come out in all.
    fn exchange(&mut self, bytes: &[u8], length: usize) {
        let child = self.running.child();
        child.stdin.as_mut().unwrap().write_all(bytes).unwrap();
        let mut piece = vec![0; length - self.seen.len()];
        child
            .stdout
            .as_mut()
            .unwrap()
            .read_exact(&mut piece)
            .unwrap();
        self.seen.extend(piece);
    }

    fn finish(mut self, case: &mut Case) {
        let child = self.running.child();
        child.stdin = None;
        let mut rest = Vec::new();
        child
            .stdout
            .as_mut()
            .unwrap()
            .read_to_end(&mut rest)
            .unwrap();
        case.note(dt_testkit::show(&labels(&self.seen)));
        case.note(format!(
            "then {}, exit {}",
            dt_testkit::show(&rest),
            self.running.wait()
        ));
    }
}

#[test]
fn lines_come_out_at_once() {
    check("tai64n_lines_come_out_at_once", |case| {
        let mut live = Live::start(case, "tai64n");
        live.exchange(b"a\n", STAMP + 2);
        live.exchange(b"bc\n", 2 * STAMP + 5);
        live.exchange(b"\n", 3 * STAMP + 6);
        live.finish(case);
    });
}

#[test]
fn unfinished_lines_come_out_at_once() {
    check("tai64n_unfinished_lines_come_out_at_once", |case| {
        let mut live = Live::start(case, "tai64n");
        live.exchange(b"par", STAMP + 3);
        live.exchange(b"tial", STAMP + 7);
        live.exchange(b"\nnext", 2 * STAMP + 12);
        live.finish(case);
    });
}

#[test]
fn tai64nlocal_lines_come_out_at_once() {
    check("tai64nlocal_lines_come_out_at_once", |case| {
        let mut live = Live::start(case, "tai64nlocal");
        live.exchange(b"@400000000000000a00000000 a\n", 32);
        live.exchange(b"par", 35);
        live.exchange(b"tial\n@400000000000000a00000001", 40);
        live.exchange(b" x\n", 72);
        live.finish(case);
    });
}

#[test]
fn trouble() {
    check("tai64n_trouble", |case| {
        for program in ["tai64n", "tai64nlocal"] {
            run_shell(case, &format!("echo a | {program} >/dev/full"));
            run_shell(case, &format!("echo a | {program} >&-"));
            run_shell(case, &format!("{program} <&-"));
            run_shell(case, &format!("{program} <."));
            run_shell(case, &format!("{program} </dev/null >/dev/full"));
            run_shell(case, &format!("yes | {{ {program}; echo $? >&2; }} | :"));
        }
    });
}
