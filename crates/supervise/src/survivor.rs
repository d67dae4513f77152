//! The process that an earlier `supervise` started, which is no child of ours.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use dt_os::Errno;
use dt_os::pidfd::PidFd;
use dt_os::process::{self, Ending, Pid};
use dt_os::signals::Signal;
use dt_os::{ending, incarnation};
use dt_service::Incarnation;

use crate::takeover::{self, Fate, Found};

/// A living process that is proven to be the service's.
#[derive(Debug)]
pub(crate) struct Survivor {
    process: Incarnation,
    /// None where the kernel has no such descriptors; then it is looked up.
    fd: Option<PidFd>,
    ended: bool,
    ending: Option<Ending>,
}

/// Finds out about a process on record. A survivor is given where it lives and
/// is not our child, of whose death the kernel tells us anyway.
///
/// The descriptor comes first: whatever is found out after that is of the
/// process that it stands for, or there is nothing any more.
pub(crate) fn find(process: Incarnation) -> (Fate, Option<Survivor>) {
    let pid = takeover::pid(process);
    let fd = match PidFd::open(pid) {
        Ok(fd) => Some(fd),
        Err(why) if dt_os::is_errno(&why, Errno::ESRCH) => return (Fate::Gone, None),
        Err(_) => None,
    };
    let child = process::is_child(pid);
    let fate = takeover::fate(process, look(pid, child, process.start.is_some()));
    let survivor = Survivor {
        process,
        fd,
        ended: false,
        ending: None,
    };
    let kept = fate == Fate::Lives && !child;
    (fate, kept.then_some(survivor))
}

fn look(pid: Pid, child: bool, by_start: bool) -> Found {
    match incarnation::look_up(pid) {
        // Somebody else will reap it.
        Ok(seen) if seen.zombie && !child => Found::Nothing,
        Ok(seen) if by_start || !child => Found::Started(seen.start),
        Err(why) if dt_os::is_errno(&why, Errno::ESRCH) => Found::Nothing,
        Ok(_) | Err(_) if child => Found::Ours,
        Ok(_) | Err(_) if incarnation::lives(pid) => Found::Something,
        Ok(_) | Err(_) => Found::Nothing,
    }
}

impl Survivor {
    /// One on record that has gone, of which nobody has been told.
    pub(crate) const fn gone(process: Incarnation) -> Self {
        Self {
            process,
            fd: None,
            ended: true,
            ending: None,
        }
    }

    pub(crate) fn pid(&self) -> Pid {
        takeover::pid(self.process)
    }

    /// What becomes readable at its death; none where that cannot be, or is past.
    pub(crate) fn watch(&self) -> Option<BorrowedFd<'_>> {
        self.fd.as_ref().filter(|_| !self.ended).map(AsFd::as_fd)
    }

    /// Whether its death shows only to who looks.
    pub(crate) const fn must_be_looked_at(&self) -> bool {
        self.fd.is_none() && !self.ended
    }

    /// Notes that it has ended, if `told` says so, or if that is not told and a
    /// look shows it. Gives whether it has.
    pub(crate) fn note_end(&mut self, told: bool) -> bool {
        let looked = self.must_be_looked_at() && !self.lives();
        if (told || looked) && !self.ended {
            self.ended = true;
            // At once: later its parent has fetched it.
            self.ending = ending::of(self.pid(), self.fd.as_ref());
        }
        self.ended
    }

    /// How it has ended, where the kernel tells that to others than the parent.
    pub(crate) const fn ending(&self) -> Option<Ending> {
        self.ending
    }

    pub(crate) const fn has_ended(&self) -> bool {
        self.ended
    }

    /// Sends `signal` to it and to no other.
    pub(crate) fn send(&self, signal: Signal) -> io::Result<()> {
        match &self.fd {
            Some(fd) => match fd.send(signal) {
                Err(why) if dt_os::is_errno(&why, Errno::ENOSYS) => self.send_by_number(signal),
                other => other,
            },
            None => self.send_by_number(signal),
        }
    }

    fn send_by_number(&self, signal: Signal) -> io::Result<()> {
        if self.lives() {
            process::send(self.pid(), signal)
        } else {
            Err(Errno::ESRCH.into())
        }
    }

    fn lives(&self) -> bool {
        takeover::fate(
            self.process,
            look(self.pid(), false, self.process.start.is_some()),
        ) != Fate::Gone
    }
}
