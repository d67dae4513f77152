//! Becomes a program as another user, as at a login: `setuser account child`.
//!
//! In the account's home directory, with all its groups, and with its `HOME`,
//! `SHELL` and `USER`, and with `GID` and `UID`. daemontools-encore, whose program
//! this is, documents these variables and does not set them.
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use dt_account::{Account, Groups};
use dt_chain::Environment;
use dt_cli::{Exit, Fatal};
use dt_os::file;

const PROGRAM: &str = "setuser";

/// Runs the program with its arguments, argv\[0\] left out.
pub fn run(args: &[OsString]) -> Result<Exit, Fatal> {
    let (account, child) = dt_account::operands(PROGRAM, "setuser account child", args)?;
    // Still as who we are: the home directory may be closed to its owner.
    file::chdir(&account.home).map_err(|why| {
        let what = ["unable to chdir to ".as_ref(), account.home.as_os_str()];
        Fatal::system(PROGRAM, &what, &why)
    })?;
    dt_account::assume(PROGRAM, &account, Groups::All)?;
    let environment = environment(&account);
    Err(dt_chain::become_program(PROGRAM, child, &environment))
}

fn environment(account: &Account) -> Environment {
    let mut environment = Environment::inherited();
    let shell = match account.shell.as_bytes() {
        // What an account without a shell has, by passwd(5).
        b"" => b"/bin/sh",
        shell => shell,
    };
    let (user, group) = (account.user.to_string(), account.group.to_string());
    for (name, value) in [
        ("HOME", account.home.as_bytes()),
        ("SHELL", shell),
        ("USER", account.name.as_bytes()),
        ("GID", group.as_bytes()),
        ("UID", user.as_bytes()),
    ] {
        environment.set(name.as_ref(), value);
    }
    environment
}
