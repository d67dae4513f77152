//! Little memory by setrlimit(2), which whatever a program starts inherits.

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use dt_testkit::Running;

use crate::kit::{self, Outcome};
use crate::lines;
use crate::report::Cell;
use crate::scenarios::{Size, logs};
use crate::suite::Suite;
use crate::tree::{BOUND, Shape, Tree};

/// What is limited, as prlimit(1) and a person call it.
const LIMITS: [(&str, &str); 2] = [("as", "of address space"), ("data", "of data")];

/// Nobody needs more, in kB.
const ENOUGH: u32 = 32_768;
/// How exactly it is found out.
const STEP: u32 = 16;

/// How long a start may take.
const START: Duration = Duration::from_secs(2);

#[derive(Clone, Copy)]
enum Program {
    Supervisor,
    Scanner,
    Logger,
}

/// With how little each begins to work, and what becomes of it, and of what it starts, with
/// less.
pub fn memory(suite: &Suite, _: &Size) -> Outcome<Cell> {
    let mut cell = Cell::new();
    for (name, program) in [
        ("supervisor", Program::Supervisor),
        ("scanner", Program::Scanner),
        ("logger", Program::Logger),
    ] {
        let mut of_program = Cell::new();
        for (limit, what) in LIMITS {
            of_program = least(suite, of_program, program, limit, what)?;
        }
        cell = cell.with(name, of_program);
    }
    inherited(suite, cell)
}

/// The least that it works with, to a step.
fn least(suite: &Suite, cell: Cell, program: Program, limit: &str, what: &str) -> Outcome<Cell> {
    let (mut too_little, mut enough) = (0, ENOUGH / STEP);
    if !works(suite, program, limit, enough * STEP)?.works {
        return Ok(cell.judged(format_args!("{ENOUGH} kB {what} are too little"), false));
    }
    let (mut silent, mut busy, mut less) = (0_u64, 0_u64, 0_u64);
    while enough - too_little > 1 {
        let middle = too_little.midpoint(enough);
        let start = works(suite, program, limit, middle * STEP)?;
        if start.works {
            enough = middle;
        } else {
            too_little = middle;
            less += 1;
            silent += u64::from(start.silent);
            busy += u64::from(start.busy);
        }
    }
    Ok(cell
        .says(format_args!("{} kB {what}", enough * STEP))
        .says(format_args!("{silent} of {less} silent with less"))
        .none(busy, "busy"))
}

/// What came of one start.
struct Tried {
    works: bool,
    /// Not a word was said.
    silent: bool,
    /// It uses the processor and gets nowhere.
    busy: bool,
}

fn limited(limit: &str, kilobytes: u32, words: Vec<OsString>) -> Vec<OsString> {
    let bytes = u64::from(kilobytes) * 1024;
    let mut all: Vec<OsString> = vec!["prlimit".into(), format!("--{limit}={bytes}:").into()];
    all.extend(words);
    all
}

fn works(suite: &Suite, program: Program, limit: &str, kilobytes: u32) -> Outcome<Tried> {
    let tree = Tree::new(suite);
    tree.service("s", Shape::PLAIN)?;
    let directory = tree.directory("s");
    let there = || directory.join("supervise/status").exists();
    let words = match program {
        Program::Supervisor => suite.supervisor(&directory),
        Program::Scanner => suite.scanner(Path::new("sc")),
        Program::Logger => suite.logger(tree.scratch.path(), 4096, 1000)?,
    };
    let mut command = tree.command(&limited(limit, kilobytes, words))?;
    command.stderr(tree.adding_to("err")?);
    command.stdin(Stdio::piped()).stdout(Stdio::null());
    let mut running = Running::start(&mut command, &tree.scratch);
    let mut counts = std::collections::HashMap::new();
    if matches!(program, Program::Logger) {
        let text: String = (1..=400)
            .map(|number| lines::line(logs::IDENTITY, number))
            .collect();
        if let Some(mut pipe) = running.child().stdin.take() {
            // It may have gone.
            let _ = pipe.write_all(text.as_bytes());
        }
        counts.insert(logs::IDENTITY.to_owned(), 400);
    }
    let log = tree.scratch.join("main");
    let mut done = false;
    kit::until(START, || {
        done = match program {
            Program::Logger => {
                running.ended() == Some(0) && lines::tally(&log, &counts).is_complete()
            }
            Program::Supervisor => running.ended().is_none() && there(),
            Program::Scanner => {
                running.ended().is_none() && !tree.supervisors("s").is_empty() && there()
            }
        };
        done || running.ended().is_some()
    });
    Ok(Tried {
        works: done,
        silent: tree.said("err").is_empty(),
        busy: !done
            && running.ended().is_none()
            && kit::cpu(running.pid()) > Duration::from_millis(500),
    })
}

/// A supervisor that has enough for itself, and whose service has not: it stays, starts it
/// no oftener than ever, and has it up once there is more.
fn inherited(suite: &Suite, cell: Cell) -> Outcome<Cell> {
    let tree = Tree::new(suite);
    let script = "#!/bin/sh\necho >>runs\n";
    tree.service("s", Shape::PLAIN)?;
    let run = tree.directory("s").join("run");
    let own = fs::read_to_string(&run)?;
    fs::write(&run, own.replacen("#!/bin/sh\n", script, 1))?;
    let directory = tree.directory("s");
    let words = limited("as", ENOUGH, suite.supervisor(&directory));
    let mut supervisor = tree.start(&words)?;
    kit::must("the service is up", BOUND, || tree.is_up("s"))?;
    let pid = supervisor.pid().to_string();
    // Less than any program that is not made for it has at all; what lives is not asked.
    let limit = |value: &str| {
        let mut command = Command::new("prlimit");
        command.args(["--pid", &pid, &format!("--as={value}")]);
        command.status().is_ok_and(|status| status.success())
    };
    if !limit("1000000:") {
        return Err("no limit can be set".into());
    }
    tree.copies("s").into_iter().for_each(kit::kill);
    let before = kit::cpu(supervisor.pid());
    std::thread::sleep(Duration::from_secs(3));
    let starts = fs::read(directory.join("runs")).unwrap_or_default().len();
    let spent = kit::cpu(supervisor.pid()).saturating_sub(before);
    let stayed = supervisor.ended().is_none();
    if !limit("unlimited:") {
        return Err("the limit stays".into());
    }
    let up = kit::until(BOUND, || tree.is_up("s"));
    Ok(cell
        .judged(
            if stayed {
                "it stays when its service has too little"
            } else {
                "ends with its service"
            },
            stayed,
        )
        .judged(
            format_args!("{} ms of processor time meanwhile", spent.as_millis()),
            spent < Duration::from_millis(100) && starts < 6,
        )
        .took("its service is up", up, Duration::from_secs(3)))
}
