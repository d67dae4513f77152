//! What came of it, a line a program.

use std::ffi::OsStr;

use dt_os::descriptor;
use dt_os::process::Pid;

use crate::running::Program;

/// What became of a program.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Outcome<'a> {
    /// It is what is installed: this one, or the same as before.
    Is(Option<&'a Program>),
    /// It is what it was, for this reason.
    Kept(&'a str),
    /// It is none of ours, and nothing was done to it.
    Foreign,
}

/// Counts what stayed behind.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) behind: usize,
}

impl Report {
    /// One line: `supervise web (pid 12): 0.1.0 -> 0.2.0`.
    pub(crate) fn program(
        &mut self,
        kind: &str,
        name: &OsStr,
        before: &Program,
        outcome: Outcome<'_>,
    ) {
        let was = before.version.as_deref();
        match outcome {
            Outcome::Is(after) => {
                let after = after.unwrap_or(before);
                let is = after.version.as_deref().unwrap_or(UNKNOWN);
                let words = format!("{} -> {is}", was.unwrap_or(UNKNOWN));
                line(kind, name, Some(after.pid), &words);
            }
            Outcome::Kept(why) => self.kept(kind, name, Some(before.pid), was, why),
            Outcome::Foreign => {
                let words = [UNKNOWN, ", kept: it is not of this suite"].concat();
                line(kind, name, Some(before.pid), &words);
            }
        }
    }

    /// One that cannot be looked at, and has left word.
    pub(crate) fn unseen(kind: &str, was: Option<&str>, is: &str) {
        let words = [was.unwrap_or(UNKNOWN), " -> ", is].concat();
        line(kind, OsStr::new(""), None, &words);
    }

    /// One that stays behind, and of which less may be known.
    pub(crate) fn kept(
        &mut self,
        kind: &str,
        name: &OsStr,
        pid: Option<Pid>,
        version: Option<&str>,
        why: &str,
    ) {
        self.behind += 1;
        let words = [version.unwrap_or(UNKNOWN), ", kept: ", why].concat();
        line(kind, name, pid, &words);
    }
}

const UNKNOWN: &str = "unknown version";

/// What it says cannot be told to anybody else where it cannot be written.
fn line(kind: &str, name: &OsStr, pid: Option<Pid>, words: &str) {
    let mut line = kind.as_bytes().to_vec();
    if !name.is_empty() {
        line.push(b' ');
        line.extend_from_slice(name.as_encoded_bytes());
    }
    if let Some(pid) = pid {
        line.extend_from_slice(format!(" (pid {pid})").as_bytes());
    }
    line.extend_from_slice(b": ");
    line.extend_from_slice(words.as_bytes());
    line.push(b'\n');
    let _ = descriptor::write_all(descriptor::stdout(), &line);
}
