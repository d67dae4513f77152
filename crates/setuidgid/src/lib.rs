//! Becomes a program as another user: `setuidgid account child`.
//!
//! The account's primary group becomes the only group. The order is fixed: once
//! the user has been changed, the groups could not be any more.
#![forbid(unsafe_code)]

use std::ffi::OsString;

use dt_account::Account;
use dt_chain::Environment;
use dt_cli::{Exit, Fatal};
use dt_os::identity;

const PROGRAM: &str = "setuidgid";

/// Runs the program with its arguments, argv\[0\] left out.
pub fn run(args: &[OsString]) -> Result<Exit, Fatal> {
    let [name, command @ ..] = args else {
        return Err(usage());
    };
    if command.is_empty() {
        return Err(usage());
    }
    let Some(account) = dt_account::find(name) else {
        return Err(Fatal::plain(PROGRAM, &["unknown account ".as_ref(), name]));
    };
    become_account(account)?;
    // Searched for after the change: it must be found by the new user.
    Err(dt_chain::become_program(
        PROGRAM,
        command,
        &Environment::inherited(),
    ))
}

fn become_account(account: Account) -> Result<(), Fatal> {
    identity::become_group(account.group)
        .map_err(|why| Fatal::system(PROGRAM, &["unable to setgid".as_ref()], &why))?;
    identity::become_user(account.user)
        .map_err(|why| Fatal::system(PROGRAM, &["unable to setuid".as_ref()], &why))
}

fn usage() -> Fatal {
    Fatal::usage(PROGRAM, "setuidgid account child")
}
