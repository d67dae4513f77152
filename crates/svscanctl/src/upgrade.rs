//! A whole tree becomes what is installed now: `svscan`, every `supervise`, and
//! every `multilog` that is a log of the tree.
//!
//! Each program is its own judge of whether the new one can go on in its place,
//! and goes on itself where it cannot; so nothing here can leave a tree without
//! supervision, whatever was installed.

use std::ffi::OsStr;
use std::fs;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dt_cli::{Exit, Fatal};
use dt_os::clock::Moment;
use dt_os::holders::{Holder, Holders};
use dt_os::process::Pid;
use dt_os::wait;
use dt_service::scanning::{self, Command};
use dt_service::{UPGRADE, Word};

use crate::PROGRAM;
use crate::awaiting::{AT_A_TIME, Awaiting};
use crate::logger;
use crate::places::{self, Place};
use crate::report::{Outcome, Report};
use crate::running::{FileId, Program, Versions, id};

/// How long `svscan` may take; it gives the new program half of that to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a `supervise` may take, before it is asked a second time, upon which it
/// gives up the new program that does not answer.
const FIRST_PATIENCE: Duration = Duration::from_secs(5);

pub(crate) fn run(directory: &OsStr) -> Result<Exit, Fatal> {
    let tree = Path::new(directory);
    let mut versions = Versions::default();
    let mut report = Report::default();
    let svscan = scanner(tree);
    upgrade_scanner(directory, svscan, &mut versions, &mut report)?;
    let places = places::all(tree, svscan)
        .map_err(|why| Fatal::system(PROGRAM, &["unable to read ".as_ref(), directory], &why))?;
    for some in places.chunks(AT_A_TIME) {
        upgrade_supervises(some, &mut versions, &mut report);
    }
    let logs: Vec<_> = places.iter().flat_map(logger::logs_of).collect();
    for some in logs.chunks(AT_A_TIME) {
        logger::replace_all(some, &mut versions, &mut report);
    }
    match report.behind {
        0 => Ok(Exit::OK),
        1 => Err(Fatal::plain(PROGRAM, &["1 program stayed behind".as_ref()])),
        behind => {
            let words = format!("{behind} programs stayed behind");
            Err(Fatal::plain(PROGRAM, &[words.as_ref()]))
        }
    }
}

fn scanner(tree: &Path) -> Option<Pid> {
    match Holders::default().of(&tree.join(scanning::names::LOCK)) {
        Holder::Process(pid, _) => Some(pid),
        Holder::Nobody | Holder::Unknown(_) => None,
    }
}

fn upgrade_scanner(
    directory: &OsStr,
    svscan: Option<Pid>,
    versions: &mut Versions,
    report: &mut Report,
) -> Result<(), Fatal> {
    let file = Path::new(directory).join(scanning::names::VERSION);
    let before = svscan.and_then(|pid| Program::of(pid, versions));
    let (old, word_before) = (number(&file), word(&file));
    let awaiting = Awaiting::new();
    awaiting.add(&Path::new(directory).join(scanning::names::DIRECTORY));
    crate::ask(directory, &[Command::Upgrade.byte()])?;
    let come = awaiting.until(PATIENCE, || number(&file) != old && word(&file).is_some());
    let after = word(&file).filter(|_| come);
    // What cannot be looked at has left word of itself.
    let version = before.as_ref().and_then(|program| program.version.clone());
    let version = version.or_else(|| word_before.map(|word| word.version));
    match (after, svscan.zip(before)) {
        (
            Some(Word {
                refusal: None,
                version: is,
            }),
            Some((pid, before)),
        ) => {
            let after = Program::of(pid, versions);
            let after = after.map(|after| Program {
                version: after.version.or(Some(is)),
                ..after
            });
            report.program(
                "svscan",
                OsStr::new(""),
                &before,
                Outcome::Is(after.as_ref()),
            );
        }
        (
            Some(Word {
                refusal: None,
                version: is,
            }),
            None,
        ) => {
            Report::unseen("svscan", version.as_deref(), &is);
        }
        (after, _) => {
            let why = after.and_then(|word| word.refusal);
            let why = why.unwrap_or_else(|| "it does not answer".to_owned());
            report.kept("svscan", OsStr::new(""), svscan, version.as_deref(), &why);
        }
    }
    Ok(())
}

/// A `supervise` that was asked.
struct Asked<'a> {
    place: &'a Place,
    before: Program,
    word: PathBuf,
    old: Option<u64>,
}

impl Asked<'_> {
    /// Whether it has become another, has said why not, or is gone.
    fn is_settled(&self) -> bool {
        // In the midst of becoming another it shows none.
        let changed = || file_of(self.before.pid).is_some_and(|file| file != self.before.file);
        number(&self.word) != self.old || changed() || self.has_ended()
    }

    fn has_ended(&self) -> bool {
        let Ok((_, process)) = &self.place.supervise else {
            return false;
        };
        wait::until_readable([process.as_fd()], Some(Moment::now())).is_ok_and(|[ended]| ended)
    }

    fn ask(&self) -> std::io::Result<()> {
        crate::write_to_fifo(&self.place.kept.join("control"), &[UPGRADE])
    }

    fn tell(&self, versions: &mut Versions, report: &mut Report) {
        let left = word(&self.word).filter(|_| number(&self.word) != self.old);
        let refusal = left.and_then(|word| word.refusal);
        let after = Program::of(self.before.pid, versions);
        let why = match (&refusal, &after) {
            (Some(why), _) => why,
            (None, _) if self.has_ended() => "it has ended meanwhile",
            (None, None) => "it cannot be looked at any more",
            (None, Some(_)) if !self.is_settled() => "it does not answer",
            (None, Some(after)) => {
                let outcome = Outcome::Is(Some(after));
                return report.program(SUPERVISE, &self.place.name, &self.before, outcome);
            }
        };
        let outcome = Outcome::Kept(why);
        report.program(SUPERVISE, &self.place.name, &self.before, outcome);
    }
}

const SUPERVISE: &str = "supervise";

fn upgrade_supervises(places: &[Place], versions: &mut Versions, report: &mut Report) {
    let awaiting = Awaiting::new();
    let mut asked = Vec::new();
    for place in places {
        let pid = match &place.supervise {
            Ok((pid, _)) => *pid,
            Err(why) => {
                report.kept(SUPERVISE, &place.name, None, None, dt_os::reason(why));
                continue;
            }
        };
        let Some(before) = Program::of(pid, versions) else {
            report.kept(
                SUPERVISE,
                &place.name,
                Some(pid),
                None,
                "it cannot be looked at",
            );
            continue;
        };
        if before.version.is_none() {
            let why = "it is not of this suite";
            report.kept(SUPERVISE, &place.name, Some(pid), None, why);
            continue;
        }
        if is_installed(&before) {
            report.program(SUPERVISE, &place.name, &before, Outcome::Is(None));
            continue;
        }
        awaiting.add(&place.kept);
        let word = place.kept.join("version");
        let asking = Asked {
            place,
            before,
            old: number(&word),
            word,
        };
        match asking.ask() {
            Ok(()) => asked.push(asking),
            Err(why) => {
                let outcome = Outcome::Kept(dt_os::reason(&why));
                report.program(SUPERVISE, &place.name, &asking.before, outcome);
            }
        }
    }
    let all = || asked.iter().all(Asked::is_settled);
    if !awaiting.until(FIRST_PATIENCE, all) {
        for late in asked.iter().filter(|it| !it.is_settled()) {
            // That it has not heard is told below.
            let _ = late.ask();
        }
        awaiting.until(FIRST_PATIENCE, all);
    }
    for it in &asked {
        it.tell(versions, report);
    }
}

/// Whether what is installed is what it runs.
fn is_installed(program: &Program) -> bool {
    let installed = program.installed();
    let installed = installed.and_then(|file| fs::metadata(file).ok());
    installed.is_some_and(|facts| id(&facts) == program.file)
}

fn file_of(pid: Pid) -> Option<FileId> {
    let facts = fs::metadata(format!("/proc/{pid}/exe")).ok()?;
    Some(id(&facts))
}

/// Which file it is: each word is a new one.
fn number(file: &Path) -> Option<u64> {
    let facts = fs::symlink_metadata(file).ok()?;
    facts.is_file().then(|| facts.ino())
}

fn word(file: &Path) -> Option<Word> {
    number(file)?;
    Word::decode(&fs::read_to_string(file).ok()?)
}
