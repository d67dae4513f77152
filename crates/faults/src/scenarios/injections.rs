//! One system call of a program fails once, or two do; or it is killed at one.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use dt_testkit::Running;

use crate::kit::{self, Dice, Outcome};
use crate::lines::{self, Tally};
use crate::points::{self, Fault};
use crate::report::Cell;
use crate::scenarios::{Size, logs};
use crate::suite::{Suite, Word};
use crate::tree::{Shape, Tree};

/// A program that is started again when it dies, as whoever looks after it would.
struct Kept<'a> {
    tree: &'a Tree<'a>,
    words: Vec<OsString>,
    running: Running,
    deaths: u64,
    /// It is to be killed: what it was told just before that may be lost.
    is_killed: bool,
}

impl<'a> Kept<'a> {
    /// The first time with options for strace.
    fn start(tree: &'a Tree<'a>, options: &[String], words: Vec<OsString>) -> Outcome<Self> {
        let mut first: Vec<OsString> = vec!["strace".into()];
        first.extend(options.iter().map(OsString::from));
        first.extend(words.iter().cloned());
        let running = tree.start(&first)?;
        Ok(Self {
            tree,
            words,
            running,
            deaths: 0,
            is_killed: points::is_kill(options),
        })
    }

    /// Gives whether it has been killed, and another started.
    fn keep(&mut self) -> bool {
        if self.deaths == 0 {
            kill_held(self.tree, &mut self.running);
        }
        let ended = self.running.ended().is_some();
        if ended {
            self.deaths += 1;
            // Not in a circle that keeps the machine busy.
            std::thread::sleep(Duration::from_millis(100));
            if let Ok(next) = self.tree.start(&self.words) {
                self.running = next;
            }
        }
        ended && self.is_killed
    }
}

/// Kills what is held behind the call after which it is to be killed.
fn kill_held(tree: &Tree<'_>, running: &mut Running) {
    let (file, held) = points::HELD;
    if tree.said(file).contains(held) && running.ended().is_none() {
        let tracer = kit::tracer(running.pid());
        kit::kill(running.pid());
        // Who holds it would be told first that it ends, and is not listening.
        tracer.into_iter().for_each(kit::kill);
    }
}

/// What came of one fault.
#[derive(Default)]
struct Verdict {
    died: bool,
    silent: bool,
    two: bool,
    /// What did not happen in time.
    late: Option<String>,
    tally: Tally,
}

/// What is done to a program in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hurt {
    Fault,
    Kill,
}

/// Adds up, and tells on standard error what was wrong where.
fn judge(suite: &Suite, verdicts: Verdicts, lines: bool, hurt: Hurt) -> Cell {
    let faults = verdicts.len();
    let (mut died, mut silent, mut two, mut late) = (0_u64, 0_u64, 0_u64, 0_u64);
    let mut tally = Tally::default();
    for (point, verdict) in verdicts {
        let verdict = verdict.unwrap_or_else(|error| Verdict {
            late: Some(error.to_string()),
            ..Verdict::default()
        });
        died += u64::from(verdict.died);
        silent += u64::from(verdict.died && verdict.silent);
        two += u64::from(verdict.two);
        late += u64::from(verdict.late.is_some());
        tally += verdict.tally;
        let mut wrong = verdict.late.unwrap_or_default();
        if verdict.two {
            wrong += " two copies";
        }
        if verdict.died && verdict.silent && hurt == Hurt::Fault {
            wrong += " died without a word";
        }
        if !verdict.tally.is_complete() {
            let _ = write!(wrong, " {:?}", verdict.tally);
        }
        if !wrong.is_empty() {
            eprintln!("dt-faults: {}: {point}: {}", suite.name, wrong.trim());
        }
    }
    let cell = match hurt {
        Hurt::Fault => Cell::new()
            .says(format_args!("{faults} faults"))
            .says(format_args!("{died} died"))
            .none(silent, "of them without a word"),
        // Not each life makes each call as often.
        Hurt::Kill => Cell::new().judged(
            format_args!("{died} kills at {faults} calls"),
            died * 2 > faults as u64,
        ),
    };
    let cell = cell.none(late, "late");
    if lines {
        logs::tallied(cell, tally)
    } else {
        cell.none(two, "two copies")
    }
}

/// How long each step may take: a start is a second after the one before, and a
/// program that has died and come again has another.
const STEP: Duration = Duration::from_secs(6);

/// How long each step may take with what is injected by these options.
fn step(options: &[String]) -> Duration {
    let faults = options.iter().filter(|it| it.starts_with("-einject"));
    STEP * u32::try_from(faults.count().max(1)).unwrap_or(1)
}

/// What became of each fault.
type Verdicts = Vec<(Fault, Outcome<Verdict>)>;

/// A program's life; the options are strace's.
type Life = fn(&Tree<'_>, &[String]) -> Outcome<Verdict>;

/// What is to fail, by the trace of a life in which nothing does.
pub(super) type Choice<'a> = &'a dyn Fn(&str) -> Vec<Fault>;

/// Such a life once for each fault.
fn lives(suite: &Suite, life: Life, choose: Choice<'_>) -> Outcome<Verdicts> {
    let tree = Tree::new(suite);
    let trace = tree.scratch.join("trace");
    let trace = trace.to_string_lossy().into_owned();
    let untouched = life(&tree, &["-D".into(), "-o".into(), trace])?;
    if let Some(late) = untouched.late {
        return Err(late.into());
    }
    let faults = choose(&tree.said("trace"));
    drop(tree);
    Ok(points::at_each(&faults, |fault| {
        life(&Tree::new(suite), &points::injection(fault))
    }))
}

/// One fault in a supervisor.
pub fn supervise(suite: &Suite, size: &Size) -> Outcome<Cell> {
    of_supervise(
        suite,
        &|trace| points::singles(trace, size.faults),
        Hurt::Fault,
    )
}

/// One fault in a scanner.
pub fn svscan(suite: &Suite, size: &Size) -> Outcome<Cell> {
    of_svscan(
        suite,
        &|trace| points::singles(trace, size.faults),
        Hurt::Fault,
    )
}

/// One fault in a logger.
pub fn log(suite: &Suite, size: &Size) -> Outcome<Cell> {
    let some = size.faults.map(|some| some * 2);
    of_log(suite, &|trace| points::singles(trace, some), Hurt::Fault)
}

/// There is no memory, once, for each of the three.
pub fn memory(suite: &Suite, size: &Size) -> Outcome<Cell> {
    of_all(suite, &|trace| points::memory(trace, size.faults))
}

/// Two faults in one life, for each of the three.
pub fn pairs(suite: &Suite, size: &Size) -> Outcome<Cell> {
    eprintln!("dt-faults: pairs: seed {}", size.seed);
    of_all(suite, &|trace| {
        points::pairs(trace, size.pairs, &mut Dice::new(size.seed))
    })
}

fn of_all(suite: &Suite, choose: Choice<'_>) -> Outcome<Cell> {
    let supervisor = of_supervise(suite, choose, Hurt::Fault)?;
    let scanner = of_svscan(suite, choose, Hurt::Fault)?;
    let logger = of_log(suite, choose, Hurt::Fault)?;
    Ok(Cell::new()
        .with("supervisor", supervisor)
        .with("scanner", scanner)
        .with("logger", logger))
}

pub(super) fn of_supervise(suite: &Suite, choose: Choice<'_>, hurt: Hurt) -> Outcome<Cell> {
    if !points::have_strace() {
        return Ok(Cell::without("no strace"));
    }
    Ok(judge(suite, lives(suite, a_life, choose)?, false, hurt))
}

pub(super) fn of_svscan(suite: &Suite, choose: Choice<'_>, hurt: Hurt) -> Outcome<Cell> {
    if !points::have_strace() {
        return Ok(Cell::without("no strace"));
    }
    let life = match hurt {
        Hurt::Fault => a_tree,
        Hurt::Kill => a_tree_steered,
    };
    let verdicts = lives(suite, life, choose)?;
    let two = verdicts
        .iter()
        .filter(|(_, verdict)| verdict.as_ref().is_ok_and(|it| it.two));
    let two = two.count();
    let cell = judge(suite, verdicts, true, hurt);
    Ok(cell.judged(format_args!("{two} two copies"), two == 0))
}

pub(super) fn of_log(suite: &Suite, choose: Choice<'_>, hurt: Hurt) -> Outcome<Cell> {
    if !points::have_strace() {
        return Ok(Cell::without("no strace"));
    }
    let life = match hurt {
        Hurt::Fault => a_log,
        Hurt::Kill => a_log_with_a_processor,
    };
    Ok(judge(suite, lives(suite, life, choose)?, true, hurt))
}

/// Started, restarted, killed, stopped.
fn a_life(tree: &Tree<'_>, options: &[String]) -> Outcome<Verdict> {
    tree.service("s", Shape::PLAIN)?;
    let directory = tree.directory("s");
    let suite = tree.suite;
    let mut kept = Kept::start(tree, options, suite.supervisor(&directory))?;
    let limit = step(options);
    let mut two = false;
    let mut old: Vec<u32> = Vec::new();
    let mut late = None;
    for step in ["start", "restart", "death", "down", "up", "last down"] {
        let word = match step {
            "restart" => Some(Word::Term),
            "down" | "last down" => Some(Word::Down),
            "up" => Some(Word::Up),
            _ => None,
        };
        if step == "death" {
            old.iter().copied().for_each(kit::kill);
        }
        let mut untold = word;
        let done = kit::until(limit, || {
            if kept.keep() {
                untold = word;
            }
            // As soon as there is somebody to be told: not all say when there is not.
            if Suite::listens(&directory) {
                untold = untold.filter(|word| !suite.tell(*word, &directory));
            }
            let copies = tree.copies("s");
            two |= copies.len() > 1;
            let said = suite.pid(&directory);
            match (step, copies.as_slice()) {
                ("down" | "last down", []) => said.is_none(),
                ("down" | "last down", _) => false,
                (_, [pid]) => said == Some(*pid) && !old.contains(pid),
                _ => false,
            }
        });
        if done.is_none() {
            late = Some(format!("{step} is late"));
            break;
        }
        old.extend(tree.copies("s"));
    }
    Ok(Verdict {
        died: kept.deaths > 0,
        silent: tree.said("err").is_empty(),
        two,
        late,
        tally: Tally::default(),
    })
}

/// A tree with a log; its supervisor dies, a service is added.
fn a_tree(tree: &Tree<'_>, options: &[String]) -> Outcome<Verdict> {
    tree_of(
        tree,
        options,
        &["start", "supervisor's death", "new service"],
    )
}

/// The same where no supervisor dies, which with some costs a second copy by itself: a
/// service is restarted and stopped.
fn a_tree_steered(tree: &Tree<'_>, options: &[String]) -> Outcome<Verdict> {
    tree_of(tree, options, &["start", "restart", "new service", "down"])
}

fn tree_of(tree: &Tree<'_>, options: &[String], steps: &[&str]) -> Outcome<Verdict> {
    tree.service("a", Shape::LOGGED)?;
    let suite = tree.suite;
    let mut kept = Kept::start(tree, options, suite.scanner(Path::new("sc")))?;
    // One suite looks each five seconds.
    let limit = step(options) + Duration::from_secs(5);
    let mut two = false;
    let mut late = None;
    let mut killed = Vec::new();
    let mut old = Vec::new();
    for step in steps.iter().copied() {
        match step {
            "restart" => {
                old = tree.copies("a");
                suite.tell(Word::Term, &tree.directory("a"));
            }
            "down" => drop(suite.tell(Word::Down, &tree.directory("a"))),
            "supervisor's death" => {
                killed = tree.supervisors("a");
                killed.iter().copied().for_each(kit::kill);
            }
            "new service" => tree.service("b", Shape::PLAIN)?,
            _ => {}
        }
        let done = kit::until(limit, || {
            kept.keep();
            two |= tree.copies("a").len() > 1;
            let supervisors = tree.supervisors("a");
            let fresh =
                !supervisors.is_empty() && !supervisors.iter().any(|pid| killed.contains(pid));
            match step {
                "new service" => tree.is_up("b"),
                "down" => tree.copies("a").is_empty() && !tree.is_up("a"),
                "restart" => tree.is_up("a") && tree.copies("a").iter().all(|it| !old.contains(it)),
                _ => fresh && tree.is_up("a") && !tree.loggers("a").is_empty(),
            }
        });
        if done.is_none() {
            late = Some(format!("{step} is late"));
            break;
        }
    }
    let tally = tree.stop_and_tally(&["a".to_owned()]);
    Ok(Verdict {
        died: kept.deaths > 0,
        silent: tree.said("err").is_empty(),
        two,
        late,
        tally,
    })
}

/// A logger pauses for five seconds where something fails that must not, and tries again.
const PAUSES: Duration = Duration::from_secs(25);

/// Some hundred lines, several finished files.
fn a_log(tree: &Tree<'_>, options: &[String]) -> Outcome<Verdict> {
    log_of(tree, options, None)
}

/// The same, where each finished file is copied by another program.
fn a_log_with_a_processor(tree: &Tree<'_>, options: &[String]) -> Outcome<Verdict> {
    log_of(tree, options, Some("cat"))
}

fn log_of(tree: &Tree<'_>, options: &[String], processor: Option<&str>) -> Outcome<Verdict> {
    const LINES: u64 = 400;
    let (input, mut output) = std::io::pipe()?;
    // Less than a pipe holds.
    for number in 1..=LINES {
        output.write_all(lines::line(logs::IDENTITY, number).as_bytes())?;
    }
    drop(output);
    let place = tree.scratch.path();
    let logger = tree.suite.logger_with(place, 4096, 1000, processor)?;
    let mut words: Vec<OsString> = vec!["strace".into()];
    words.extend(options.iter().map(OsString::from));
    words.extend(logger.iter().cloned());
    let mut verdict = Verdict::default();
    let ended = kit::until(PAUSES * 2, || {
        let run = || -> Outcome<Option<i32>> {
            let mut command = tree.command(&words)?;
            command
                .stdin(Stdio::from(input.try_clone()?))
                .stdout(Stdio::null());
            command.stderr(tree.adding_to("err")?);
            let mut running = Running::start(&mut command, &tree.scratch);
            kit::until(PAUSES, || {
                if !verdict.died {
                    kill_held(tree, &mut running);
                }
                running.ended().is_some()
            });
            Ok(running.ended())
        };
        match run() {
            Ok(Some(0)) => true,
            Ok(Some(_)) => {
                verdict.died = true;
                words.clone_from(&logger);
                false
            }
            Ok(None) => {
                verdict.late = Some("does not come to an end".to_owned());
                true
            }
            Err(error) => {
                verdict.late = Some(error.to_string());
                true
            }
        }
    });
    if ended.is_none() {
        verdict.late = Some("gives up each time".to_owned());
    }
    verdict.silent = tree.said("err").is_empty();
    let counts = HashMap::from([(logs::IDENTITY.to_owned(), LINES)]);
    verdict.tally = lines::tally(&tree.scratch.join("main"), &counts);
    Ok(verdict)
}
