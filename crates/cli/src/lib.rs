//! What the programs' command lines have in common: arguments, options,
//! messages and exit codes.
#![forbid(unsafe_code)]

mod exit;
pub mod getopt;
mod message;
mod quote;
pub mod version;

pub use exit::{Exit, Fatal};
pub use message::{Message, warn};
pub use quote::quote;

use std::ffi::OsString;

/// A program: what `main` does, without the process around it.
pub type Program = fn(&[OsString]) -> Result<Exit, Fatal>;

/// Has the program begin with this, a [`Program`]. The crate is to be
/// `#![cfg_attr(not(test), no_main)]`.
#[macro_export]
macro_rules! main {
    ($program:expr) => {
        $crate::entry!(|| $crate::program($program).code());
    };
}

#[doc(hidden)]
pub use dt_os::entry;

/// Runs `program` with this process's arguments, argv\[0\] left out, and prints
/// the line that a failure ends with.
pub fn program(program: Program) -> Exit {
    version::carry();
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    finish(program(&arguments))
}

/// Turns a program's result into output and an exit code.
pub fn finish(result: Result<Exit, Fatal>) -> Exit {
    result.unwrap_or_else(|fatal| {
        // Nobody is left to tell that the telling failed.
        let _ = dt_os::descriptor::write_all(dt_os::descriptor::stderr(), &fatal.lines);
        fatal.exit
    })
}

/// What comes after the last slash of argv\[0\]: the name in the option parser's
/// own messages, and in no others. Empty where argv\[0\] is missing.
#[must_use]
pub fn invoked_as() -> OsString {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    let name = std::env::args_os().next().unwrap_or_default();
    let base = name
        .as_bytes()
        .rsplit(|byte| *byte == b'/')
        .next()
        .unwrap_or_default();
    OsString::from_vec(base.to_vec())
}
