//! "Set something, then become this program": the last step of the chain tools.
#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use dt_cli::Fatal;
use dt_os::exec::Image;

mod environment;

pub use environment::Environment;

/// Becomes `command` with `environment`; returns only where that fails, as
/// `PROGRAM: fatal: unable to run NAME: reason`.
///
/// The program is searched for along the `PATH` that we ourselves were started
/// with, not one that `environment` sets for the child.
pub fn become_program(program: &str, command: &[OsString], environment: &Environment) -> Fatal {
    let name = command.first().map(OsString::as_os_str).unwrap_or_default();
    let what = ["unable to run ".as_ref(), name];
    let image = match Image::searched(command, inherited_path().as_deref(), &environment.entries())
    {
        Ok(image) => image,
        Err(why) => return Fatal::system(program, &what, &why),
    };
    let Err(errno) = image.execute();
    Fatal::system(program, &what, &errno.into())
}

/// The first `PATH` of the environment that we were started with.
#[must_use]
pub fn inherited_path() -> Option<OsString> {
    dt_os::startup::environment()
        .iter()
        .find_map(|entry| entry.to_bytes().strip_prefix(b"PATH="))
        .map(|path| OsStr::from_bytes(path).to_os_string())
}
