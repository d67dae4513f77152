//! What the command line asks for.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use dt_cli::getopt::{Opt, Options};
use dt_cli::{Exit, Fatal, Message};

use crate::fields::Field;

const GRAMMAR: &str = "lLjto:";

const USAGE: &str = "svstat [-L] [-l] [-t | -j | -o field,...] dir [dir ...]";

/// Which lines are printed of a service whose `log` is a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    Both,
    Main,
    Log,
}

/// In which form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// daemontools' line.
    Line,
    /// A table.
    Table,
    /// JSON.
    Json,
    /// These values, in this order.
    Fields(Vec<Field>),
}

/// The form, the lines, and the operands.
pub(crate) type Request<'a> = (Form, Which, &'a [OsString]);

/// Reads the arguments.
///
/// The original has no options and takes every word for a directory. A first word
/// that is made of our letters is one all the same, unless something has that name;
/// all that does not begin so is read as ever, `--` included.
pub(crate) fn read(args: &[OsString]) -> Result<Request<'_>, Fatal> {
    let (mut form, mut which) = (Form::Line, Which::Both);
    if !args.first().is_some_and(|word| is_cluster(word)) {
        return Ok((form, which, args));
    }
    let mut options = Options::new(GRAMMAR, args);
    for option in &mut options {
        match option {
            Ok(Opt::Flag(b'l')) => which = Which::Main,
            Ok(Opt::Flag(b'L')) => which = Which::Log,
            Ok(Opt::Flag(b'j')) => form = Form::Json,
            Ok(Opt::Flag(b't')) => form = Form::Table,
            Ok(Opt::Value(_, list)) => form = Form::Fields(fields(list)?),
            Ok(Opt::Flag(_)) => {}
            Err(problem) => {
                let words = format!("svstat: usage: {USAGE}");
                return Err(problem.fatal(&words));
            }
        }
    }
    let operands = options.operands();
    if operands.is_empty() {
        return Err(Fatal::usage("svstat", USAGE));
    }
    Ok((form, which, operands))
}

/// Whether the word is a `-` and letters of ours, and nothing has that name.
fn is_cluster(word: &OsStr) -> bool {
    let Some((b'-', letters)) = word.as_bytes().split_first() else {
        return false;
    };
    let end = letters.iter().position(|letter| *letter == b'o');
    let flags = letters.split_at(end.unwrap_or(letters.len())).0;
    let known = flags.iter().all(|letter| b"lLjt".contains(letter));
    !letters.is_empty() && known && std::fs::symlink_metadata(word).is_err()
}

fn fields(list: &OsStr) -> Result<Vec<Field>, Fatal> {
    let names = list.as_bytes().split(|byte| *byte == b',');
    names
        .map(|name| {
            Field::named(name).ok_or_else(|| {
                let what = ["invalid option field: ".as_ref(), OsStr::from_bytes(name)];
                Fatal {
                    lines: Message::new("svstat", "fatal").pieces(&what).line(),
                    exit: Exit::PERMANENT,
                }
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<OsString> {
        words.iter().map(OsString::from).collect()
    }

    #[test]
    fn what_the_original_takes_for_a_directory_still_is_one() {
        for first in ["--", "-", "-x", "--help", "-lx", "", "d", "-v"] {
            let words = words(&[first, "-j"]);
            let (form, which, operands) = read(&words).unwrap();
            assert_eq!((form, which), (Form::Line, Which::Both), "{first}");
            assert_eq!(operands, words, "{first}");
        }
    }

    #[test]
    fn options_come_first_and_may_be_clustered() {
        let words = words(&["-lj", "d", "-L"]);
        let (form, which, operands) = read(&words).unwrap();
        assert_eq!((form, which), (Form::Json, Which::Main));
        assert_eq!(operands, &words[1..]);
    }

    #[test]
    fn fields_are_named_in_their_order() {
        for list in [
            &["-opid,up", "d"][..],
            &["-o", "pid,up", "d"],
            &["-lopid,up", "d"],
        ] {
            let words = words(list);
            let (form, _, _) = read(&words).unwrap();
            assert_eq!(form, Form::Fields(vec![Field::Pid, Field::Up]));
        }
        for list in ["", "pid,", "foo"] {
            assert!(read(&words(&["-o", list, "d"])).is_err(), "{list}");
        }
    }

    #[test]
    fn options_without_a_directory_are_wrong() {
        for list in [&["-l"][..], &["-j"], &["-o", "pid"], &["-o"]] {
            assert_eq!(read(&words(list)).unwrap_err().exit, Exit::PERMANENT);
        }
        assert!(read(&[]).is_ok());
    }
}
