//! Sends commands to the `supervise` of each directory named.
//!
//! The letters are the command bytes themselves. They go out in one write, so
//! that `-dx` arrives as a unit, and nobody answers: what comes of them is for
//! `svstat` to tell, or for `--wait` to wait for.
#![forbid(unsafe_code)]

mod plan;

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileTypeExt;

use dt_cli::{Exit, Fatal, Message};
use dt_client::vigil::{Standing, Vigil};
use dt_client::{Target, look, targets};
use dt_os::Errno;
use dt_os::clock::Moment;
use dt_os::descriptor;
use dt_os::file::{self, Directory, How};
use dt_os::signals::{self, Signal};
use dt_service::{Place, names};

use plan::{Down, Plan};

/// Not before the time was over.
const TIMED_OUT: Exit = Exit::from_child(99);
/// Out of reach: a service was given up, or its `supervise` has gone.
const LOST: Exit = Exit::from_child(1);

/// Runs the program with its arguments, argv\[0\] left out.
///
/// Exits 0 also where a directory failed, as scripts run under `set -e` with
/// services that may or may not be there. Where more was asked for than
/// daemontools 0.76 has: 1, 99 or 111, as the constants say.
pub fn run(args: &[OsString]) -> Result<Exit, Fatal> {
    let (plan, operands) = Plan::read(args)?;
    // A supervise that dies between open and write is a warning, not our death.
    let _ = signals::ignore(Signal::SIGPIPE);
    let start = Directory::open(".")
        .map_err(|why| fatal(&["unable to open current directory".as_ref()], &why))?;
    let deadline = plan.timeout.map(|time| Moment::now().plus(time));
    let mut steering = Steering::new(&plan)?;
    for operand in &operands {
        for target in targets(operand) {
            if let Err(line) = steering.tell(&target) {
                // Nobody is left to tell that the telling failed.
                let _ = descriptor::write_all(descriptor::stderr(), &line);
                steering.failed = true;
            }
            start
                .enter()
                .map_err(|why| fatal(&["unable to set directory".as_ref()], &why))?;
        }
    }
    steering.end(deadline)
}

fn fatal(what: &[&OsStr], why: &io::Error) -> Fatal {
    Fatal::system("svc", what, why)
}

/// What is done to one directory after the other.
struct Steering<'a> {
    plan: &'a Plan,
    vigil: Option<Vigil>,
    failed: bool,
}

impl<'a> Steering<'a> {
    fn new(plan: &'a Plan) -> Result<Self, Fatal> {
        let vigil = plan.wait.map(|_| Vigil::new()).transpose();
        let vigil = vigil.map_err(|why| fatal(&["unable to watch".as_ref()], &why))?;
        Ok(Self {
            plan,
            vigil,
            failed: false,
        })
    }

    /// The error is the line to print.
    fn tell(&mut self, target: &Target) -> Result<(), Vec<u8>> {
        let directory = target.shown.as_os_str();
        let warning =
            |what: &str| Message::new("svc", "warning").pieces(&[what.as_ref(), directory]);
        file::chdir(&target.path).map_err(|why| warning("unable to chdir to ").because(&why))?;
        if let Some(down) = self.plan.down {
            remember(down).map_err(|why| {
                let verb = match down {
                    Down::Make => "unable to make ",
                    Down::Remove => "unable to remove ",
                };
                warning(verb).text("/").text(names::DOWN).because(&why)
            })?;
        }
        let unable = |why: &io::Error| {
            let warning = warning("unable to control ");
            if file::no_reader(why) {
                warning.text(": supervise not running").line()
            } else {
                warning.because(why)
            }
        };
        let place = Place::here().map_err(|why| unable(&why))?;
        let control = open_control(&place).map_err(|why| unable(&why))?;
        if let (Some(vigil), Some(goal)) = (&mut self.vigil, self.plan.wait) {
            // Before the command, or what comes of it could be missed.
            let watched = vigil.add_here(goal, true);
            watched.map_err(|why| warning("unable to watch ").because(&why))?;
        }
        let commands = commands(self.plan, &place);
        if commands.is_empty() {
            return Ok(());
        }
        descriptor::write_all(control, &commands)
            .map_err(|why| warning("error writing commands to ").because(&why))
    }

    /// Waits, if that was asked for.
    fn end(self, deadline: Option<Moment>) -> Result<Exit, Fatal> {
        let beyond_plain = self.vigil.is_some() || self.plan.down.is_some();
        if let Some(mut vigil) = self.vigil {
            let answer = vigil
                .until(deadline, answer)
                .map_err(|why| fatal(&["unable to wait".as_ref()], &why))?;
            match answer {
                Some(Exit::OK) => {}
                Some(exit) => {
                    let line = "some services have been given up, or their supervise has gone";
                    return Err(ended(line, exit));
                }
                None => return Err(ended("timed out", TIMED_OUT)),
            }
        }
        if self.failed && beyond_plain {
            return Ok(Exit::TEMPORARY);
        }
        Ok(Exit::OK)
    }
}

/// Nothing is waited for once one is lost.
fn answer(standings: &[Standing]) -> Option<Exit> {
    if standings.contains(&Standing::Lost) {
        return Some(LOST);
    }
    let all = standings.iter().all(|one| *one == Standing::Reached);
    all.then_some(Exit::OK)
}

fn ended(what: &str, exit: Exit) -> Fatal {
    Fatal {
        lines: Message::new("svc", "fatal").text(what).line(),
        exit,
    }
}

/// The bytes for the service that we are in: one that is down is not started by
/// the command to run at most once.
fn commands(plan: &Plan, place: &Place) -> Vec<u8> {
    let mut bytes = plan.bytes.clone();
    if let Some(byte) = plan.unless_down.and_then(|at| bytes.get_mut(at)) {
        let is_down = look::status(place).is_ok_and(|file| file.main.pid == 0);
        if is_down {
            *byte = dt_service::Command::Down.byte();
        }
    }
    bytes
}

/// Makes or removes `down`, and waits until that is on disk.
///
/// Always a new file: a link that is there could lead to somebody else's.
fn remember(down: Down) -> io::Result<()> {
    match down {
        Down::Make => match How::CREATE_NEW.mode(0o644).open(names::DOWN) {
            Err(why) if why.kind() == ErrorKind::AlreadyExists && !look::is_normally_up()? => {}
            other => other?.sync_all()?,
        },
        Down::Remove => match fs::remove_file(names::DOWN) {
            Err(why) if why.kind() == ErrorKind::NotFound => {}
            other => other?,
        },
    }
    Directory::open(".")?.sync()
}

/// Opens the FIFO, for waiting writes: where it is full, the commands must not
/// be lost.
///
/// Whatever else has its name is left alone: it may be somebody's link to a
/// file that only we may write.
fn open_control(place: &Place) -> io::Result<File> {
    let control = How::WRITE.open(place.file("control"))?;
    if !control.metadata()?.file_type().is_fifo() {
        return Err(Errno::ENOSTR.into());
    }
    descriptor::set_nonblocking(&control, false)?;
    Ok(control)
}
