//! What `svscan` is asked for through `.svscan/control`.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on panics with the reason"
)]

mod tree;

use std::fs;
use std::os::unix::fs::symlink;

use dt_testkit::{Running, Suite, descendants_of_scratch, signal, until, until_some};
use tree::Tree;

/// The tree's `svscan` is asked for something.
fn ask(tree: &Tree, letters: &str) {
    let mut command = tree.suite.command("svscanctl", &tree.scratch);
    let outcome = dt_testkit::Outcome::of(command.args([letters, "sc"]));
    assert_eq!(outcome, dt_testkit::Outcome::gives(""));
}

fn ours() -> bool {
    !Suite::under_test().is_original()
}

/// A service that takes its time to end and has much to say then.
const TALKATIVE: &str = "trap 'seq 1 3000; echo over; exit' TERM
echo up
while :; do sleep 0.05; done";

#[test]
fn an_orderly_stop_loses_no_line() {
    if !ours() {
        return;
    }
    let tree = Tree::new();
    tree.service_with_log("a", TALKATIVE);
    tree.service_with_log("b", "exec sleep 1000");
    tree.service("c", "exec sleep 1000");
    let mut svscan = tree.start();
    tree.until_logged("a", "up");
    for directory in ["b", "b/log", "c"] {
        tree.one(directory);
    }
    ask(&tree, "-t");
    assert_eq!(svscan.wait(), 0);
    let logged = tree.logged("a");
    let expected = std::iter::once("up".to_owned()).chain((1..=3000).map(|n| n.to_string()));
    let expected: Vec<_> = expected.chain(std::iter::once("over".to_owned())).collect();
    assert_eq!(logged.lines().collect::<Vec<_>>(), expected);
    assert_eq!(tree.said(), "");
    until("nothing is left", || {
        descendants_of_scratch(tree.scratch.path()).is_empty()
    });
}

#[test]
fn a_stop_reaches_what_was_taken_over() {
    if !ours() {
        return;
    }
    let tree = Tree::new();
    tree.service_with_log("a", TALKATIVE);
    let first = tree.start();
    tree.until_logged("a", "up");
    drop(first);
    let mut second = tree.start();
    until("it has taken over", || second.watches() == 2);
    ask(&tree, "-t");
    assert_eq!(second.wait(), 0);
    assert!(tree.logged("a").ends_with("over\n"));
    assert_eq!(tree.said(), "");
}

/// It has said why, and the next would say the same.
#[test]
fn a_supervise_that_cannot_begin_in_a_stop_is_not_tried_for_ever() {
    if !ours() {
        return;
    }
    let tree = Tree::new();
    tree.service(
        "a",
        "trap '' TERM; echo up >up; while :; do sleep 0.05; done",
    );
    let supervise = tree.suite.program("supervise");
    tree.scratch.directory("bin");
    let link = tree.scratch.join("bin/supervise");
    symlink(supervise, &link).unwrap();
    let mut path = tree.scratch.join("bin").into_os_string();
    path.push(":");
    path.push(tree.suite.path());
    let mut svscan = tree.start_with_path(path);
    let own = tree.one("a");
    until("it is up", || tree.scratch.join("sc/a/up").exists());
    fs::remove_file(&link).unwrap();
    tree.scratch
        .script("bin/supervise", "#!/bin/sh\necho tried >>tried; exit 111\n");
    ask(&tree, "-t");
    signal(own, "KILL");
    assert_eq!(svscan.wait(), 0);
    let tried = tree.scratch.read("sc/tried");
    assert_eq!(String::from_utf8_lossy(&tried), "tried\n");
}

#[test]
fn with_q_the_logs_are_told_as_well() {
    if !ours() {
        return;
    }
    let tree = Tree::new();
    // A background process keeps the pipe, and without TERM the log would go on.
    tree.service_with_log("a", "sleep 1000 & echo up; exec sleep 1000");
    let mut svscan = tree.start();
    tree.until_logged("a", "up");
    ask(&tree, "-t");
    until("the service is gone", || tree.supervises("a").is_empty());
    assert_eq!((svscan.ended(), tree.supervises("a/log").len()), (None, 1));
    ask(&tree, "-q");
    assert_eq!(svscan.wait(), 0);
    let said = tree.said();
    let named = "supervise: warning: a/run has ended and left process ";
    assert!(
        said.starts_with(named) && said.lines().count() == 1,
        "{said}"
    );
}

#[test]
fn what_has_lost_its_name_is_stopped_on_request() {
    if !ours() {
        return;
    }
    let tree = Tree::new();
    tree.service_with_log("a", TALKATIVE);
    tree.service("b", "exec sleep 1000");
    let svscan = tree.start();
    tree.until_logged("a", "up");
    let (pipe, kept) = (tree.pipe("a", 1), tree.one("b"));
    fs::rename(tree.scratch.join("sc/a"), tree.scratch.join("sc/.a")).unwrap();
    ask(&tree, "-n");
    until("a is gone", || {
        [".a", ".a/log"]
            .iter()
            .all(|name| tree.supervises(name).is_empty())
    });
    assert!(tree.logged(".a").ends_with("over\n"));
    until("its pipe is closed", || svscan.ends_of(&pipe) == 0);
    assert_eq!(tree.one("b"), kept);

    // With its name it comes back.
    fs::rename(tree.scratch.join("sc/.a"), tree.scratch.join("sc/a")).unwrap();
    tree.one("a");
    assert_eq!(tree.said(), "");
}

#[test]
fn with_b_it_ends_and_all_else_goes_on() {
    if !ours() {
        return;
    }
    let tree = Tree::new();
    tree.service("a", "exec sleep 1000");
    let mut svscan = tree.start();
    let before = tree.one("a");
    ask(&tree, "-b");
    assert_eq!(svscan.wait(), 0);
    assert_eq!(tree.one("a"), before);
}

#[test]
fn the_control_directory_is_no_service_and_belongs_to_one_svscan() {
    if !ours() {
        return;
    }
    let tree = Tree::new();
    tree.service("a", "exec sleep 1000");
    let mut first = tree.start();
    tree.one("a");
    assert_eq!(
        tree.scratch.names("sc/.svscan"),
        ["control", "lock", "version"]
    );
    let mut second = tree.start();
    until("the second watches", || second.watches() == 1);
    ask(&tree, "-b");
    assert_eq!(first.wait(), 0);
    assert_eq!(second.ended(), None);
    assert_eq!(tree.said(), "");
}

/// What a killed `svscan` has just forked holds its lock for an instant. The next one
/// then went without for ever, where nothing else had it scan again.
#[test]
fn a_control_that_was_held_for_a_while_is_had_in_the_end() {
    if !ours() {
        return;
    }
    let tree = Tree::new();
    tree.service("a", "exec sleep 1000");
    tree.scratch.file("sc/.svscan/lock", "");
    let lock = fs::File::open(tree.scratch.join("sc/.svscan/lock")).unwrap();
    dt_os::file::lock_exclusive(&lock, false).unwrap();
    let mut svscan = tree.start();
    let before = tree.one("a");
    // It has done without: nobody can ask it.
    let mut request = tree.suite.command("svscanctl", &tree.scratch);
    request
        .args(["-b", "sc"])
        .stderr(std::process::Stdio::null());
    assert_eq!(request.status().unwrap().code(), Some(100));
    drop(lock);
    until("it can be asked", || request.status().unwrap().success());
    assert_eq!(svscan.wait(), 0);
    assert_eq!(tree.one("a"), before);
    assert_eq!(tree.said(), "");
}

/// `svscan sc` in a new pid namespace; none where there can be none.
fn as_process_1(tree: &Tree) -> Option<Running> {
    let namespace = || {
        let mut command = std::process::Command::new("unshare");
        command.args(["--pid", "--fork", "--kill-child", "--mount-proc"]);
        command
    };
    let tried = namespace().arg("true").status();
    if !tried.is_ok_and(|status| status.success()) {
        return None;
    }
    let mut command = namespace();
    command
        .current_dir(tree.scratch.path())
        .env("PATH", tree.suite.path());
    command.arg(tree.suite.program("svscan")).arg("sc");
    Some(tree.run(command))
}

fn children(pid: u32) -> Vec<u32> {
    let pids = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let pids = pids.unwrap_or_default();
    let pids = pids.split_ascii_whitespace();
    pids.map(|pid| pid.parse().unwrap()).collect()
}

/// What has lost its parent becomes its child, and it may be much that ends at once.
#[test]
fn as_process_1_it_reaps_a_thousand_orphans_that_end_at_once() {
    const NAME: &str = "as_process_1_it_reaps_a_thousand_orphans_that_end_at_once";
    const ORPHANS: usize = 1000;
    if !ours() || dt_testkit::skipped_without_root(NAME) {
        return;
    }
    let tree = Tree::new();
    let gate = tree.scratch.join("gate");
    dt_os::file::make_fifo(&gate, 0o600).unwrap();
    let orphans = format!(
        "i=0\nwhile [ $i -lt {ORPHANS} ]; do (read x < ../../gate &); i=$((i+1)); done
exec sleep 1000"
    );
    tree.service("a", &orphans);
    let Some(mut container) = as_process_1(&tree) else {
        eprintln!("{NAME}: skipped, no new pid namespace can be made");
        return;
    };
    let first = until_some("there is a first process", || {
        <[u32; 1]>::try_from(children(container.pid())).ok()
    })[0];
    // As long as there is a supervise they are its children: those, and the service.
    let supervise = until_some("there is a supervise", || children(first).first().copied());
    until("all have lost their parent", || {
        children(supervise).len() == ORPHANS + 1
    });
    signal(supervise, "KILL");
    // Those that are no orphans are the service and its next supervise.
    until("all have become children of process 1", || {
        children(first).len() == ORPHANS + 2
    });
    // One that opens the gate late waits for the next time.
    until("all are reaped", || {
        drop(dt_os::file::How::WRITE.open(&gate));
        children(first).len() == 2
    });
    signal(first, "TERM");
    assert_eq!(container.wait(), 0);
    assert_eq!(tree.said(), "");
}

/// As process 1 TERM does what it does to any other init.
#[test]
fn as_process_1_it_stops_in_order_when_told_to_end() {
    const NAME: &str = "as_process_1_it_stops_in_order_when_told_to_end";
    if !ours() || dt_testkit::skipped_without_root(NAME) {
        return;
    }
    let tree = Tree::new();
    tree.service_with_log("a", TALKATIVE);
    tree.service("b", "(sleep 0.01 &); echo $$ > pid; exec sleep 1000");
    let Some(mut container) = as_process_1(&tree) else {
        eprintln!("{NAME}: skipped, no new pid namespace can be made");
        return;
    };
    tree.until_logged("a", "up");
    until("b is up", || tree.scratch.join("sc/b/pid").exists());
    let [first] = children(container.pid())[..] else {
        panic!("no svscan in the container");
    };
    signal(first, "TERM");
    assert_eq!(container.wait(), 0);
    assert!(tree.logged("a").ends_with("over\n"));
    assert_eq!(tree.said(), "");
}

/// Defect 10 of the original: whether there is a log is asked only once.
#[test]
fn a_log_that_comes_later_is_there_from_the_next_start_on() {
    if !ours() {
        return;
    }
    let tree = Tree::new();
    tree.service("a", "echo $$; exec sleep 1000");
    let _svscan = tree.start();
    let (supervise, service) = (tree.one("a"), tree.service_of("a"));
    tree.scratch
        .script("sc/a/log/run", "#!/bin/sh\nexec multilog ./main\n");
    ask(&tree, "-a");
    // The running service is not disturbed.
    tree.service("b", "exec sleep 1000");
    tree.one("b");
    assert_eq!((tree.one("a"), tree.service_of("a")), (supervise, service));
    assert_eq!(tree.supervises("a/log"), Vec::<u32>::new());

    let mut svc = tree.suite.command("svc", &tree.scratch);
    assert!(svc.args(["-dx", "sc/a"]).status().unwrap().success());
    tree.one("a/log");
    assert_eq!(tree.pipe("a", 1), tree.pipe("a/log", 0));
    let pid = tree.service_of("a");
    tree.until_logged("a", &pid.to_string());
}
