//! The figures and their table.

use std::error::Error;
use std::fmt::Write;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use dt_os::process::{self, Pid};
use dt_os::signals::Signal;

use crate::memory;
use crate::suites::Suite;
use crate::tree::{self, Tree};

/// Services that are killed and told things, at the most.
const PICKED: u64 = 50;

/// Services that are weighed.
const WEIGHED: usize = 100;

/// How long an idle tree is watched for wake-ups.
const WATCHED: Duration = Duration::from_secs(10);

/// What one suite did in one round.
pub struct Figures {
    /// From the start of the scanner to the start of the last service.
    start: Duration,
    /// From the kill of a service to its next start, the middle of many.
    restart: Duration,
    /// From the start of the command that stops a service to its end, likewise.
    down: Duration,
    /// From the start of the command that starts it to its start, likewise.
    up: Duration,
    /// Memory of the supervisors and the logger of one service, in kB.
    weight: u64,
    /// Memory of the scanner, in kB.
    scanner: u64,
    /// Wake-ups of all of them in ten idle seconds.
    wakes: u64,
}

/// Takes all of them.
pub fn measure(suite: &Suite, services: usize, scratch: &Path) -> Result<Figures, Box<dyn Error>> {
    let start = start(suite, services, scratch)?;
    let mut tree = Tree::start(suite, services.min(WEIGHED), scratch)?;
    let count = settle(&mut tree, services.min(WEIGHED))?;
    let (weight, scanner, wakes) = idle(&tree, count);
    let restart = restart(&mut tree, count.min(PICKED))?;
    let (down, up) = commands(suite, &mut tree, count.min(PICKED))?;
    Ok(Figures {
        start,
        restart,
        down,
        up,
        weight,
        scanner,
        wakes,
    })
}

fn start(suite: &Suite, services: usize, scratch: &Path) -> Result<Duration, Box<dyn Error>> {
    let mut tree = Tree::start(suite, services, scratch)?;
    let mut last = tree.started;
    while tree.newest.len() < services {
        last = last.max(tree.report()?.at);
    }
    Ok(last.saturating_sub(tree.started))
}

/// Waits until all services and loggers have been up long enough to be idle, and
/// to be started again at once when they die.
fn settle(tree: &mut Tree, services: usize) -> Result<u64, Box<dyn Error>> {
    while tree.newest.len() < services {
        tree.report()?;
    }
    let count = u64::try_from(services)?;
    tree::until("loggers do not log", || {
        (0..count).all(|index| {
            let current = tree.service(index).join("log/main/current");
            current.metadata().is_ok_and(|current| current.len() > 0)
        })
    })?;
    std::thread::sleep(Duration::from_secs(3));
    Ok(count)
}

fn idle(tree: &Tree, count: u64) -> (u64, u64, u64) {
    let services: Vec<u32> = tree.newest.values().map(|report| report.pid).collect();
    let directory = tree.service(0);
    let all = memory::living_in(directory.parent().unwrap_or(&directory));
    let watchers: Vec<u32> = all
        .into_iter()
        .filter(|pid| !services.contains(pid))
        .collect();
    let scanner = tree.scanner();
    let each = watchers.iter().filter(|pid| **pid != scanner);
    let weight: u64 = each.filter_map(|pid| memory::weight(*pid)).sum();
    let wakes = || -> u64 {
        let all = watchers.iter().copied().chain([scanner]);
        let mut all: Vec<u32> = all.collect();
        all.sort_unstable();
        all.dedup();
        all.into_iter().filter_map(memory::switches).sum()
    };
    let before = wakes();
    std::thread::sleep(WATCHED);
    let woken = wakes().saturating_sub(before);
    (
        weight / count.max(1),
        memory::weight(scanner).unwrap_or(0),
        woken,
    )
}

fn restart(tree: &mut Tree, count: u64) -> Result<Duration, Box<dyn Error>> {
    let mut all = Vec::new();
    for index in 0..count {
        let pid = tree
            .newest
            .get(&index)
            .ok_or("a service without a report")?
            .pid;
        let begun = tree::now();
        process::send(Pid::from_raw(i32::try_from(pid)?), Signal::SIGKILL)?;
        all.push(next_start(tree, index)?.saturating_sub(begun));
    }
    Ok(middle(all))
}

fn next_start(tree: &mut Tree, index: u64) -> Result<Duration, Box<dyn Error>> {
    loop {
        let report = tree.report()?;
        if report.index == index {
            return Ok(report.at);
        }
    }
}

fn commands(
    suite: &Suite,
    tree: &mut Tree,
    count: u64,
) -> Result<(Duration, Duration), Box<dyn Error>> {
    let (mut downs, mut ups) = (Vec::new(), Vec::new());
    // What was started by the restarts must be a second old, or its next start waits.
    std::thread::sleep(Duration::from_secs(2));
    for index in 0..count {
        let pid = tree
            .newest
            .get(&index)
            .ok_or("a service without a report")?
            .pid;
        let pid = Pid::from_raw(i32::try_from(pid)?);
        let watch = dt_os::pidfd::PidFd::open(pid)?;
        let begun = tree::now();
        tell(&suite.down, &tree.service(index))?;
        let bound = dt_os::clock::Moment::now().plus(Duration::from_secs(30));
        let [ended] = dt_os::wait::until_readable([watch.as_fd()], Some(bound))?;
        if !ended {
            return Err("a service does not go down".into());
        }
        downs.push(tree::now().saturating_sub(begun));
        std::thread::sleep(Duration::from_millis(20));
        let begun = tree::now();
        tell(&suite.up, &tree.service(index))?;
        ups.push(next_start(tree, index)?.saturating_sub(begun));
    }
    Ok((middle(downs), middle(ups)))
}

/// Starts the command; what matters is what comes of it, not when it ends.
fn tell(words: &[String], service: &Path) -> Result<(), Box<dyn Error>> {
    let (program, arguments) = words.split_first().ok_or("no command")?;
    let status = Command::new(program)
        .args(arguments)
        .arg(service)
        .stdout(std::process::Stdio::null())
        .status()?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{program} failed: {status}").into())
    }
}

fn middle(mut all: Vec<Duration>) -> Duration {
    all.sort_unstable();
    all.get(all.len() / 2).copied().unwrap_or_default()
}

/// A line for each figure, a column for each suite; each figure is the middle one
/// of the rounds.
pub fn markdown(suites: &[Suite], rounds: &[Vec<Figures>], services: usize) -> String {
    let mut text = String::from("| |");
    for suite in suites {
        let _ = write!(text, " {} |", suite.name);
    }
    text.push_str("\n|---|");
    text.push_str(&"---|".repeat(suites.len()));
    text.push('\n');
    let weighed = services.min(WEIGHED);
    let mut line = |name: &str, figure: &dyn Fn(&Figures) -> f64, places: usize| {
        let _ = write!(text, "| {name} |");
        for figures in rounds {
            let mut all: Vec<f64> = figures.iter().map(figure).collect();
            all.sort_by(f64::total_cmp);
            let middle = all.get(all.len() / 2).copied().unwrap_or_default();
            let _ = write!(text, " {middle:.places$} |");
        }
        text.push('\n');
    };
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    line(
        &format!("{services} services with logs started, s"),
        &|f| f.start.as_secs_f64(),
        2,
    );
    line("killed service started again, ms", &|f| ms(f.restart), 2);
    line(
        "command to stop, until the service is gone, ms",
        &|f| ms(f.down),
        2,
    );
    line(
        "command to start, until the service runs, ms",
        &|f| ms(f.up),
        2,
    );
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    {
        line(
            &format!("memory per service with its log, kB ({weighed} services)"),
            &|f| f.weight as f64,
            0,
        );
        line("memory of the scanner, kB", &|f| f.scanner as f64, 0);
        line(
            &format!("wake-ups in 10 idle seconds ({weighed} services)"),
            &|f| f.wakes as f64,
            0,
        );
    }
    text
}
