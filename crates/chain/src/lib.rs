//! "Set something, then become this program": the last step of the chain tools.
#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use dt_cli::{Exit, Fatal, Message};
use dt_os::exec::Image;

mod environment;
mod source;

pub use environment::Environment;
pub use source::Source;

/// Becomes `command` with `environment`; returns only where that fails, as
/// `PROGRAM: fatal: unable to run NAME: reason`.
///
/// The program is searched for along the `PATH` that we ourselves were started
/// with, not one that `environment` sets for the child.
pub fn become_program(program: &str, command: &[OsString], environment: &Environment) -> Fatal {
    match Prepared::new(program, command, environment) {
        Ok(prepared) => prepared.become_it(),
        Err(fatal) => fatal,
    }
}

/// A program ready to be executed: for a chain tool whose own step may take the
/// memory away that laying the program out needs.
#[derive(Debug)]
pub struct Prepared {
    image: Image,
    /// What is printed where it fails, but for the reason; room for that is there.
    excuse: Vec<u8>,
}

impl Prepared {
    /// Lays `command` out as [`become_program`] does; the error is its message.
    pub fn new(
        program: &str,
        command: &[OsString],
        environment: &Environment,
    ) -> Result<Self, Fatal> {
        const LONGEST_REASON: usize = 64;
        let name = command.first().map(OsString::as_os_str).unwrap_or_default();
        let what = ["unable to run ".as_ref(), name];
        let path = inherited_path();
        let image = Image::searched(command, path.as_deref(), &environment.entries())
            .map_err(|why| Fatal::system(program, &what, &why))?;
        let mut excuse = Message::new(program, "fatal").pieces(&what).excuse();
        excuse.reserve(LONGEST_REASON);
        Ok(Self { image, excuse })
    }

    /// Becomes the program; returns only where that fails, without allocating.
    pub fn become_it(self) -> Fatal {
        let Err(errno) = self.image.execute();
        let mut lines = self.excuse;
        for piece in [": ", dt_os::reason_for(errno), "\n"] {
            lines.extend_from_slice(piece.as_bytes());
        }
        Fatal {
            lines,
            exit: Exit::TEMPORARY,
        }
    }
}

/// The first `PATH` of the environment that we were started with.
#[must_use]
pub fn inherited_path() -> Option<OsString> {
    inherited("PATH").map(OsStr::to_os_string)
}

/// The first value of a variable in the environment that we were started with.
#[must_use]
pub fn inherited(name: &str) -> Option<&'static OsStr> {
    dt_os::startup::environment()
        .iter()
        .filter_map(|entry| entry.to_bytes().strip_prefix(name.as_bytes()))
        .find_map(|rest| rest.strip_prefix(b"="))
        .map(OsStr::from_bytes)
}
