//! Becomes a program as another user: `setuidgid [-s] account child`.
//!
//! The account's primary group becomes the only group; with `-s`, which is
//! daemontools-encore's, all groups that the account is a member of stay.
#![forbid(unsafe_code)]

use std::ffi::OsString;

use dt_account::Groups;
use dt_chain::Environment;
use dt_cli::getopt::Options;
use dt_cli::{Exit, Fatal};

const PROGRAM: &str = "setuidgid";
const WORDS: &str = "setuidgid [-s] account child";

/// Runs the program with its arguments, argv\[0\] left out.
pub fn run(args: &[OsString]) -> Result<Exit, Fatal> {
    let mut options = Options::new("s", args);
    let mut groups = Groups::Primary;
    for option in options.by_ref() {
        match option {
            Ok(_) => groups = Groups::All,
            Err(problem) => return Err(problem.fatal(&format!("{PROGRAM}: usage: {WORDS}"))),
        }
    }
    let (account, child) = dt_account::operands(PROGRAM, WORDS, options.operands())?;
    dt_account::assume(PROGRAM, &account, groups)?;
    // Searched for after the change: it must be found by the new user.
    Err(dt_chain::become_program(
        PROGRAM,
        child,
        &Environment::inherited(),
    ))
}
