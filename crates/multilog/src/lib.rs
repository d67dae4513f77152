//! `multilog`: takes a service's output and keeps it in files that rotate.
//!
//! The script ([`script`]) says what happens to each line (`lines`,
//! [`pattern`]); most end in a log directory (`folder`), whose files are
//! finished and recovered step by step ([`rotate`], pure). A kill loses nothing:
//! input stays in the pipe until a record ([`record`]) says that it has been dealt
//! with (`intake`).
#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;

use dt_cli::{Exit, Fatal, Message};
use dt_os::caught::Caught;
use dt_os::file::{Directory, How};
use dt_os::signals::{self, Signal};
use dt_os::{descriptor, entry, file, flow, startup};

pub mod archive;
mod folder;
mod intake;
mod kernel;
mod lines;
pub mod pattern;
pub mod record;
pub mod rotate;
pub mod runtime;
pub mod script;
pub mod session;
pub mod stamp;
mod start;
pub mod world;

use crate::kernel::Kernel;
use crate::runtime::Start;
use crate::script::{Odd, Script};
use crate::session::Stop;

/// Runs the program with its arguments, argv\[0\] left out.
pub fn run(arguments: &[OsString]) -> Result<Exit, Fatal> {
    let script = Script::parse(arguments);
    warn(&script);
    let _ = file::set_umask(0o022);
    let mut kernel = begin(&script)?;
    let start = Start {
        keep: keeper(&mut kernel),
        boot: boot_id(),
        pipe: flow::pipe_identity(descriptor::stdin()),
    };
    match runtime::run(script, start, &mut kernel) {
        Ok(()) => Ok(Exit::OK),
        Err(Stop::Leave) => Ok(Exit::TEMPORARY),
        Err(Stop::Fatal(fatal)) => Err(fatal),
    }
}

/// Says which words are hardly meant as they are taken: a log directory without its
/// dot means that nothing is logged.
fn warn(script: &Script) {
    for (word, odd) in &script.odd {
        let message = Message::new("multilog", "warning");
        let message = match odd {
            Odd::Ignored => message.text("no action, ignored: "),
            Odd::Number(value) => message.text(&format!("taken as {value}: ")),
        };
        let line = message.pieces(&[word]).line();
        let _ = descriptor::write_all(descriptor::stderr(), &line);
    }
}

/// Everything that is opened before the first directory is changed, in the
/// original's order.
fn begin(script: &Script) -> Result<Kernel, Fatal> {
    Directory::open(".")
        .map_err(|why| unable("switch to current directory", OsStr::new(""), &why))?;
    let signals = watch().map_err(|why| unable("watch signals", OsStr::new(""), &why))?;
    let mut kernel = Kernel {
        signals,
        directories: Vec::new(),
        locks: Vec::new(),
        statuses: Vec::new(),
        processors: Vec::new(),
        tap: None,
        narrow: None,
        running: None,
        lean: false,
    };
    for name in &script.statuses {
        kernel.statuses.push(open_status(name)?);
    }
    for log in &script.logs {
        let directory = open_directory(&log.name)?;
        kernel.locks.push(lock(&directory, &log.name)?);
        kernel.directories.push(directory);
        kernel.processors.push(log.processor.clone());
    }
    if let Some(log) = script.logs.last() {
        // Better now than at the first rotation, which could never end.
        let enough = kernel.has_room_for(script.logs.len());
        enough.map_err(|why| unable("rotate in directory ", &log.name, &why))?;
    }
    Ok(kernel)
}

/// TERM and ALRM; and a reader of standard error that has gone must not take the
/// log with it.
fn watch() -> io::Result<Caught<2>> {
    if !startup::pipe_was_ignored() {
        signals::survive(Signal::SIGPIPE)?;
    }
    Caught::watch([Signal::SIGTERM, Signal::SIGALRM])
}

fn open_status(name: &OsStr) -> Result<File, Fatal> {
    How::APPEND
        .mode(0o600)
        .open(name)
        .map_err(|why| unable("create ", name, &why))?;
    How::WRITE
        .open(name)
        .map_err(|why| unable("write ", name, &why))
}

fn open_directory(name: &OsStr) -> Result<Directory, Fatal> {
    // Where that fails, opening it says why.
    let _ = file::make_directory(name, 0o700);
    Directory::open(name).map_err(|why| unable("open directory ", name, &why))
}

/// Takes the lock, which is held for life.
fn lock(directory: &Directory, name: &OsStr) -> Result<File, Fatal> {
    // The directory's owner need not be us, and could have us make a file anywhere.
    let open = |how: How| directory.open_entry(OsStr::new("lock"), &how.mode(0o600).no_follow());
    // One that may not be read can be locked, and that is what it is for.
    let lock = open(How::UPDATE).or_else(|_| open(How::APPEND));
    let lock = lock.and_then(|lock| file::lock_exclusive(&lock, false).map(|()| lock));
    lock.map_err(|why| unable("lock directory ", name, &why))
}

/// The first lock, if the record may be kept in it: it must be an
/// ordinary file of that one name, with nothing of somebody else's in it.
fn keeper(kernel: &mut Kernel) -> Option<File> {
    use std::os::unix::fs::FileExt;
    let (directory, lock) = (kernel.directories.first()?, kernel.locks.first()?);
    let named = entry::own_facts(directory, OsStr::new("lock")).ok()??;
    let open = entry::Facts::of(lock).ok()?;
    if named.identity != open.identity || !named.ordinary || named.links != 1 {
        return None;
    }
    let mut start = [0; 8];
    let length = lock.read_at(&mut start, 0).ok()?;
    let ours = length == 0 || start == *record::MAGIC || start == [0; 8];
    // It stays open, and locked, as long as we live.
    ours.then(|| kernel.locks.swap_remove(0))
}

/// Which boot of the machine this is; all zero where nobody says.
fn boot_id() -> [u8; 16] {
    let text = entry::read_short(b"/proc/sys/kernel/random/boot_id", 64).unwrap_or_default();
    let mut digits = text.iter().filter_map(|byte| dt_tai::value(*byte));
    let mut id = [0; 16];
    for byte in &mut id {
        let (Some(high), Some(low)) = (digits.next(), digits.next()) else {
            return [0; 16];
        };
        *byte = high << 4 | low;
    }
    id
}

fn unable(doing: &str, name: &OsStr, why: &io::Error) -> Fatal {
    let what = ["unable to ".as_ref(), doing.as_ref(), name];
    Fatal::system("multilog", &what, why)
}
