//! A second `svscan` after a first that was killed, with the programs that they
//! are run with.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on panics with the reason"
)]

mod tree;

use dt_testkit::{Suite, descendants_of_scratch, signal, until};
use tree::{Scanner, Tree};

/// Ours alone do that.
fn ours() -> bool {
    !Suite::under_test().is_original()
}

#[test]
fn another_svscan_takes_over_what_lives_without_a_word() {
    if !ours() {
        return;
    }
    let tree = Tree::new();
    tree.service("a", "exec sleep 1000");
    tree.service_with_log("b", "echo one; exec sleep 1000");
    let first = tree.start();
    let before = [tree.one("a"), tree.one("b"), tree.one("b/log")];
    tree.until_logged("b", "one");
    drop(first);

    let mut second = tree.start();
    until("it waits for all three", || second.watches() == 3);
    assert_eq!([tree.one("a"), tree.one("b"), tree.one("b/log")], before);
    assert_eq!(tree.said(), "");
    assert_eq!(second.ended(), None);
    let pipe = tree.pipe("b", 1);
    assert_eq!(tree.pipe("b/log", 0), pipe);
    assert_eq!(second.ends_of(&pipe), 1);
}

#[test]
fn a_half_that_dies_after_a_take_over_comes_back_to_the_old_pipe() {
    if !ours() {
        return;
    }
    for half in ["b", "b/log"] {
        let tree = Tree::new();
        tree.service_with_log("b", "exec sleep 1000");
        let first = tree.start();
        let (main, log) = (tree.one("b"), tree.one("b/log"));
        let pipe = tree.pipe("b", 1);
        drop(first);
        let second = tree.start();
        until("it waits for both", || second.watches() == 2);

        let old = tree.one(half);
        signal(old, "KILL");
        until("another in its place", || {
            tree.supervises(half).iter().any(|pid| *pid != old)
        });
        until("the old one is gone", || {
            !tree.supervises(half).contains(&old)
        });
        assert_eq!(tree.pipe("b", 1), pipe);
        assert_eq!(tree.pipe("b/log", 0), pipe);
        let other = if half == "b" { log } else { main };
        let living = [tree.supervises("b"), tree.supervises("b/log")].concat();
        assert!(living.contains(&other));
    }
}

/// Numbers its lines without end, and dies of a broken pipe.
const WRITER: &str = "echo $$ >> starts
trap 'echo over; exit' TERM
i=0
while :; do i=$((i+1)); echo $i || exit; sleep 0.002; done";

/// Whoever reads from a service is killed, and whoever would start another, all
/// before there is a new svscan. The service writes on meanwhile.
#[test]
fn a_service_whose_readers_are_all_killed_meets_no_broken_pipe() {
    if !ours() {
        return;
    }
    for with_supervise in [false, true] {
        let tree = Tree::new();
        tree.service_with_log("b", WRITER);
        let first = tree.start();
        tree.until_logged("b", "20");
        let pipe = tree.pipe("b", 1);
        let service = tree.service_of("b");
        let mut victims = vec![tree.one("b/log"), tree.service_of("b/log")];
        if with_supervise {
            victims.push(tree.one("b"));
        }
        drop(first);
        // Those who would see the pipe end go first.
        for pid in victims {
            signal(pid, "KILL");
        }
        let lines = || tree.logged("b").lines().count();
        // Long enough for some lines to be written with nobody there.
        std::thread::sleep(std::time::Duration::from_millis(100));
        let written = lines();
        let mut second = tree.start();
        until("it is logged on", || lines() > written + 100);
        assert_eq!(tree.pipe("b", 1), pipe);
        assert_eq!(tree.pipe("b/log", 0), pipe);
        assert_eq!(tree.service_of("b"), service);
        let mut ask = tree.suite.command("svscanctl", &tree.scratch);
        assert!(ask.args(["-t", "sc"]).status().unwrap().success());
        assert_eq!(second.wait(), 0);
        let logged = tree.logged("b");
        let logged: Vec<_> = logged.lines().collect();
        let mut expected: Vec<_> = (1..logged.len()).map(|i| i.to_string()).collect();
        expected.push("over".to_owned());
        assert_eq!(logged, expected);
        let starts = tree.scratch.read("sc/b/starts");
        assert_eq!(String::from_utf8(starts).unwrap().lines().count(), 1);
    }
}

/// Each waits in the place of `supervise` until it is let go, the first two times.
const SLOW: &str = r#"#!/bin/sh
for number in one two; do
    if test "$1" = "$SLOW" && mkdir "$DAEMONTOOLS_TEST_SCRATCH/$number" 2>/dev/null; then
        until test -e "$DAEMONTOOLS_TEST_SCRATCH/go-$number"; do sleep 0.01; done
        break
    fi
done
exec "$REAL" "$1""#;

/// An `svscan` is killed as soon as it has started a `supervise`. The next one cannot
/// know of that, which has no lock yet, and makes another pipe. Then the first is quicker.
fn a_slow_start(tree: &Tree, slow: &str, quick: &str) -> Scanner {
    tree.service_with_log("b", WRITER);
    // One that takes its time also at the end of its input.
    let logger = "#!/bin/sh\nmultilog ./main; sleep 1\n";
    tree.scratch.script("sc/b/log/run", logger);
    tree.scratch.script("bin/supervise", SLOW);
    let argument = if slow == "b" { "b" } else { "log" };
    let start = || {
        let mut path = tree.scratch.join("bin").into_os_string();
        path.push(":");
        path.push(tree.suite.path());
        let mut command = tree.suite.command("svscan", &tree.scratch);
        command.arg("sc").env("PATH", path);
        command.env("SLOW", argument);
        command.env("REAL", tree.suite.program("supervise"));
        Scanner(tree.run(command))
    };
    let first = start();
    let waits = |number: &str| {
        let mark = tree.scratch.join(number);
        until(&format!("{number} waits"), || mark.exists());
    };
    waits("one");
    let victims = [tree.one(quick), tree.service_of(quick)];
    drop(first);
    for pid in victims {
        signal(pid, "KILL");
    }
    let second = start();
    waits("two");
    until("another quick one", || {
        let found = tree.supervises(quick);
        found.len() == 1 && found[0] != victims[0]
    });
    until("its program is another", || {
        tree.service_of(quick) != victims[1]
    });
    tree.scratch.file("go-one", "");
    until("the first has the lock", || {
        tree.supervises(slow).len() == 1
    });
    tree.scratch.file("go-two", "");
    second
}

/// Each line of the last start, and nothing lost at its end.
fn check_last_start(tree: &Tree, svscan: &mut Scanner) {
    let mut ask = tree.suite.command("svscanctl", &tree.scratch);
    assert!(ask.args(["-t", "sc"]).status().unwrap().success());
    assert_eq!(svscan.wait(), 0);
    let logged = tree.logged("b");
    let logged: Vec<_> = logged.lines().collect();
    let first = logged.iter().rposition(|line| *line == "1").unwrap();
    let own = &logged[first..];
    let mut expected: Vec<_> = (1..own.len()).map(|i| i.to_string()).collect();
    expected.push("over".to_owned());
    assert_eq!(own, expected);
}

#[test]
fn a_supervise_that_was_slow_to_start_does_not_stay_on_a_pipe_of_its_own() {
    if !ours() {
        return;
    }
    for (slow, quick) in [("b", "b/log"), ("b/log", "b")] {
        let tree = Tree::new();
        let mut svscan = a_slow_start(&tree, slow, quick);
        until("both halves are on one pipe, which is held", || {
            let [main, log] = [("b", 1), ("b/log", 0)].map(|(half, number)| {
                let of = tree.supervises(half).into_iter().flat_map(tree::links);
                let mut pipes = of.filter(|(is, _)| *is == number);
                pipes.next().map(|(_, pipe)| pipe)
            });
            main == log && main.is_some_and(|pipe| svscan.ends_of(&pipe) == 1)
        });
        let lines = || tree.logged("b").lines().count();
        let before = lines();
        until("it is logged", || lines() > before + 20);
        check_last_start(&tree, &mut svscan);
    }
}

/// Its log was told to exit while its program came to the end of the other pipe, and
/// nobody read what the service had written.
#[test]
fn a_stop_that_finds_the_halves_on_two_pipes_loses_no_line() {
    if !ours() {
        return;
    }
    let tree = Tree::new();
    let mut svscan = a_slow_start(&tree, "b", "b/log");
    let starts = tree.scratch.join("sc/b/starts");
    until("the service runs", || starts.exists());
    check_last_start(&tree, &mut svscan);
}

/// What is kept of the original: a log that does not read holds its service back,
/// and nothing is lost.
#[test]
fn a_service_whose_log_does_not_read_waits() {
    let tree = Tree::new();
    let script = "head -c 100000 /dev/zero | tr '\\0' x; echo; echo > done; exec sleep 1000";
    tree.service_with_log("a", script);
    let slow = "#!/bin/sh\nuntil test -e go; do sleep 0.05; done\nexec multilog ./main\n";
    tree.scratch.script("sc/a/log/run", slow);
    let svscan = tree.start();
    tree.one("a");
    tree.one("a/log");
    let done = tree.scratch.join("sc/a/done");
    // Longer than it would take without waiting.
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(!done.exists());
    tree.scratch.file("sc/a/log/go", "");
    until("it goes on", || done.exists());
    until("all is logged", || {
        tree.logged("a") == "x".repeat(100_000) + "\n"
    });
    drop(svscan);
}

/// Defect 11 of the original: it says so every five seconds for every service.
#[test]
fn a_supervise_that_was_started_by_hand_is_left_alone() {
    if !ours() {
        return;
    }
    let tree = Tree::new();
    tree.service("a", "exec sleep 1000");
    let mut command = tree.suite.command("supervise", &tree.scratch);
    command.arg("sc/a");
    let by_hand = tree.run(command);
    let pid = tree.one("a");
    assert_eq!(pid, by_hand.pid());
    let svscan = tree.start();
    until("it is watched", || svscan.watches() == 1);
    drop(by_hand);
    until("another is started", || {
        tree.supervises("a").iter().any(|new| *new != pid)
    });
    assert_eq!(tree.said(), "");
}

#[test]
fn the_originals_supervise_is_taken_over_as_well() {
    if !ours() || !std::path::Path::new("/usr/bin/supervise").is_file() {
        eprintln!("the_originals_supervise_is_taken_over_as_well: skipped, it is not installed");
        return;
    }
    let tree = Tree::new();
    tree.service_with_log("a", "exec sleep 1000");
    let first = tree.start_with_path("/usr/bin:/bin");
    let before = (tree.one("a"), tree.one("a/log"), tree.pipe("a", 1));
    drop(first);
    let second = tree.start();
    until("both are watched", || second.watches() == 2);
    let after = (tree.one("a"), tree.one("a/log"), tree.pipe("a", 1));
    assert_eq!(after, before);
    assert_eq!(second.ends_of(&before.2), 1);
    assert_eq!(tree.said(), "");
}

/// Where it cannot be told who holds the lock, nobody else is started.
#[test]
fn a_lock_that_is_held_by_something_else_is_waited_for() {
    if !ours() {
        return;
    }
    let tree = Tree::new();
    tree.service("a", "exec sleep 1000");
    tree.scratch.file("sc/a/supervise/lock", "");
    let lock = std::fs::File::open(tree.scratch.join("sc/a/supervise/lock")).unwrap();
    dt_os::file::lock_exclusive(&lock, false).unwrap();
    let svscan = tree.start();
    // Whatever holds it counts: it is watched for its end, and so are we.
    until("it is watched", || svscan.watches() == 1);
    assert_eq!(tree.supervises("a"), Vec::<u32>::new());
    assert_eq!(descendants_of_scratch(tree.scratch.path()).len(), 1);
}

/// What a killed `supervise` leaves behind becomes a child of svscan's, and no
/// zombie.
#[test]
fn orphans_are_reaped() {
    if !ours() {
        return;
    }
    let tree = Tree::new();
    tree.service("a", "sleep 0.1 & echo $! > orphan; exec sleep 1000");
    let svscan = tree.start();
    tree.one("a");
    let orphan = || std::fs::read_to_string(tree.scratch.join("sc/a/orphan")).ok();
    until("there is an orphan", || {
        orphan().is_some_and(|pid| pid.ends_with('\n'))
    });
    // Its parent is the service, which does not reap it; then the service goes.
    let service = tree.service_of("a");
    signal(service, "KILL");
    let orphan: u32 = orphan().unwrap().trim().parse().unwrap();
    until("the orphan is reaped", || {
        !std::path::Path::new(&format!("/proc/{orphan}")).exists()
    });
    drop(svscan);
}
