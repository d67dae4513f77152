//! Asks the `svscan` of a scan directory for something.
//!
//! The letters are those of s6-svscanctl where it has the same. They go out in one
//! write, in the order in which they are given; nobody answers. `--upgrade` does
//! wait for what comes of it, which `svscan` leaves word of in a file.
#![forbid(unsafe_code)]

mod awaiting;
mod logger;
mod places;
mod report;
mod running;
mod upgrade;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use dt_cli::getopt::{Opt, Options};
use dt_cli::{Exit, Fatal, Message};
use dt_os::Errno;
use dt_os::descriptor;
use dt_os::file::{self, How};
use dt_os::signals::{self, Signal};
use dt_service::scanning::{Command, names};

const PROGRAM: &str = "svscanctl";

const LETTERS: &str = "abhnqt";

const WORDS: &str = "svscanctl options: a scan now, n stop what has lost its name, h both, \
     t stop all and let each log read to its end, q stop all with the logs, b end and leave all \
     running";

/// Runs the program with its arguments, argv\[0\] left out:
/// `svscanctl [-abhnqt] dir`.
///
/// Exits 0 once `svscan` has been asked, and 100 where there is none that listens.
///
/// `svscanctl --upgrade dir` has it, each `supervise` and each `multilog` of its tree
/// become what is installed now, and prints a line for each; exits 111 where one of
/// them stays what it is.
pub fn run(args: &[OsString]) -> Result<Exit, Fatal> {
    // An svscan that ends between open and write is an error, not our death.
    let _ = signals::ignore(Signal::SIGPIPE);
    if let [first, rest @ ..] = args
        && first == "--upgrade"
    {
        let [directory] = rest else {
            return Err(usage());
        };
        return upgrade::run(directory);
    }
    let mut options = Options::new(LETTERS, args);
    let bytes = collect(&mut options)?;
    let [directory] = options.operands() else {
        return Err(usage());
    };
    ask(directory, &bytes)?;
    Ok(Exit::OK)
}

fn usage() -> Fatal {
    let words = "svscanctl [-abhnqt] dir, or svscanctl --upgrade dir";
    Fatal::usage(PROGRAM, words)
}

fn ask(directory: &OsStr, bytes: &[u8]) -> Result<(), Fatal> {
    match send(directory, bytes) {
        Ok(()) => Ok(()),
        Err(why) if why.kind() == io::ErrorKind::NotFound || file::no_reader(&why) => {
            Err(nobody(directory))
        }
        Err(why) => Err(Fatal::system(PROGRAM, &[CONTROL.as_ref(), directory], &why)),
    }
}

const CONTROL: &str = "unable to control ";

fn nobody(directory: &OsStr) -> Fatal {
    let pieces = [CONTROL.as_ref(), directory, ": svscan not running".as_ref()];
    Fatal {
        lines: Message::new(PROGRAM, "fatal").pieces(&pieces).line(),
        exit: Exit::PERMANENT,
    }
}

/// The command bytes in the order of the letters.
fn collect(options: &mut Options<'_>) -> Result<Vec<u8>, Fatal> {
    let mut bytes = Vec::new();
    for option in options {
        match option {
            Ok(Opt::Flag(b'h')) => {
                bytes.extend([Command::Scan.byte(), Command::Prune.byte()]);
            }
            Ok(Opt::Flag(letter) | Opt::Value(letter, _)) => bytes.push(letter),
            Err(problem) => return Err(problem.fatal(WORDS)),
        }
    }
    Ok(bytes)
}

fn send(directory: &OsStr, bytes: &[u8]) -> io::Result<()> {
    write_to_fifo(&Path::new(directory).join(names::CONTROL), bytes)
}

fn write_to_fifo(name: &Path, bytes: &[u8]) -> io::Result<()> {
    let control = open_fifo(name)?;
    if bytes.is_empty() {
        return Ok(());
    }
    descriptor::write_all(control, bytes)
}

/// Whatever else has the FIFO's name is left alone.
fn open_fifo(name: &Path) -> io::Result<File> {
    let control = How::WRITE.no_follow().open(name)?;
    if !control.metadata()?.file_type().is_fifo() {
        return Err(Errno::ENOSTR.into());
    }
    descriptor::set_nonblocking(&control, false)?;
    Ok(control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_its_letter() {
        let of_commands = Command::ALL.map(Command::byte);
        assert!(
            of_commands
                .iter()
                .filter(|byte| **byte != Command::Upgrade.byte())
                .all(|byte| LETTERS.as_bytes().contains(byte))
        );
        // `h` is two of them, and an upgrade has a word of its own.
        assert_eq!(LETTERS.len(), of_commands.len());
    }
}
