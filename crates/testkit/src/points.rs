//! Places to kill a program at: its system calls, as strace(1) shows them.

use std::collections::HashMap;
use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::SystemTime;

/// A system call by its name, and which of that name: the first is 1.
pub type Point = (String, usize);

/// How many runs go on at a time; most of the time they wait for the next start.
const AT_A_TIME: usize = 8;

/// Each call in a trace, in order.
#[must_use]
pub fn calls_in(trace: &str) -> Vec<Point> {
    let mut counts = HashMap::new();
    let names = trace
        .lines()
        .filter_map(|line| Some(line.split_once('(')?.0));
    let names = names.filter(|name| {
        name.bytes()
            .all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
    });
    let calls = names.map(|name| {
        let count = counts.entry(name).or_insert(0);
        *count += 1;
        (name.to_owned(), *count)
    });
    calls.collect()
}

/// About so many of them, others each time; all of them where `DAEMONTOOLS_KILL_POINTS`
/// is `all`.
#[must_use]
pub fn some<T>(points: Vec<T>, some: usize) -> Vec<T> {
    let all = std::env::var_os("DAEMONTOOLS_KILL_POINTS").is_some_and(|value| value == "all");
    let step = if all { 1 } else { (points.len() / some).max(1) };
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let from = now.unwrap().subsec_micros() as usize % step;
    points.into_iter().skip(from).step_by(step).collect()
}

/// Has `kill` go through all of `points`; gives how often it says that it killed.
/// Those that fail are named together: of one alone it cannot be told what they have
/// in common.
pub fn each<T: Sync + Debug>(points: &[T], kill: impl Fn(&T) -> bool + Sync) -> usize {
    let next = AtomicUsize::new(0);
    let killed = AtomicUsize::new(0);
    let failed = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while let Some(point) = points.get(next.fetch_add(1, Relaxed)) {
                    match catch_unwind(AssertUnwindSafe(|| kill(point))) {
                        Ok(was) => drop(killed.fetch_add(usize::from(was), Relaxed)),
                        Err(_) => failed.lock().unwrap().push(point),
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{failed:?}");
    killed.into_inner()
}
