//! Run scripts put the programs that a service is started through under tight
//! memory limits, 3,000,000 bytes of address space or 400,000 of data. Each must
//! start and work there as it does without.

use std::process::Stdio;

use dt_testkit::{Outcome, Running, Scratch, Suite, is_root, until};

const LIMITS: [[&str; 2]; 2] = [["-m", "3000000"], ["-d", "400000"]];

/// A program at the end of every chain that needs little memory whoever made it.
const LAST: &[&str] = &["pgrphack"];

/// The outcome of `words` under `limit`, in a new scratch directory each time.
fn outcome(limit: &[&str], words: &[&str], input: &[u8]) -> Outcome {
    let suite = Suite::under_test();
    let scratch = Scratch::new();
    scratch.file("env/NAME", "value\n");
    let outcome = suite.feed("softlimit", &[limit, words].concat(), input, &scratch);
    Outcome {
        // Stamps differ from run to run, and have all the same length.
        stdout: vec![b'.'; outcome.stdout.len()],
        ..outcome
    }
}

#[track_caller]
fn works_under_every_limit(words: &[&str], input: &[u8]) {
    let unlimited = outcome(&["-m", "=", "-d", "="], words, input);
    for limit in LIMITS {
        assert_eq!(
            outcome(&limit, words, input),
            unlimited,
            "{limit:?} {words:?}"
        );
    }
}

#[test]
fn chain_tools_start_under_tight_limits() {
    let usage = outcome(&["-m", "="], LAST, b"");
    assert_eq!(usage.code, 100);
    for tool in [
        &["softlimit", "-o", "="][..],
        &["setlock", "lock"],
        &["envdir", "env"],
        &["envuidgid", "root"],
        &["pgrphack"],
        &["fghack"],
    ] {
        let words = [tool, LAST].concat();
        assert_eq!(outcome(&["-m", "="], &words, b""), usage, "{tool:?}");
        works_under_every_limit(&words, b"");
    }
    works_under_every_limit(
        &[
            "setuidgid",
            if is_root() { "nobody" } else { "root" },
            "pgrphack",
        ],
        b"",
    );
    works_under_every_limit(&["readproctitle", "....."], b"text\n");
}

#[test]
fn loggers_work_under_tight_limits() {
    let lines = b"a line of text\n".repeat(1000);
    works_under_every_limit(&["tai64n"], &lines);
    works_under_every_limit(&["multilog", "t", "./log"], &lines);
    works_under_every_limit(&["multilog", "t", "s4096", "n3", "./log"], &lines);
}

#[test]
fn a_whole_chain_works_under_tight_limits() {
    let chain = [
        "setlock",
        "lock",
        "envdir",
        "env",
        "envuidgid",
        "root",
        "multilog",
        "t",
        "./log",
    ];
    works_under_every_limit(&chain, b"a line\n");
}

/// What a service inherits of it may be too little for that; it does not matter to who
/// looks after it.
#[test]
fn supervision_starts_under_tight_limits_and_obeys() {
    let suite = Suite::ours();
    for limit in LIMITS {
        for program in ["supervise", "svscan"] {
            let scratch = Scratch::new();
            scratch.script("sc/s/run", "#!/bin/sh\nexec sleep 1000\n");
            let place = if program == "svscan" { "sc" } else { "sc/s" };
            let mut command = suite.command("softlimit", &scratch);
            command.args(limit).arg(suite.program(program)).arg(place);
            command.stdin(Stdio::null()).stderr(Stdio::null());
            let mut running = Running::start(&mut command, &scratch);
            let answers = || suite.run("svok", &["sc/s"], &scratch).code == 0;
            until("there is a supervise", answers);
            assert_eq!(running.ended(), None, "{limit:?} {program}");
            if program == "svscan" {
                std::fs::rename(scratch.join("sc/s"), scratch.join("sc/.s")).unwrap();
            }
            let place = if program == "svscan" { "sc/.s" } else { "sc/s" };
            let _told = suite.run("svc", &["-dx", place], &scratch);
            until("supervise ends", || {
                suite.run("svok", &[place], &scratch).code == 100
            });
        }
    }
}
