//! The command line of the programs that take variables from somewhere:
//! `program [-p prefix] source child`.

use std::ffi::{OsStr, OsString};

use dt_cli::getopt::{Opt, Options};
use dt_cli::{Exit, Fatal};

/// Variables to come, and for whom.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// What goes before each name.
    pub prefix: &'a OsStr,
    /// Where the variables are.
    pub place: &'a OsStr,
    /// The program that is to have them, with its arguments.
    pub child: &'a [OsString],
}

impl<'a> Source<'a> {
    /// Reads the arguments of `program`, whose usage line says `words`.
    ///
    /// Wrong usage is 111 and not 100 as for all other programs: scripts may test
    /// for it.
    pub fn parse(program: &str, words: &str, arguments: &'a [OsString]) -> Result<Self, Fatal> {
        Self::understood(program, words, arguments).map_err(|fatal| Fatal {
            exit: Exit::TEMPORARY,
            ..fatal
        })
    }

    fn understood(program: &str, words: &str, arguments: &'a [OsString]) -> Result<Self, Fatal> {
        let mut options = Options::new("p:", arguments);
        let mut prefix = OsStr::new("");
        for option in options.by_ref() {
            match option {
                Ok(Opt::Value(_, value)) => prefix = value,
                Ok(Opt::Flag(_)) => {}
                Err(problem) => return Err(problem.fatal(&format!("{program}: usage: {words}"))),
            }
        }
        match options.operands() {
            [place, child @ ..] if !child.is_empty() => Ok(Self {
                prefix,
                place,
                child,
            }),
            _ => Err(Fatal::usage(program, words)),
        }
    }
}
