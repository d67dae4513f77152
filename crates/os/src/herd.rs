//! Processes that are not our children, watched for their end.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::errno::Errno;

use crate::pidfd::PidFd;
use crate::process::Pid;

/// How many ends are fetched at a time.
const BLOCK: usize = 64;

/// Any number of processes; readable when one of them has ended.
#[derive(Debug)]
pub struct Herd {
    epoll: OwnedFd,
    watched: HashMap<Pid, PidFd>,
}

impl Herd {
    /// Watches nobody yet.
    pub fn new() -> io::Result<Self> {
        // SAFETY: the call takes an integer; a descriptor it gives is new and ours.
        let number = Errno::result(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        Ok(Self {
            // SAFETY: just made by the kernel for us and owned by nobody else.
            epoll: unsafe { OwnedFd::from_raw_fd(number) },
            watched: HashMap::new(),
        })
    }

    /// Watches `process`, whose number is `pid`, until it has ended.
    pub fn watch(&mut self, pid: Pid, process: PidFd) -> io::Result<()> {
        let mut wish = libc::epoll_event {
            events: libc::EPOLLIN.cast_unsigned(),
            u64: u64::from(pid.as_raw().cast_unsigned()),
        };
        let number = process.as_fd().as_raw_fd();
        // SAFETY: both descriptors are open, and the wish is only read.
        Errno::result(unsafe {
            libc::epoll_ctl(
                self.epoll.as_raw_fd(),
                libc::EPOLL_CTL_ADD,
                number,
                &raw mut wish,
            )
        })?;
        self.watched.insert(pid, process);
        Ok(())
    }

    /// Whether nobody is watched.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.watched.is_empty()
    }

    /// The processes that have ended, which are watched no longer. There may be
    /// more: as long as there are, this stays readable.
    pub fn ended(&mut self) -> Vec<Pid> {
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; BLOCK];
        // SAFETY: the array's length is given with it.
        let count = unsafe {
            libc::epoll_wait(
                self.epoll.as_raw_fd(),
                events.as_mut_ptr(),
                i32::try_from(BLOCK).unwrap_or(1),
                0,
            )
        };
        let count = usize::try_from(count).unwrap_or(0);
        let numbers = events.iter().take(count).map(|event| event.u64);
        let pids: Vec<Pid> = numbers
            .filter_map(|number| Some(Pid::from_raw(i32::try_from(number).ok()?)))
            .collect();
        for pid in &pids {
            // Its descriptor was the only one, so that the kernel forgets it too.
            self.watched.remove(pid);
        }
        pids
    }
}

impl AsFd for Herd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn an_end_is_told_once() {
        let mut child = Command::new("/bin/cat")
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let pid = Pid::from_raw(child.id().try_into().unwrap());
        let mut herd = Herd::new().unwrap();
        herd.watch(pid, PidFd::open(pid).unwrap()).unwrap();
        assert_eq!(herd.ended(), []);
        drop(child.stdin.take());
        crate::wait::until_readable([herd.as_fd()], None).unwrap();
        assert_eq!(herd.ended(), [pid]);
        assert!(herd.is_empty());
        assert_eq!(herd.ended(), []);
        child.wait().unwrap();
    }
}
