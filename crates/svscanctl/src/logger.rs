//! Having a log's `multilog` replaced by the one that is installed now.
//!
//! It is told to end by its `supervise`, which starts it again. What it has taken
//! is written before it ends, and what it has not is in the pipe for the next one.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::Path;
use std::time::Duration;

use dt_os::ask::ask_until;
use dt_os::clock::Moment;
use dt_os::exec::Image;
use dt_os::process::{Ending, Pid};
use dt_service::{Command, Status, StatusFile, Want};

use crate::awaiting::Awaiting;
use crate::places::Place;
use crate::report::{Outcome, Report};
use crate::running::{FileId, Program, Versions, id};

const MULTILOG: &str = "multilog";

/// How long one may take to end, its processor included, and to be back.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long the one installed may take to read no input.
const TRIAL: Duration = Duration::from_secs(5);

/// Where a logger is looked after: by a `supervise` of its own, or beside its service
/// by that one's, as the program `log`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Log<'a> {
    place: &'a Place,
    beside: bool,
}

/// The logs in a directory with a `supervise`.
pub(crate) fn logs_of(place: &Place) -> impl Iterator<Item = Log<'_>> {
    let own = Log {
        place,
        beside: false,
    };
    let beside = Log {
        place,
        beside: true,
    };
    let own = place.is_log.then_some(own);
    own.into_iter().chain(beside.status().map(|_| beside))
}

impl Log<'_> {
    /// None where there is no such log, or nobody can tell.
    fn status(self) -> Option<Status> {
        let status = fs::read(self.place.kept.join("status")).ok()?;
        let status = StatusFile::decode(&status).ok()?;
        if self.beside {
            return status.log.map(|log| log.status);
        }
        Some(status.main)
    }

    /// As it is told of.
    fn name(self) -> OsString {
        let mut name = self.place.name.clone();
        if self.beside {
            name.push("/log");
        }
        name
    }

    /// In one piece: whom it is for holds for what is read at once.
    fn tell(self, command: Command) -> std::io::Result<()> {
        let bytes = [Command::Log.byte(), command.byte()];
        let bytes = if self.beside { &bytes[..] } else { &bytes[1..] };
        crate::write_to_fifo(&self.place.kept.join("control"), bytes)
    }
}

/// A logger that was told to end.
#[derive(Debug)]
struct Told<'a> {
    log: Log<'a>,
    before: Program,
    installed: FileId,
    after: Option<Program>,
}

/// Replaces those of `logs` that are a multilog of ours.
pub(crate) fn replace_all(logs: &[Log<'_>], versions: &mut Versions, report: &mut Report) {
    let awaiting = Awaiting::new();
    let mut told: Vec<Told<'_>> = Vec::new();
    for log in logs {
        let Some(program) = logger(*log, versions) else {
            continue;
        };
        match tell(*log, &program, versions, &awaiting) {
            Ok(Some(installed)) => told.push(Told {
                log: *log,
                before: program,
                installed,
                after: None,
            }),
            Ok(None) => report.program(MULTILOG, &log.name(), &program, Outcome::Is(None)),
            Err(Kept { why, ours }) => {
                let outcome = if ours {
                    Outcome::Kept(&why)
                } else {
                    Outcome::Foreign
                };
                report.program(MULTILOG, &log.name(), &program, outcome);
            }
        }
    }
    awaiting.until(PATIENCE, || {
        let left = told.iter_mut().filter(|it| it.after.is_none());
        left.fold(true, |all, it| {
            it.after = successor(it, versions);
            all && it.after.is_some()
        })
    });
    for it in told {
        let outcome = match &it.after {
            Some(after) => Outcome::Is(Some(after)),
            None => Outcome::Kept("it was told to end, and the new one has not come yet"),
        };
        report.program(MULTILOG, &it.log.name(), &it.before, outcome);
    }
}

/// Why one is left as it is.
struct Kept {
    why: String,
    ours: bool,
}

fn kept(why: &str) -> Kept {
    Kept {
        why: why.to_owned(),
        ours: true,
    }
}

/// The logger, if it is a multilog.
fn logger(log: Log<'_>, versions: &mut Versions) -> Option<Program> {
    let pid = log.status()?.pid;
    let pid = i32::try_from(pid).ok().filter(|pid| *pid != 0)?;
    Program::of(Pid::from_raw(pid), versions).filter(|program| program.name == MULTILOG)
}

/// Tells it to end. Gives the file that the next one is to run; `None` where it
/// runs that already.
fn tell(
    log: Log<'_>,
    program: &Program,
    versions: &mut Versions,
    awaiting: &Awaiting,
) -> Result<Option<FileId>, Kept> {
    if program.version.is_none() {
        return Err(Kept {
            why: String::new(),
            ours: false,
        });
    }
    let gone = || kept("there is no multilog where it came from");
    let installed = program.installed().ok_or_else(gone)?;
    let facts = fs::metadata(&installed).map_err(|_| gone())?;
    if id(&facts) == program.file {
        return Ok(None);
    }
    if versions.of(&installed, &facts).is_none() || !works(&installed) {
        return Err(kept("the one installed does not work"));
    }
    let status = log
        .status()
        .ok_or_else(|| kept("its status cannot be read"))?;
    if status.want != Want::Up || status.paused {
        return Err(kept("it would not be started again"));
    }
    awaiting.add(&log.place.kept);
    log.tell(Command::Terminate)
        .map_err(|why| kept(dt_os::reason(&why)))?;
    Ok(Some(id(&facts)))
}

/// Whether a multilog without anything to do ends as it should. Asked once of each
/// file would be enough; there are few logs that differ.
fn works(file: &Path) -> bool {
    let image = Image::named(file, &[OsStr::new(MULTILOG)], &[]);
    let end = Moment::now().plus(TRIAL);
    let asked = image.and_then(|image| ask_until(&image, 1, Some(end)));
    asked.is_ok_and(|(_, ending)| ending == Ending::Exited(0))
}

/// The one that has come in its place, once it has become what is installed: `run`
/// may take its time to get there.
fn successor(it: &Told<'_>, versions: &mut Versions) -> Option<Program> {
    let program = logger(it.log, versions)?;
    (program.pid != it.before.pid && program.file == it.installed).then_some(program)
}
