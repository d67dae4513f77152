//! Keeps one service running, and does to it what `svc` says.
//!
//! What is decided stands in [`machine`], the loop that carries it out in
//! [`runtime`]; the rest is the way there, in the original's order: whoever
//! finds `supervise/ok` open finds a status record and an open FIFO as well.
//!
//! What a killed `supervise` leaves behind is in [`takeover`].
#![forbid(unsafe_code)]

mod files;
mod home;
mod ledger;
pub mod machine;
pub mod runtime;
mod survivor;
pub mod takeover;
mod upgrade;
mod word;
mod world;

use std::ffi::{OsStr, OsString};
use std::io;

use dt_cli::{Exit, Fatal};
use dt_os::file;
use dt_os::signals::{Signal, SignalPipe};
use dt_service::{Want, names};

use home::Home;
use machine::Machine;
use runtime::World;
use upgrade::{Call, Handed};
use world::Kernel;

const PROGRAM: &str = "supervise";

/// Runs the program with its arguments, argv\[0\] left out.
pub fn run(args: &[OsString]) -> Result<Exit, Fatal> {
    match upgrade::call(args) {
        Some(Call::Begin(dir)) => begin(dir),
        Some(Call::GoOn(dir, handed)) => go_on(dir, handed),
        Some(Call::Answer) => Ok(Exit::OK),
        None => Err(Fatal::usage(PROGRAM, "supervise dir")),
    }
}

fn begin(dir: &OsStr) -> Result<Exit, Fatal> {
    let children = watch_children(dir)?;
    file::chdir(dir).map_err(|why| fatal(&["chdir to ".as_ref(), dir], &why))?;
    let down = files::is_normally_down().map_err(|why| of_file("stat", dir, names::DOWN, &why))?;
    let want = if down { Want::Down } else { Want::Up };

    files::make_directory()?;
    let home = Home::take().map_err(|why| of_file("acquire", dir, names::LOCK, &why))?;
    let control =
        files::Control::open().map_err(|(verb, why)| of_file(verb, dir, names::CONTROL, &why))?;
    let mut kernel = Kernel::new(dir, children, home, control)
        .map_err(|why| of_file("start", dir, "run", &why))?;
    // A start that is only due is none yet, and `down` forbids it as it always has.
    let resumed = kernel
        .take_over()
        .filter(|resumed| !down || resumed.process.pid().is_some());
    let state = resumed.unwrap_or(Machine::new(want));
    kernel.announce(&state);
    let ok = files::open_ok().map_err(|why| of_file("read", dir, names::OK, &why))?;
    kernel.show_presence(ok);

    runtime::run(state, &mut kernel);
    Ok(Exit::OK)
}

/// In the place of a program that has put everything on record, and whose
/// children are ours.
fn go_on(dir: &OsStr, handed: Handed) -> Result<Exit, Fatal> {
    let children = watch_children(dir)?;
    let control = files::Control::with_reader(handed.control)
        .map_err(|(verb, why)| of_file(verb, dir, names::CONTROL, &why))?;
    let home =
        Home::with_lock(handed.lock).map_err(|why| of_file("acquire", dir, names::LOCK, &why))?;
    let mut kernel = Kernel::new(dir, children, home, control)
        .map_err(|why| of_file("start", dir, "run", &why))?;
    kernel.show_presence(handed.ok);
    // None: it was to exit, and its service has died this instant.
    if let Some(state) = kernel.take_over() {
        kernel.announce(&state);
        word::leave(None);
        runtime::run(state, &mut kernel);
    }
    Ok(Exit::OK)
}

fn watch_children(dir: &OsStr) -> Result<SignalPipe, Fatal> {
    SignalPipe::watch(Signal::SIGCHLD)
        .map_err(|why| fatal(&["create pipe for ".as_ref(), dir], &why))
}

/// `unable to VERB DIR/NAME: why`
fn of_file(verb: &str, dir: &OsStr, name: &str, why: &io::Error) -> Fatal {
    fatal(
        &[
            verb.as_ref(),
            " ".as_ref(),
            dir,
            "/".as_ref(),
            name.as_ref(),
        ],
        why,
    )
}

fn fatal(what: &[&OsStr], why: &io::Error) -> Fatal {
    let pieces = [&["unable to ".as_ref()], what].concat();
    Fatal::system(PROGRAM, &pieces, why)
}
