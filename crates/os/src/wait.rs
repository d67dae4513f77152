//! Waiting for descriptors until a deadline.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

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

/// What a pipe has for whoever reads it next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outlook {
    /// There is something in it.
    pub unread: bool,
    /// Nobody can write to it any more.
    pub ended: bool,
}

/// Looks at the reading end of a pipe without waiting, and takes nothing.
pub fn outlook(pipe: BorrowedFd<'_>) -> io::Result<Outlook> {
    let mut polled = [PollFd::new(pipe, PollFlags::POLLIN)];
    nix::poll::ppoll(&mut polled, Some(TimeSpec::from(Duration::ZERO)), None)?;
    let [polled] = polled;
    let seen = polled.revents().unwrap_or(PollFlags::empty());
    Ok(Outlook {
        unread: seen.contains(PollFlags::POLLIN),
        ended: seen.contains(PollFlags::POLLHUP),
    })
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

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;
    use std::time::Duration;

    use super::{Outlook, outlook};
    use crate::descriptor;

    #[test]
    fn a_pipe_tells_what_is_in_it_and_whether_more_can_come() {
        let (reading, writing) = descriptor::pipe().unwrap();
        let seen = |unread, ended| {
            assert_eq!(outlook(reading.as_fd()).unwrap(), Outlook { unread, ended });
        };
        seen(false, false);
        descriptor::write_all(&writing, b"x").unwrap();
        seen(true, false);
        drop(writing);
        // A child that another test forks just then may have it for a moment.
        let ended = || outlook(reading.as_fd()).unwrap().ended;
        let soon = (0..10_000).any(|_| {
            std::thread::sleep(Duration::from_millis(1));
            ended()
        });
        assert!(soon, "no end");
        seen(true, true);
        descriptor::read(&reading, &mut [0]).unwrap();
        seen(false, true);
    }
}
