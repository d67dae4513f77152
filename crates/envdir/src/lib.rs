//! Becomes a program with the variables that a directory's files hold:
//! `envdir [-p prefix] dir child`.
#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;

use dt_chain::{Environment, Source};
use dt_cli::{Exit, Fatal};
use dt_os::file::{self, Directory, Entries, How};

pub mod value;

const PROGRAM: &str = "envdir";

/// Runs the program with its arguments, argv\[0\] left out.
pub fn run(args: &[OsString]) -> Result<Exit, Fatal> {
    let source = Source::parse(PROGRAM, "envdir [ -p prefix ] dir child", args)?;
    let directory = source.place;
    let mut environment = Environment::inherited();
    let start = Directory::open(".")
        .map_err(|why| failed(&["unable to switch to current directory".as_ref()], &why))?;
    file::chdir(directory).map_err(|why| {
        failed(
            &["unable to switch to directory ".as_ref(), directory],
            &why,
        )
    })?;
    edit(&mut environment, directory, source.prefix)?;
    start
        .enter()
        .map_err(|why| failed(&["unable to switch to starting directory".as_ref()], &why))?;
    // The program must not inherit what it could leave its place by.
    drop(start);
    Err(dt_chain::become_program(
        PROGRAM,
        source.child,
        &environment,
    ))
}

fn failed(what: &[&OsStr], why: &io::Error) -> Fatal {
    Fatal::system(PROGRAM, what, why)
}

/// Applies every file of the working directory, which the user calls `directory`,
/// to the variable that is named after it, with `prefix` before that.
fn edit(environment: &mut Environment, directory: &OsStr, prefix: &OsStr) -> Result<(), Fatal> {
    let unreadable = |why: &io::Error| {
        let what = ["unable to read directory ".as_ref(), directory];
        failed(&what, why)
    };
    let longest = dt_os::exec::longest_string();
    let mut names = Vec::new();
    Entries::open(".")
        .and_then(|entries| {
            entries.for_each(|name| {
                names.push(name.to_os_string());
                Ok::<(), io::Error>(())
            })
        })
        .map_err(|why| unreadable(&why))?;
    for name in names
        .iter()
        .filter(|name| !name.as_bytes().starts_with(b"."))
    {
        let value = value::of_file(name, longest).map_err(|why| {
            let what = ["unable to read ".as_ref(), directory, "/".as_ref(), name];
            failed(&what, &why)
        })?;
        let variable = [prefix, name].map(OsStr::as_bytes).concat();
        let variable = OsStr::from_bytes(&variable);
        match value {
            Some(value) => environment.set(variable, &value),
            None => remove(environment, variable),
        }
    }
    Ok(())
}

/// An empty file whose name has a `=` in it sets the part before that to the rest.
fn remove(environment: &mut Environment, name: &OsStr) {
    let bytes = name.as_bytes();
    match bytes.iter().position(|byte| *byte == b'=') {
        Some(end) => {
            let (name, value) = bytes.split_at(end);
            environment.set(OsStr::from_bytes(name), value.get(1..).unwrap_or_default());
        }
        None => environment.remove(name),
    }
}

/// Opens without waiting: a FIFO that nobody writes into is an empty file.
fn open(name: &OsStr) -> io::Result<std::fs::File> {
    How::READ.open(name)
}
