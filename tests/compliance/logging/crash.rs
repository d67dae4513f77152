//! multilog killed at one system call after the other, and then continued by either
//! suite's.
//!
//! Needs the original beside the suite under test, and strace to kill at a chosen
//! call; is skipped where either is missing.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write;
use std::process::Command;

use dt_testkit::{Scratch, Suite, show, skipped_without_strace};

use super::kit::unstamped;

/// What touches the directory, the input or the log.
const CALLS: [&str; 21] = [
    "chmod",
    "close",
    "fchdir",
    "fchmod",
    "fchmodat",
    "fdatasync",
    "fsync",
    "ftruncate",
    "link",
    "linkat",
    "open",
    "openat",
    "read",
    "rename",
    "renameat",
    "renameat2",
    "splice",
    "unlink",
    "unlinkat",
    "write",
    "writev",
];

/// Runs multilog to its end, or to a certain call of its, at which it is killed;
/// says whether it was.
fn killed_at(
    suite: &Suite,
    scratch: &Scratch,
    script: &[&str],
    input: &[u8],
    at: (&str, usize),
) -> bool {
    let (call, when) = at;
    // All of it is in the pipe before, so that the calls are the same each time.
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(input).unwrap();
    drop(writer);
    let mut command = Command::new("strace");
    command
        .args(["-o", "/dev/null", "-e", &format!("trace=?{call}")])
        .args(["-e", &format!("inject=?{call}:signal=KILL:when={when}")])
        .arg(suite.program("multilog"))
        .args(script)
        .current_dir(scratch.path())
        .env("PATH", suite.path())
        .env(Scratch::MARK, scratch.mark())
        .stdin(reader);
    // A call that this machine does not have is an error of strace's.
    dt_testkit::Outcome::of(&mut command).code == 137
}

/// The lines of a log directory, and whether any stands there twice.
fn lines(scratch: &Scratch) -> (BTreeSet<Vec<u8>>, Vec<Vec<u8>>) {
    let mut seen = BTreeSet::new();
    let mut twice = Vec::new();
    for name in scratch
        .names("d")
        .iter()
        .filter(|name| name.starts_with('@') || *name == "current")
    {
        let content = unstamped(&scratch.read(format!("d/{name}")));
        for line in content.split_inclusive(|byte| *byte == b'\n') {
            if !seen.insert(line.to_vec()) {
                twice.push(line.to_vec());
            }
        }
    }
    (seen, twice)
}

/// Kills `first` at call after call, and lets `second` and then `first` go on.
fn at_every_call(first: &Suite, second: &Suite, script: &[&str]) {
    // Every line is different, so that one that stands there twice is seen.
    let mut before = String::new();
    for number in 0..220 {
        writeln!(before, "line {number} {}", "-".repeat(30)).unwrap();
    }
    let whole: BTreeSet<_> = before.split_inclusive('\n').collect();
    for call in CALLS {
        for when in 1.. {
            let scratch = Scratch::new();
            if !killed_at(first, &scratch, script, before.as_bytes(), (call, when)) {
                break;
            }
            scratch.directory("d");
            let at = format!("{script:?} killed at {call} {when}");
            goes_on(&scratch, second, script, &whole, "after", &at);
            goes_on(&scratch, first, script, &whole, "last", &at);
        }
    }
}

/// Lets a multilog go on with another line, and looks at what is in the directory.
fn goes_on(
    scratch: &Scratch,
    suite: &Suite,
    script: &[&str],
    whole: &BTreeSet<&str>,
    text: &str,
    at: &str,
) {
    let outcome = suite.feed("multilog", script, format!("{text}\n").as_bytes(), scratch);
    assert_eq!(outcome.code, 0, "{at}: {outcome:?}");
    let (seen, twice) = lines(scratch);
    let shown: Vec<_> = twice.iter().map(|line| show(line)).collect();
    assert!(shown.is_empty(), "{at}: twice: {shown:?}");
    assert!(
        seen.contains(format!("{text}\n").as_bytes()),
        "{at}: no {text}"
    );
    // A line may be cut where the kill cut it, but none is foreign.
    let torn = seen.iter().filter(|line| {
        let text = std::str::from_utf8(line).unwrap();
        !whole.contains(text) && !["after\n", "last\n"].contains(&text)
    });
    let names = scratch.names("d");
    assert!(torn.count() <= 2, "{at}: {names:?}");
    for left in ["previous", "processed", "newstate"] {
        assert!(!names.iter().any(|name| name == left), "{at}: {names:?}");
    }
}

fn both_ways(test: &str, script: &[&str]) {
    let Some(original) = Suite::original_for(test) else {
        return;
    };
    if !skipped_without_strace(test) {
        let tested = Suite::under_test();
        at_every_call(&original, &tested, script);
        at_every_call(&tested, &original, script);
    }
}

#[test]
fn killed_at_every_call() {
    both_ways("killed_at_every_call", &["t", "s4096", "n100", "./d"]);
}

#[test]
fn killed_at_every_call_with_a_processor() {
    both_ways(
        "killed_at_every_call_with_a_processor",
        &["s4096", "n100", "!cat", "./d"],
    );
}
