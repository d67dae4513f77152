//! Waits until services are up, ready, down or restarted, as s6-svwait does.
//!
//! It is told of each change by the kernel, whatever `supervise` makes it, the
//! original's included; nobody is asked twice.
#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::io;
use std::time::Duration;

use dt_cli::getopt::{Opt, Options};
use dt_cli::{Exit, Fatal, Message};
use dt_client::targets;
use dt_client::vigil::{self, Goal, Standing, Vigil};
use dt_os::clock::Moment;
use dt_os::file::Directory;
use dt_settings::value;

const USAGE: &str = "svwait [ -U | -u | -d | -D | -r | -R ] [ -a | -o ] [ -t timeout ] dir ...";

/// Not before the time was over.
const TIMED_OUT: Exit = Exit::from_child(99);
/// Out of reach.
const LOST: Exit = Exit::from_child(1);

/// Runs the program with its arguments, argv\[0\] left out.
///
/// | option | waits until |
/// |---|---|
/// | `-u` | up, which is what it waits for without any of these |
/// | `-U` | up and ready |
/// | `-d` | down |
/// | `-D` | down, and what cleans up after it has ended |
/// | `-r` | started anew |
/// | `-R` | started anew and ready |
/// | `-a` | all of them are, which is so without an option |
/// | `-o` | one of them is |
/// | `-t` | but no longer than that: `500` or `500ms`, `5s`, `2m`, `1h`; 0 is for ever |
///
/// Exits 0 when it is so, 99 when the time is over, 1 when it cannot become so any
/// more (a service has been given up, or its `supervise` has gone), 100 when it is
/// called wrongly, and 111 when it cannot look. A directory that nobody supervises
/// yet is waited for.
pub fn run(args: &[OsString]) -> Result<Exit, Fatal> {
    let request = Request::read(args)?;
    let wait = request.timeout.filter(|time| !time.is_zero());
    let deadline = wait.map(|time| Moment::now().plus(time));
    let mut vigil = watch(&request)?;
    let any = request.any;
    let answer = vigil
        .until(deadline, |standings| decided(standings, any))
        .map_err(|why| fatal(&["unable to wait".as_ref()], &why))?;
    match answer {
        Some(Exit::OK) => Ok(Exit::OK),
        Some(exit) => Err(ended(
            "some services have been given up, or their supervise has gone",
            exit,
        )),
        None => Err(ended("timed out", TIMED_OUT)),
    }
}

/// What the command line asks for.
#[derive(Debug)]
struct Request<'a> {
    goal: Goal,
    any: bool,
    timeout: Option<Duration>,
    operands: &'a [OsString],
}

impl<'a> Request<'a> {
    fn read(args: &'a [OsString]) -> Result<Self, Fatal> {
        let (mut goal, mut any, mut timeout) = (Goal::Up, false, None);
        let mut options = Options::new("uUdDrRaot:", args);
        for option in &mut options {
            match option {
                Ok(Opt::Flag(b'u')) => goal = Goal::Up,
                Ok(Opt::Flag(b'U')) => goal = Goal::Ready,
                Ok(Opt::Flag(b'd')) => goal = Goal::Down,
                Ok(Opt::Flag(b'D')) => goal = Goal::Finished,
                Ok(Opt::Flag(b'r')) => goal = Goal::Restarted,
                Ok(Opt::Flag(b'R')) => goal = Goal::RestartedReady,
                Ok(Opt::Flag(letter)) => any = letter == b'o',
                Ok(Opt::Value(_, time)) => timeout = Some(time_of(time)?),
                Err(problem) => return Err(problem.fatal(&format!("svwait: usage: {USAGE}"))),
            }
        }
        let operands = options.operands();
        if operands.is_empty() {
            return Err(usage());
        }
        Ok(Self {
            goal,
            any,
            timeout,
            operands,
        })
    }
}

fn usage() -> Fatal {
    Fatal::usage("svwait", USAGE)
}

fn time_of(text: &OsStr) -> Result<Duration, Fatal> {
    use std::os::unix::ffi::OsStrExt;
    value::duration(text.as_bytes()).map_err(|_| usage())
}

/// Has the kernel tell of all the directories.
fn watch(request: &Request<'_>) -> Result<Vigil, Fatal> {
    let start = Directory::open(".")
        .map_err(|why| fatal(&["unable to open current directory".as_ref()], &why))?;
    let mut vigil = Vigil::new().map_err(|why| fatal(&["unable to watch".as_ref()], &why))?;
    for operand in request.operands {
        for target in targets(operand) {
            vigil::add(&mut vigil, &target.path, request.goal)
                .map_err(|why| fatal(&["unable to watch ".as_ref(), &target.shown], &why))?;
            start
                .enter()
                .map_err(|why| fatal(&["unable to set directory".as_ref()], &why))?;
        }
    }
    Ok(vigil)
}

/// What all the standings together mean; `None` is to wait on.
fn decided(standings: &[Standing], any: bool) -> Option<Exit> {
    let count = |wanted: Standing| standings.iter().filter(|one| **one == wanted).count();
    let (reached, lost) = (count(Standing::Reached), count(Standing::Lost));
    let enough = if any { 1 } else { standings.len() };
    if reached >= enough {
        Some(Exit::OK)
    } else if reached + lost == standings.len() || (lost > 0 && !any) {
        Some(LOST)
    } else {
        None
    }
}

fn fatal(what: &[&OsStr], why: &io::Error) -> Fatal {
    Fatal::system("svwait", what, why)
}

fn ended(what: &str, exit: Exit) -> Fatal {
    Fatal {
        lines: Message::new("svwait", "fatal").text(what).line(),
        exit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_or_one_of_them() {
        use Standing::{Awaited, Lost, Reached};
        for (standings, all, any) in [
            (&[Reached, Reached][..], Some(Exit::OK), Some(Exit::OK)),
            (&[Reached, Awaited], None, Some(Exit::OK)),
            (&[Reached, Lost], Some(LOST), Some(Exit::OK)),
            (&[Lost, Awaited], Some(LOST), None),
            (&[Lost, Lost], Some(LOST), Some(LOST)),
            (&[Awaited], None, None),
        ] {
            assert_eq!(decided(standings, false), all, "{standings:?}");
            assert_eq!(decided(standings, true), any, "{standings:?}");
        }
    }
}
