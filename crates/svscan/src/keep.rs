//! Where a `supervise` leaves for the next one what its service speaks on.
//!
//! All that we do is to have it as well: what is in there is as the kernel holds it,
//! whoever is killed.

use std::cell::OnceCell;
use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use dt_os::descriptor;
use dt_os::file;
use dt_os::pidfd::PidFd;
use dt_os::process::Pid;
use dt_os::store::{self, Store};
use dt_settings::Setting;

/// That of one `supervise`, once its directory has asked for one.
#[derive(Clone, Debug, Default)]
pub struct Keep(Rc<OnceCell<Store>>);

impl Keep {
    /// For a `supervise` that is about to be started in `directory`; none where it
    /// needs none, or there can be none.
    pub(crate) fn made_for(&self, directory: &Path) -> Option<&Store> {
        if self.0.get().is_none()
            && is_asked_for(directory)
            && let Ok(store) = Store::new()
        {
            let _ = self.0.set(store);
        }
        self.0.get()
    }

    /// The one that a living `supervise` has been given by another `svscan`, or by us
    /// before we became this program. Without the right to trace it, or before Linux
    /// 5.6, there is none.
    pub(crate) fn fetch(&self, pid: Pid, process: &PidFd) {
        let place = PathBuf::from(format!("/proc/{pid}"));
        if self.0.get().is_some() || !is_asked_for(&place.join("cwd")) {
            return;
        }
        let ends = sockets(&place).into_iter().filter_map(|number| {
            let fd = process.duplicate(number).ok()?;
            store::is_end(&fd).then_some(fd)
        });
        let ends: Vec<OwnedFd> = ends.collect();
        if let Some(store) = ends.try_into().ok().and_then(Store::of) {
            let _ = self.0.set(store);
        }
    }

    /// The same, of a child of ours.
    pub(crate) fn fetch_from_child(&self, pid: Pid) {
        if let Ok(process) = PidFd::open(pid) {
            self.fetch(pid, &process);
        }
    }
}

/// What a program has in its environment that is to find `store`.
pub(crate) fn entry(store: &Store) -> io::Result<CString> {
    let [entry, exit] = numbers(store);
    file::c_name(format!("{}={entry},{exit}", store::VARIABLE))
}

/// Has the programs that `start` starts inherit `store`, if there is any.
pub(crate) fn with<T>(
    store: Option<&Store>,
    start: impl FnOnce() -> io::Result<T>,
) -> io::Result<T> {
    let ends = || store.into_iter().flat_map(Store::ends);
    let started = ends()
        .try_for_each(descriptor::keep_on_exec)
        .and_then(|()| start());
    for end in ends() {
        let _ = descriptor::close_on_exec(end);
    }
    started
}

fn numbers(store: &Store) -> [i32; 2] {
    store.ends().map(|end| end.as_raw_fd())
}

/// Whether the service in `directory` speaks.
fn is_asked_for(directory: &Path) -> bool {
    let files = [Setting::NotificationFd, Setting::NotifySocket];
    let mut files = files.into_iter().map(|file| directory.join(file.name()));
    files.any(|file| std::fs::symlink_metadata(file).is_ok())
}

/// The numbers of the sockets that a process has beyond the standard descriptors.
fn sockets(process: &Path) -> Vec<i32> {
    let all = std::fs::read_dir(process.join("fd")).into_iter().flatten();
    let numbers = all.flatten().filter_map(|entry| {
        let number: i32 = entry.file_name().to_str()?.parse().ok()?;
        let link = std::fs::read_link(entry.path()).ok()?;
        let is_socket = link.as_os_str().as_encoded_bytes().starts_with(b"socket:");
        (number > 2 && is_socket).then_some(number)
    });
    numbers.collect()
}
