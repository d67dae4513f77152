//! Options as daemontools reads them.
//!
//! Letters may be clustered; a value may be attached or be the next argument;
//! options end at the first argument that does not begin with `-`, at a lone
//! `-` (an operand), and after an argument that begins with `--`, whatever
//! follows (it is swallowed). Nothing is permuted.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use crate::{Exit, Fatal};

/// One option, as read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opt<'a> {
    /// A letter by itself.
    Flag(u8),
    /// A letter with its value.
    Value(u8, &'a OsStr),
}

/// What can be wrong with an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// This byte is no option's letter.
    Illegal(u8),
    /// This letter's value is missing.
    NoValue(u8),
}

impl Problem {
    /// The parser's line, under the name that the program was called by, then
    /// `words`, the program's usage line; exit code 100.
    pub fn fatal(self, words: &str) -> Fatal {
        let (text, letter) = match self {
            Self::Illegal(letter) => (": illegal option -- ", letter),
            Self::NoValue(letter) => (": option requires an argument -- ", letter),
        };
        let mut lines = crate::invoked_as().as_bytes().to_vec();
        lines.extend_from_slice(text.as_bytes());
        lines.extend_from_slice(&[letter, b'\n']);
        lines.extend_from_slice(words.as_bytes());
        lines.push(b'\n');
        Fatal {
            lines,
            exit: Exit::PERMANENT,
        }
    }
}

/// Reads options off the front of the arguments.
#[derive(Debug)]
pub struct Options<'a> {
    /// Letters; one followed by `:` takes a value, as in getopt(3).
    grammar: &'a [u8],
    rest: &'a [OsString],
    cluster: &'a [u8],
}

impl<'a> Options<'a> {
    /// Begins at the first of `arguments`, which has argv\[0\] left out.
    #[must_use]
    pub fn new(grammar: &'a str, arguments: &'a [OsString]) -> Self {
        Self {
            grammar: grammar.as_bytes(),
            rest: arguments,
            cluster: &[],
        }
    }

    /// What is left once the options have ended.
    #[must_use]
    pub fn operands(self) -> &'a [OsString] {
        self.rest
    }

    /// Moves on to the next argument, if it is a cluster of options.
    fn next_cluster(&mut self) -> Option<()> {
        let (first, rest) = self.rest.split_first()?;
        let letters = first
            .as_bytes()
            .strip_prefix(b"-")
            .filter(|letters| !letters.is_empty())?;
        self.rest = rest;
        if letters.starts_with(b"-") {
            return None;
        }
        self.cluster = letters;
        Some(())
    }

    fn value(&mut self, letter: u8) -> Result<Opt<'a>, Problem> {
        let attached = std::mem::take(&mut self.cluster);
        if !attached.is_empty() {
            return Ok(Opt::Value(letter, OsStr::from_bytes(attached)));
        }
        let (value, rest) = self.rest.split_first().ok_or(Problem::NoValue(letter))?;
        self.rest = rest;
        Ok(Opt::Value(letter, value))
    }
}

impl<'a> Iterator for Options<'a> {
    type Item = Result<Opt<'a>, Problem>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.cluster.is_empty() {
            self.next_cluster()?;
        }
        let (&letter, rest) = self.cluster.split_first()?;
        self.cluster = rest;
        let known = self
            .grammar
            .iter()
            .position(|known| *known == letter && letter != b':');
        Some(match known.map(|at| self.grammar.get(at + 1)) {
            None => Err(Problem::Illegal(letter)),
            Some(Some(b':')) => self.value(letter),
            Some(_) => Ok(Opt::Flag(letter)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(grammar: &str, arguments: &[&str]) -> (Vec<String>, Vec<String>) {
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        let mut options = Options::new(grammar, &arguments);
        let seen = options
            .by_ref()
            .map(|option| format!("{option:?}"))
            .collect();
        let operands = options
            .operands()
            .iter()
            .map(|word| word.to_str().unwrap().to_owned());
        (seen, operands.collect())
    }

    #[test]
    fn letters_cluster_and_keep_their_order() {
        let (seen, operands) = read("ud", &["-du", "-u", "dir", "-d"]);
        assert_eq!(seen, ["Ok(Flag(100))", "Ok(Flag(117))", "Ok(Flag(117))"]);
        assert_eq!(operands, ["dir", "-d"]);
    }

    #[test]
    fn a_lone_dash_is_an_operand() {
        assert_eq!(
            read("u", &["-", "-u"]),
            (vec![], vec!["-".to_owned(), "-u".to_owned()])
        );
    }

    #[test]
    fn whatever_begins_with_two_dashes_ends_the_options_and_is_swallowed() {
        assert_eq!(
            read("u", &["--help", "-u"]),
            (vec![], vec!["-u".to_owned()])
        );
    }

    #[test]
    fn a_dash_inside_a_cluster_is_illegal() {
        assert_eq!(read("u", &["-u-"]).0, ["Ok(Flag(117))", "Err(Illegal(45))"]);
    }

    #[test]
    fn a_value_is_attached_or_the_next_argument() {
        let (seen, operands) = read("o:", &["-o10", "-o", "-5", "x"]);
        assert_eq!(seen, ["Ok(Value(111, \"10\"))", "Ok(Value(111, \"-5\"))"]);
        assert_eq!(operands, ["x"]);
        assert_eq!(read("o:", &["-o"]).0, ["Err(NoValue(111))"]);
    }

    #[test]
    fn the_colon_of_the_grammar_is_no_letter() {
        assert_eq!(read("o:", &["-:"]).0, ["Err(Illegal(58))"]);
    }
}
