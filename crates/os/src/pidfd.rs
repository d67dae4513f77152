//! A descriptor that stands for one process and no other.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::errno::Errno;

use crate::process::Pid;
use crate::signals::Signal;

/// A process, whether or not it is our child. The descriptor becomes readable
/// when it has ended.
#[derive(Debug)]
pub struct PidFd(OwnedFd);

impl PidFd {
    /// The process that has the number now. `ESRCH`: there is none; `ENOSYS`:
    /// the kernel is older than Linux 5.3.
    pub fn open(pid: Pid) -> io::Result<Self> {
        // SAFETY: the call takes two integers; a descriptor it gives is new and ours.
        let fd = Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0) })?;
        let fd = i32::try_from(fd).map_err(|_| Errno::EBADF)?;
        // SAFETY: just made by the kernel for us (close-on-exec, as pidfd_open(2) says)
        // and owned by nobody else.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Signals that process, never one that got its number later; `ESRCH` once
    /// it has been reaped.
    pub fn send(&self, signal: Signal) -> io::Result<()> {
        // SAFETY: the descriptor is open, and a null siginfo means as kill(2) would.
        Errno::result(unsafe {
            libc::syscall(
                libc::SYS_pidfd_send_signal,
                self.0.as_raw_fd(),
                signal as libc::c_int,
                std::ptr::null::<libc::siginfo_t>(),
                0,
            )
        })?;
        Ok(())
    }

    /// A second descriptor for what the process has open under this number,
    /// close-on-exec. `EPERM`: it may not be traced by us; `ENOSYS`: the kernel is
    /// older than Linux 5.6.
    pub fn duplicate(&self, number: i32) -> io::Result<OwnedFd> {
        // SAFETY: the call takes integers; a descriptor it gives is new and ours.
        let fd = Errno::result(unsafe {
            libc::syscall(libc::SYS_pidfd_getfd, self.0.as_raw_fd(), number, 0)
        })?;
        let fd = i32::try_from(fd).map_err(|_| Errno::EBADF)?;
        // SAFETY: just made by the kernel for us (close-on-exec, as pidfd_getfd(2) says)
        // and owned by nobody else.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) })
    }
}

impl AsFd for PidFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
