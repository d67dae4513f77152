use std::ffi::OsStr;
use std::io;
use std::process::{ExitCode, Termination};

use crate::Message;

/// A program's exit status.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit(u8);

impl Exit {
    /// Done.
    pub const OK: Self = Self(0);
    /// Called wrongly, or the answer is no: trying again will not help.
    pub const PERMANENT: Self = Self(100);
    /// The system got in the way: trying again may help.
    pub const TEMPORARY: Self = Self(111);

    /// A child's own exit code, handed on.
    pub const fn from_child(code: u8) -> Self {
        Self(code)
    }

    /// The number that the parent sees.
    #[must_use]
    pub const fn code(self) -> u8 {
        self.0
    }
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        ExitCode::from(self.0)
    }
}

/// Why a program stops: its last words, and the code it exits with.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fatal {
    /// Complete lines; written in one piece. Empty for programs that never speak.
    pub lines: Vec<u8>,
    /// The exit code.
    pub exit: Exit,
}

impl Fatal {
    /// Ends without a word.
    pub const fn silent(exit: Exit) -> Self {
        Self {
            lines: Vec::new(),
            exit,
        }
    }

    /// `program: usage: words`, and 100.
    pub fn usage(program: &str, words: &str) -> Self {
        let line = Message::new(program, "usage").text(words).line();
        Self {
            lines: line,
            exit: Exit::PERMANENT,
        }
    }

    /// `program: fatal: what: reason`, and 111. `what` is a list of pieces, as
    /// names are bytes.
    pub fn system(program: &str, what: &[&OsStr], why: &io::Error) -> Self {
        let line = Message::new(program, "fatal").pieces(what).because(why);
        Self {
            lines: line,
            exit: Exit::TEMPORARY,
        }
    }

    /// `program: fatal: what`, and 111.
    pub fn plain(program: &str, what: &[&OsStr]) -> Self {
        let line = Message::new(program, "fatal").pieces(what).line();
        Self {
            lines: line,
            exit: Exit::TEMPORARY,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fatal_line_names_program_object_and_reason() {
        let why = io::Error::from_raw_os_error(2);
        let fatal = Fatal::system(
            "svok",
            &["unable to chdir to ".as_ref(), "a b".as_ref()],
            &why,
        );
        assert_eq!(
            fatal.lines,
            b"svok: fatal: unable to chdir to a b: file does not exist\n"
        );
        assert_eq!(fatal.exit, Exit::TEMPORARY);
    }

    #[test]
    fn usage_has_neither_fatal_nor_reason() {
        let fatal = Fatal::usage("supervise", "supervise dir");
        assert_eq!(fatal.lines, b"supervise: usage: supervise dir\n");
        assert_eq!(fatal.exit, Exit::PERMANENT);
    }
}
