//! Where in a tree there is something to upgrade.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use dt_os::holders::{Holder, Holders};
use dt_os::incarnation;
use dt_os::pidfd::PidFd;
use dt_os::process::Pid;
use dt_service::Place as Files;

/// A directory with a `supervise`.
#[derive(Debug)]
pub(crate) struct Place {
    /// As it is told of: `web`, `web/log`.
    pub(crate) name: OsString,
    /// Where its `supervise` keeps its files, seen from us.
    pub(crate) kept: PathBuf,
    /// It is a service's log.
    pub(crate) is_log: bool,
    /// Its `supervise`, or why that cannot be told.
    pub(crate) supervise: io::Result<(Pid, PidFd)>,
}

/// All the places with a `supervise`: services before logs, each in the order of
/// their names; then those whose name has gone from `tree`, children of `svscan`.
pub(crate) fn all(tree: &Path, svscan: Option<Pid>) -> io::Result<Vec<Place>> {
    let mut services = Vec::new();
    for entry in fs::read_dir(tree)? {
        let name = entry?.file_name();
        if !name.as_encoded_bytes().starts_with(b".") && tree.join(&name).is_dir() {
            services.push(name);
        }
    }
    services.sort_unstable();
    let mut holders = Holders::default();
    let mut places = Vec::new();
    let mut seen = HashSet::new();
    let logs = services.iter().map(|name| {
        let mut name = name.clone();
        name.push("/log");
        (name, true)
    });
    let services = services.iter().map(|name| (name.clone(), false));
    for (name, is_log) in services.chain(logs) {
        let Ok(kept) = Files::directory_of(&tree.join(&name)) else {
            // It is not there, or not any more.
            continue;
        };
        let supervise = match holders.of(&kept.join("lock")) {
            Holder::Nobody => continue,
            Holder::Unknown(why) => Err(why),
            Holder::Process(pid, process) => Ok((pid, process)),
        };
        // Two names may lead to one directory.
        if supervise.as_ref().is_ok_and(|(pid, _)| !seen.insert(*pid)) {
            continue;
        }
        places.push(Place {
            name,
            kept,
            is_log,
            supervise,
        });
    }
    if let Some(svscan) = svscan {
        places.extend(nameless(svscan, &seen));
    }
    Ok(places)
}

fn nameless(svscan: Pid, seen: &HashSet<Pid>) -> Vec<Place> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let pids = pids.map(Pid::from_raw).filter(|pid| !seen.contains(pid));
    pids.filter_map(|pid| nameless_place(pid, svscan)).collect()
}

fn nameless_place(pid: Pid, svscan: Pid) -> Option<Place> {
    let process = PidFd::open(pid).ok()?;
    let seen = incarnation::look_up(pid).ok()?;
    let comm = fs::read(format!("/proc/{pid}/comm")).ok()?;
    if seen.parent != svscan || seen.zombie || comm != b"supervise\n" {
        return None;
    }
    let directory = PathBuf::from(format!("/proc/{pid}/cwd"));
    let name = fs::read_link(&directory).ok()?;
    Some(Place {
        is_log: name.ends_with("log"),
        name: name.into_os_string(),
        kept: Files::directory_of(&directory).ok()?,
        supervise: Ok((pid, process)),
    })
}
