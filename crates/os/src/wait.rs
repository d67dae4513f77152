//! Waiting for descriptors until a deadline.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags};
use nix::sys::time::TimeSpec;

use crate::clock::Moment;

/// Waits until one of `descriptors` can be read (or has failed or ended), or
/// until `deadline`; without a deadline as long as it takes.
///
/// Gives for each descriptor whether it is ready. A signal ends the wait early
/// with nothing ready, as does a deadline that has passed; both are normal and
/// the caller's loop goes round again.
pub fn until_readable<const N: usize>(
    descriptors: [BorrowedFd<'_>; N],
    deadline: Option<Moment>,
) -> io::Result<[bool; N]> {
    let mut polled = descriptors.map(|fd| PollFd::new(fd, PollFlags::POLLIN));
    let timeout = deadline.map(|moment| TimeSpec::from(moment.since(Moment::now())));
    match nix::poll::ppoll(&mut polled, timeout, None) {
        Ok(_) => Ok(polled.map(|fd| fd.any().unwrap_or(true))),
        Err(Errno::EINTR) => Ok([false; N]),
        Err(errno) => Err(errno.into()),
    }
}

/// What a descriptor is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// Something to read, or its end.
    Readable,
    /// What poll(2) calls priority data, which the kernel's own files use to say
    /// that their content has changed.
    Urgent,
}

/// Like [`until_readable`], where some descriptors may be missing and what is
/// waited for differs.
pub fn until_ready<const N: usize>(
    descriptors: [Option<(BorrowedFd<'_>, Interest)>; N],
    deadline: Option<Moment>,
) -> io::Result<[bool; N]> {
    // poll(2) passes over negative numbers, which nix's type cannot hold.
    let mut polled = descriptors.map(|wanted| libc::pollfd {
        fd: wanted.map_or(-1, |(fd, _)| fd.as_raw_fd()),
        events: match wanted {
            Some((_, Interest::Urgent)) => libc::POLLPRI,
            Some((_, Interest::Readable)) | None => libc::POLLIN,
        },
        revents: 0,
    });
    let timeout = deadline.map(|moment| TimeSpec::from(moment.since(Moment::now())));
    let timeout = timeout.as_ref().map_or(std::ptr::null(), |time| {
        std::ptr::from_ref::<libc::timespec>(time.as_ref())
    });
    // SAFETY: the array's length is given with it, the descriptors are borrowed
    // for longer than the call, and the time, where there is one, lives as long.
    let count = unsafe {
        libc::ppoll(
            polled.as_mut_ptr(),
            N as libc::nfds_t,
            timeout,
            std::ptr::null(),
        )
    };
    match Errno::result(count) {
        Ok(_) => Ok(polled.map(|fd| fd.revents != 0)),
        Err(Errno::EINTR) => Ok([false; N]),
        Err(errno) => Err(errno.into()),
    }
}

/// Waits until `descriptor` takes bytes, or has failed; a signal ends the wait
/// early.
pub fn until_writable(descriptor: BorrowedFd<'_>) -> io::Result<()> {
    let mut polled = [PollFd::new(descriptor, PollFlags::POLLOUT)];
    match nix::poll::ppoll(&mut polled, None, None) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}
