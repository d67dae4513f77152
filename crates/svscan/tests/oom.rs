//! What the kernel kills first for want of memory: `SUPERVISE_OOM_SCORE_ADJ`.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on panics with the reason"
)]

#[expect(dead_code, reason = "the other tests use the rest")]
mod tree;

use std::fs;
use std::process::Command;

use dt_testkit::{Outcome, Suite, signal, until, until_some};
use tree::{Scanner, Tree};

/// A score that nobody needs a privilege for, and that is not ours.
const SCORE: &str = "900";

const HOOKS: [&str; 6] = ["start", "check", "control/h", "stop", "finish", "notify"];

fn score(process: impl std::fmt::Display) -> String {
    let score = fs::read_to_string(format!("/proc/{process}/oom_score_adj"));
    // It may end meanwhile.
    score.unwrap_or_default().trim().to_owned()
}

fn start_with(tree: &Tree, value: &str) -> Scanner {
    let mut command = tree.suite.command("svscan", &tree.scratch);
    command
        .arg("sc")
        .env("PATH", tree.suite.path())
        .env("SUPERVISE_OOM_SCORE_ADJ", value);
    Scanner(tree.run(command))
}

fn send(tree: &Tree, directory: &str, commands: &str) {
    let control = tree.scratch.join("sc").join(directory);
    fs::write(control.join("supervise/control"), commands).unwrap();
}

/// A service with a log, another whose log is a program, and hooks in both.
fn services(tree: &Tree) {
    tree.service_with_log("a", "exec sleep 1000");
    for hook in HOOKS {
        let script = format!(
            "#!/bin/sh\nread score </proc/self/oom_score_adj; echo $score >>{hook}.score\n"
        );
        tree.scratch.script(format!("sc/a/{hook}"), script);
    }
    let log = "#!/bin/sh\necho $$ >logger; exec cat\n";
    tree.scratch.script("making/log", log);
    tree.scratch
        .script("making/run", "#!/bin/sh\nexec sleep 1000\n");
    fs::rename(tree.scratch.join("making"), tree.scratch.join("sc/b")).unwrap();
}

/// Who supervises has the score, and nobody else.
#[track_caller]
fn check(tree: &Tree, scanner: &Scanner, old: &str) {
    until("svscan has the score", || score(scanner.pid()) == SCORE);
    for directory in ["a", "a/log", "b"] {
        assert_eq!(score(tree.one(directory)), SCORE, "supervise {directory}");
        // It has the other for as long as it is no program yet.
        until(&format!("{directory} has the old score"), || {
            score(tree.service_of(directory)) == old
        });
    }
    let logger = until_some("b has a log", || {
        let text = fs::read_to_string(tree.scratch.join("sc/b/logger")).ok()?;
        text.trim().parse::<u32>().ok()
    });
    assert_eq!(score(logger), old, "b's log");
}

fn other_service(tree: &Tree, directory: &str) {
    let before = tree.service_of(directory);
    send(tree, directory, "k");
    until("it is started again", || {
        tree.service_of(directory) != before
    });
}

#[test]
fn a_score_is_for_those_who_supervise_and_for_nothing_that_they_start() {
    if Suite::under_test().is_original() {
        return;
    }
    let old = score("self");
    let tree = Tree::new();
    services(&tree);
    let first = start_with(&tree, SCORE);
    check(&tree, &first, &old);

    // Until then the process in the status may be `start`'s.
    let checked = tree.scratch.join("sc/a/check.score");
    until("run is there to be checked", || checked.is_file());
    // Killed, and become another: what follows starts from the same place.
    let before = tree.service_of("a");
    signal(tree.one("a"), "KILL");
    check(&tree, &first, &old);
    drop(first);
    let second = start_with(&tree, SCORE);
    for directory in ["a", "a/log", "b"] {
        let word = format!("sc/{directory}/supervise/version");
        send(&tree, directory, "^");
        until("it has left word", || tree.scratch.join(&word).is_file());
    }
    let mut upgrade = tree.suite.command("svscanctl", &tree.scratch);
    let upgraded = Outcome::of(upgrade.args(["--upgrade", "sc"]));
    assert_eq!(upgraded.code, 0, "{upgraded:?}");
    check(&tree, &second, &old);
    assert_eq!(tree.service_of("a"), before);
    for directory in ["a", "a/log", "b"] {
        other_service(&tree, directory);
    }
    check(&tree, &second, &old);

    send(&tree, "a", "hd");
    for hook in HOOKS {
        let file = tree.scratch.join(format!("sc/a/{hook}.score"));
        until(&format!("{hook} has run"), || file.is_file());
        for line in fs::read_to_string(file).unwrap().lines() {
            assert_eq!(line, old, "{hook}");
        }
    }
    assert_eq!(tree.said(), "");
    drop(second);
}

/// As the original: somebody outside has decided, for all of them.
#[test]
fn a_score_from_outside_is_everybodys() {
    let tree = Tree::new();
    tree.service("a", "exec sleep 1000");
    let mut command = Command::new("sh");
    let script = format!("echo {SCORE} >/proc/self/oom_score_adj; exec \"$0\" sc");
    command
        .args(["-c", &script])
        .arg(tree.suite.program("svscan"))
        .current_dir(tree.scratch.path())
        .env("PATH", tree.suite.path());
    let scanner = Scanner(tree.run(command));
    let all = [tree.one("a"), tree.service_of("a"), scanner.pid()];
    assert_eq!(all.map(score), [SCORE; 3]);
    drop(scanner);
}

#[test]
fn a_score_that_is_none_is_told_of_and_changes_nothing() {
    if Suite::under_test().is_original() {
        return;
    }
    let old = score("self");
    for value in ["", "low", "-1001", "1001"] {
        let tree = Tree::new();
        tree.service("a", "exec sleep 1000");
        let scanner = start_with(&tree, value);
        let all = [tree.one("a"), tree.service_of("a"), scanner.pid()];
        assert_eq!(all.map(score), [&*old; 3], "{value}");
        let line = "svscan: warning: unable to set SUPERVISE_OOM_SCORE_ADJ: invalid argument\n";
        assert_eq!(tree.said(), line, "{value}");
        drop(scanner);
    }
}

/// A lower score takes a privilege that is not there in most containers.
#[test]
fn a_score_that_is_not_permitted_is_done_without() {
    if Suite::under_test().is_original() {
        return;
    }
    let old = score("self");
    let tree = Tree::new();
    tree.service("a", "exec sleep 1000");
    let scanner = start_with(&tree, "-1000");
    let supervise = score(tree.one("a"));
    assert!(["-1000", &old].contains(&&*supervise), "{supervise}");
    assert_eq!(score(scanner.pid()), supervise);
    let service = tree.service_of("a");
    until("the service has the old score", || score(service) == old);
    assert_eq!(tree.said(), "");
    drop(scanner);
}
