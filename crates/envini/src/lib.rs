//! Becomes a program with the variables that an INI file holds:
//! `envini [-p prefix] inifile child`.
#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;

use dt_chain::{Environment, Source};
use dt_cli::{Exit, Fatal};

pub mod ini;

const PROGRAM: &str = "envini";

/// Runs the program with its arguments, argv\[0\] left out.
pub fn run(args: &[OsString]) -> Result<Exit, Fatal> {
    let source = Source::parse(PROGRAM, "envini [ -p prefix ] inifile child", args)?;
    let content = read(source.place)?;
    let mut environment = Environment::inherited();
    for (name, value) in ini::variables(&content) {
        let name = [source.prefix.as_bytes(), &name].concat();
        environment.set(OsStr::from_bytes(&name), value);
    }
    Err(dt_chain::become_program(
        PROGRAM,
        source.child,
        &environment,
    ))
}

/// A file that is not there is an empty one.
fn read(file: &OsStr) -> Result<Vec<u8>, Fatal> {
    match std::fs::read(file) {
        Err(why) if why.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        read => read.map_err(|why| {
            let what = ["unable to read ".as_ref(), file];
            Fatal::system(PROGRAM, &what, &why)
        }),
    }
}
