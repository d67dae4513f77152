//! Becomes a program that holds a lock: `setlock [ -nNxX ] file program`.
//!
//! The program inherits the open file and with it the lock, which lasts until
//! the last process that has it open has closed it.
#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::fs::File;

use dt_chain::Environment;
use dt_cli::getopt::{Opt, Options};
use dt_cli::{Exit, Fatal};
use dt_os::descriptor::keep_on_exec;
use dt_os::file::{How, lock_exclusive};

const PROGRAM: &str = "setlock";
const WORDS: &str = "setlock [ -nNxX ] file program [ arg ... ]";

/// What the options say.
#[derive(Clone, Copy, Debug)]
struct Choices {
    /// Wait for the lock, if another holds it.
    wait: bool,
    /// Not having the lock is a success, and silent.
    lenient: bool,
}

/// Runs the program with its arguments, argv\[0\] left out.
pub fn run(args: &[OsString]) -> Result<Exit, Fatal> {
    let mut options = Options::new("nNxX", args);
    let choices = choices(&mut options)?;
    let [file, command @ ..] = options.operands() else {
        return Err(Fatal::usage(PROGRAM, WORDS));
    };
    if command.is_empty() {
        return Err(Fatal::usage(PROGRAM, WORDS));
    }
    let _held = match locked(file, choices.wait) {
        Ok(held) => held,
        Err(_) if choices.lenient => return Ok(Exit::OK),
        Err(fatal) => return Err(fatal),
    };
    Err(dt_chain::become_program(
        PROGRAM,
        command,
        &Environment::inherited(),
    ))
}

fn choices(options: &mut Options<'_>) -> Result<Choices, Fatal> {
    let mut choices = Choices {
        wait: true,
        lenient: false,
    };
    for option in options.by_ref() {
        match option {
            Ok(Opt::Flag(b'n')) => choices.wait = false,
            Ok(Opt::Flag(b'N')) => choices.wait = true,
            Ok(Opt::Flag(b'x')) => choices.lenient = true,
            Ok(Opt::Flag(_) | Opt::Value(..)) => choices.lenient = false,
            Err(problem) => return Err(problem.fatal(&usage_line())),
        }
    }
    Ok(choices)
}

fn usage_line() -> String {
    format!("{PROGRAM}: usage: {WORDS}")
}

/// The file, open and locked, on the lowest free number as ever.
fn locked(name: &OsStr, wait: bool) -> Result<File, Fatal> {
    let file = How::APPEND
        .mode(0o600)
        .open(name)
        .map_err(|why| Fatal::system(PROGRAM, &["unable to open ".as_ref(), name], &why))?;
    lock_exclusive(&file, wait)
        .and_then(|()| keep_on_exec(&file))
        .map_err(|why| Fatal::system(PROGRAM, &["unable to lock ".as_ref(), name], &why))?;
    Ok(file)
}
