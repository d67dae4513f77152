//! Becomes a program in a session and process group of its own:
//! `pgrphack child`.
#![forbid(unsafe_code)]

use std::ffi::OsString;

use dt_chain::Environment;
use dt_cli::{Exit, Fatal};

const PROGRAM: &str = "pgrphack";

/// Runs the program with its arguments, argv\[0\] left out.
pub fn run(args: &[OsString]) -> Result<Exit, Fatal> {
    if args.is_empty() {
        return Err(Fatal::usage(PROGRAM, "pgrphack child"));
    }
    // It fails only for the leader of a process group, which is what was wanted.
    let _ = dt_os::process::new_session();
    Err(dt_chain::become_program(
        PROGRAM,
        args,
        &Environment::inherited(),
    ))
}
