//! Where the kernel or the machine has less to offer than svscan hopes for, as the
//! table in docs/scanning.md has it.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on panics with the reason"
)]

#[expect(dead_code, reason = "the other tests use the rest")]
mod tree;

use std::process::Command;

use dt_testkit::{Suite, signal, skipped_without_root, skipped_without_strace, until};
use tree::{Scanner, Tree};

fn start(tree: &Tree, words: &[&str]) -> Scanner {
    let (program, arguments) = words.split_first().unwrap();
    let mut command = Command::new(program);
    command
        .args(arguments)
        .arg(tree.suite.program("svscan"))
        .arg("sc")
        .current_dir(tree.scratch.path())
        .env("PATH", tree.suite.path());
    Scanner(tree.run(command))
}

/// A second svscan that cannot find out who supervises starts nobody beside them;
/// one whose supervise is gone is started again within the original's time.
fn is_left_alone(tree: &Tree, words: &[&str], why: &str) {
    tree.service_with_log("a", "echo $$ >> starts; exec sleep 1000");
    let first = tree.start();
    let before = [tree.one("a"), tree.one("a/log")];
    let service = tree.service_of("a");
    drop(first);
    let second = start(tree, words);
    let lines = ["a", "a/log"]
        .map(|half| format!("svscan: warning: unable to watch supervise {half}: {why}\n"))
        .concat();
    until("it says so", || tree.said() == lines);
    assert_eq!([tree.one("a"), tree.one("a/log")], before);
    signal(before[0], "KILL");
    until("there is another", || {
        tree.supervises("a").iter().any(|pid| *pid != before[0])
    });
    assert_eq!(tree.said(), lines);
    drop(second);
    let starts = String::from_utf8(tree.scratch.read("sc/a/starts")).unwrap();
    assert_eq!(starts.lines().collect::<Vec<_>>(), [service.to_string()]);
}

/// Linux before 5.3.
#[test]
fn without_pidfds_no_supervise_is_started_beside_a_living_one() {
    const NAME: &str = "without_pidfds_no_supervise_is_started_beside_a_living_one";
    if Suite::under_test().is_original() || skipped_without_strace(NAME) {
        return;
    }
    let inject = [
        "strace",
        "-D",
        "-o",
        "/dev/null",
        "-e",
        "inject=pidfd_open:error=ENOSYS",
    ];
    is_left_alone(&Tree::new(), &inject, "system call not available");
}

#[test]
fn without_proc_no_supervise_is_started_beside_a_living_one() {
    const NAME: &str = "without_proc_no_supervise_is_started_beside_a_living_one";
    if Suite::under_test().is_original() || skipped_without_root(NAME) {
        return;
    }
    let words = [
        "unshare",
        "-m",
        "sh",
        "-c",
        "umount -l /proc && exec \"$0\" \"$@\"",
        "env",
    ];
    let (program, arguments) = words.split_first().unwrap();
    let tried = Command::new(program).args(arguments).arg("true").status();
    if !tried.is_ok_and(|status| status.success()) {
        eprintln!("{NAME}: skipped, no mount namespaces here");
        return;
    }
    let tree = Tree::new();
    tree.service("a", "echo $$ >> starts; exec sleep 1000");
    let first = tree.start();
    let before = tree.one("a");
    drop(first);
    let second = start(&tree, &words);
    let line = "svscan: warning: unable to watch supervise a: file does not exist\n";
    until("it says so", || tree.said() == line);
    assert_eq!(tree.one("a"), before);
    drop(second);
}
