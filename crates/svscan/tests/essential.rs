//! A service with a file `flag-essential`: its end is the end of all.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on panics with the reason"
)]

#[expect(dead_code, reason = "the other tests use the rest")]
mod tree;

use std::fs;
use std::time::Duration;

use dt_service::deaths::{Death, Ending, Role};
use dt_testkit::{Outcome, descendants_of_scratch, until};
use tree::{Scanner, Tree};

/// Writes into the account of `a` what its supervise would, and has the status
/// written anew.
fn account(tree: &Tree, numbers: &[u64], role: Role, ending: Ending) {
    let death = Death {
        at: (0, 0),
        uptime: Duration::ZERO,
        pid: 1,
        role,
        ending,
        core_dumped: false,
        out_of_memory: false,
        peak_memory: 0,
        user_time: Duration::ZERO,
        system_time: Duration::ZERO,
    };
    let slots = numbers.iter().flat_map(|number| death.encode(*number));
    let supervise = tree.scratch.join("sc/a/supervise");
    fs::create_dir_all(&supervise).unwrap();
    fs::write(supervise.join("deaths"), slots.collect::<Vec<_>>()).unwrap();
    let mut command = tree.suite.command("svc", &tree.scratch);
    let _ = Outcome::of(command.args(["-u", "sc/a"]));
}

fn tree() -> (Tree, Scanner) {
    let tree = Tree::new();
    tree.service("a", "exec sleep 1000");
    tree.service_with_log(
        "b",
        "trap 'echo over; exit' TERM; echo up; while :; do sleep 0.05; done",
    );
    tree.scratch.file("sc/a/flag-essential", "");
    // What an earlier svscan has seen.
    account(&tree, &[0, 1], Role::Run, Ending::Code(1));
    let svscan = tree.start();
    tree.one("a");
    tree.until_logged("b", "up");
    (tree, svscan)
}

fn ends_with(numbers: &[u64], role: Role, ending: Ending, code: i32) {
    if dt_testkit::Suite::under_test().is_original() {
        return;
    }
    let (tree, mut svscan) = tree();
    account(&tree, numbers, role, ending);
    assert_eq!(svscan.wait(), code);
    assert!(tree.logged("b").ends_with("over\n"));
    assert_eq!(tree.said(), "");
    until("nothing is left", || {
        descendants_of_scratch(tree.scratch.path()).is_empty()
    });
}

#[test]
fn its_exit_code_is_ours() {
    ends_with(&[0, 1, 2], Role::Run, Ending::Code(7), 7);
}

#[test]
fn so_is_a_clean_end() {
    ends_with(&[0, 1, 2], Role::Run, Ending::Code(0), 0);
}

#[test]
fn a_signal_comes_out_as_from_a_shell() {
    ends_with(&[2, 1], Role::Run, Ending::Signal(15), 143);
}

#[test]
fn other_ends_than_that_of_run_are_none() {
    if dt_testkit::Suite::under_test().is_original() {
        return;
    }
    let (tree, mut svscan) = tree();
    account(&tree, &[0, 1, 2], Role::Finish, Ending::Code(7));
    account(&tree, &[0, 1, 2, 3], Role::Check, Ending::Code(7));
    // They have been looked at once this one counts.
    account(&tree, &[4], Role::Run, Ending::Code(8));
    assert_eq!(svscan.wait(), 8);
}

#[test]
fn without_the_file_nothing_ends() {
    if dt_testkit::Suite::under_test().is_original() {
        return;
    }
    let (tree, mut svscan) = tree();
    fs::remove_file(tree.scratch.join("sc/a/flag-essential")).unwrap();
    account(&tree, &[2], Role::Run, Ending::Code(7));
    // A scan that has looked at all: the new service is started.
    tree.service("c", "exec sleep 1000");
    tree.one("c");
    assert_eq!(svscan.ended(), None);
}
