//! Waiting for descriptors until a deadline.

use std::io;
use std::os::fd::BorrowedFd;

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

/// Waits until `descriptor` takes bytes, or has failed; a signal ends the wait
/// early.
pub fn until_writable(descriptor: BorrowedFd<'_>) -> io::Result<()> {
    let mut polled = [PollFd::new(descriptor, PollFlags::POLLOUT)];
    match nix::poll::ppoll(&mut polled, None, None) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}
