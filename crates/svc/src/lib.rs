//! Sends commands to the `supervise` of each directory named.
//!
//! The letters are the command bytes themselves. They go out in one write, so
//! that `-dx` arrives as a unit, and nobody answers: what comes of them is for
//! `svstat` to tell.
#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileTypeExt;

use dt_cli::getopt::{Opt, Options};
use dt_cli::{Exit, Fatal, Message};
use dt_os::Errno;
use dt_os::descriptor;
use dt_os::file::{self, Directory, How};
use dt_os::signals::{self, Signal};
use dt_service::names;

const LETTERS: &str = "udopchaitkx";

const WORDS: &str = "svc options: u up, d down, o once, x exit, p pause, c continue, h hup, a alarm, \
     i interrupt, t term, k kill";

/// Runs the program with its arguments, argv\[0\] left out.
pub fn run(args: &[OsString]) -> Result<Exit, Fatal> {
    let mut options = Options::new(LETTERS, args);
    let commands = collect(&mut options)?;
    // A supervise that dies between open and write is a warning, not our death.
    let _ = signals::ignore(Signal::SIGPIPE);
    let start = Directory::open(".").map_err(|why| {
        Fatal::system("svc", &["unable to open current directory".as_ref()], &why)
    })?;
    for directory in options.operands() {
        if let Err(line) = tell(directory, &commands) {
            // Nobody is left to tell that the telling failed.
            let _ = descriptor::write_all(descriptor::stderr(), &line);
        }
        start
            .enter()
            .map_err(|why| Fatal::system("svc", &["unable to set directory".as_ref()], &why))?;
    }
    // Also where a directory failed: scripts run under `set -e` with services
    // that may or may not be there.
    Ok(Exit::OK)
}

/// The command bytes in the order of the letters, each once.
fn collect(options: &mut Options<'_>) -> Result<Vec<u8>, Fatal> {
    let mut commands = Vec::new();
    for option in options {
        match option {
            Ok(Opt::Flag(letter) | Opt::Value(letter, _)) => {
                if !commands.contains(&letter) {
                    commands.push(letter);
                }
            }
            Err(problem) => return Err(problem.fatal(WORDS)),
        }
    }
    Ok(commands)
}

/// Sends `commands` to one directory; the error is the line to print.
fn tell(directory: &OsStr, commands: &[u8]) -> Result<(), Vec<u8>> {
    let warning = |what: &str| Message::new("svc", "warning").pieces(&[what.as_ref(), directory]);
    file::chdir(directory).map_err(|why| warning("unable to chdir to ").because(&why))?;
    let control = open_control().map_err(|why| {
        let warning = warning("unable to control ");
        if file::no_reader(&why) {
            warning.text(": supervise not running").line()
        } else {
            warning.because(&why)
        }
    })?;
    if commands.is_empty() {
        return Ok(());
    }
    descriptor::write_all(control, commands)
        .map_err(|why| warning("error writing commands to ").because(&why))
}

/// Opens the FIFO, for waiting writes: where it is full, the commands must not
/// be lost.
///
/// Whatever else has its name is left alone: it may be somebody's link to a
/// file that only we may write.
fn open_control() -> io::Result<File> {
    let control = How::WRITE.open(names::CONTROL)?;
    if !control.metadata()?.file_type().is_fifo() {
        return Err(Errno::ENOSTR.into());
    }
    descriptor::set_nonblocking(&control, false)?;
    Ok(control)
}
