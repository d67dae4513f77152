//! More services than anybody has.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use dt_testkit::Running;

use crate::kit::{self, Outcome};
use crate::report::Cell;
use crate::scenarios::Size;
use crate::suite::Suite;
use crate::tree::Tree;

/// How long nothing happens: longer than any suite leaves a directory alone.
const QUIET: Duration = Duration::from_secs(6);

/// For all to be up, to be taken over, to be stopped.
fn patience(count: usize) -> Duration {
    Duration::from_secs(20) + Duration::from_millis(20) * u32::try_from(count).unwrap_or(0)
}

/// Services that do nothing, their supervisors, and who looks after those.
struct Crowd<'a> {
    tree: Tree<'a>,
    count: usize,
    scanner: Running,
}

/// Who works in the service directories.
#[derive(Default)]
struct Census {
    /// Directories with one supervisor and one service.
    whole: usize,
    /// Processes beyond the first of their kind in their directory.
    extra: usize,
    supervisors: Vec<u32>,
    services: Vec<u32>,
}

impl Crowd<'_> {
    fn until(&self, condition: impl FnMut() -> bool) -> Option<Duration> {
        kit::until(patience(self.count), condition)
    }

    fn census(&self) -> Census {
        let place = self.tree.scratch.join("sc");
        let mut census = Census::default();
        let mut seen: HashMap<PathBuf, [usize; 2]> = HashMap::new();
        for pid in kit::all() {
            let Ok(directory) = fs::read_link(format!("/proc/{pid}/cwd")) else {
                continue;
            };
            if directory.parent() != Some(&place) || !kit::lives(pid) {
                continue;
            }
            let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            let counts = seen.entry(directory).or_default();
            if name.trim_end() == self.tree.suite.supervisor_name() {
                census.supervisors.push(pid);
                counts[0] += 1;
            } else if name.trim_end() == "sleep" {
                census.services.push(pid);
                counts[1] += 1;
            }
        }
        census.whole = seen.values().filter(|counts| **counts == [1, 1]).count();
        let all = seen.values().flatten();
        census.extra = all.map(|count| count.saturating_sub(1)).sum();
        census.supervisors.sort_unstable();
        census.services.sort_unstable();
        census
    }

    /// How often the scanner and all supervisors have been woken up.
    fn wakes(&self, supervisors: &[u32]) -> u64 {
        let all = supervisors.iter().copied().chain([self.scanner.pid()]);
        let woken = |pid: u32| {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            kit::field(&status, "voluntary_ctxt_switches:").unwrap_or(0)
        };
        all.map(woken).sum()
    }

    /// A census of thousands takes long, and from those who are to come up; so first
    /// there must be as many processes.
    fn until_whole(&self) -> Option<Duration> {
        let slow = Duration::from_millis(u64::try_from(self.count / 60).unwrap_or(0));
        self.until(|| {
            let enough = kit::all().nth(self.count * 2).is_some();
            enough
                && (self.census().whole == self.count || {
                    std::thread::sleep(slow);
                    false
                })
        })
    }

    /// The scanner is killed and another comes; nobody may be disturbed by that.
    fn taken_over(&mut self, cell: Cell, before: &Census) -> Outcome<Cell> {
        kit::kill(self.scanner.pid());
        self.scanner.wait();
        self.scanner = self.tree.start(&self.tree.suite.scanner(Path::new("sc")))?;
        let victim = *before.supervisors.first().ok_or("no supervisor")?;
        kit::kill(victim);
        let back = self.until(|| {
            let now = self.census();
            now.whole == self.count && !now.supervisors.contains(&victim)
        });
        std::thread::sleep(Duration::from_secs(2));
        let now = self.census();
        let gone = |pid: &&u32| **pid != victim && now.supervisors.binary_search(pid).is_err();
        let gone = before.supervisors.iter().filter(gone).count();
        let died = |pid: &&u32| now.services.binary_search(pid).is_err();
        let died = before.services.iter().filter(died).count();
        Ok(cell
            .took("a new one has all", back, patience(self.count))
            .none(gone as u64, "supervisors gone")
            .none(died as u64, "services gone")
            .none(now.extra as u64, "duplicated"))
    }
}

/// None of so many processes is to be left, and at once.
impl Drop for Crowd<'_> {
    fn drop(&mut self) {
        kit::kill(self.scanner.pid());
        self.until(|| {
            let census = self.census();
            let all = census.supervisors.iter().chain(&census.services);
            all.copied().for_each(kit::kill);
            census.supervisors.is_empty() && census.services.is_empty()
        });
    }
}

/// All come up once, cost nothing while nothing happens, are taken over and stopped.
pub fn many(suite: &Suite, size: &Size) -> Outcome<Cell> {
    let tree = Tree::new(suite);
    let run = tree
        .scratch
        .script("run", "#!/bin/sh\nexec sleep 1000000\n");
    for number in 0..size.many {
        let directory = tree.scratch.directory(format!("sc/s{number}"));
        fs::hard_link(&run, directory.join("run"))?;
    }
    let scanner = tree.start(&suite.scanner(Path::new("sc")))?;
    let mut crowd = Crowd {
        tree,
        count: size.many,
        scanner,
    };
    let cell = Cell::new().says(format_args!("{} services", crowd.count));
    let up = crowd.until_whole();
    let census = crowd.census();
    if up.is_none() {
        let up = format!("{} up", census.whole);
        return Ok(cell.judged(up, false));
    }
    std::thread::sleep(Duration::from_secs(2));
    let pid = crowd.scanner.pid();
    let before = crowd.wakes(&census.supervisors);
    std::thread::sleep(QUIET);
    let woken = crowd.wakes(&census.supervisors).saturating_sub(before);
    let descriptors = kit::descriptors(pid);
    let cell = cell
        .took("up", up, patience(crowd.count))
        .none(census.extra as u64, "duplicated")
        .none(woken, "wake-ups in six idle seconds")
        .says(format_args!(
            "the scanner has {} kB and {descriptors} descriptors",
            kit::private(pid)
        ));
    let cell = crowd.taken_over(cell, &census)?;
    if !suite.stop_all(&crowd.tree.scratch.join("sc")) {
        return Ok(cell);
    }
    let begun = Instant::now();
    let limit = patience(crowd.count);
    let ended = kit::until(limit, || crowd.scanner.ended() == Some(0));
    let left = crowd.census();
    let gone = left.supervisors.is_empty() && left.services.is_empty();
    let stopped = ended.filter(|_| gone).map(|_| begun.elapsed());
    Ok(cell.took("all stopped", stopped, limit))
}
