//! Starting `supervise`.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, RawFd};
use std::path::{Path, PathBuf};

use dt_cli::Message;
use dt_os::exec::Image;
use dt_os::file;
use dt_os::process::{ChildSignal, Launch, Pid};
use dt_os::store::Store;

use crate::held::{Held, Pipe};
use crate::keep;
use crate::machine::Half;
use crate::upgrade;

const STANDARD_INPUT: RawFd = 0;
const STANDARD_OUTPUT: RawFd = 1;

/// Starts `supervise`.
pub(crate) fn launch(half: Half, name: &OsStr, held: &Held) -> io::Result<Pid> {
    let store = held.keep(half).made_for(&directory_of(half, name));
    let held = held.pipe.as_ref();
    let (argument, suffix, directory) = match half {
        Half::Main => (name, "", None),
        Half::Log => (OsStr::new("log"), "/log", Some(file::c_name(name)?)),
    };
    let reading = held.filter(|_| half == Half::Log).map(Pipe::reading);
    let reading = reading.transpose()?;
    let descriptors = match (held, &reading) {
        (Some(_), Some(reading)) => Some((reading.as_fd(), STANDARD_INPUT)),
        (Some(pipe), None) => pipe.writing().map(|end| (end.as_fd(), STANDARD_OUTPUT)),
        (None, _) => None,
    };
    let excuse = |what: &str, suffix: &str| {
        let pieces = ["unable to ".as_ref(), what.as_ref(), name, suffix.as_ref()];
        Message::new("svscan", "warning").pieces(&pieces).excuse()
    };
    let image = supervise(argument, store)?;
    let launch = Launch {
        image: &image,
        descriptors: descriptors.as_slice(),
        directory: directory.as_ref(),
        child_signal: ChildSignal::Inherited,
        descriptor_excuse: &excuse("set up descriptors for ", suffix),
        directory_excuse: &excuse("switch to ", ""),
        exec_excuse: &excuse("start supervise ", suffix),
    };
    keep::with(store, || launch.start())
}

/// `supervise ARGUMENT`, found along our own `PATH`.
pub(crate) fn supervise(argument: &OsStr, store: Option<&Store>) -> io::Result<Image> {
    let mut environment = upgrade::environment();
    if let Some(store) = store {
        environment.push(keep::entry(store)?);
    }
    let path = dt_chain::inherited_path();
    Image::searched(
        &["supervise".as_ref(), argument],
        path.as_deref(),
        &environment,
    )
}

/// Where a half's `supervise` works.
pub(crate) fn directory_of(half: Half, name: &OsStr) -> PathBuf {
    match half {
        Half::Main => PathBuf::from(name),
        Half::Log => Path::new(name).join("log"),
    }
}
