//! Keeps a `supervise` running for every directory in a directory, and one for
//! its `log`, with a pipe between the two.
//!
//! The original looks at the directory every five seconds. So does this one,
//! where it must. It also looks as soon as something has changed, or a
//! `supervise` has died, and where it is told of everything it does not look at
//! all while nothing happens.
//!
//! Told of everything means: the scan directory is watched with inotify, and with
//! it each directory on the way of each link in it, for the one name that the
//! way takes; all these are on file systems that only this kernel changes;
//! mounts are watched too; no name is in trouble (a link to nowhere, a directory
//! without a process). Where any of this does not hold, a scan that finds so has
//! the next one follow within five seconds. A missed piece of news costs a
//! service that is not there, so in doubt it scans.
//!
//! A directory that appears while we run is started within milliseconds, which
//! is sooner than whoever makes it may have finished. Whether there is a `log` is
//! asked only once, so a new directory is first left alone for a moment, and one
//! without `run` until it has one, though never longer than the original's five
//! seconds.
//!
//! A `supervise` that was killed is started again at once, one that is killed
//! again and again once a second. One that exits with a failure has said why,
//! and is started again after five seconds as by the original; one that was told
//! to exit, after one second, in which its name can still be removed.
#![forbid(unsafe_code)]

mod bonds;
mod control;
mod essential;
mod held;
mod keep;
mod launch;
pub mod machine;
pub mod order;
pub mod output;
mod paths;
pub mod runtime;
mod state;
mod strangers;
mod survivors;
pub mod table;
mod upgrade;
mod world;

use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;

use dt_cli::{Exit, Fatal};
use dt_os::clock::Moment;
use dt_os::oom;
use dt_os::signals::Signal;

use output::Output;
use table::Table;
use upgrade::Purpose;
use world::Kernel;

/// Whether everything is to be as with daemontools-encore where that and the
/// original disagree.
pub(crate) fn is_encore() -> bool {
    std::env::var_os("SUPERVISE_COMPAT").is_some_and(|value| value == "encore")
}

/// Runs the program with its arguments, argv\[0\] left out: `svscan [dir]`, and
/// with `SUPERVISE_COMPAT=encore` in the environment `svscan [dir [logdir]]`: as
/// for the original a second argument otherwise means nothing.
///
/// Nothing but a directory that cannot be entered ends it, unless it is asked to.
pub fn run(args: &[OsString]) -> Result<Exit, Fatal> {
    let before = match upgrade::purpose() {
        Purpose::Answer => return Ok(upgrade::answer()),
        Purpose::GoOn(before) => Some(*before),
        Purpose::Begin => None,
    };
    // Where we go on we are there already.
    if let Some(directory) = args.first().filter(|_| before.is_none()) {
        let what = ["unable to chdir to ".as_ref(), directory.as_os_str()];
        dt_os::file::chdir(directory).map_err(|why| Fatal::system("svscan", &what, &why))?;
    }
    dt_os::limits::raise_descriptors();
    outlive_want_of_memory();
    // What a killed `supervise` leaves behind is then ours to reap, and not lost
    // to init. An old kernel without that loses nothing else.
    let _ = dt_os::process::adopt_orphans();
    let output = output(args, before.is_some())?;
    let (table, control) = before.unwrap_or_else(|| (Table::new(Moment::now()), None));
    let mut kernel = Kernel::new(control, output);
    runtime::run(table, &mut kernel);
    // From here on the death of a child, told of by a pipe that is being closed,
    // must not be ours. Nothing is started any more that would inherit this.
    let _ = dt_os::signals::ignore(Signal::SIGPIPE);
    let exit = kernel.exit();
    kernel.end();
    Ok(exit)
}

/// Takes on the score that the environment names, if it does. Where that is not
/// permitted, as in most containers, there is no use in saying so.
fn outlive_want_of_memory() {
    let Some(score) = std::env::var_os(oom::VARIABLE) else {
        return;
    };
    if let Err(why) = oom::take_on(&score)
        && why.kind() != ErrorKind::PermissionDenied
    {
        let what = ["unable to set ", oom::VARIABLE].map(OsStr::new);
        dt_cli::warn("svscan", &what, &why);
    }
}

/// The service that takes the others' output.
fn output(args: &[OsString], goes_on: bool) -> Result<Option<Output>, Fatal> {
    let directory = args.get(1).filter(|_| is_encore());
    let output = directory.map(|directory| {
        if goes_on {
            return Ok(Output::resume(directory));
        }
        Output::redirect(directory).map_err(|why| {
            let what = ["unable to create pipe for ".as_ref(), directory.as_os_str()];
            Fatal::system("svscan", &what, &why)
        })
    });
    output.transpose()
}
