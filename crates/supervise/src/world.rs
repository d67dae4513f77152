//! The real world: the kernel, by way of `dt-os`.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use dt_cli::{Message, warn};
use dt_os::clock::{Moment, UnixTime};
use dt_os::exec::Image;
use dt_os::process::{self, ChildSignal, Launch, Pid};
use dt_os::signals::{Signal, SignalPipe};
use dt_os::{descriptor, startup, wait};
use dt_service::{Status, names};
use dt_tai::Tai64N;

use crate::PROGRAM;
use crate::files::{self, Control, Step};
use crate::machine::{Machine, Process};
use crate::runtime::{Ready, World};

/// How long we wait where waiting itself fails, so as not to spin.
const BREATH: Duration = Duration::from_secs(1);

/// Everything that is held as long as `supervise` lives.
pub(crate) struct Kernel {
    /// The directory, as it is named in messages.
    directory: OsString,
    children: SignalPipe,
    control: Control,
    _lock: File,
    run: Image,
    /// What the child says if `run` cannot be executed.
    excuse: Vec<u8>,
    /// When the process last came or went.
    since: Tai64N,
    /// The record in the status file, as far as it was written in this turn.
    ///
    /// A flood of commands that change nothing is then one write a turn; yet each
    /// command that comes by itself writes, as somebody may have taken the file away.
    written: Option<[u8; Status::LEN]>,
}

impl Kernel {
    pub(crate) fn new(
        directory: &OsStr,
        children: SignalPipe,
        lock: File,
        control: Control,
    ) -> io::Result<Self> {
        let excuse = Message::new(PROGRAM, "fatal").text("unable to start ");
        let excuse = excuse.pieces(&[directory, "/run".as_ref()]).excuse();
        Ok(Self {
            directory: directory.to_owned(),
            children,
            control,
            _lock: lock,
            run: Image::named(names::RUN, &[names::RUN], startup::environment())?,
            excuse,
            since: stamp(),
            written: None,
        })
    }

    fn warn_of_status(&self, step: Step, why: Option<io::Error>) {
        let (verb, rest) = match step {
            Step::Open => ("unable to open ", ""),
            Step::Write => ("unable to write ", ""),
            Step::Rename => ("unable to rename ", " to status"),
        };
        let what: [&OsStr; 5] = [
            verb.as_ref(),
            &self.directory,
            "/".as_ref(),
            names::STATUS_NEW.as_ref(),
            rest.as_ref(),
        ];
        let line = Message::new(PROGRAM, "warning").pieces(&what);
        let line = if let Some(why) = why {
            line.because(&why)
        } else {
            line.text(": partial write").line()
        };
        let _ = descriptor::write_all(descriptor::stderr(), &line);
    }
}

impl World for Kernel {
    fn now(&mut self) -> Moment {
        Moment::now()
    }

    fn start(&mut self) -> io::Result<Pid> {
        let launch = Launch {
            image: &self.run,
            descriptors: &[],
            directory: None,
            child_signal: ChildSignal::Default,
            descriptor_excuse: &[],
            directory_excuse: &[],
            exec_excuse: &self.excuse,
        };
        launch.start()
    }

    /// In the original's words, which scripts may know, though we try again much
    /// sooner.
    fn warn_of_failed_start(&mut self, why: &io::Error) {
        let what: [&OsStr; 3] = [
            "unable to fork for ".as_ref(),
            &self.directory,
            ", sleeping 60 seconds".as_ref(),
        ];
        warn(PROGRAM, &what, why);
    }

    fn send(&mut self, to: Pid, signal: Signal) -> io::Result<()> {
        process::send(to, signal)
    }

    fn mark_change(&mut self) {
        self.since = stamp();
    }

    fn announce(&mut self, state: &Machine) {
        let record = record(state, self.since).encode();
        if self.written == Some(record) {
            return;
        }
        match files::replace_status(&record) {
            Ok(()) => self.written = Some(record),
            Err((step, why)) => self.warn_of_status(step, why),
        }
    }

    fn wait(&mut self, deadline: Option<Moment>) -> Ready {
        self.written = None;
        let watched = [self.children.as_fd(), self.control.reader.as_fd()];
        let Ok([children, control]) = wait::until_readable(watched, deadline) else {
            // The kernel is out of memory. Looking everywhere is always right.
            std::thread::sleep(BREATH);
            return Ready {
                children: true,
                control: true,
            };
        };
        if children {
            // Before the children are looked at: the signal of one that dies in
            // between only wakes us once too often.
            self.children.drain();
        }
        Ready { children, control }
    }

    fn reap(&mut self) -> Option<Pid> {
        process::reap().map(|(pid, _ending)| pid)
    }

    fn read_control(&mut self, block: &mut [u8]) -> io::Result<usize> {
        descriptor::read(&self.control.reader, block)
    }
}

/// The time as the original's clock shows it.
fn stamp() -> Tai64N {
    let now = UnixTime::now();
    dt_tai::from_unix(now.secs, dt_tai::half_microsecond(now.nanos))
}

/// What the status file says of `state`.
fn record(state: &Machine, since: Tai64N) -> Status {
    let (pid, paused) = match state.process {
        Process::Running { pid, paused } => (pid.as_raw().unsigned_abs(), paused),
        Process::Down | Process::Waiting { .. } | Process::Starting { .. } => (0, false),
    };
    Status {
        seconds: since.0.0,
        nanos: since.1,
        pid,
        paused,
        want: state.want,
    }
}
