//! Stays until a program that went into the background has ended:
//! `fghack child`.
//!
//! The program is given the writing end of a pipe, on many descriptors, and as
//! long as any process holds one of them, the reading end is not at its end. A
//! daemon that closes everything it has inherited gets away.
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::os::fd::OwnedFd;

use dt_chain::Environment;
use dt_cli::{Exit, Fatal, Message};
use dt_os::descriptor;
use dt_os::exec::Image;
use dt_os::process::{ChildSignal, Ending, Launch, Pid, wait_for};
use dt_os::signals::{self, Signal};

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
    // Where our parent had us ignore SIGCHLD, the child's exit code would be lost.
    // That fails only for signals that cannot be caught.
    let _ = signals::set_default(Signal::SIGCHLD);
    let (reading, writing) = pipes().map_err(|why| failed("unable to create pipe", &why))?;
    let child = launch(
        &image,
        &Message::new(PROGRAM, "fatal").pieces(&what).excuse(),
    )?;
    drop(writing);
    wait_for_writers(&reading);
    verdict(child)
}

/// The reading end, out of the way of the numbers that the program gets, and all
/// the writing ends.
fn pipes() -> std::io::Result<(OwnedFd, Vec<OwnedFd>)> {
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

/// Reads until nobody can write any more. What is written means nothing.
fn wait_for_writers(reading: &OwnedFd) {
    let mut nothing = [0; 512];
    while descriptor::read(reading, &mut nothing).is_ok_and(|length| length > 0) {}
}

fn verdict(child: Pid) -> Result<Exit, Fatal> {
    match wait_for(child).map_err(|why| failed("wait failed", &why))? {
        Ending::Exited(code) => Ok(u8::try_from(code).map_or(Exit::TEMPORARY, Exit::from_child)),
        Ending::Killed(_) => Err(Fatal::plain(PROGRAM, &["child crashed".as_ref()])),
    }
}

fn failed(what: &str, why: &std::io::Error) -> Fatal {
    Fatal::system(PROGRAM, &[what.as_ref()], why)
}
