//! `svscanctl --upgrade` with a copy of `svscan` that is replaced while it runs.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on panics with the reason"
)]

#[expect(dead_code, reason = "the other tests use the rest")]
mod tree;

use std::fs;
use std::os::unix::process::CommandExt;

use dt_testkit::{Outcome, Suite, signal, until};
use tree::{Scanner, Tree, links};

/// Where the tests' own copy is, so that it can be replaced.
const COPY: &str = "installed/svscan";

fn install(tree: &Tree, from: &str) {
    let new = tree.scratch.program(from, "installed/new");
    fs::rename(new, tree.scratch.join(COPY)).unwrap();
}

/// An `svscan` that was started from the copy.
fn start(tree: &Tree) -> Scanner {
    let program = tree.suite.program("svscan");
    install(tree, program.to_str().unwrap());
    let mut command = std::process::Command::new(tree.scratch.join(COPY));
    command.arg0(tree.scratch.join(COPY)).arg("sc");
    command
        .current_dir(tree.scratch.path())
        .env("PATH", tree.suite.path());
    Scanner(tree.run(command))
}

/// The exit code, and what is said of `svscan` behind its process id; the rest of
/// the tree has a test of its own.
fn upgrade(tree: &Tree, svscan: &Scanner) -> (i32, String) {
    let mut command = tree.suite.command("svscanctl", &tree.scratch);
    let outcome = Outcome::of(command.args(["--upgrade", "sc"]));
    let out = String::from_utf8(outcome.stdout).unwrap();
    let line = out.lines().next().unwrap_or_default();
    let line = line.strip_prefix(&format!("svscan (pid {}): ", svscan.pid()));
    (outcome.code, line.unwrap().to_owned())
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The version of the programs here is one.
fn unchanged() -> (i32, String) {
    (0, format!("{VERSION} -> {VERSION}"))
}

fn ours() -> bool {
    !Suite::under_test().is_original()
}

#[test]
fn it_becomes_what_is_installed_and_keeps_everything() {
    if !ours() {
        return;
    }
    let tree = Tree::new();
    tree.service("a", "exec sleep 1000");
    tree.service_with_log("b c", "echo one; exec sleep 1000");
    let mut svscan = start(&tree);
    let all = ["a", "b c", "b c/log"];
    let before = all.map(|name| (tree.one(name), tree.service_of(name)));
    let pipe = tree.pipe("b c", 1);
    let old = links(svscan.pid()).len();
    let program = || fs::read_link(format!("/proc/{}/exe", svscan.pid())).unwrap();

    install(&tree, tree.suite.program("svscan").to_str().unwrap());
    assert_ne!(program(), tree.scratch.join(COPY));
    assert_eq!(upgrade(&tree, &svscan), unchanged());
    assert_eq!(program(), tree.scratch.join(COPY));
    assert_eq!(
        all.map(|name| (tree.one(name), tree.service_of(name))),
        before
    );
    assert_eq!(svscan.ends_of(&pipe), 1);
    // Again and again: no descriptor is lost.
    for _ in 0..3 {
        assert_eq!(upgrade(&tree, &svscan), unchanged());
    }
    until("as many descriptors as before", || {
        links(svscan.pid()).len() == old
    });

    // They are its children still, and their pipe is the old one.
    signal(tree.one("b c"), "KILL");
    until("it is back", || {
        tree.supervises("b c").iter().any(|pid| *pid != before[1].0)
    });
    assert_eq!(tree.pipe("b c", 1), pipe);
    let environment = fs::read(format!("/proc/{}/environ", tree.supervises("b c")[0]));
    let environment = String::from_utf8_lossy(&environment.unwrap()).into_owned();
    assert!(!environment.contains("SVSCAN_STATE"), "{environment}");
    assert_eq!((svscan.ended(), tree.said()), (None, String::new()));
}

#[test]
fn what_cannot_go_on_is_not_executed() {
    if !ours() {
        return;
    }
    let tree = Tree::new();
    tree.service_with_log("a", "exec sleep 1000");
    let mut svscan = start(&tree);
    let before = (tree.one("a"), tree.one("a/log"));
    let refused = |reason: &str| (111, format!("{VERSION}, kept: {reason}"));
    install(&tree, "/bin/false");
    assert_eq!(
        upgrade(&tree, &svscan),
        refused("it does not know how to go on")
    );
    tree.scratch
        .script("installed/svscan.sh", "#!/bin/sh\necho svscan state 999\n");
    fs::rename(
        tree.scratch.join("installed/svscan.sh"),
        tree.scratch.join(COPY),
    )
    .unwrap();
    assert_eq!(
        upgrade(&tree, &svscan),
        refused("it does not understand our state")
    );
    fs::remove_file(tree.scratch.join(COPY)).unwrap();
    assert_eq!(
        upgrade(&tree, &svscan),
        refused("it does not know how to go on")
    );
    if std::path::Path::new("/usr/bin/svscan").is_file() {
        install(&tree, "/usr/bin/svscan");
        assert_eq!(
            upgrade(&tree, &svscan),
            refused("it does not know how to go on")
        );
    }
    assert_eq!((tree.one("a"), tree.one("a/log")), before);
    assert_eq!(svscan.ended(), None);
    let line = "svscan: warning: unable to become the svscan that is installed: it does not ";
    assert!(
        tree.said().lines().all(|said| said.starts_with(line)),
        "{}",
        tree.said()
    );

    // It is as able as before.
    signal(before.0, "KILL");
    until("a is back", || {
        tree.supervises("a").iter().any(|pid| *pid != before.0)
    });
    install(&tree, tree.suite.program("svscan").to_str().unwrap());
    assert_eq!(upgrade(&tree, &svscan), unchanged());
    assert_eq!(tree.one("a/log"), before.1);
}
