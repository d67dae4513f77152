//! Starts everything: stops what an earlier run left over, then runs `svscan` with
//! its complaints going into the process list, by way of `readproctitle`.
//!
//! Does what the shell script of the name does, without a shell. As with the
//! script, the end of `svscan` is not the end of this program: the services still
//! hold the pipe to `readproctitle`, which is waited for.
#![forbid(unsafe_code)]

use std::ffi::{CString, OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, RawFd};
use std::path::Path;

use dt_chain::Environment;
use dt_cli::{Exit, Fatal};
use dt_os::descriptor;
use dt_os::exec::Image;
use dt_os::process::{ChildSignal, Ending, Launch, Pid, wait_for};

mod leftovers;

const PROGRAM: &str = "svscanboot";
/// Where programs are looked for, by `svscan` and all below it too.
const PATH: &str =
    "/command:/usr/local/bin:/usr/local/sbin:/bin:/sbin:/usr/bin:/usr/sbin:/usr/X11R6/bin";
const SCANNED: &str = "/etc/service";
/// How long the title is that shows complaints.
const DOTS: usize = 400;

/// Runs the program; arguments mean nothing.
pub fn run(_args: &[OsString]) -> Result<Exit, Fatal> {
    boot().map_err(|why| Fatal::system(PROGRAM, &["unable to start".as_ref()], &why))
}

fn boot() -> io::Result<Exit> {
    descriptor::silence_standard()?;
    wait_for(stop_leftovers(Path::new(SCANNED))?)?;
    let (complaints, complaining) = descriptor::pipe()?;
    let scan = [OsStr::new("svscan"), OsStr::new(SCANNED)];
    let scan = start(
        &scan,
        &path_alone()?,
        &[(complaining.as_fd(), 1), (complaining.as_fd(), 2)],
    )?;
    let dots = ".".repeat(DOTS);
    let title = ["readproctitle", "service", "errors:", &dots].map(OsStr::new);
    let title = start(&title, &path_alone()?, &[(complaints.as_fd(), 0)])?;
    // Only the services' side may keep the pipe open.
    drop((complaints, complaining));
    wait_for(scan)?;
    Ok(shown_by_a_shell(wait_for(title)?))
}

/// Tells every supervise of an earlier run to stop its service and to leave.
fn stop_leftovers(scanned: &Path) -> io::Result<Pid> {
    let mut environment = Environment::inherited();
    environment.set("PATH".as_ref(), PATH.as_bytes());
    let mut words: Vec<OsString> = vec!["svc".into(), "-dx".into()];
    words.extend(leftovers::directories(scanned));
    start(&words, &environment.entries(), &[])
}

fn path_alone() -> io::Result<Vec<CString>> {
    Ok(vec![CString::new(["PATH=", PATH].concat())?])
}

fn start(
    words: &[impl AsRef<OsStr>],
    environment: &[CString],
    descriptors: &[(BorrowedFd<'_>, RawFd)],
) -> io::Result<Pid> {
    let image = Image::searched(words, Some(PATH.as_ref()), environment)?;
    let launch = Launch {
        image: &image,
        descriptors,
        directory: None,
        child_signal: ChildSignal::Default,
        descriptor_excuse: b"svscanboot: fatal: unable to set up descriptors",
        directory_excuse: &[],
        exec_excuse: b"svscanboot: fatal: unable to run a program of the suite",
    };
    launch.start()
}

/// How a shell reports the end of a pipeline's last program.
fn shown_by_a_shell(ending: Ending) -> Exit {
    let code = match ending {
        Ending::Exited(code) => code,
        Ending::Killed(signal) => 128 + signal,
    };
    u8::try_from(code).map_or(Exit::TEMPORARY, Exit::from_child)
}
