//! Services that go into the background.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use crate::kit::{self, Outcome};
use crate::lines;
use crate::report::Cell;
use crate::scenarios::Size;
use crate::suite::{Suite, Word};
use crate::tree::{BOUND, Tree};

/// How long they are left alone.
const LEFT_ALONE: Duration = Duration::from_secs(6);

/// Forks twice, begins a session, closes what it is told to and becomes a program.
const DAEMON: &str = "use POSIX; my $closed = shift; fork and exit; POSIX::setsid(); \
                      fork and POSIX::_exit(0); POSIX::close($_) for 3..$closed; exec @ARGV";

/// One way to run such a service.
struct Way {
    what: &'static str,
    held: bool,
    /// The last descriptor that it closes.
    closed: u32,
}

const WAYS: [Way; 3] = [
    Way {
        what: "alone",
        held: false,
        closed: 2,
    },
    Way {
        what: "under fghack",
        held: true,
        closed: 2,
    },
    Way {
        what: "under fghack, all closed",
        held: true,
        closed: 200,
    },
];

/// Alone it is started again each second, and that is named; with fghack there is one
/// copy, and none after it is told to go down.
pub fn daemonizing(suite: &Suite, _: &Size) -> Outcome<Cell> {
    let mut cell = Cell::new();
    for way in WAYS {
        if way.held && suite.holder().is_none() {
            continue;
        }
        cell = cell.with(way.what, one(suite, &way)?);
    }
    Ok(cell)
}

fn one(suite: &Suite, way: &Way) -> Outcome<Cell> {
    let tree = Tree::new(suite);
    let counts = tree.scratch.directory("counts/s");
    let writer = lines::writer_words(&counts, Duration::from_millis(100), 0)?;
    let writer = writer.trim_start_matches("exec ");
    let holder = suite.holder().filter(|_| way.held).unwrap_or_default();
    let words = format!("exec {holder} perl -e '{DAEMON}' {} {writer}", way.closed);
    let directory = tree.scratch.directory("sc/s");
    tree.scratch
        .script("sc/s/run", format!("#!/bin/sh\n{words}\n"));
    let _supervisor = tree.start(&suite.supervisor(&directory))?;
    kit::must("the daemon is there", BOUND, || {
        !tree.copies("s").is_empty()
    })?;
    std::thread::sleep(LEFT_ALONE);
    let copies = tree.copies("s");
    suite.tell(Word::Down, &directory);
    kit::until(Duration::from_secs(2), || tree.copies("s").is_empty());
    let left = tree.copies("s");
    left.iter().copied().for_each(kit::kill);
    let said = tree.said("err");
    let is_named = |pid: &u32| said.contains(&pid.to_string());
    let named = copies.iter().filter(|pid| is_named(pid)).count();
    let cell = Cell::new().says(format_args!("{} copies", copies.len()));
    Ok(if way.held {
        Cell::new()
            .judged(format_args!("{} copies", copies.len()), copies.len() == 1)
            .none(left.len() as u64, "left")
    } else {
        cell.judged(format_args!("{named} named"), named == 1)
            .says(format_args!("{} left", left.len()))
    })
}

/// How long a program takes to set an environment and run another; never where it has to
/// be ended.
fn took(suite: &Suite, tree: &Tree<'_>, directory: &Path) -> Outcome<Option<Duration>> {
    let mut command = tree.command(&suite.environment(directory))?;
    command.stdout(std::process::Stdio::null());
    let mut running = dt_testkit::Running::start(&mut command, &tree.scratch);
    Ok(kit::until(Duration::from_secs(40), || {
        running.ended().is_some()
    }))
}

/// Many files, a long one, one that never ends.
pub fn envdir_big(suite: &Suite, size: &Size) -> Outcome<Cell> {
    let tree = Tree::new(suite);
    let many = tree.scratch.directory("many");
    for number in 0..size.variables {
        std::fs::write(many.join(format!("V{number}")), "")?;
    }
    let long = tree.scratch.directory("long");
    let file = std::fs::File::create(long.join("V"))?;
    std::io::Write::write_all(&mut &file, b"value\n")?;
    // What is behind the first line is nothing on disk.
    file.set_len(100_000_000)?;
    let fifo = tree.scratch.directory("fifo");
    dt_os::file::make_fifo(fifo.join("V"), 0o600)?;
    let cell = Cell::new()
        .took(
            &format!("{} files", size.variables),
            took(suite, &tree, &many)?,
            Duration::from_secs(1),
        )
        .took(
            "100 MB",
            took(suite, &tree, &long)?,
            Duration::from_millis(100),
        );
    let cell = match memory(suite, &tree, &long)? {
        Some(peak) => cell.judged(format_args!("{peak} kB for that"), peak <= 2048),
        None => cell,
    };
    let hangs = u64::from(took(suite, &tree, &fifo)?.is_none());
    Ok(cell.none(hangs, "hangs on a FIFO"))
}

/// That it was held is seen by so many looks, of some milliseconds each.
const HELD: usize = 20;

/// The most memory that it has before it becomes the next program, in kB; there it is
/// held for as long as it takes to look.
fn memory(suite: &Suite, tree: &Tree<'_>, directory: &Path) -> Outcome<Option<u64>> {
    if !crate::points::have_strace() {
        return Ok(None);
    }
    let hold = "-einject=execve:delay_enter=1000000:when=2";
    let mut words: Vec<OsString> = ["strace", "-D", "-o", "/dev/null", "-etrace=execve", hold]
        .map(OsString::from)
        .to_vec();
    let program = suite.environment(directory);
    let name = program.first().ok_or("no program")?.clone();
    words.extend(program);
    let mut running = tree.start(&words)?;
    let (mut peak, mut looks) = (None, 0);
    kit::until(BOUND, || {
        let place = format!("/proc/{}", running.pid());
        let is_it = std::fs::read_link(format!("{place}/exe")).is_ok_and(|exe| exe == *name);
        if is_it {
            let status = std::fs::read_to_string(format!("{place}/status")).unwrap_or_default();
            peak = peak.max(kit::field(&status, "VmHWM:"));
            looks += 1;
        }
        running.ended().is_some()
    });
    // One that goes another way has not been held.
    Ok(peak.filter(|_| looks > HELD))
}
