//! Signals: a descriptor to poll, dispositions and the mask.

use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use nix::errno::Errno;
use nix::sys::signal::{
    SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, sigaction, sigprocmask,
};

pub use nix::sys::signal::Signal;

/// A descriptor that becomes readable when a watched signal has arrived.
///
/// Says only that *something* happened: signals of one kind coalesce, so the
/// reader must go and look (reap until nothing is left), never count.
#[derive(Debug)]
pub struct SignalPipe {
    rx: UnixStream,
    /// For further signals.
    tx: Option<UnixStream>,
    registered: Vec<signal_hook::SigId>,
}

impl SignalPipe {
    /// Catches `signal` from now on, and unblocks it if our parent had it
    /// blocked.
    pub fn watch(signal: Signal) -> io::Result<Self> {
        let (rx, tx) = UnixStream::pair()?;
        rx.set_nonblocking(true)?;
        let mut pipe = Self {
            rx,
            tx: Some(tx.try_clone()?),
            registered: Vec::new(),
        };
        pipe.register(signal, tx)?;
        Ok(pipe)
    }

    /// The same with a descriptor less, where no other signal is to be caught.
    pub fn watch_only(signal: Signal) -> io::Result<Self> {
        let mut pipe = Self::watch(signal)?;
        pipe.tx = None;
        Ok(pipe)
    }

    /// Catches `signal` as well; the [`flag`] tells which it was.
    pub fn also(&mut self, signal: Signal) -> io::Result<()> {
        let tx = self.tx.as_ref().ok_or(Errno::EBADF)?.try_clone()?;
        self.register(signal, tx)
    }

    fn register(&mut self, signal: Signal, tx: UnixStream) -> io::Result<()> {
        let id = signal_hook::low_level::pipe::register(signal as i32, tx)?;
        self.registered.push(id);
        unblock(signal)
    }

    /// Empties the pipe and says whether anything was in it. Call before looking
    /// at what the signal was about, or one in between is lost.
    pub fn drain(&mut self) -> bool {
        let mut buffer = [0; 64];
        let mut any = false;
        loop {
            match self.rx.read(&mut buffer) {
                Ok(0) => return any,
                Ok(_) => any = true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Nothing left (EAGAIN); no other error is possible on this pipe.
                Err(_) => return any,
            }
        }
    }
}

impl Drop for SignalPipe {
    /// A signal that comes later is caught and forgotten: it must not be written to
    /// a pipe that nobody reads, which would end us.
    fn drop(&mut self) {
        for id in self.registered.drain(..) {
            signal_hook::low_level::unregister(id);
        }
    }
}

impl AsFd for SignalPipe {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.rx.as_fd()
    }
}

/// Lets `signal` through.
pub fn unblock(signal: Signal) -> io::Result<()> {
    Ok(sigprocmask(
        SigmaskHow::SIG_UNBLOCK,
        Some(&SigSet::from(signal)),
        None,
    )?)
}

/// A flag that is set once `signal` has been caught. It is set before any call
/// that the signal interrupts returns, which a descriptor that is polled cannot
/// say: the poll may have been over already.
///
/// By itself this keeps the signal from ending us; what we execute later has it
/// at its default again. One that our parent had us ignore is better left alone.
pub fn flag(signal: Signal) -> io::Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal as i32, Arc::clone(&flag))?;
    Ok(flag)
}

/// Whether it is ignored, which is inherited; what is caught is not.
#[must_use]
pub fn is_ignored(signal: Signal) -> bool {
    crate::startup::is_ignored(signal as i32)
}

/// Has the kernel drop `signal`; what we execute later inherits that.
pub fn ignore(signal: Signal) -> io::Result<()> {
    dispose(signal, SigHandler::SigIgn)
}

/// Has `signal` do what it does to a program that says nothing about it.
pub fn set_default(signal: Signal) -> io::Result<()> {
    dispose(signal, SigHandler::SigDfl)
}

/// Has `signal` do nothing to us but interrupt calls; what we execute later has it at
/// its default.
pub fn survive(signal: Signal) -> io::Result<()> {
    extern "C" fn nothing(_: libc::c_int) {}
    dispose(signal, SigHandler::Handler(nothing))
}

fn dispose(signal: Signal, handler: SigHandler) -> io::Result<()> {
    let action = SigAction::new(handler, SaFlags::empty(), SigSet::empty());
    // SAFETY: the only code of ours that is ever run in signal context does nothing.
    unsafe { sigaction(signal, &action) }?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_that_is_survived_does_nothing() {
        survive(Signal::SIGXFSZ).unwrap();
        nix::sys::signal::raise(Signal::SIGXFSZ).unwrap();
        set_default(Signal::SIGXFSZ).unwrap();
    }

    /// As of a child that dies while its parent exits.
    #[test]
    fn a_signal_that_comes_after_the_pipe_is_not_written_to_it() {
        let pipe = SignalPipe::watch(Signal::SIGWINCH).unwrap();
        let mut reader = pipe.rx.try_clone().unwrap();
        drop(pipe);
        nix::sys::signal::raise(Signal::SIGWINCH).unwrap();
        // The end: nobody can write to it any more.
        assert_eq!(reader.read(&mut [0]).unwrap(), 0);
    }
}
