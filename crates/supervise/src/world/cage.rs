//! What keeps a service together with all that it starts: a cgroup of its own, or,
//! where there is none to be had, its session and who its parents are.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use dt_cli::Message;
use dt_os::cgroup::{self, Leaf};
use dt_os::file::How;
use dt_os::process::{self, Pid};
use dt_os::signals::Signal;
use dt_os::{descriptor, kin};
use dt_service::details::{self, Kept};

use super::Kernel;
use crate::machine::Rest;
use crate::state::State;
use crate::{PROGRAM, files, takeover};

/// Below which cgroup the services' are to be, where that is not our own.
const VARIABLE: &str = "SUPERVISE_CGROUP";

/// The longest name that a cgroup gets from its service.
const LONGEST: usize = 100;

/// What keeps the service together.
#[derive(Debug)]
pub(super) enum Cage {
    /// Its cgroup.
    Leaf {
        leaf: Leaf,
        /// Open as long as it is waited for to be empty.
        events: Option<File>,
        /// Processes killed in it for want of memory before this service.
        killed: u64,
    },
    /// Nothing but what /proc tells.
    Kin {
        /// We have been there all the time.
        whole: bool,
    },
}

/// Who is not the service's, and who is.
pub(super) struct Bounds {
    session: Option<Pid>,
    spared: Vec<Pid>,
}

impl Cage {
    /// What becomes ready when something may have changed that is waited for.
    pub(super) fn watched(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Leaf { events, .. } => events.as_ref().map(AsFd::as_fd),
            Self::Kin { .. } => None,
        }
    }

    pub(super) const fn rest(&self) -> Rest {
        match self {
            Self::Leaf { .. } => Rest::Told,
            Self::Kin { .. } => Rest::Looked,
        }
    }

    pub(super) const fn kept(&self) -> Kept {
        match self {
            Self::Leaf { .. } => Kept::Cgroup,
            Self::Kin { whole: true } => Kept::Kin,
            Self::Kin { whole: false } => Kept::Session,
        }
    }

    /// Sends a signal to all that is left.
    pub(super) fn send(&self, bounds: &Bounds, signal: Signal) {
        match self {
            Self::Leaf { leaf, .. } => leaf.send(signal),
            Self::Kin { .. } => {
                let kin = kin::of(bounds.session, &bounds.spared);
                kin::send(&kin.unwrap_or_default(), signal);
            }
        }
    }

    /// Whether nothing is left. Where it cannot be told, a cgroup is not empty, and
    /// soon looked at again.
    fn is_empty(&mut self, bounds: &Bounds) -> bool {
        match self {
            Self::Leaf { leaf, events, .. } => {
                // First, so that a change in between is told.
                if events.is_none() {
                    *events = leaf.events().ok();
                }
                leaf.is_populated(events.as_ref()).is_ok_and(|is| !is)
            }
            Self::Kin { .. } => {
                let kin = kin::of(bounds.session, &bounds.spared);
                kin.is_ok_and(|kin| kin.is_empty()) || !Path::new("/proc/self").exists()
            }
        }
    }

    /// What the kernel has counted: whether a process was killed for want of memory,
    /// and the most memory there was, in KiB.
    pub(super) fn account(&self) -> (bool, Option<u64>) {
        match self {
            Self::Leaf { leaf, killed, .. } => {
                let now = leaf.killed_for_memory();
                let most = leaf.peak_memory().map(|bytes| bytes / 1024);
                (now.is_some_and(|now| now > *killed), most)
            }
            Self::Kin { .. } => (false, None),
        }
    }
}

impl Kernel {
    fn set_cage(&mut self, cage: Option<Cage>) {
        self.settings.cage(cage.as_ref().map(Cage::rest));
        self.cage = cage.map(Box::new);
    }

    /// Before a start of `run`.
    pub(super) fn prepare_cage(&mut self) {
        if self.cage.is_some() || !self.settings.wants_cage() {
            return;
        }
        match self.make_leaf() {
            Ok(leaf) => {
                self.settings.uncaged = false;
                // Not 0 where it could not be taken away after the service before.
                let killed = leaf.killed_for_memory().unwrap_or(0);
                self.set_cage(Some(Cage::Leaf {
                    leaf,
                    events: None,
                    killed,
                }));
            }
            Err(why) => self.do_without(&why),
        }
    }

    /// Puts a child in that waits to be let go.
    pub(super) fn put_in_cage(&mut self, child: Pid) {
        let Some(Cage::Leaf { leaf, .. }) = self.cage.as_deref() else {
            return;
        };
        if let Err(why) = leaf.add(child) {
            leaf.remove();
            self.do_without(&why);
        }
    }

    /// Whether the service is to have a session by which it is known.
    pub(super) fn is_kept_by_session(&self) -> bool {
        matches!(self.cage.as_deref(), Some(Cage::Kin { .. }))
    }

    fn do_without(&mut self, why: &io::Error) {
        if !self.settings.uncaged {
            let name: [&OsStr; 2] = [OsStr::new("unable to make a cgroup for "), &self.directory];
            let line = Message::new(PROGRAM, "warning").pieces(&name).text(": ");
            let line = line.text(dt_os::reason(why));
            let line = line.text(": what it leaves behind is looked for instead");
            let _ = descriptor::write_all(descriptor::stderr(), &line.line());
        }
        self.settings.uncaged = true;
        let _ = process::adopt_orphans();
        let _ = files::replace(&self.place, details::CGROUP, b"");
        self.set_cage(Some(Cage::Kin { whole: true }));
    }

    fn make_leaf(&self) -> io::Result<Leaf> {
        let parent = match std::env::var_os(VARIABLE).filter(|value| !value.is_empty()) {
            Some(parent) => PathBuf::from(parent),
            None => cgroup::own()?,
        };
        let path = parent.join(self.leaf_name()?);
        // Known before it is there.
        let text = path.as_os_str().as_bytes();
        if self.known_leaf().as_deref() != Some(text) {
            files::replace(&self.place, details::CGROUP, text)
                .map_err(|(_, why)| why.unwrap_or(dt_os::Errno::ENOSPC.into()))?;
        }
        Leaf::make(path)
    }

    /// The service's name, and which directory it is, as names are not unique.
    fn leaf_name(&self) -> io::Result<OsString> {
        let facts = std::fs::metadata(".")?;
        let mut name = self.name().into_vec();
        name.truncate(LONGEST);
        let (device, inode) = (facts.dev(), facts.ino());
        name.extend(format!(".supervise-{device:x}-{inode:x}").bytes());
        Ok(OsString::from_vec(name))
    }

    fn known_leaf(&self) -> Option<Vec<u8>> {
        let file = How::READ
            .no_follow()
            .open(self.place.file(details::CGROUP))
            .ok()?;
        let is_file = file.metadata().is_ok_and(|facts| facts.is_file());
        let mut text = Vec::new();
        file.take(4096)
            .read_to_end(&mut text)
            .ok()
            .filter(|_| is_file)?;
        Some(text)
    }

    /// Finds again what an earlier `supervise` had its service kept in.
    pub(super) fn find_cage(&mut self) {
        let Some(text) = self.known_leaf() else {
            return;
        };
        if text.is_empty() {
            let _ = process::adopt_orphans();
            self.set_cage(Some(Cage::Kin { whole: false }));
        } else if let Ok(leaf) = Leaf::at(PathBuf::from(OsString::from_vec(text))) {
            // It was made for this service, and nothing was counted before.
            self.set_cage(Some(Cage::Leaf {
                leaf,
                events: None,
                killed: 0,
            }));
        }
    }

    pub(super) fn sweep_cage(&mut self, state: &State) -> bool {
        let bounds = self.bounds(state);
        let Some(cage) = self.cage.as_deref_mut() else {
            return true;
        };
        let empty = cage.is_empty(&bounds);
        if empty {
            if let Cage::Leaf { leaf, .. } = cage {
                leaf.remove();
            }
            if cage.kept() == Kept::Session {
                self.warn_of_what_is_not_found();
            }
            self.set_cage(None);
        }
        empty
    }

    fn warn_of_what_is_not_found(&self) {
        let what = " has no cgroup: what it left in other sessions before this supervise came \
                    is not found";
        let line = Message::new(PROGRAM, "warning").pieces(&[&self.directory, what.as_ref()]);
        let _ = descriptor::write_all(descriptor::stderr(), &line.line());
    }

    /// All that is ours is not the service's.
    pub(super) fn bounds(&self, state: &State) -> Bounds {
        if !self.is_kept_by_session() {
            return Bounds {
                session: None,
                spared: Vec::new(),
            };
        }
        let main = state.main.ended.map(|(pid, _)| pid);
        let beside = self.people.besides();
        let ours = [self.people.log.process, self.people.notify.process];
        let ours = ours.into_iter().chain(beside).flatten();
        Bounds {
            session: main.or(state.main.process.pid()),
            spared: ours.map(takeover::pid).chain(self.probe).collect(),
        }
    }
}
