//! The services that this one waits for, by `dependencies.d` and `waits-for.d`.
//!
//! They are looked at where their own `supervise` leaves its word, and watched only
//! as long as there is something to wait for. So it does not matter whose
//! `supervise` that is, nor how many wait.

use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::{Path, PathBuf};

use dt_os::file::{Directory, How};
use dt_os::incarnation;
use dt_os::watch::Watches;
use dt_service::details::{self, Details};
use dt_service::{Place, State, StatusFile, Want};
use dt_settings::Setting;
use dt_settings::graph::{Graph, Tie, ties};

use crate::machine::Needs;

/// What is known of the neighbours.
pub(crate) struct Neighbours {
    /// Where they are.
    scan: Directory,
    /// Who we are there.
    own: OsString,
    watches: Option<Watches>,
    /// The one that is waited for, or that has failed.
    about: OsString,
}

/// What one of them is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    Ready,
    NotYet,
    Failed,
    Missing,
}

impl Neighbours {
    /// Of the service that is called `own` in the directory `scan`.
    pub(crate) const fn new(scan: Directory, own: OsString) -> Self {
        Self {
            scan,
            own,
            watches: None,
            about: OsString::new(),
        }
    }

    /// The directory that they are in, which a later program goes on with.
    pub(crate) const fn scan(&self) -> &Directory {
        &self.scan
    }

    /// The one that is waited for, or that has failed.
    pub(crate) fn about(&self) -> &OsStr {
        &self.about
    }

    /// What becomes readable when one of them may have changed.
    pub(crate) fn watched(&self) -> Option<BorrowedFd<'_>> {
        self.watches.as_ref().map(AsFd::as_fd)
    }

    /// Takes note that they may have.
    pub(crate) fn fetch(&self) {
        if let Some(watches) = &self.watches {
            watches.fetch(|_| {});
        }
    }

    /// There is nothing to wait for any more.
    pub(crate) fn rest(&mut self) {
        self.watches = None;
    }

    /// Whether what the service in `directory` needs is there. They are watched
    /// before they are looked at, so that nothing is missed in between.
    pub(crate) fn look(&mut self, directory: &Directory) -> Needs {
        let Ok(ties) = ties(directory) else {
            return Needs::Met;
        };
        self.about.clear();
        if ties.is_empty() {
            return Needs::Met;
        }
        let ignored = match self.rings(&ties) {
            Ok(ignored) => ignored,
            Err(ring) => {
                self.about = ring;
                return Needs::Ring;
            }
        };
        let ties = ties.iter().filter(|tie| !ignored.contains(&tie.on));
        self.watch(ties.clone());
        let mut needs = Needs::Met;
        for tie in ties {
            let condition = self.condition(&tie.on);
            let now = match (condition, tie.kind) {
                (Condition::Failed | Condition::Missing, Setting::Dependencies) => Needs::Failed,
                (Condition::NotYet, _) => Needs::Unmet,
                (Condition::Ready | Condition::Failed | Condition::Missing, _) => continue,
            };
            if needs == Needs::Met || now == Needs::Failed {
                self.about.clone_from(&tie.on);
                needs = now;
            }
            if now == Needs::Failed {
                break;
            }
        }
        if needs != Needs::Unmet {
            self.rest();
        }
        needs
    }

    /// The names that are not waited for as they wait for us, and only wish to; the
    /// error is one that needs us as we need it.
    fn rings(&self, own: &[Tie]) -> Result<Vec<OsString>, OsString> {
        let graph = Graph::explore(&self.scan, std::slice::from_ref(&self.own));
        let mut ignored = Vec::new();
        for ring in graph.rings() {
            let Some(at) = ring.iter().position(|name| **name == *self.own) else {
                continue;
            };
            let next = ring.iter().cycle().nth(at + 1).copied().unwrap_or_default();
            let wishes = |on: &OsStr, ties: &[Tie]| {
                let mut ties = ties.iter().filter(|tie| tie.on == on);
                ties.all(|tie| tie.kind == Setting::WaitsFor)
            };
            if wishes(next, own) {
                ignored.push(next.to_owned());
                continue;
            }
            // Somebody else's wish may be what gives way.
            let others = ring.iter().zip(ring.iter().cycle().skip(1));
            let gives_way = others.into_iter().any(|(name, on)| {
                let directory = self.scan.open_directory(name);
                let ties = directory.and_then(|directory| ties(&directory));
                ties.is_ok_and(|ties| wishes(on, &ties))
            });
            if !gives_way {
                return Err(next.to_owned());
            }
        }
        Ok(ignored)
    }

    fn watch<'a>(&mut self, ties: impl Iterator<Item = &'a Tie>) {
        if self.watches.is_none() {
            self.watches = Watches::new().ok();
        }
        let Some(watches) = &self.watches else { return };
        for tie in ties {
            // The first tells when the second comes.
            let _ = watches.add(self.path(&tie.on));
            if let Some(place) = self.place(&tie.on) {
                let _ = watches.add(place);
            }
        }
    }

    fn path(&self, name: &OsStr) -> PathBuf {
        let scan = self.scan.as_fd().as_raw_fd();
        Path::new("/proc/self/fd").join(scan.to_string()).join(name)
    }

    /// Where its `supervise` has its files.
    fn place(&self, name: &OsStr) -> Option<PathBuf> {
        let directory = self.path(name);
        let real = || std::fs::canonicalize(&directory).map(OsString::from);
        let place = Place::resolve(std::env::var_os(Place::VARIABLE), real).ok()?;
        Some(directory.join(place.directory()))
    }

    fn condition(&self, name: &OsStr) -> Condition {
        if !self.path(name).is_dir() {
            return Condition::Missing;
        }
        let read = || {
            let place = self.place(name)?;
            // Nobody reads it where there is no supervise.
            How::WRITE.open(place.join("ok")).ok()?;
            let status = StatusFile::decode(&bytes(&place.join("status"))?).ok()?;
            let details = bytes(&place.join(details::NAME)).and_then(|file| Details::decode(&file));
            Some((status, details))
        };
        let Some((status, details)) = read() else {
            return Condition::NotYet;
        };
        let boot = incarnation::boot_id();
        match details.filter(|details| details.boot == boot) {
            Some(details) => of_details(&details),
            None => of_status(&status),
        }
    }
}

fn of_details(details: &Details) -> Condition {
    match details.state {
        details::State::Running | details::State::Started => Condition::Ready,
        details::State::Failed if details.reason != details::Reason::Retry => Condition::Failed,
        _ => Condition::NotYet,
    }
}

fn of_status(status: &StatusFile) -> Condition {
    let up = status.main.pid != 0 && status.main.want != Want::Down && !status.main.paused;
    match status.state {
        Some(State::Failed) => Condition::Failed,
        Some(State::Running | State::Started) => Condition::Ready,
        None if up => Condition::Ready,
        Some(_) | None => Condition::NotYet,
    }
}

/// What there is in a file, as far as it can be of use.
fn bytes(file: &Path) -> Option<Vec<u8>> {
    let file = How::READ.open(file).ok()?;
    let mut bytes = Vec::new();
    file.take(4096).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}
