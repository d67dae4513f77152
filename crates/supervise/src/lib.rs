//! Keeps one service running, and does to it what `svc` says.
//!
//! What is decided stands in [`machine`], the loop that carries it out in
//! [`runtime`]; the rest is the way there, in the original's order: whoever
//! finds `supervise/ok` open finds a status record and an open FIFO as well.
//!
//! What a killed `supervise` leaves behind is in [`takeover`].
#![forbid(unsafe_code)]

mod directory;
mod files;
mod home;
mod ledger;
pub mod machine;
mod neighbours;
pub mod notices;
pub mod runtime;
mod signals;
pub mod state;
mod survivor;
pub mod takeover;
mod upgrade;
mod word;
mod world;

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;

use dt_cli::{Exit, Fatal};
use dt_os::store::Store;
use dt_os::{file, oom};
use dt_service::{Place, Want, names};

use directory::Directory;
use home::Home;
use machine::Event;
use runtime::World;
use signals::Signals;
use state::{State, Unit};
use upgrade::{Call, Handed};
use world::{Held, Kernel};

const PROGRAM: &str = "supervise";

/// Runs the program with its arguments, argv\[0\] left out.
pub fn run(args: &[OsString]) -> Result<Exit, Fatal> {
    let store = upgrade::store();
    // Where that fails svscan has said so, if there is something to say.
    if let Some(score) = std::env::var_os(oom::VARIABLE) {
        let _ = oom::take_on(&score);
    }
    // What `run` leaves behind is ours then, so that it can be named; otherwise it would
    // be svscan's.
    let _ = dt_os::family::adopt_orphans();
    match upgrade::call(args) {
        Some(Call::Begin(dir)) => Ok(keep(begin(dir, store)?)),
        Some(Call::GoOn(dir, handed)) => Ok(go_on(dir, handed)?.map_or(Exit::OK, keep)),
        Some(Call::Answer) => Ok(Exit::OK),
        None => Err(Fatal::usage(PROGRAM, "supervise dir")),
    }
}

/// What there is once all is ready.
struct Begun {
    state: State,
    /// What has happened to it.
    events: [(Unit, Event); 2],
    kernel: Kernel,
}

/// Keeps the service until we are to exit.
fn keep(mut begun: Box<Begun>) -> Exit {
    let Begun {
        state,
        events,
        kernel,
    } = &mut *begun;
    runtime::run(state, events, kernel);
    Exit::OK
}

/// Not inlined, and all in a box: what the way there takes of the stack is not taken
/// for as long as we live.
#[inline(never)]
fn begin(dir: &OsStr, store: Option<Store>) -> Result<Box<Begun>, Fatal> {
    let mut signals = watch_children(dir)?;
    let scan = scan_directory(dir);
    file::chdir(dir).map_err(|why| fatal(&["chdir to ".as_ref(), dir], &why))?;
    let down = files::is_normally_down().map_err(|why| of_file("stat", dir, names::DOWN, &why))?;
    let want = if down { Want::Down } else { Want::Up };

    let place = place(dir)?;
    let settings = settings(dir, scan, &mut signals)?;
    files::make_directory(&place)?;
    let of_ours = |verb, name, why| of_shown(verb, &shown(dir, &place, name), &why);
    let home = Home::take(&place).map_err(|why| of_ours("acquire", "lock", why))?;
    let control =
        files::Control::open(&place).map_err(|(verb, why)| of_ours(verb, "control", why))?;
    let held = Held {
        place: place.clone(),
        settings,
        signals,
        home,
        control,
    };
    let to_start = |why| of_file("start", dir, "run", &why);
    let mut kernel = Kernel::new(dir, held).map_err(to_start)?;
    kernel.take_store(store);
    let resumed = kernel.take_over(down).map_err(to_start)?;
    let (state, events) = match resumed {
        Some(resumed) => resumed,
        None => kernel.begin(want).map_err(to_start)?,
    };
    kernel.announce(&state);
    let ok = files::open_ok(&place).map_err(|why| of_ours("read", "ok", why))?;
    kernel.show_presence(ok);
    Ok(Box::new(Begun {
        state,
        events,
        kernel,
    }))
}

/// In the place of a program that has put everything on record, and whose
/// children are ours.
#[inline(never)]
fn go_on(dir: &OsStr, handed: Handed) -> Result<Option<Box<Begun>>, Fatal> {
    let mut signals = watch_children(dir)?;
    let place = place(dir)?;
    let own = Path::new(dir).file_name().map(OsStr::to_owned);
    let settings = settings(dir, handed.scan.zip(own), &mut signals)?;
    let control = files::Control::with_reader(&place, handed.control)
        .map_err(|(verb, why)| of_shown(verb, &shown(dir, &place, "control"), &why))?;
    let home = Home::with_lock(&place, handed.lock)
        .map_err(|why| of_shown("acquire", &shown(dir, &place, "lock"), &why))?;
    let held = Held {
        place,
        settings,
        signals,
        home,
        control,
    };
    let to_start = |why| of_file("start", dir, "run", &why);
    let mut kernel = Kernel::new(dir, held).map_err(to_start)?;
    kernel.show_presence(handed.ok);
    if let Some((reader, writer)) = handed.pipe {
        kernel.take_pipe(reader, writer);
    }
    if let Some(socket) = handed.socket {
        kernel.take_socket(socket);
    }
    kernel.take_store(handed.store);
    // None: it was to exit, and its service has died this instant.
    let Some((state, events)) = kernel.take_over(false).map_err(to_start)? else {
        return Ok(None);
    };
    kernel.announce(&state);
    kernel.leave_word(None);
    Ok(Some(Box::new(Begun {
        state,
        events,
        kernel,
    })))
}

/// Where the services are that `dir` is one of, as seen from where we began, and
/// its name there. The directory itself may be anywhere, with only a link there.
fn scan_directory(dir: &OsStr) -> Option<(file::Directory, OsString)> {
    let dir = Path::new(dir);
    let own = dir.file_name()?;
    let above = dir.parent().filter(|above| *above != Path::new(""));
    let scan = file::Directory::open(above.unwrap_or(Path::new("."))).ok()?;
    Some((scan, own.to_owned()))
}

fn watch_children(dir: &OsStr) -> Result<Signals, Fatal> {
    Signals::watch().map_err(|why| fatal(&["create pipe for ".as_ref(), dir], &why))
}

/// Where our files are; we are in `dir`.
fn place(dir: &OsStr) -> Result<Place, Fatal> {
    Place::here().map_err(|why| fatal(&["get the name of ".as_ref(), dir], &why))
}

/// What the directory says, and the signals obeyed that it says are to be.
fn settings(
    dir: &OsStr,
    above: Option<(file::Directory, OsString)>,
    signals: &mut Signals,
) -> Result<Directory, Fatal> {
    let mut settings = Directory::here(above);
    let listed = settings.policy(dir);
    listed.map_err(|why| fatal(&["list ".as_ref(), dir], &why))?;
    if settings.opted_in() {
        let caught = signals.obey();
        caught.map_err(|why| fatal(&["catch signals for ".as_ref(), dir], &why))?;
    }
    Ok(settings)
}

/// A file of ours as messages have it.
fn shown(dir: &OsStr, place: &Place, name: &str) -> OsString {
    let file = place.file(name);
    if Path::new(&file).is_absolute() {
        return file;
    }
    let pieces: [&OsStr; 3] = [dir, "/".as_ref(), &file];
    pieces.into_iter().collect()
}

/// `unable to VERB DIR/NAME: why`
fn of_file(verb: &str, dir: &OsStr, name: &str, why: &io::Error) -> Fatal {
    let name: OsString = [dir, "/".as_ref(), name.as_ref()].into_iter().collect();
    of_shown(verb, &name, why)
}

fn of_shown(verb: &str, name: &OsStr, why: &io::Error) -> Fatal {
    fatal(&[verb.as_ref(), " ".as_ref(), name], why)
}

fn fatal(what: &[&OsStr], why: &io::Error) -> Fatal {
    let pieces = [&["unable to ".as_ref()], what].concat();
    Fatal::system(PROGRAM, &pieces, why)
}
