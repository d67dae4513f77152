//! Why `run` cannot be executed.

use std::fs;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use dt_os::file::How;
use dt_service::names;

/// What `execve(2)` would make of it, as far as can be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RunFile {
    /// Nothing wrong to be seen.
    Fine,
    /// There is none, or a link that leads nowhere.
    Missing,
    /// Without permission to execute for anybody.
    NotExecutable,
    /// A directory or the like.
    NoFile,
    /// Neither a program nor a script: no `#!`.
    NoInterpreter,
    /// The program after `#!` is not there.
    InterpreterMissing(Vec<u8>),
}

/// Bytes of a script's first line that the kernel looks at.
const FIRST_LINE: usize = 256;

/// Looks at `run` in the working directory.
pub(crate) fn look() -> RunFile {
    let Ok(facts) = fs::metadata(names::RUN) else {
        return RunFile::Missing;
    };
    if !facts.is_file() {
        return RunFile::NoFile;
    }
    if facts.permissions().mode() & 0o111 == 0 {
        return RunFile::NotExecutable;
    }
    let mut beginning = Vec::with_capacity(FIRST_LINE);
    let read = How::READ
        .open(names::RUN)
        .and_then(|file| file.take(FIRST_LINE as u64).read_to_end(&mut beginning));
    match read {
        Ok(_) => judge(&beginning, |name| {
            Path::new(std::ffi::OsStr::from_bytes(name)).exists()
        }),
        // Executable all the same, for others than us.
        Err(_) => RunFile::Fine,
    }
}

fn judge(beginning: &[u8], exists: impl Fn(&[u8]) -> bool) -> RunFile {
    let Some(line) = beginning.strip_prefix(b"#!") else {
        let is_program = beginning.starts_with(b"\x7fELF");
        return if is_program {
            RunFile::Fine
        } else {
            RunFile::NoInterpreter
        };
    };
    let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let mut words = line
        .split(|byte| matches!(byte, b' ' | b'\t'))
        .filter(|word| !word.is_empty());
    match words.next() {
        None => RunFile::NoInterpreter,
        Some(name) if exists(name) => RunFile::Fine,
        Some(name) => RunFile::InterpreterMissing(name.to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_names_a_program_that_is_there() {
        let missing = |name: &str| RunFile::InterpreterMissing(name.into());
        for (beginning, expected) in [
            (&b"#!/bin/sh\nexec x\n"[..], RunFile::Fine),
            (b"#! /bin/sh -e\n", RunFile::Fine),
            (b"\x7fELF\x02", RunFile::Fine),
            (b"exec x\n", RunFile::NoInterpreter),
            (b"", RunFile::NoInterpreter),
            (b"#!\n", RunFile::NoInterpreter),
            (b"#!/bin/no\n", missing("/bin/no")),
            (b"#!/bin/sh\r\n", missing("/bin/sh\r")),
        ] {
            let found = judge(beginning, |name| name == b"/bin/sh");
            assert_eq!(found, expected, "{}", beginning.escape_ascii());
        }
    }
}
