//! Becomes a program that finds an account's ids in its environment, as `UID` and
//! `GID`: `envuidgid account child`.
#![forbid(unsafe_code)]

use std::ffi::OsString;

use dt_chain::Environment;
use dt_cli::{Exit, Fatal};

const PROGRAM: &str = "envuidgid";

/// Runs the program with its arguments, argv\[0\] left out.
pub fn run(args: &[OsString]) -> Result<Exit, Fatal> {
    let (account, child) = dt_account::operands(PROGRAM, "envuidgid account child", args)?;
    let mut environment = Environment::inherited();
    environment.set("GID".as_ref(), account.group.to_string().as_bytes());
    environment.set("UID".as_ref(), account.user.to_string().as_bytes());
    Err(dt_chain::become_program(PROGRAM, child, &environment))
}
