//! A service that takes what all others print: `svscan dir logdir`, as
//! daemontools-encore has it.
//!
//! Our own standard output and error become a pipe, which all services that have
//! no log of their own inherit, and a `supervise` for `logdir` reads from it. That
//! one has the output that was ours, or its complaints would be its own input.
//!
//! The pipe is our standard output and nothing else holds on to it: so it is there
//! as long as we are, an upgrade included, and ends when we and all services do.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use dt_cli::Message;
use dt_os::clock::Moment;
use dt_os::descriptor;
use dt_os::exec::Image;
use dt_os::file::How;
use dt_os::process::{ChildSignal, Launch, Pid};

use crate::machine::PERIOD;

/// One that lived for less is started again only after the original's time.
const TOO_SHORT: Duration = Duration::from_secs(1);

/// The service, and the `supervise` that it has.
#[derive(Debug)]
pub struct Output {
    directory: OsString,
    supervise: Option<(Pid, Moment)>,
    not_before: Option<Moment>,
    /// One has died since the last scan.
    bereaved: bool,
    /// The standard output and error that were ours; `None` after an upgrade.
    before: Option<[OwnedFd; 2]>,
}

impl Output {
    /// Puts a new pipe in the place of our standard output and error.
    pub fn redirect(directory: &OsStr) -> io::Result<Self> {
        let before = [
            descriptor::duplicate_above(descriptor::stdout(), 3)?,
            descriptor::duplicate_above(descriptor::stderr(), 3)?,
        ];
        let (_reading, writing) = descriptor::pipe()?;
        // Reads as well, so that nobody meets a broken pipe while the log is down,
        // and what is in the pipe is kept.
        descriptor::become_output(descriptor::both_ends(&writing)?)?;
        Ok(Self {
            before: Some(before),
            ..Self::resume(directory)
        })
    }

    /// Goes on with the pipe that is there already.
    #[must_use]
    pub fn resume(directory: &OsStr) -> Self {
        Self {
            directory: directory.to_owned(),
            supervise: None,
            not_before: None,
            bereaved: false,
            before: None,
        }
    }

    /// The service's directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        Path::new(&self.directory)
    }

    /// Whether there is no `supervise` and one may be started now.
    #[must_use]
    pub fn is_due(&self, now: Moment) -> bool {
        self.supervise.is_none() && self.not_before.is_none_or(|at| now >= at)
    }

    /// Whether one has died since this was asked last: a scan is needed, now or later.
    pub fn take_bereaved(&mut self) -> bool {
        std::mem::take(&mut self.bereaved)
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_down(&self) -> bool {
        self.supervise.is_none()
    }

    /// The `supervise` there is.
    #[must_use]
    pub fn process(&self) -> Option<Pid> {
        self.supervise.map(|(pid, _)| pid)
    }

    /// This is the `supervise` from now on.
    pub fn has(&mut self, pid: Pid, now: Moment) {
        self.supervise = Some((pid, now));
    }

    /// It could not be started.
    pub fn failed(&mut self, now: Moment) {
        self.not_before = Some(now.plus(PERIOD));
    }

    /// A process has died; if it was the `supervise`, there is none now.
    pub fn died(&mut self, pid: Pid, now: Moment) {
        let Some((_, since)) = self.supervise.filter(|(own, _)| *own == pid) else {
            return;
        };
        self.supervise = None;
        self.bereaved = true;
        let brief = now.since(since) < TOO_SHORT;
        self.not_before = brief.then(|| now.plus(PERIOD));
    }

    /// Starts `image`, a `supervise` of the directory.
    pub fn start(&self, image: &Image) -> io::Result<Pid> {
        // An end that only reads: with another the log would wait for itself to end.
        let reading = How::READ.open("/proc/self/fd/1")?;
        descriptor::set_nonblocking(&reading, false)?;
        let null = File::options().write(true).open("/dev/null")?;
        let [output, error] = match &self.before {
            Some([output, error]) => [output.as_fd(), error.as_fd()],
            None => [null.as_fd(), null.as_fd()],
        };
        let descriptors: [(BorrowedFd<'_>, i32); 3] =
            [(reading.as_fd(), 0), (output, 1), (error, 2)];
        let excuse = |what: &str| {
            let pieces = [
                "unable to ".as_ref(),
                what.as_ref(),
                self.directory.as_os_str(),
            ];
            Message::new("svscan", "warning").pieces(&pieces).excuse()
        };
        Launch {
            image,
            descriptors: &descriptors,
            directory: None,
            child_signal: ChildSignal::Inherited,
            descriptor_excuse: &excuse("set up descriptors for "),
            directory_excuse: &[],
            exec_excuse: &excuse("start supervise "),
        }
        .start()
    }

    /// Gives up the pipe, so that the log reads to its end once all services have.
    pub fn end(&self) -> io::Result<()> {
        let null = File::options().write(true).open("/dev/null")?;
        descriptor::become_output(null)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_keeps_dying_is_not_started_all_the_time() {
        let at = |seconds: u64| Moment::at(Duration::from_secs(100 + seconds));
        let mut output = Output::resume("log".as_ref());
        assert!(output.is_due(at(0)) && output.is_down());
        output.has(Pid::from_raw(7), at(0));
        assert!(!output.is_due(at(1)) && !output.is_down());
        output.died(Pid::from_raw(8), at(2));
        assert_eq!(output.process(), Some(Pid::from_raw(7)));
        output.died(Pid::from_raw(7), at(2));
        assert!(output.is_due(at(2)) && output.take_bereaved() && !output.take_bereaved());
        output.has(Pid::from_raw(9), at(2));
        output.died(Pid::from_raw(9), at(2));
        assert!(!output.is_due(at(6)) && output.is_down() && output.is_due(at(7)));
        output.failed(at(7));
        assert!(!output.is_due(at(11)) && output.is_due(at(12)));
    }
}
