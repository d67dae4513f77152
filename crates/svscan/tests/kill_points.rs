//! `svscan`, a `supervise` or both are killed at a system call, while a service with
//! a log is started, started again and stopped: afterwards there is one copy, the
//! status names it, `svc` is obeyed, and each line is in the log once.
//!
//! The ordinary test kills at some calls, other ones each time;
//! `DAEMONTOOLS_KILL_POINTS=all` kills at each call that there is up to the end.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on panics with the reason"
)]

#[expect(dead_code, reason = "the other tests use the rest")]
mod tree;

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::Command;

use dt_testkit::points::{self, calls_in};
use dt_testkit::{Suite, signal, skipped_without_strace, until, until_some};
use tree::{Scanner, Tree};

/// Writes its process id and a number, and on TERM one line more.
const WRITER: &str = "trap 'echo $$ over; exit' TERM
echo $$ >> starts
i=0
while :; do i=$((i+1)); echo $$ $i; sleep 0.01; done";

/// Who is killed at a call of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Victim {
    Svscan,
    Supervise,
}

/// One place to kill at.
#[derive(Clone, Debug)]
struct Point {
    victim: Victim,
    /// Whether the others are killed with it: of `svscan` each `supervise`, of a
    /// `supervise` the `svscan`.
    both: bool,
    call: String,
    number: usize,
}

/// How many kills of each kind the ordinary test makes.
const SOME: usize = 6;

#[test]
fn a_kill_at_any_system_call_leaves_one_copy_and_each_line() {
    const NAME: &str = "a_kill_at_any_system_call_leaves_one_copy_and_each_line";
    if Suite::under_test().is_original() || skipped_without_strace(NAME) {
        return;
    }
    let mut points = Vec::new();
    for victim in [Victim::Svscan, Victim::Supervise] {
        let calls = calls_of(victim);
        for both in [false, true] {
            let of_kind = calls.iter().map(|(call, number)| Point {
                victim,
                both,
                call: call.clone(),
                number: *number,
            });
            points.extend(points::some(of_kind.collect(), SOME));
        }
    }
    let killed = points::each(&points, kill_at);
    eprintln!("{NAME}: {killed} kills at {} points", points.len());
    // Not each run makes each call as often.
    assert!(killed * 2 > points.len(), "only {killed} kills");
}

/// Each call that the victim makes from its start to its end, as the first, second,
/// third of its name, in order.
fn calls_of(victim: Victim) -> Vec<points::Point> {
    let tree = Tree::new();
    let mut svscan = start(&tree, victim, &["-o", "trace"]);
    assert!(scenario(&tree, &mut svscan, victim, "untouched").is_none());
    stop(&tree, &mut svscan);
    let trace = String::from_utf8(tree.scratch.read("trace")).unwrap();
    calls_in(&trace)
}

/// `svscan` on a tree with the service `b`, where the victim, the first of its kind,
/// is traced. The tracer is no parent of it.
fn start(tree: &Tree, victim: Victim, how: &[&str]) -> Scanner {
    tree.service_with_log("b", WRITER);
    let trace = tree.scratch.join("trace");
    let mut arguments = vec!["-D".to_owned()];
    arguments.extend(how.iter().map(|word| (*word).to_owned()));
    if let Some(file) = arguments.iter_mut().find(|word| *word == "trace") {
        trace.to_str().unwrap().clone_into(file);
    }
    let mut path = tree.scratch.join("bin").into_os_string();
    path.push(":");
    path.push(tree.suite.path());
    let mut command = match victim {
        Victim::Svscan => {
            let mut command = Command::new("strace");
            command.args(&arguments).arg(tree.suite.program("svscan"));
            command
        }
        Victim::Supervise => {
            // The service's first one is traced; after it, and for the log, it is
            // the real one.
            let real = tree.suite.program("supervise");
            let traced = tree.scratch.join("traced");
            let script = format!(
                "#!/bin/sh\nif test \"$1\" = b && mkdir {} 2>/dev/null; then\n\
                 echo $$ > {}/pid\nexec strace {} {} \"$1\"\nfi\nexec {} \"$1\"\n",
                traced.display(),
                traced.display(),
                arguments.join(" "),
                real.display(),
                real.display(),
            );
            tree.scratch.script("bin/supervise", script);
            let mut command = Command::new(tree.suite.program("svscan"));
            command.arg0("svscan");
            command
        }
    };
    command.arg("sc").env("PATH", path);
    command.current_dir(tree.scratch.path());
    Scanner(tree.run(command))
}

/// Whether there is such a process, and it is no zombie.
fn lives(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit(") ").next().unwrap_or_default();
    !state.is_empty() && !state.starts_with('Z')
}

/// How often the service has been started, and which of them live.
fn starts(tree: &Tree) -> (usize, Vec<u32>) {
    let file = tree.scratch.join("sc/b/starts");
    let text = fs::read_to_string(file).unwrap_or_default();
    let pids: Vec<u32> = text.lines().map(|line| line.parse().unwrap()).collect();
    (
        pids.len(),
        pids.into_iter().filter(|pid| lives(*pid)).collect(),
    )
}

fn svc(tree: &Tree, option: &str) {
    let mut svc = tree.suite.command("svc", &tree.scratch);
    svc.args([option, "sc/b"])
        .stderr(std::process::Stdio::null());
    assert!(svc.status().unwrap().success());
}

/// Whether the victim has ended. A command that it would not have got any more is
/// lost, so it must not be another that answers here.
fn has_ended(tree: &Tree, svscan: &mut Scanner, victim: Victim) -> bool {
    match victim {
        Victim::Svscan => svscan.ended().is_some(),
        Victim::Supervise => {
            let pid = fs::read_to_string(tree.scratch.join("traced/pid")).unwrap_or_default();
            pid.trim().parse().is_ok_and(|pid: u32| !lives(pid))
        }
    }
}

/// Starts, starts again and stops the service; gives whether the victim was killed,
/// or `None` where it got to the end.
fn scenario(tree: &Tree, svscan: &mut Scanner, victim: Victim, context: &str) -> Option<()> {
    let dead = |svscan: &mut Scanner| has_ended(tree, svscan, victim);
    // The log's own half need not be up for this.
    for times in [1, 2] {
        let up = || starts(tree).0 >= times && !tree.logged("b").is_empty();
        let died = until_some(
            &format!("{context}: it is up, or the victim killed"),
            || {
                if dead(svscan) {
                    return Some(true);
                }
                up().then_some(false)
            },
        );
        if died {
            return Some(());
        }
        svc(tree, if times == 1 { "-t" } else { "-d" });
    }
    let down = || starts(tree).1.is_empty();
    let died = until_some(
        &format!("{context}: it is down, or the victim killed"),
        || {
            if dead(svscan) {
                return Some(true);
            }
            down().then_some(false)
        },
    );
    if died {
        return Some(());
    }
    match victim {
        // As one that was killed is, it is started again.
        Victim::Svscan => {
            let old = tree.supervises("b");
            for pid in &old {
                signal(*pid, "KILL");
            }
            let back = || tree.supervises("b").iter().any(|pid| !old.contains(pid));
            let died = until_some(
                &format!("{context}: it is back, or the victim killed"),
                || {
                    if dead(svscan) {
                        return Some(true);
                    }
                    back().then_some(false)
                },
            );
            if died {
                return Some(());
            }
            let mut ask = tree.suite.command("svscanctl", &tree.scratch);
            let _ = ask
                .args(["-t", "sc"])
                .stderr(std::process::Stdio::null())
                .status();
            (svscan.wait() != 0).then_some(())
        }
        Victim::Supervise => {
            svc(tree, "-x");
            until(&format!("{context}: it ends"), || dead(svscan));
            None
        }
    }
}

/// Whether the service's `supervise` is none of those killed, and gets what `svc` says.
/// By `supervise/ok` alone that cannot be told: a child of a killed one, which has not
/// become its program yet, has that open as well.
fn listens(tree: &Tree, killed: &[u32]) -> bool {
    let kept = tree.scratch.join("sc/b/supervise");
    let record = fs::read(kept.join("record")).unwrap_or_default();
    let begun = dt_service::Record::newest(&record).is_some_and(|(_, record)| {
        let pid = record.supervise.pid;
        !killed.contains(&pid) && tree.supervises("b") == [pid]
    });
    begun && dt_os::file::How::WRITE.open(kept.join("ok")).is_ok()
}

/// Gives whether there was a kill.
fn kill_at(point: &Point) -> bool {
    let Point {
        victim,
        both,
        call,
        number,
    } = point;
    let tree = Tree::new();
    let inject = format!("inject={call}:signal=KILL:when={number}");
    let mut svscan = start(&tree, *victim, &["-o", "/dev/null", "-e", &inject]);
    if scenario(&tree, &mut svscan, *victim, &format!("{point:?}")).is_none() {
        stop(&tree, &mut svscan);
        return false;
    }
    let mut others = Vec::new();
    if *both {
        for half in ["b", "b/log"] {
            others.extend(tree.supervises(half));
        }
        for pid in &others {
            signal(*pid, "KILL");
        }
        svscan.signal("KILL");
        svscan.wait();
    }
    if svscan.ended().is_some() {
        svscan = tree.start();
    }
    for half in ["b", "b/log"] {
        until(&format!("{point:?}: one supervise in {half}"), || {
            tree.supervises(half).len() == 1
        });
    }
    until(&format!("{point:?}: it listens"), || {
        listens(&tree, &others)
    });
    // Whatever was wished before.
    svc(&tree, "-u");
    let one = |what: &str| {
        until_some(&format!("{point:?}: {what}"), || {
            let (_, living) = starts(&tree);
            assert!(living.len() <= 1, "{point:?}: {living:?}");
            let [pid] = living[..] else { return None };
            (tree.service_of("b") == pid).then_some(pid)
        })
    };
    let before = one("one copy, which the status names");
    svc(&tree, "-t");
    until(&format!("{point:?}: svc is obeyed"), || {
        starts(&tree).1.iter().any(|pid| *pid != before)
    });
    one("one copy again");
    stop(&tree, &mut svscan);
    check_lines(&tree, point, &others);
    true
}

fn stop(tree: &Tree, svscan: &mut Scanner) {
    if svscan.ended().is_none() {
        let mut ask = tree.suite.command("svscanctl", &tree.scratch);
        ask.args(["-t", "sc"]);
        until("it can be asked", || ask.status().unwrap().success());
        assert_eq!(svscan.wait(), 0);
    }
}

/// Each start's lines once and in their order, one start's after the other's. The
/// last one may be missing where the service itself was killed: what has just been
/// forked looks like a `supervise`.
fn check_lines(tree: &Tree, point: &Point, killed: &[u32]) {
    let logged = tree.logged("b");
    let starts = String::from_utf8(tree.scratch.read("sc/b/starts")).unwrap();
    let mut lines = logged.lines().peekable();
    for pid in starts.lines() {
        let own = format!("{pid} ");
        let mut number = 0;
        let mut over = false;
        while let Some(line) = lines.next_if(|line| line.starts_with(&own)) {
            assert!(!over, "{point:?}: {line:?} after the end\n{logged}");
            number += 1;
            over = line == format!("{pid} over");
            let next = format!("{pid} {number}");
            assert!(
                over || line == next,
                "{point:?}: {line:?} is not {next:?}\n{logged}"
            );
        }
        let was_killed = killed.iter().any(|it| it.to_string() == pid);
        assert!(
            over || was_killed,
            "{point:?}: {pid} has no last line\n{logged}"
        );
    }
    assert_eq!(lines.next(), None, "{point:?}: a line too many\n{logged}");
}
