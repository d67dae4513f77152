//! Many services with logs, killed in part at random for a while: at the end there is
//! one of each, and each line is in its log once.
//!
//! The ordinary test has few services and takes seconds. `DAEMONTOOLS_SERVICES=1000
//! DAEMONTOOLS_SECONDS=60` is the whole form; `DAEMONTOOLS_SEED` repeats the choices.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on panics with the reason"
)]

#[expect(dead_code, reason = "the other tests use the rest")]
mod tree;

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use dt_service::{Record, Status};
use dt_testkit::{Chance, Suite, number, signal, until};
use tree::{Scanner, Tree};

/// Writes its process id and a number, notes the number, and on TERM writes one line
/// more. Its sleep does not hold the pipe to the log.
const WRITER: &str = "trap 'echo $$ over; exit' TERM
echo $$ >> starts
i=0
while :; do
  for each in 1 2 3 4 5; do i=$((i+1)); echo $$ $i; echo $i > last.$$; done
  sleep 2 > /dev/null & wait
done";

fn place(tree: &Tree, half: &str) -> PathBuf {
    tree.scratch.join("sc").join(half)
}

/// The `supervise` on record in a directory, and its service.
fn pids(directory: &Path) -> Option<(u32, u32)> {
    let record = fs::read(directory.join("supervise/record")).ok()?;
    let (_, record) = Record::newest(&record)?;
    let status = fs::read(directory.join("supervise/status")).ok()?;
    Some((record.supervise.pid, Status::decode(&status).ok()?.pid))
}

/// Kills it, if the number is still that of a process there.
fn kill(directory: &Path, pid: u32) -> u64 {
    let cwd = fs::read_link(format!("/proc/{pid}/cwd"));
    if !cwd.is_ok_and(|cwd| directory.starts_with(&cwd) || cwd.starts_with(directory)) {
        return 0;
    }
    signal(pid, "KILL");
    1
}

/// How many processes of each name there are in each directory of the tree.
fn census(tree: &Tree) -> HashMap<(PathBuf, String), usize> {
    let mut count = HashMap::new();
    let processes = fs::read_dir("/proc").unwrap().flatten();
    for process in processes.map(|entry| entry.path()) {
        let Ok(cwd) = fs::read_link(process.join("cwd")) else {
            continue;
        };
        if cwd.starts_with(tree.scratch.path()) {
            let name = fs::read_to_string(process.join("comm")).unwrap_or_default();
            *count.entry((cwd, name.trim().to_owned())).or_default() += 1;
        }
    }
    count
}

/// Waits for one service, one logger, and one `supervise` for each, everywhere. What
/// has just been forked may still look like its parent, for an instant.
fn until_whole(tree: &Tree, services: &[String]) {
    let mut missing = Vec::new();
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_mins(2) {
        let census = census(tree);
        missing = services
            .iter()
            .filter_map(|name| imbalance(tree, &census, name))
            .collect();
        if missing.is_empty() {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("there is not one of each: {missing:?}");
}

fn imbalance(
    tree: &Tree,
    census: &HashMap<(PathBuf, String), usize>,
    name: &str,
) -> Option<(String, [usize; 4])> {
    let of = |half: &str, what: &str| {
        let key = (place(tree, half), what.to_owned());
        census.get(&key).copied().unwrap_or(0)
    };
    let log = format!("{name}/log");
    let all = [
        of(name, "run"),
        of(&log, "multilog"),
        of(&log, "supervise"),
        of(name, "supervise"),
    ];
    (all != [1; 4]).then(|| (name.to_owned(), all))
}

fn kill_some(tree: &Tree, services: &[String], svscan: &mut Scanner, chance: &mut Chance) -> u64 {
    let some = |chance: &mut Chance| {
        let choice = usize::try_from(chance.below(services.len() as u64)).unwrap();
        services.get(choice).unwrap().clone()
    };
    let one = |chance: &mut Chance| {
        let name = some(chance);
        kill_half(tree, &name, chance)
    };
    if chance.below(100) > 0 {
        return one(chance);
    }
    // What is in a pipe is lost with the last who has it open; as long as svscan
    // lives that is nobody else.
    until_whole(tree, services);
    svscan.signal("KILL");
    svscan.wait();
    let mut hit = HashSet::new();
    let mut killed = 1;
    for _ in 0..chance.below(10) {
        let name = some(chance);
        if hit.insert(name.clone()) {
            killed += kill_half(tree, &name, chance);
        }
    }
    *svscan = tree.start();
    killed
}

/// One or both processes of a service, or of its log.
fn kill_half(tree: &Tree, name: &str, chance: &mut Chance) -> u64 {
    let half = if chance.below(2) == 0 {
        name.to_owned()
    } else {
        format!("{name}/log")
    };
    let directory = place(tree, &half);
    let Some((supervise, service)) = pids(&directory) else {
        return 0;
    };
    match chance.below(3) {
        0 => kill(&directory, service),
        1 => kill(&directory, supervise),
        _ => kill(&directory, supervise) + kill(&directory, service),
    }
}

#[test]
fn many_services_killed_at_random_end_as_one_of_each_with_every_line() {
    const NAME: &str = "many_services_killed_at_random_end_as_one_of_each_with_every_line";
    if Suite::under_test().is_original() {
        return;
    }
    let mut chance = Chance::of_test(NAME);
    let count = number("DAEMONTOOLS_SERVICES").unwrap_or(12);
    let length = Duration::from_secs(number("DAEMONTOOLS_SECONDS").unwrap_or(5));
    eprintln!("{NAME}: {count} services, {length:?}");

    let tree = Tree::new();
    let services: Vec<String> = (0..count).map(|number| format!("s{number}")).collect();
    for name in &services {
        tree.service_with_log(name, WRITER);
    }
    let begin = Instant::now();
    let mut svscan = tree.start();
    until_whole(&tree, &services);
    eprintln!("{NAME}: all up after {:?}", begin.elapsed());

    let end = Instant::now() + length;
    let mut killed = 0;
    while Instant::now() < end {
        killed += kill_some(&tree, &services, &mut svscan, &mut chance);
        std::thread::sleep(Duration::from_millis(chance.below(30)));
    }
    let begin = Instant::now();
    until_whole(&tree, &services);
    eprintln!(
        "{NAME}: {killed} killed, all up again after {:?}",
        begin.elapsed()
    );

    let begin = Instant::now();
    let mut ask = tree.suite.command("svscanctl", &tree.scratch);
    ask.args(["-t", "sc"]);
    until("it can be asked", || ask.status().unwrap().success());
    assert_eq!(svscan.wait(), 0);
    eprintln!("{NAME}: all stopped after {:?}", begin.elapsed());
    let lines: usize = services.iter().map(|name| check_log(&tree, name)).sum();
    eprintln!("{NAME}: {lines} lines, none lost and none twice");
}

/// Gives how many lines there are: of each start one after the other, up to the last
/// that it has noted, or the one after that, in whose midst it was killed.
fn check_log(tree: &Tree, name: &str) -> usize {
    let starts = String::from_utf8(tree.scratch.read(format!("sc/{name}/starts"))).unwrap();
    let logged = tree.logged(name);
    let mut lines = logged.lines().peekable();
    let mut count = 0;
    for pid in starts.lines() {
        let own = format!("{pid} ");
        let mut last = 0;
        while let Some(line) = lines.next_if(|line| line.starts_with(&own)) {
            count += 1;
            if line != format!("{pid} over") {
                last += 1;
                assert_eq!(line, format!("{pid} {last}"), "{name}");
            }
        }
        let noted = fs::read_to_string(place(tree, name).join(format!("last.{pid}")));
        let noted: usize = noted.unwrap_or_default().trim().parse().unwrap_or(last);
        assert!(
            noted <= last && last <= noted + 1,
            "{name}: of {pid} {noted} noted, {last} logged; starts {starts:?}, log\n{logged}"
        );
    }
    assert_eq!(lines.next(), None, "{name}: a line too many");
    count
}
