//! Waiting for input and for signals at once, without a descriptor for either
//! signal.

use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags};
use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};
use nix::sys::time::TimeSpec;

use crate::clock::Moment;
use crate::signals::{Signal, flag, unblock};

/// Signals that are caught and waited for.
#[derive(Debug)]
pub struct Caught<const N: usize> {
    all: SigSet,
    flags: [Arc<AtomicBool>; N],
}

impl<const N: usize> Caught<N> {
    /// Catches `signals` from now on, and unblocks those that our parent had
    /// blocked. What we execute has them at their default again.
    pub fn watch(signals: [Signal; N]) -> io::Result<Self> {
        let mut flags = [const { None }; N];
        for (place, signal) in flags.iter_mut().zip(signals) {
            *place = Some(flag(signal)?);
            unblock(signal)?;
        }
        Ok(Self {
            all: signals.into_iter().collect(),
            flags: flags.map(Option::unwrap_or_default),
        })
    }

    /// Which signals have come since they were last asked for, without waiting.
    ///
    /// One that was sent before a system call of ours began is among them once the
    /// call has returned.
    #[must_use]
    pub fn come(&self) -> [bool; N] {
        self.flags.each_ref().map(|flag| flag.swap(false, Relaxed))
    }

    /// Waits until one of the signals comes, until one of `descriptors` can be
    /// read (or has failed or ended), or until `deadline`.
    ///
    /// Gives which signals have come since the last wait, and which descriptors
    /// are ready. A signal that came before some input is seen with it, never
    /// after it, and none is lost between two waits.
    pub fn wait<const M: usize>(
        &self,
        descriptors: [BorrowedFd<'_>; M],
        deadline: Option<Moment>,
    ) -> io::Result<([bool; N], [bool; M])> {
        let mut open = SigSet::empty();
        // Blocked, a signal cannot come between the look at the flags and the poll,
        // which opens the mask and begins to wait in one step.
        sigprocmask(SigmaskHow::SIG_BLOCK, Some(&self.all), Some(&mut open))?;
        let come = self.flags.iter().any(|flag| flag.load(Relaxed));
        let polled = poll(descriptors, come.then(Moment::now).or(deadline), open);
        // What the poll left pending is delivered here.
        sigprocmask(SigmaskHow::SIG_SETMASK, Some(&open), None)?;
        let signals = self.come();
        match polled {
            Err(why) if signals.contains(&true) => drop(why),
            polled => return polled.map(|ready| (signals, ready)),
        }
        Ok((signals, [false; M]))
    }
}

fn poll<const M: usize>(
    descriptors: [BorrowedFd<'_>; M],
    deadline: Option<Moment>,
    mask: SigSet,
) -> io::Result<[bool; M]> {
    let mut polled = descriptors.map(|fd| PollFd::new(fd, PollFlags::POLLIN));
    let timeout = deadline.map(|moment| TimeSpec::from(moment.since(Moment::now())));
    match nix::poll::ppoll(&mut polled, timeout, Some(mask)) {
        Ok(_) => Ok(polled.map(|fd| fd.any().unwrap_or(true))),
        Err(Errno::EINTR) => Ok([false; M]),
        Err(errno) => Err(errno.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn a_signal_that_came_before_the_wait_ends_it_and_is_seen_with_the_input() {
        let caught = Caught::watch([Signal::SIGUSR1, Signal::SIGUSR2]).unwrap();
        let (reader, writer) = crate::descriptor::pipe().unwrap();
        nix::sys::signal::raise(Signal::SIGUSR2).unwrap();
        assert_eq!(caught.wait([], None).unwrap(), ([false, true], []));
        nix::sys::signal::raise(Signal::SIGUSR1).unwrap();
        crate::descriptor::write_all(&writer, b"x").unwrap();
        let seen = caught.wait([reader.as_fd()], None).unwrap();
        assert_eq!(seen, ([true, false], [true]));
        let seen = caught.wait([reader.as_fd()], None).unwrap();
        assert_eq!(seen, ([false, false], [true]));
    }

    #[test]
    fn a_wait_ends_at_its_deadline() {
        let caught = Caught::<0>::watch([]).unwrap();
        assert_eq!(caught.wait([], Some(Moment::now())).unwrap(), ([], []));
    }
}
