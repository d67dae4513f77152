//! Loggers that are killed, stopped, or live through a change of the clock.

use std::collections::HashMap;
use std::fs;
use std::io::{PipeReader, PipeWriter, Write};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use dt_os::signals::Signal;
use dt_testkit::Running;

use crate::kit::{self, Dice, Outcome};
use crate::lines::{self, Tally};
use crate::report::Cell;
use crate::scenarios::Size;
use crate::suite::{Suite, Word};
use crate::tree::{Shape, Tree};

/// In which a command is to be obeyed.
pub const SOON: Duration = Duration::from_millis(500);

/// Whose lines a pipe of our own carries.
pub const IDENTITY: &str = "pipe.1";

/// About 20 lines a millisecond.
pub fn kill_medium(suite: &Suite, size: &Size) -> Outcome<Cell> {
    kills(suite, size.kills, 20, Duration::from_millis(1))
}

/// As many as the pipe takes.
pub fn kill_saturated(suite: &Suite, size: &Size) -> Outcome<Cell> {
    kills(suite, size.kills, 500, Duration::ZERO)
}

/// Writes lines until told to stop; gives how many.
fn produce(mut pipe: PipeWriter, at_once: u64, pause: Duration, stop: &AtomicBool) -> u64 {
    let mut written = 0;
    while !stop.load(Relaxed) {
        let numbers = written + 1..=written + at_once;
        let text: String = numbers
            .map(|number| lines::line(IDENTITY, number))
            .collect();
        if pipe.write_all(text.as_bytes()).is_err() {
            break;
        }
        written += at_once;
        if !pause.is_zero() {
            std::thread::sleep(pause);
        }
    }
    written
}

fn start(tree: &Tree<'_>, input: &PipeReader) -> Outcome<Running> {
    // Files large enough that there are thousands only in the long form.
    let words = tree.suite.logger(tree.scratch.path(), 100_000, 1_000_000)?;
    let mut command = tree.command(&words)?;
    command.stdin(Stdio::from(input.try_clone()?));
    command.stderr(Stdio::null());
    Ok(Running::start(&mut command, &tree.scratch))
}

/// Killed at any moment and started again on the same pipe.
fn kills(suite: &Suite, kills: u32, at_once: u64, pause: Duration) -> Outcome<Cell> {
    let tree = Tree::new(suite);
    let (input, output) = std::io::pipe()?;
    let stop = AtomicBool::new(false);
    let written = std::thread::scope(|scope| -> Outcome<u64> {
        // Where this fails the reader goes first, and the producer with it.
        let (input, stop) = (input, &stop);
        let producer = scope.spawn(move || produce(output, at_once, pause, stop));
        let mut dice = Dice::new(1);
        for _ in 0..kills {
            let victim = start(&tree, &input)?;
            std::thread::sleep(dice.pause(20_000));
            drop(victim);
        }
        stop.store(true, Relaxed);
        finish(&tree, &input)?;
        drop(input);
        producer.join().map_err(|_| "the producer panicked".into())
    })?;
    let counts = HashMap::from([(IDENTITY.to_owned(), written)]);
    let tally = lines::tally(&tree.scratch.join("main"), &counts);
    Ok(tallied(
        Cell::new().says(format_args!("{kills} kills")),
        tally,
    ))
}

/// Lets it read to the end, starting it again while it gives up: one that was killed
/// may still be in the way.
fn finish(tree: &Tree<'_>, input: &PipeReader) -> Outcome<()> {
    let mut last = start(tree, input)?;
    kit::must(
        "the logger reads to the end",
        Duration::from_mins(1),
        || match last.ended() {
            None => false,
            Some(0) => true,
            Some(_) => {
                if let Ok(next) = start(tree, input) {
                    last = next;
                }
                false
            }
        },
    )?;
    Ok(())
}

pub fn tallied(cell: Cell, tally: Tally) -> Cell {
    cell.says(format_args!("{} lines", tally.lines))
        .none(tally.lost, "lost")
        .none(tally.duplicated, "twice")
        .none(tally.torn, "torn")
}

/// A logger that reads nothing for two seconds while its service writes: nobody
/// grows, nobody spins, nothing is lost.
pub fn stopped(suite: &Suite, _: &Size) -> Outcome<Cell> {
    let tree = Tree::new(suite);
    let shape = Shape {
        pause: Duration::ZERO,
        ..Shape::LOGGED
    };
    let names = tree.services(1, shape)?;
    let scanner = tree.scan(&names)?;
    kit::must("the log is up", crate::tree::BOUND, || {
        !tree.loggers("s0").is_empty()
    })?;
    let loggers = tree.loggers("s0");
    for pid in &loggers {
        kit::signal(*pid, Signal::SIGSTOP);
    }
    let mut watched = tree.supervisors("s0");
    watched.extend(tree.supervisors("s0/log"));
    watched.push(scanner.pid());
    // The pipe is full, and the writer waits.
    std::thread::sleep(Duration::from_millis(300));
    let usage = |of: &dyn Fn(u32) -> u64| watched.iter().map(|pid| of(*pid)).sum::<u64>();
    let spent = |pid: u32| u64::try_from(kit::cpu(pid).as_millis()).unwrap_or(u64::MAX);
    let before = (usage(&spent), usage(&kit::private));
    std::thread::sleep(Duration::from_secs(2));
    let after = (usage(&spent), usage(&kit::private));
    suite.tell(Word::Down, &tree.directory("s0"));
    let obeyed = kit::until(Duration::from_secs(2), || tree.copies("s0").is_empty());
    for pid in &loggers {
        kit::signal(*pid, Signal::SIGCONT);
    }
    let grown = after.1.saturating_sub(before.1);
    let cell = Cell::new()
        .judged(
            format_args!("{} ms of processor time", after.0 - before.0),
            after.0 - before.0 < 50,
        )
        .judged(format_args!("{grown} kB more"), grown < 64)
        .took("obeys", obeyed, SOON);
    Ok(tallied(cell, tree.stop_and_tally(&names)))
}

/// What a step back by an hour looks like to a logger: its finished files have names
/// from the time to come. With room for five files, the oldest must go.
pub fn clock_step(suite: &Suite, _: &Size) -> Outcome<Cell> {
    let tree = Tree::new(suite);
    let mut words = suite.logger(tree.scratch.path(), 4096, 5)?;
    if suite.kind == crate::suite::Kind::S6 {
        // Counts finished files only.
        words = suite.logger(tree.scratch.path(), 4096, 4)?;
    }
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let log = tree.scratch.directory("main");
    for minute in 0..4 {
        // TAI is ten seconds ahead of what these programs count from 1970.
        let seconds = 0x4000_0000_0000_000a + now.as_secs() + 3600 + minute * 60;
        let name = log.join(format!("@{seconds:016x}00000000.s"));
        fs::write(&name, "before the step\n".repeat(200))?;
        fs::set_permissions(&name, std::os::unix::fs::PermissionsExt::from_mode(0o744))?;
    }
    let lines_after = 250;
    let mut command = tree.command(&words)?;
    let mut logger = Running::start(command.stdin(Stdio::piped()), &tree.scratch);
    if let Some(mut pipe) = logger.child().stdin.take() {
        for number in 1..=lines_after {
            pipe.write_all(lines::line(IDENTITY, number).as_bytes())?;
        }
    }
    kit::must("the logger ends", Duration::from_secs(10), || {
        logger.ended().is_some()
    })?;
    let counts = HashMap::from([(IDENTITY.to_owned(), lines_after)]);
    let tally = lines::tally(&log, &counts);
    let old = tally.torn / 200;
    Ok(Cell::new()
        .judged(
            format_args!("{} of {} newest lines deleted", tally.lost, tally.lines),
            tally.lost == 0,
        )
        .says(format_args!("{old} older files kept")))
}
