//! Many services for a long time: they die, are steered, upgraded and killed at
//! random while they log.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use clap::Args;
use dt_testkit::Running;

use crate::kit::{self, Dice, Outcome};
use crate::lines::Tally;
use crate::suite::{Kind, Suite, Word};
use crate::tree::{Shape, Tree};

/// How much of it.
#[derive(Args)]
pub struct Plan {
    /// How many services, each with a log
    #[arg(long, default_value_t = 200)]
    services: usize,
    /// For how long; parts of a minute count
    #[arg(long, default_value_t = 2.0)]
    minutes: f64,
    /// The same number does the same things in the same order
    #[arg(long)]
    seed: Option<u64>,
    /// Where our programs are, if not beside this one
    #[arg(long)]
    programs: Option<PathBuf>,
}

/// One thing that is done to one service, or to all.
#[derive(Clone, Copy, Debug)]
enum Act {
    KillService,
    KillSupervise,
    KillLogger,
    KillLogSupervise,
    KillScanner,
    Restart,
    DownAndUp,
    Upgrade,
}

/// In this order the report tells them; the numbers are how often of a hundred
/// times.
const ACTS: [(Act, u64); 8] = [
    (Act::KillService, 25),
    (Act::KillSupervise, 20),
    (Act::KillLogger, 20),
    (Act::KillLogSupervise, 10),
    (Act::KillScanner, 2),
    (Act::Restart, 12),
    (Act::DownAndUp, 10),
    (Act::Upgrade, 1),
];

struct Soak<'a> {
    tree: Tree<'a>,
    names: Vec<String>,
    scanner: Running,
    dice: Dice,
    done: [u64; ACTS.len()],
    refused: u64,
    twice: u64,
    /// Those that a scanner which was started after a killed one has not taken over
    /// yet: one of their supervisors is missing.
    orphans: BTreeSet<String>,
    /// Those of which nothing at all lived while no scanner did either. What was in
    /// the pipe to the log has gone with the last process that had it open: the limit
    /// of what can be promised, as docs/scanning.md has it.
    let_go: BTreeSet<String>,
}

/// What a scanner takes.
#[derive(Clone, Copy)]
struct Weight {
    descriptors: usize,
    private: u64,
}

/// Runs it; gives whether nothing was lost and nothing ran twice.
pub fn run(plan: &Plan) -> Outcome<bool> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let seed = plan.seed.unwrap_or(now.as_secs());
    eprintln!("dt-faults: soak: seed {seed}");
    let programs = plan.programs.clone().map_or_else(kit::beside_us, Ok)?;
    let suite = Suite::new(Kind::Daemontools, programs.canonicalize()?);
    let tree = Tree::new(&suite);
    let names = services(&tree, plan)?;
    let scanner = tree.scan(&names)?;
    let mut soak = Soak {
        tree,
        names,
        scanner,
        dice: Dice::new(seed),
        done: [0; ACTS.len()],
        refused: 0,
        twice: 0,
        orphans: BTreeSet::new(),
        let_go: BTreeSet::new(),
    };
    let length = Duration::from_secs_f64(plan.minutes * 60.0);
    let begun = Instant::now();
    let first = soak.weight();
    // All has happened to many by then.
    let mut middle = first;
    while begun.elapsed() < length {
        soak.act()?;
        if begun.elapsed() < length / 2 {
            middle = soak.weight();
        }
        std::thread::sleep(soak.dice.pause(40_000));
    }
    Ok(soak.report(seed, [first, middle]))
}

fn services(tree: &Tree<'_>, plan: &Plan) -> Outcome<Vec<String>> {
    // What an hour of it writes must fit on a disk.
    let pause = if plan.minutes > 5.0 { 200 } else { 20 };
    let mut names = Vec::new();
    for index in 0..plan.services {
        let name = format!("s{index}");
        // Each fifth dies by itself, after about four seconds.
        let lines = if index % 5 == 0 { 4000 / pause } else { 0 };
        let shape = Shape {
            pause: Duration::from_millis(pause),
            lines,
            log: true,
        };
        tree.service(&name, shape)?;
        names.push(name);
    }
    Ok(names)
}

impl Soak<'_> {
    fn weight(&self) -> Weight {
        Weight {
            descriptors: kit::descriptors(self.scanner.pid()),
            private: kit::private(self.scanner.pid()),
        }
    }

    fn pick(&mut self) -> usize {
        let mut left = self.dice.below(100);
        for (index, (_, share)) in ACTS.iter().enumerate() {
            match left.checked_sub(*share) {
                None => return index,
                Some(rest) => left = rest,
            }
        }
        0
    }

    fn act(&mut self) -> Outcome<()> {
        let number = self.dice.below(self.names.len() as u64);
        let name = usize::try_from(number)
            .ok()
            .and_then(|at| self.names.get(at));
        let name = name.ok_or("no service")?.clone();
        let directory = self.tree.directory(&name);
        let index = self.pick();
        let suite = self.tree.suite;
        let kill_all = |pids: Vec<u32>| pids.into_iter().for_each(kit::kill);
        let (act, _) = ACTS.get(index).ok_or("no act")?;
        match act {
            Act::KillService => kill_all(self.tree.copies(&name)),
            Act::KillSupervise => kill_all(self.tree.supervisors(&name)),
            Act::KillLogger => kill_all(self.tree.loggers(&name)),
            Act::KillLogSupervise => kill_all(self.tree.supervisors(&format!("{name}/log"))),
            Act::KillScanner => {
                kit::kill(self.scanner.pid());
                self.scanner.wait();
                self.orphans = self.names.iter().cloned().collect();
                self.look_after_orphans();
                std::thread::sleep(self.dice.pause(300_000));
                self.look_after_orphans();
                self.scanner = self.tree.start(&suite.scanner(Path::new("sc")))?;
            }
            Act::Restart => drop(suite.tell(Word::Term, &directory)),
            Act::DownAndUp => {
                suite.tell(Word::Down, &directory);
                std::thread::sleep(self.dice.pause(100_000));
                // A supervise that is just being killed may not take it.
                kit::until(Duration::from_secs(5), || suite.tell(Word::Up, &directory));
            }
            Act::Upgrade => {
                self.refused += u64::from(!suite.upgrade(&self.tree.scratch.join("sc")));
            }
        }
        if let Some(count) = self.done.get_mut(index) {
            *count += 1;
        }
        self.look_after_orphans();
        self.twice += u64::from(self.tree.copies(&name).len() > 1);
        if let Some(code) = self.scanner.ended() {
            return Err(format!("svscan ends with {code}: {}", self.tree.said("err")).into());
        }
        Ok(())
    }

    /// Notes of which of those that have no scanner nothing lives any more, and which
    /// have one again.
    fn look_after_orphans(&mut self) {
        if self.orphans.is_empty() {
            return;
        }
        let orphans: Vec<String> = self.orphans.iter().cloned().collect();
        self.let_go
            .extend(self.tree.dead_wholly(&orphans).into_iter().cloned());
        let tree = &self.tree;
        let supervised = |directory: &str| !tree.supervisors(directory).is_empty();
        self.orphans
            .retain(|name| !(supervised(name) && supervised(&format!("{name}/log"))));
    }

    /// Waits until all is quiet, stops, counts and tells.
    fn report(self, seed: u64, [first, middle]: [Weight; 2]) -> bool {
        let suite = self.tree.suite;
        let mut down = Vec::new();
        for name in &self.names {
            let up = || {
                suite.tell(Word::Up, &self.tree.directory(name));
                self.tree.is_up(name) && self.tree.copies(name).len() == 1
            };
            if kit::until(Duration::from_secs(10), up).is_none() {
                down.push(name.clone());
            }
        }
        let last = self.weight();
        let (mut tally, mut beyond) = (Tally::default(), Tally::default());
        for (name, of_it) in self.tree.stop_and_tally_each(&self.names) {
            tally += of_it;
            if self.let_go.contains(name) {
                beyond += of_it;
            }
        }
        for ((act, _), count) in ACTS.iter().zip(self.done) {
            println!("{act:?}: {count}");
        }
        println!("upgrades that were refused in part: {}", self.refused);
        println!("services not up in the end: {} {down:?}", down.len());
        println!("found running twice: {}", self.twice);
        println!(
            "lines: {}, lost {}, twice {}, torn {}",
            tally.lines, tally.lost, tally.duplicated, tally.torn
        );
        println!(
            "of those lost where for an instant nothing had the pipe open: {} ({} services)",
            beyond.lost,
            self.let_go.len()
        );
        for (when, weight) in [("at first", first), ("half-way", middle), ("at last", last)] {
            let Weight {
                descriptors,
                private,
            } = weight;
            println!("svscan {when}: {descriptors} descriptors, {private} kB");
        }
        // Of each supervise that it has taken over it watches a descriptor.
        let most = first.descriptors + 2 * self.names.len() + 16;
        let flat = last.descriptors <= most && last.private <= first.private + 256;
        tally.lost -= beyond.lost;
        let good = down.is_empty() && self.twice == 0 && tally.is_complete() && flat;
        println!("seed {seed}: {}", if good { "good" } else { "NOT GOOD" });
        if !good {
            eprintln!("{}", self.tree.said("err"));
        }
        good
    }
}
