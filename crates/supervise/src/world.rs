//! The real world: the kernel, by way of `dt-os`.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use dt_cli::{Message, warn};
use dt_os::clock::{Moment, UnixTime};
use dt_os::exec::Image;
use dt_os::process::{self, ChildSignal, Ending, Launch, Pid};
use dt_os::signals::{Signal, SignalPipe};
use dt_os::wait::{self, Interest};
use dt_os::{clock, descriptor};
use dt_service::{Incarnation, Record, Status, names};
use dt_tai::{Tai64, Tai64N};

use crate::PROGRAM;
use crate::files::{self, Control, Step};
use crate::ledger::{self, Ledger};
use crate::machine::{Event, LOOK, Machine, Process};
use crate::runtime::{Ready, World};
use crate::survivor::{self, Survivor};
use crate::takeover::{self, Fate};
use crate::upgrade;

/// How long we wait where waiting itself fails, so as not to spin.
const BREATH: Duration = Duration::from_secs(1);

/// Everything that is held as long as `supervise` lives.
pub(crate) struct Kernel {
    /// The directory, as it is named in messages.
    directory: OsString,
    children: SignalPipe,
    control: Control,
    lock: File,
    /// Open as long as we live, which tells that we do.
    ok: Option<File>,
    /// Asks the program installed now.
    probe: Option<Pid>,
    ledger: Ledger,
    /// The record could not be written; told once until it can.
    unrecorded: bool,
    run: Image,
    /// What the child says if `run` cannot be executed.
    excuse: Vec<u8>,
    /// The service's process, so that it cannot be taken for another.
    service: Option<Incarnation>,
    /// The same where it is no child of ours.
    survivor: Option<Survivor>,
    /// When the process last came or went, by the wall's clock and by the one
    /// that nobody sets.
    since: (Tai64N, Duration),
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
        let (ledger, opened) = Ledger::open();
        let kernel = Self {
            directory: directory.to_owned(),
            children,
            control,
            lock,
            ok: None,
            probe: None,
            ledger,
            unrecorded: opened.is_err(),
            service: None,
            survivor: None,
            run: Image::inheriting(names::RUN, &[names::RUN])?,
            excuse,
            since: stamp(),
            written: None,
        };
        match opened {
            // Nor can the status be written, as is said anon in known words.
            Err(why) if is_closed_to_us(&why) => {}
            Err(why) => kernel.warn_of_record("open", &why),
            Ok(()) => {}
        }
        Ok(kernel)
    }

    /// Holds `supervise/ok` open.
    pub(crate) fn show_presence(&mut self, ok: File) {
        self.ok = Some(ok);
    }

    fn start_probe(&self) -> io::Result<Pid> {
        let excuse = Message::new(PROGRAM, "warning").text("unable to start supervise anew for ");
        Launch {
            image: &upgrade::question()?,
            descriptors: &[],
            directory: None,
            child_signal: ChildSignal::Default,
            descriptor_excuse: &[],
            directory_excuse: &[],
            exec_excuse: &excuse.pieces(&[&self.directory]).excuse(),
        }
        .start()
    }

    /// What the end of a child means; nothing where it was the one that was to
    /// tell whether it could take over, and could not.
    fn meaning(&mut self, child: Pid, ending: Ending) -> Option<Event> {
        if self.probe != Some(child) {
            return Some(Event::Died(child));
        }
        self.probe = None;
        if ending == Ending::Exited(0) {
            return Some(Event::Probed);
        }
        let line = Message::new(PROGRAM, "warning")
            .text("the supervise now installed cannot take over for ")
            .pieces(&[&self.directory])
            .line();
        let _ = descriptor::write_all(descriptor::stderr(), &line);
        None
    }

    fn warn_of_upgrade(&self, why: &io::Error) {
        let what: [&OsStr; 2] = [
            "unable to start supervise anew for ".as_ref(),
            &self.directory,
        ];
        warn(PROGRAM, &what, why);
    }

    /// What to go on with, where an earlier `supervise` was killed: its service's
    /// process becomes ours to look after.
    pub(crate) fn take_over(&mut self) -> Option<Machine> {
        let record = self.ledger.last()?;
        if !takeover::is_of_this_boot(&record, self.ledger.boot, clock::since_boot()) {
            return None;
        }
        let found = record.service.map(survivor::find);
        let (fate, survivor) = found.unwrap_or((Fate::Gone, None));
        let state = takeover::resumed(&record, fate, Moment::now())?;
        // One that has died meanwhile did so now, as far as anybody knows.
        if record.service.is_none() || fate != Fate::Gone {
            let (seconds, nanos) = record.since;
            self.since = (Tai64N(Tai64(seconds), nanos), record.since_boot);
        }
        self.service = record.service;
        self.survivor = survivor;
        if let Process::Doubtful { pid, .. } = state.process {
            self.warn_of_doubt(pid);
        }
        Some(state)
    }

    /// What is to be on record of `state`.
    fn record(&self, state: &Machine) -> Record {
        let (Tai64N(Tai64(seconds), nanos), since_boot) = self.since;
        let record = Record {
            boot: self.ledger.boot,
            supervise: self.ledger.supervise,
            service: self.service,
            want: state.want,
            paused: false,
            due: false,
            leaving: false,
            since: (seconds, nanos),
            since_boot,
            not_before: Duration::ZERO,
        };
        takeover::noted(state, record)
    }

    fn write_record(&mut self, record: Record) {
        match self.ledger.write(record) {
            Ok(()) => self.unrecorded = false,
            Err(why) => {
                if !self.unrecorded {
                    self.warn_of_record("write", &why);
                }
                self.unrecorded = true;
            }
        }
    }

    /// Puts a child on record that waits to be let go.
    fn record_start(&mut self, child: Pid) {
        let service = ledger::incarnation_of(child);
        self.service = Some(service);
        self.since = stamp();
        let (Tai64N(Tai64(seconds), nanos), since_boot) = self.since;
        // What has been noted before the start, but for the start itself.
        if let Some(noted) = self.ledger.last() {
            self.write_record(Record {
                since: (seconds, nanos),
                since_boot,
                ..takeover::started(noted, service, Moment::now())
            });
        }
    }

    fn warn_of_record(&self, verb: &str, why: &io::Error) {
        let what: [&OsStr; 5] = [
            "unable to ".as_ref(),
            verb.as_ref(),
            " ".as_ref(),
            &self.directory,
            "/supervise/record".as_ref(),
        ];
        warn(PROGRAM, &what, why);
    }

    fn warn_of_doubt(&self, pid: Pid) {
        let line = Message::new(PROGRAM, "warning")
            .text("process ")
            .text(&pid.to_string())
            .text(" may still be ")
            .pieces(&[&self.directory, "/run".as_ref()])
            .text(" of an earlier supervise: not starting another")
            .line();
        let _ = descriptor::write_all(descriptor::stderr(), &line);
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

    fn note(&mut self, state: &Machine) {
        let record = self.record(state);
        self.service = record.service;
        self.write_record(record);
    }

    fn examine(&mut self, pid: Pid) -> Event {
        let Some(process) = self.service else {
            return Event::Died(pid);
        };
        let (fate, survivor) = survivor::find(process);
        self.survivor = survivor;
        match fate {
            Fate::Gone => Event::Died(pid),
            Fate::Lives => Event::Proven(pid),
            Fate::Unknown => Event::Doubted(pid),
        }
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
        let child = launch.start_gated(&[self.lock.as_fd()])?;
        self.record_start(child.pid());
        child.open()
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
        match &self.survivor {
            Some(survivor) if survivor.pid() == to => survivor.send(signal),
            Some(_) | None => process::send(to, signal),
        }
    }

    fn mark_change(&mut self) {
        self.since = stamp();
    }

    fn announce(&mut self, state: &Machine) {
        self.note(state);
        let record = status(state, self.since.0).encode();
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
        let survivor = self.survivor.as_ref();
        let looked = survivor.filter(|survivor| survivor.must_be_looked_at());
        let look = looked.map(|_| Moment::now().plus(LOOK));
        let deadline = deadline.into_iter().chain(look).min();
        let watched = [
            Some(self.children.as_fd()),
            Some(self.control.reader.as_fd()),
            survivor.and_then(Survivor::watch),
        ];
        let watched = watched.map(|fd| fd.map(|fd| (fd, Interest::Readable)));
        let Ok([mut children, control, survivor]) = wait::until_ready(watched, deadline) else {
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
        if let Some(earlier) = &mut self.survivor {
            children |= earlier.note_end(survivor);
        }
        Ready { children, control }
    }

    fn reap(&mut self) -> Option<Event> {
        while let Some((child, ending)) = process::reap() {
            if let Some(event) = self.meaning(child, ending) {
                return Some(event);
            }
        }
        let ended = self.survivor.take_if(|survivor| survivor.has_ended())?;
        Some(Event::Died(ended.pid()))
    }

    fn probe(&mut self) {
        if self.probe.is_some() {
            return;
        }
        match self.start_probe() {
            Ok(probe) => self.probe = Some(probe),
            Err(why) => self.warn_of_upgrade(&why),
        }
    }

    fn replace(&mut self, state: &Machine) {
        let Some(ok) = &self.ok else { return };
        // Without it the next one would not know of the service.
        if self.ledger.last() != Some(self.record(state)) {
            self.warn_of_record("write", &dt_os::Errno::EIO.into());
            return;
        }
        let kept = [&self.lock, &self.control.reader, ok];
        let why = upgrade::become_installed(&self.directory, kept);
        self.warn_of_upgrade(&why);
    }

    fn read_control(&mut self, block: &mut [u8]) -> io::Result<usize> {
        descriptor::read(&self.control.reader, block)
    }
}

/// Whether nothing can be made where `why` was met.
fn is_closed_to_us(why: &io::Error) -> bool {
    matches!(
        why.kind(),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
    )
}

/// The time as the original's clock shows it, and on the one that nobody sets.
fn stamp() -> (Tai64N, Duration) {
    let now = UnixTime::now();
    let label = dt_tai::from_unix(now.secs, dt_tai::half_microsecond(now.nanos));
    (label, clock::since_boot())
}

/// What the status file says of `state`. A process in doubt is not shown: who
/// asks may want to send it a signal.
fn status(state: &Machine, since: Tai64N) -> Status {
    let (pid, paused) = match state.process {
        Process::Running { pid, paused } => (pid.as_raw().unsigned_abs(), paused),
        Process::Down
        | Process::Waiting { .. }
        | Process::Starting { .. }
        | Process::Doubtful { .. } => (0, false),
    };
    Status {
        seconds: since.0.0,
        nanos: since.1,
        pid,
        paused,
        want: state.want,
    }
}
