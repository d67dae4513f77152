//! The program `tai64nlocal`.
#![forbid(unsafe_code)]

use std::ffi::OsString;

use dt_cli::{Exit, Fatal};

/// Runs the program with its arguments, argv\[0\] left out.
pub fn run(_args: &[OsString]) -> Result<Exit, Fatal> {
    Ok(Exit::TEMPORARY)
}
