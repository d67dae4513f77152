//! Becomes a program with lower resource limits: `softlimit [options] child`.
//!
//! Only soft limits are changed, so that a later `softlimit` can raise them again;
//! but for `-`, which takes both away. What the environment says comes before the
//! options. Both are daemontools-encore's.
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use dt_chain::{Environment, Prepared};
use dt_cli::getopt::{Opt, Options};
use dt_cli::{Exit, Fatal};

pub mod limit;

use limit::Limit;

const PROGRAM: &str = "softlimit";
const WORDS: &str = "softlimit [-a allbytes] [-c corebytes] [-d databytes] [-f filebytes] \
     [-l lockbytes] [-m membytes] [-o openfiles] [-p processes] [-r residentbytes] \
     [-s stackbytes] [-t cpusecs] child";
const GRAMMAR: &str = "a:c:d:f:l:m:o:p:r:s:t:";

/// Runs the program with its arguments, argv\[0\] left out.
///
/// Everything is prepared before the first limit is set, the message for wrong
/// usage included, since a limit may leave no memory to prepare it with. The
/// limits are set all the same before a later option is found wrong.
pub fn run(args: &[OsString]) -> Result<Exit, Fatal> {
    let mut options = Options::new(GRAMMAR, args);
    let mut limits = Vec::new();
    let read = read_environment(&mut limits).and_then(|()| read_options(&mut options, &mut limits));
    let prepared = read.and_then(|()| prepare(options.operands()));
    for limit in &limits {
        limit.set(PROGRAM)?;
    }
    Err(match prepared {
        Ok(prepared) => prepared.become_it(),
        Err(fatal) => fatal,
    })
}

/// Adds the limits of the environment, up to the first mistake.
fn read_environment(limits: &mut Vec<Limit>) -> Result<(), Fatal> {
    for (name, resource) in limit::VARIABLES {
        if let Some(value) = dt_chain::inherited(name) {
            limits.push(Limit::new(*resource, value.as_bytes()).ok_or_else(usage)?);
        }
    }
    Ok(())
}

/// Adds the limits in the order given, up to the first mistake.
fn read_options(options: &mut Options<'_>, limits: &mut Vec<Limit>) -> Result<(), Fatal> {
    for option in options.by_ref() {
        let limit = match option {
            Ok(Opt::Value(letter, value)) => limit::of_option(letter, value.as_bytes()),
            Ok(Opt::Flag(_)) => None,
            Err(problem) => return Err(problem.fatal(&usage_line())),
        };
        limits.extend(limit.ok_or_else(usage)?);
    }
    Ok(())
}

fn prepare(command: &[OsString]) -> Result<Prepared, Fatal> {
    if command.is_empty() {
        return Err(usage());
    }
    Prepared::new(PROGRAM, command, &Environment::inherited())
}

fn usage() -> Fatal {
    Fatal::usage(PROGRAM, WORDS)
}

fn usage_line() -> String {
    format!("{PROGRAM}: usage: {WORDS}")
}
