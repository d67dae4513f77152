//! Run scripts put the programs that a service is started through under tight
//! memory limits, 3,000,000 bytes of address space or 400,000 of data. Each must
//! start and work there as it does without.

use dt_testkit::{Outcome, Scratch, Suite, is_root};

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
