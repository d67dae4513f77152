//! Signals to `supervise` itself.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dt_os::signals::{self, Signal, SignalPipe};
use dt_service::Command;

/// By daemontools-encore: the first two take the service down, and `supervise`
/// exits.
const OBEYED: [Signal; 4] = [
    Signal::SIGTERM,
    Signal::SIGINT,
    Signal::SIGTSTP,
    Signal::SIGCONT,
];

/// The signals that we catch.
pub(crate) struct Signals {
    pipe: SignalPipe,
    /// Whether each of [`OBEYED`] has come; none where they are not obeyed.
    came: Option<[Arc<AtomicBool>; 4]>,
}

impl Signals {
    /// Catches SIGCHLD.
    pub(crate) fn watch() -> io::Result<Self> {
        let pipe = SignalPipe::watch(Signal::SIGCHLD)?;
        Ok(Self { pipe, came: None })
    }

    /// Has the others obeyed too.
    pub(crate) fn obey(&mut self) -> io::Result<()> {
        let [term, int, stop, cont] = OBEYED.map(signals::flag);
        // The flag is set before the pipe is written to.
        for signal in OBEYED {
            self.pipe.also(signal)?;
        }
        self.came = Some([term?, int?, stop?, cont?]);
        Ok(())
    }

    /// What a child must have at its default.
    pub(crate) const fn caught(&self) -> &'static [Signal] {
        if self.came.is_some() { &OBEYED } else { &[] }
    }

    /// What has come to be said since the last call.
    pub(crate) fn fetch(&mut self) -> &'static [Command] {
        self.pipe.drain();
        let Some(came) = &self.came else { return &[] };
        let came = came
            .each_ref()
            .map(|flag| flag.swap(false, Ordering::Relaxed));
        match came {
            [true, ..] | [_, true, ..] => &[Command::Down, Command::Exit],
            [_, _, true, true] => &[Command::Pause, Command::Continue],
            [_, _, true, _] => &[Command::Pause],
            [_, _, _, true] => &[Command::Continue],
            _ => &[],
        }
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}
