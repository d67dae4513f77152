//! Supervise is killed at a system call of our choice, by way of strace.

use std::collections::HashMap;
use std::fmt::Debug;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

use dt_os::clock::Moment;
use dt_os::descriptor;
use dt_os::file::How;
use dt_testkit::{Running, Suite, until};

use super::Service;

/// A system call by its name, and which of that name: the first is 1.
pub type Point = (String, usize);

/// How many runs go on at a time; most of the time they wait for the next start.
const AT_A_TIME: usize = 8;

/// A supervise that is traced, and is our child all the same.
pub fn traced(service: &Service, how: &[&str]) -> Running {
    let mut command = Command::new("strace");
    command
        .arg("-D")
        .args(how)
        .arg(Suite::under_test().program("supervise"))
        .arg("d")
        .current_dir(service.scratch.path())
        .envs(service.environment())
        .stderr(Stdio::null());
    Running::start(&mut command, &service.scratch)
}

/// One that is killed when it makes this call.
pub fn killed_at(service: &Service, (call, number): &Point) -> Running {
    let inject = format!("inject={call}:signal=KILL:when={number}");
    traced(service, &["-o", "/dev/null", "-e", &inject])
}

/// Each call that a supervise makes until `drive` is through with it, which ends it.
pub fn calls(service: &Service, drive: impl FnOnce(&mut Running)) -> Vec<Point> {
    let trace = service.scratch.join("trace");
    let mut running = traced(service, &["-o", trace.to_str().unwrap()]);
    drive(&mut running);
    until("the trace is whole", || {
        fs::read_to_string(&trace).is_ok_and(|text| text.contains("+++ exited"))
    });
    let text = fs::read_to_string(&trace).unwrap();
    let mut counts = HashMap::new();
    let names = text
        .lines()
        .filter_map(|line| Some(line.split_once('(')?.0));
    let names = names.filter(|name| {
        name.bytes()
            .all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
    });
    let calls = names.map(|name| {
        let count = counts.entry(name.to_owned()).or_insert(0);
        *count += 1;
        (name.to_owned(), *count)
    });
    calls.collect()
}

/// About so many of them, others each time; all of them where that is asked for.
pub fn some(points: Vec<Point>, some: usize) -> Vec<Point> {
    let all = std::env::var_os("DAEMONTOOLS_KILL_POINTS").is_some_and(|value| value == "all");
    let step = if all { 1 } else { (points.len() / some).max(1) };
    let from = Moment::now().since(Moment::default()).subsec_micros() as usize % step;
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

/// Sends commands to a supervise that may be dead.
pub fn tell(service: &Service, commands: &[u8]) {
    let control = How::WRITE.open(service.scratch.join("d/supervise/control"));
    let _ = control.and_then(|control| descriptor::write_all(&control, commands));
}

/// Says what was done.
#[expect(clippy::print_stderr, reason = "says what was done")]
pub fn say(line: &str) {
    eprintln!("{line}");
}
