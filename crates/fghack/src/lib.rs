//! Stays until a program that went into the background has ended:
//! `fghack child`.
//!
//! The program is given the writing end of a pipe, on many descriptors, and as
//! long as any process holds one of them, the reading end is not at its end. A
//! daemon that closes everything it has inherited becomes our own child when its
//! parent has died. TERM is passed on to all of them.
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use dt_chain::Environment;
use dt_cli::{Exit, Fatal, Message};
use dt_os::caught::Caught;
use dt_os::exec::Image;
use dt_os::process::{self, ChildSignal, Ending, Launch, Pid};
use dt_os::signals::{self, Signal};
use dt_os::{descriptor, family, kin};

const PROGRAM: &str = "fghack";
/// How many descriptors for the pipe the program gets besides the first.
const DUPLICATES: i32 = 30;

/// Runs the program with its arguments, argv\[0\] left out.
pub fn run(args: &[OsString]) -> Result<Exit, Fatal> {
    let Some(name) = args.first() else {
        return Err(Fatal::usage(PROGRAM, "fghack child"));
    };
    let what = ["unable to run ".as_ref(), name.as_os_str()];
    let image = Image::searched(
        args,
        dt_chain::inherited_path().as_deref(),
        &Environment::inherited().entries(),
    )
    .map_err(|why| Fatal::system(PROGRAM, &what, &why))?;
    // Where that cannot be, the pipe alone tells.
    let _ = family::adopt_orphans();
    let ears = Ears::open().map_err(|why| failed("unable to catch signals", &why))?;
    let (reading, writing) = pipes().map_err(|why| failed("unable to create pipe", &why))?;
    let child = launch(
        &image,
        &Message::new(PROGRAM, "fatal").pieces(&what).excuse(),
    )?;
    drop(writing);
    let (ending, told) =
        wait_for_all(child, &reading, &ears).map_err(|why| failed("wait failed", &why))?;
    if told {
        die_of_term();
    }
    verdict(ending)
}

/// What we listen to besides the pipe.
struct Ears {
    /// Of a child that has ended, and of who wants all to end.
    caught: Caught<2>,
    /// What our own parent had us ignore is ignored by all.
    heeds_term: bool,
}

impl Ears {
    fn open() -> io::Result<Self> {
        let heeds_term = !signals::is_ignored(Signal::SIGTERM);
        let second = if heeds_term {
            Signal::SIGTERM
        } else {
            Signal::SIGCHLD
        };
        Ok(Self {
            // Caught, SIGCHLD is not ignored any more either: the child's exit code
            // would be lost.
            caught: Caught::watch([Signal::SIGCHLD, second])?,
            heeds_term,
        })
    }

    /// Whether we were told to end, and whether there is something in the pipe.
    fn listen(&self, pipe: Option<&OwnedFd>) -> io::Result<(bool, bool)> {
        let (signals, readable) = match pipe {
            Some(pipe) => {
                let (signals, [readable]) = self.caught.wait([pipe.as_fd()], None)?;
                (signals, readable)
            }
            None => (self.caught.wait([], None)?.0, false),
        };
        let [_, second] = signals;
        Ok((second && self.heeds_term, readable))
    }
}

/// Waits until nobody can write into the pipe any more and no process is left that we
/// have started, or who was started by one; gives how the child has ended, and whether
/// all were told to end. What is written means nothing.
fn wait_for_all(child: Pid, reading: &OwnedFd, ears: &Ears) -> io::Result<(Option<Ending>, bool)> {
    let mut pipe = Some(reading);
    let (mut ending, mut told) = (None, false);
    loop {
        while let Some((pid, how)) = process::reap() {
            if pid == child {
                ending = Some(how);
            }
        }
        if pipe.is_none() && !family::any_child() {
            return Ok((ending, told));
        }
        let (term, readable) = ears.listen(pipe)?;
        if term {
            told = true;
            end_all(child);
        }
        let mut nothing = [0; 512];
        if readable && !descriptor::read(reading, &mut nothing).is_ok_and(|length| length > 0) {
            pipe = None;
        }
    }
}

/// How often it is looked for processes that were being made meanwhile.
const LOOKS: usize = 8;

fn end_all(child: Pid) {
    let mut told: Vec<Pid> = Vec::new();
    for _ in 0..LOOKS {
        let all = match kin::of(None, &[]) {
            Ok(all) => all,
            // No /proc: of this one we know.
            Err(_) if process::is_child(child) => vec![child],
            Err(_) => return,
        };
        let new: Vec<Pid> = all.into_iter().filter(|pid| !told.contains(pid)).collect();
        if new.is_empty() {
            return;
        }
        kin::send(&new, Signal::SIGTERM);
        told.extend(new);
    }
}

/// As if it had not been caught.
fn die_of_term() {
    let _ = signals::set_default(Signal::SIGTERM);
    let _ = process::send(process::own_pid(), Signal::SIGTERM);
}

/// The reading end, out of the way of the numbers that the program gets, and all
/// the writing ends.
fn pipes() -> io::Result<(OwnedFd, Vec<OwnedFd>)> {
    let (reading, first) = descriptor::pipe()?;
    descriptor::keep_on_exec(&first)?;
    let above_all = 3 + 2 * DUPLICATES;
    let reading = descriptor::duplicate_above(&reading, above_all).unwrap_or(reading);
    let mut writing = vec![first];
    for _ in 0..DUPLICATES {
        let Some(Ok(duplicate)) = writing.first().map(descriptor::duplicate_for_children) else {
            // Fewer will do.
            break;
        };
        writing.push(duplicate);
    }
    Ok((reading, writing))
}

fn launch(image: &Image, excuse: &[u8]) -> Result<Pid, Fatal> {
    let launch = Launch {
        image,
        descriptors: &[],
        directory: None,
        child_signal: ChildSignal::Inherited,
        descriptor_excuse: &[],
        directory_excuse: &[],
        exec_excuse: excuse,
    };
    launch.start().map_err(|why| failed("unable to fork", &why))
}

fn verdict(ending: Option<Ending>) -> Result<Exit, Fatal> {
    let lost = || failed("wait failed", &dt_os::Errno::ECHILD.into());
    match ending.ok_or_else(lost)? {
        Ending::Exited(code) => Ok(u8::try_from(code).map_or(Exit::TEMPORARY, Exit::from_child)),
        Ending::Killed(_) => Err(Fatal::plain(PROGRAM, &["child crashed".as_ref()])),
    }
}

fn failed(what: &str, why: &io::Error) -> Fatal {
    Fatal::system(PROGRAM, &[what.as_ref()], why)
}
