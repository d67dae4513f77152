//! Random kills of `svscan` and of every `supervise`: no service is started twice,
//! no line of its log is lost, and it keeps its pipe.
//!
//! `DAEMONTOOLS_KILLS` is how many kills, 50 where it is not set;
//! `DAEMONTOOLS_SEED` repeats a run.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on panics with the reason"
)]

#[expect(dead_code, reason = "the other tests use the rest")]
mod tree;

use std::time::Duration;

use dt_testkit::{Chance, Suite, number, signal, until};
use tree::{Scanner, Tree};

/// Writes its process id and a number, and on TERM one line more.
const WRITER: &str = "echo $$ >> starts
trap 'echo $$ over; exit' TERM
i=0
while :; do i=$((i+1)); echo $$ $i; sleep 0.01; done";

const SERVICES: [&str; 3] = ["a", "b", "c"];

fn halves() -> impl Iterator<Item = String> {
    let of = |name: &str| [name.to_owned(), format!("{name}/log")];
    SERVICES.into_iter().flat_map(of)
}

/// Waits until every half has its one `supervise`, and on the same pipe as ever.
fn until_whole(tree: &Tree, pipes: &[String]) {
    until("every half has one supervise", || {
        halves().all(|half| tree.supervises(&half).len() == 1)
    });
    for (name, pipe) in SERVICES.iter().zip(pipes) {
        until("both halves are on the old pipe", || {
            let ends = [(*name).to_owned(), format!("{name}/log")].map(|half| {
                let number = u32::from(!half.ends_with("/log"));
                tree.pipe(&half, number)
            });
            ends.iter().all(|end| end == pipe)
        });
    }
}

/// Whether its `supervise` adopts: without that a killed one's service is started
/// twice, as by the original.
fn adopts(tree: &Tree) -> bool {
    tree.scratch.join("sc/a/supervise/record").exists()
}

fn kill_one(tree: &Tree, svscan: &mut Scanner, chance: &mut Chance) {
    let victims: Vec<String> = halves().collect();
    let choice = usize::try_from(chance.below(victims.len() as u64 + 3)).unwrap();
    let kill = |half: &String| {
        for pid in tree.supervises(half) {
            signal(pid, "KILL");
        }
    };
    if let Some(half) = victims.get(choice) {
        return kill(half);
    }
    svscan.signal("KILL");
    svscan.wait();
    // Sometimes what it has left is hit while nobody looks after it.
    for half in &victims {
        if chance.below(4) == 0 {
            kill(half);
        }
    }
    *svscan = tree.start();
}

#[test]
fn whatever_is_killed_no_service_runs_twice_and_no_line_is_lost() {
    const NAME: &str = "whatever_is_killed_no_service_runs_twice_and_no_line_is_lost";
    if Suite::under_test().is_original() {
        return;
    }
    let mut chance = Chance::of_test(NAME);

    let tree = Tree::new();
    for name in SERVICES {
        tree.service_with_log(name, WRITER);
    }
    let mut svscan = tree.start();
    for half in halves() {
        tree.one(&half);
    }
    if !adopts(&tree) {
        eprintln!("{NAME}: skipped, this supervise does not adopt");
        return;
    }
    let pipes = SERVICES.map(|name| tree.pipe(name, 1));
    for _ in 0..number("DAEMONTOOLS_KILLS").unwrap_or(50) {
        kill_one(&tree, &mut svscan, &mut chance);
        match chance.below(3) {
            0 => {}
            1 => std::thread::sleep(Duration::from_millis(chance.below(30))),
            _ => until_whole(&tree, &pipes),
        }
    }
    until_whole(&tree, &pipes);
    let held: Vec<_> = pipes.iter().map(|pipe| svscan.ends_of(pipe)).collect();
    assert_eq!(held, [1, 1, 1]);
    until("nothing is deaf any more", || {
        halves().all(|half| {
            tree.scratch
                .join("sc")
                .join(half)
                .join("supervise/ok")
                .exists()
        })
    });

    let mut ask = tree.suite.command("svscanctl", &tree.scratch);
    assert!(ask.args(["-t", "sc"]).status().unwrap().success());
    assert_eq!(svscan.wait(), 0);
    for name in SERVICES {
        check_log(&tree, name);
    }
}

/// One start, and each line of it once and in its place.
fn check_log(tree: &Tree, name: &str) {
    let starts = String::from_utf8(tree.scratch.read(format!("sc/{name}/starts"))).unwrap();
    let pid = starts.trim();
    assert!(
        !pid.contains('\n'),
        "{name} was started more than once: {starts:?}"
    );
    let logged = tree.logged(name);
    let lines: Vec<_> = logged.lines().collect();
    let count = lines.len() - 1;
    let mut expected: Vec<_> = (1..=count).map(|i| format!("{pid} {i}")).collect();
    expected.push(format!("{pid} over"));
    assert_eq!(lines, expected, "{name}");
}
