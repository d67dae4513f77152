//! Having a log's `multilog` replaced by the one that is installed now.
//!
//! It is told to end by its `supervise`, which starts it again. What it has taken
//! is written before it ends, and what it has not is in the pipe for the next one.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::time::Duration;

use dt_os::ask::ask_until;
use dt_os::clock::Moment;
use dt_os::exec::Image;
use dt_os::process::{Ending, Pid};
use dt_service::{Command, Status, Want};

use crate::awaiting::Awaiting;
use crate::places::Place;
use crate::report::{Outcome, Report};
use crate::running::{FileId, Program, Versions, id};

const MULTILOG: &str = "multilog";

/// How long one may take to end, its processor included, and to be back.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long the one installed may take to read no input.
const TRIAL: Duration = Duration::from_secs(5);

/// A logger that was told to end.
#[derive(Debug)]
struct Told<'a> {
    place: &'a Place,
    before: Program,
    installed: FileId,
    after: Option<Program>,
}

/// Replaces those of `places`, which are logs.
pub(crate) fn replace_all(places: &[&Place], versions: &mut Versions, report: &mut Report) {
    let awaiting = Awaiting::new();
    let mut told: Vec<Told<'_>> = Vec::new();
    for place in places {
        let Some(program) = logger(place, versions) else {
            continue;
        };
        match tell(place, &program, versions, &awaiting) {
            Ok(Some(installed)) => told.push(Told {
                place,
                before: program,
                installed,
                after: None,
            }),
            Ok(None) => report.program(MULTILOG, &place.name, &program, Outcome::Is(None)),
            Err(Kept { why, ours }) => {
                let outcome = if ours {
                    Outcome::Kept(&why)
                } else {
                    Outcome::Foreign
                };
                report.program(MULTILOG, &place.name, &program, outcome);
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
        report.program(MULTILOG, &it.place.name, &it.before, outcome);
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
fn logger(place: &Place, versions: &mut Versions) -> Option<Program> {
    let pid = status(place)?.pid;
    let pid = i32::try_from(pid).ok().filter(|pid| *pid != 0)?;
    Program::of(Pid::from_raw(pid), versions).filter(|program| program.name == MULTILOG)
}

fn status(place: &Place) -> Option<Status> {
    Status::decode(&fs::read(place.kept.join("status")).ok()?).ok()
}

/// Tells it to end. Gives the file that the next one is to run; `None` where it
/// runs that already.
fn tell(
    place: &Place,
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
    let status = status(place).ok_or_else(|| kept("its status cannot be read"))?;
    if status.want != Want::Up || status.paused {
        return Err(kept("it would not be started again"));
    }
    awaiting.add(&place.kept);
    let control = place.kept.join("control");
    crate::write_to_fifo(&control, &[Command::Terminate.byte()])
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
    let program = logger(it.place, versions)?;
    (program.pid != it.before.pid && program.file == it.installed).then_some(program)
}
