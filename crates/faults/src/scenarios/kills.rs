//! Supervisors and scanners that are killed.

use std::path::Path;
use std::time::Duration;

use crate::kit::{self, Outcome};
use crate::report::Cell;
use crate::scenarios::Size;
use crate::suite::{Suite, Word};
use crate::tree::{BOUND, Shape, Tree};

/// How long something that must not happen is watched for.
const WATCHED: Duration = Duration::from_millis(500);

/// Every supervisor is killed: its service must live on, once, and be controlled
/// again.
pub fn supervise(suite: &Suite, size: &Size) -> Outcome<Cell> {
    let tree = Tree::new(suite);
    let names = tree.services(size.services, Shape::PLAIN)?;
    let _scanner = tree.scan(&names)?;
    let (mut duplicated, mut lost_control, mut died) = (0_u64, 0_u64, 0_u64);
    let mut slowest = Duration::ZERO;
    for _ in 0..size.rounds {
        let before: Vec<_> = names.iter().map(|name| tree.copies(name)).collect();
        slowest = slowest.max(kill_supervisors(&tree, &names)?);
        kit::until(WATCHED, || {
            names.iter().all(|name| tree.copies(name).len() > 1)
        });
        for (name, before) in names.iter().zip(&before) {
            let now = tree.copies(name);
            duplicated += u64::from(now.len() > 1);
            died += u64::from(!before.iter().all(|pid| now.contains(pid)));
            suite.tell(Word::Down, &tree.directory(name));
        }
        let gone = |name: &String| tree.copies(name).is_empty();
        kit::until(Duration::from_secs(2), || names.iter().all(gone));
        for name in names.iter().filter(|name| !gone(name)) {
            lost_control += 1;
            tree.copies(name).into_iter().for_each(kit::kill);
        }
        for name in &names {
            suite.tell(Word::Up, &tree.directory(name));
        }
        kit::must("services come up again", BOUND, || {
            names.iter().all(|name| tree.is_up(name))
        })?;
    }
    let slowest = Some(slowest);
    Ok(Cell::new()
        .says(format_args!("{} kills", size.services * size.rounds))
        .none(duplicated, "duplicated")
        .none(lost_control, "out of control")
        .none(died, "died with it")
        .took("back", slowest, Duration::from_secs(2)))
}

/// Kills each supervisor at once; gives how long it took until each has a successor
/// that says what its service is.
fn kill_supervisors(tree: &Tree<'_>, names: &[String]) -> Outcome<Duration> {
    let old: Vec<u32> = names
        .iter()
        .flat_map(|name| tree.supervisors(name))
        .collect();
    old.iter().copied().for_each(kit::kill);
    let is_back = |name: &String| {
        let now = tree.supervisors(name);
        !now.is_empty() && !now.iter().any(|pid| old.contains(pid)) && tree.is_up(name)
    };
    kit::must("supervisors come back", BOUND, || names.iter().all(is_back))
}

/// The scanner is killed, and another one started: services live on, and keep their
/// logs even when their supervisors die after that.
pub fn svscan(suite: &Suite, size: &Size) -> Outcome<Cell> {
    let tree = Tree::new(suite);
    let names = tree.services(size.services, Shape::LOGGED)?;
    let mut scanner = tree.scan(&names)?;
    let (mut duplicated, mut cut_off) = (0_u64, 0_u64);
    let (mut messages, mut died) = (0_usize, 0_u64);
    for _ in 0..size.rounds {
        let before: Vec<_> = names.iter().map(|name| tree.copies(name)).collect();
        drop(scanner);
        let said = tree.said("err").lines().count();
        scanner = tree.start(&suite.scanner(Path::new("sc")))?;
        kit::until(Duration::from_secs(2), || {
            names.iter().any(|name| tree.copies(name).len() > 1)
        });
        messages += tree.said("err").lines().count() - said;
        for (name, before) in names.iter().zip(&before) {
            let now = tree.copies(name);
            duplicated += u64::from(now.len() > 1);
            died += u64::from(!before.iter().all(|pid| now.contains(pid)));
        }
        kill_supervisors(&tree, &names)?;
        // Those without control are out of the way of what comes now.
        let old: Vec<_> = names.iter().map(|name| tree.copies(name)).collect();
        for name in &names {
            let known = suite.pid(&tree.directory(name));
            let stray = tree
                .copies(name)
                .into_iter()
                .filter(|pid| Some(*pid) != known);
            stray.for_each(kit::kill);
            suite.tell(Word::Term, &tree.directory(name));
        }
        for (name, old) in names.iter().zip(&old) {
            cut_off += u64::from(!new_lines_arrive(&tree, name, old));
        }
    }
    let tally = tree.stop_and_tally(&names);
    Ok(Cell::new()
        .says(format_args!(
            "{} kills, {} services",
            size.rounds, size.services
        ))
        .none(duplicated, "duplicated")
        .none(died, "died with it")
        .none(cut_off, "logs cut off")
        .judged(
            format_args!("{messages} messages"),
            messages <= size.services * size.rounds,
        )
        .says(format_args!("{} lines", tally.lines))
        .none(tally.lost, "lost")
        .none(tally.duplicated, "twice")
        .none(tally.torn, "torn"))
}

/// Whether the lines of a copy that is none of the `old` ones get into the log.
fn new_lines_arrive(tree: &Tree<'_>, name: &str, old: &[u32]) -> bool {
    let arrived = || {
        let copies = tree.copies(name);
        let [pid] = copies.as_slice() else {
            return false;
        };
        if old.contains(pid) {
            return false;
        }
        let current = tree.directory(name).join("log/main/current");
        let text = std::fs::read(current).unwrap_or_default();
        String::from_utf8_lossy(&text).contains(&format!("{pid}."))
    };
    kit::until(Duration::from_secs(6), arrived).is_some()
}
