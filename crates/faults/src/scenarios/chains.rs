//! Programs that set something and become another one: a call of theirs fails.
//!
//! They may refuse, with a word. They must not become the other one with less set
//! than was asked for: it would run as the wrong user, or without its lock.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dt_testkit::Running;

use crate::kit::{self, Outcome};
use crate::points;
use crate::probe::PROBE;
use crate::report::Cell;
use crate::scenarios::Size;
use crate::suite::{Kind, Suite};
use crate::tree::Tree;

/// How each is called; the program and its arguments follow. The account has a home.
type Chains = &'static [&'static [&'static str]];

const DAEMONTOOLS: Chains = &[
    &["setuidgid", "daemon"],
    &["envuidgid", "daemon"],
    &["envdir", "env"],
    &["softlimit", "-o50", "-c0", "-f100000000"],
    &["setlock", "lock"],
    &["pgrphack"],
    // These two are encore's, and ours.
    &["setuser", "daemon"],
    &["envini", "ini"],
];

const RUNIT: Chains = &[
    &["chpst", "-u", "daemon"],
    &["chpst", "-U", "daemon"],
    &["chpst", "-e", "env"],
    &["chpst", "-o", "50", "-c", "0", "-f", "100000000"],
    &["chpst", "-l", "lock"],
    &["chpst", "-P"],
];

const S6: Chains = &[
    &["s6-setuidgid", "daemon"],
    &["s6-envuidgid", "daemon"],
    &["s6-envdir", "env"],
    &["s6-softlimit", "-o50", "-c0", "-f100000000"],
    &["s6-setlock", "lock"],
    &["s6-setsid"],
];

/// Longer than any of them takes, with the program that it becomes.
const LIMIT: Duration = Duration::from_secs(8);

/// What came of one start.
#[derive(Debug, PartialEq, Eq)]
enum Came {
    /// The probe ran, and was made this.
    Ran(String),
    Refused,
    Silent,
    Late,
}

/// One fault in each program that chains.
pub fn inject(suite: &Suite, size: &Size) -> Outcome<Cell> {
    if !points::have_strace() {
        return Ok(Cell::without("no strace"));
    }
    if !dt_testkit::is_root() {
        return Ok(Cell::without("not root"));
    }
    let chains = match suite.kind {
        Kind::Daemontools => DAEMONTOOLS,
        Kind::Runit => RUNIT,
        Kind::S6 => S6,
    };
    let tree = Tree::new(suite);
    // As whoever it runs: no matter who is let into the directory that we are in.
    tree.scratch.program(std::env::current_exe()?, "probe");
    let (mut faults, mut refused) = (0_u64, 0_u64);
    let (mut silent, mut late, mut less) = (0_u64, 0_u64, 0_u64);
    let is_there = |chain: &&&[&str]| chain.first().is_some_and(|name| suite.has(name));
    let chains: Vec<_> = chains.iter().filter(is_there).collect();
    for chain in &chains {
        let place = Places::new(&tree);
        let traced = ["-D", "-o", "trace"].map(str::to_owned);
        let (untouched, at) = place.start(chain, &traced)?;
        let Came::Ran(whole) = &untouched else {
            return Err(format!("{chain:?}: {untouched:?} though nothing fails").into());
        };
        let trace = fs::read_to_string(at.join("trace"))?;
        let chosen = points::singles(own_part(&trace), size.faults);
        let came = points::at_each(&chosen, |fault| {
            place.start(chain, &points::injection(fault))
        });
        for (fault, came) in came {
            faults += 1;
            let (came, _) = came?;
            let wrong = match &came {
                Came::Ran(made) if made == whole => continue,
                Came::Refused => {
                    refused += 1;
                    continue;
                }
                Came::Ran(made) => {
                    less += 1;
                    difference(whole, made)
                }
                Came::Silent => {
                    silent += 1;
                    "not a word".to_owned()
                }
                Came::Late => {
                    late += 1;
                    "late".to_owned()
                }
            };
            eprintln!("dt-faults: {}: {chain:?}: {fault}: {wrong}", suite.name);
        }
    }
    Ok(Cell::new()
        .says(format_args!("{} uses", chains.len()))
        .says(format_args!("{faults} faults"))
        .says(format_args!("{refused} refused"))
        .none(silent, "of them without a word")
        .none(late, "late")
        .none(less, "ran with less"))
}

/// The lines of which only one of them has any.
fn difference(whole: &str, made: &str) -> String {
    let only = |one: &str, other: &str| -> Vec<String> {
        let other: HashSet<&str> = other.lines().collect();
        let only = one.lines().filter(|line| !other.contains(line));
        only.map(str::to_owned).collect()
    };
    format!("{:?}, not {:?}", only(made, whole), only(whole, made))
}

/// Up to the call that makes it the probe.
fn own_part(trace: &str) -> &str {
    let second = trace.match_indices("\nexecve(").next();
    let end = second.and_then(|(at, _)| Some(at + 1 + trace.get(at + 1..)?.find('\n')?));
    end.and_then(|end| trace.get(..end)).unwrap_or(trace)
}

/// A directory for each start, so that several can be at a time.
struct Places<'a> {
    tree: &'a Tree<'a>,
    next: AtomicUsize,
}

impl<'a> Places<'a> {
    const fn new(tree: &'a Tree<'a>) -> Self {
        Self {
            tree,
            next: AtomicUsize::new(0),
        }
    }

    fn start(&self, chain: &[&str], options: &[String]) -> Outcome<(Came, std::path::PathBuf)> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let at = format!("{}.{number}", chain.join("."));
        let scratch = &self.tree.scratch;
        let place = scratch.directory(&at);
        for (name, value) in [("ONE", "1"), ("TWO", "2"), ("PATH", "")] {
            scratch.file(Path::new(&at).join("env").join(name), value);
        }
        scratch.file(Path::new(&at).join("ini"), "ONE=1\nTWO=2\n");
        let mut words: Vec<OsString> = vec!["strace".into()];
        words.extend(options.iter().map(OsString::from));
        words.extend(self.tree.suite.chain(chain));
        words.extend([scratch.join("probe").into(), PROBE.into()]);
        let mut command = self.tree.command(&words)?;
        command.env_clear().env("PATH", self.tree.suite.path());
        command.current_dir(&place).stdin(Stdio::null());
        command.stdout(File::create(place.join("out"))?);
        command.stderr(File::create(place.join("err"))?);
        let mut running = Running::start(&mut command, scratch);
        kit::until(LIMIT, || running.ended().is_some());
        let said = |name| fs::read_to_string(place.join(name));
        let made = said("out")?;
        let came = match running.ended() {
            None => Came::Late,
            Some(0) if !made.is_empty() => Came::Ran(made),
            // Where there is no memory to begin with, that may be by SIGABRT.
            Some(1..) if made.is_empty() && !said("err")?.is_empty() => Came::Refused,
            Some(_) => Came::Silent,
        };
        Ok((came, place))
    }
}
