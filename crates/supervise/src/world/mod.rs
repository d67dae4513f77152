//! The real world: the kernel, by way of `dt-os`.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::time::Duration;

use dt_cli::{Message, warn};
use dt_os::clock::Moment;
use dt_os::descriptor;
use dt_os::exec::Image;
use dt_os::memory;
use dt_os::process::{self, Birth, ChildSignal, Launch, Pid};
use dt_os::signals::Signal;
use dt_os::usage;
use dt_os::wait::{self, Interest};
use dt_service::deaths::Role;
use dt_service::record::{LogRecord, More, Notice, What};
use dt_service::{Command, Place, Record, Want, names};

use crate::PROGRAM;
use crate::directory::Directory;
use crate::files::{self, Control};
use crate::home::{Home, Look};
use crate::ledger::{self, Ledger};
use crate::machine::{Event, LOOK, Machine, Outcome, PACE, Policy, Process, Reason};
use crate::neighbours::Neighbours;
use crate::runtime::{Ready, Reaped, World};
use crate::signals::Signals;
use crate::state::{State, Unit};
use crate::takeover;
use crate::upgrade;
use crate::word;
use deaths::Deaths;
use people::{People, Person};
use pipe::LogPipe;
use ready::ReadyPipe;
use status::Bytes;
use tell::Told;

mod deaths;
mod detail;
mod people;
mod pipe;
mod ready;
mod resume;
mod status;
mod tell;
mod words;

/// How long we wait where waiting itself fails, so as not to spin.
const BREATH: Duration = Duration::from_secs(1);

/// Everything that is held as long as `supervise` lives.
pub(crate) struct Kernel {
    /// The directory, as it is named in messages.
    directory: OsString,
    /// Where our files are.
    place: Place,
    settings: Directory,
    signals: Signals,
    control: Control,
    home: Home,
    /// The service directory is gone, which is to be taken for `svc -x`, once.
    homeless: Option<Command>,
    /// As long as it is not gone.
    at_home: bool,
    /// Open as long as we live, which tells that we do.
    ok: Option<File>,
    /// Asks the program installed now.
    probe: Option<Pid>,
    ledger: Ledger,
    /// The record could not be written; told once until it can.
    unrecorded: bool,
    run: Image,
    people: People,
    log: Option<LogPipe>,
    /// On which the service is to say that it is ready, as long as it has not.
    ready: Option<ReadyPipe>,
    deaths: Deaths,
    told: Told,
    /// What only the start has needed was given back.
    lean: bool,
    /// The record in the status file, as far as it was written in this turn.
    ///
    /// A flood of commands that change nothing is then one write a turn; yet each
    /// command that comes by itself writes, as somebody may have taken the file away.
    written: Option<Bytes>,
    /// The last one that was written.
    shown: Option<Bytes>,
    /// One that could not be written, which is tried again until it can.
    owed: Option<Bytes>,
}

/// What there must be before there can be a [`Kernel`].
pub(crate) struct Held {
    pub(crate) place: Place,
    pub(crate) settings: Directory,
    pub(crate) signals: Signals,
    pub(crate) home: Home,
    pub(crate) control: Control,
}

/// A state to begin with, and what has happened to it.
pub(crate) type Begun = (State, [(Unit, Event); 2]);

impl Kernel {
    pub(crate) fn new(directory: &OsStr, held: Held) -> io::Result<Self> {
        let (ledger, opened) = Ledger::open(&held.place);
        let kernel = Self {
            directory: directory.to_owned(),
            place: held.place,
            settings: held.settings,
            signals: held.signals,
            control: held.control,
            home: held.home,
            homeless: None,
            at_home: true,
            ok: None,
            probe: None,
            ledger,
            unrecorded: opened.is_err(),
            run: Image::inheriting(names::RUN, &[names::RUN])?,
            people: People::new(),
            log: None,
            ready: None,
            deaths: Deaths::default(),
            told: Told::default(),
            lean: false,
            written: None,
            shown: None,
            owed: None,
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

    /// Makes `supervise/` anew where somebody has taken it away, with all that was
    /// in it: who looks for us there finds us, and no other `supervise` begins.
    fn keep_house(&mut self) {
        match self.home.look() {
            Look::Whole => return,
            Look::Gone => {
                self.homeless = self.at_home.then_some(Command::Exit);
                self.at_home = false;
                return;
            }
            Look::Lost => {}
        }
        // As it was; the next event brings another attempt.
        let Ok(control) = self.home.retake() else {
            return;
        };
        self.control = control;
        let last = self.ledger.last();
        (self.ledger, _) = Ledger::open(&self.place);
        if let Some((record, more)) = last {
            self.write_record(record, more.as_ref());
        }
        if let Some(status) = self.shown {
            // It was said once that this cannot be done, if so.
            let _ = files::replace(&self.place, "status", status.as_bytes());
        }
        // Last, as at the start: who finds it finds the rest.
        self.ok = files::open_ok(&self.place).ok();
    }

    /// Writes the status that could not be written, if it can be now. That it cannot
    /// was said once.
    fn pay_owed(&mut self) {
        let Some(status) = self.owed else {
            return;
        };
        if files::replace(&self.place, "status", status.as_bytes()).is_ok() {
            (self.shown, self.owed) = (Some(status), None);
        }
    }

    /// Leaves word of what came of the wish to become what is installed now.
    pub(crate) fn leave_word(&self, refusal: Option<&str>) {
        word::leave(&self.place, refusal);
    }

    /// Goes on with the log's pipe as the program before us has left it.
    pub(crate) fn take_pipe(&mut self, reader: File, writer: File) {
        self.log = Some(LogPipe::of(reader.into(), writer.into()));
    }

    fn start_probe(&self) -> io::Result<Pid> {
        let excuse = Message::new(PROGRAM, "warning").text("unable to start supervise anew for ");
        Launch {
            image: &upgrade::question(self.ledger.version())?,
            descriptors: &[],
            directory: None,
            child_signal: ChildSignal::Default,
            descriptor_excuse: &[],
            directory_excuse: &[],
            exec_excuse: &excuse.pieces(&[&self.directory]).excuse(),
        }
        .start()
    }

    /// What is to be on record of `state`.
    fn record(&self, state: &State) -> (Record, Option<More>) {
        let main = &self.people.main;
        let record = Record {
            boot: self.ledger.boot,
            supervise: self.ledger.supervise,
            service: None,
            want: state.main.want,
            paused: false,
            due: false,
            leaving: false,
            since: main.seconds(),
            since_boot: main.since.1,
            not_before: Duration::ZERO,
        };
        let record = takeover::noted(&state.main, main.process).in_record(&state.main, record);
        let policy = self.settings.known();
        let notify = self.people.notify.process;
        (
            record,
            takeover::more(state, policy, self.log_record(), notify),
        )
    }

    fn log_record(&self) -> Option<LogRecord> {
        let pipe = self.log.as_ref()?;
        let log = &self.people.log;
        Some(LogRecord {
            service: log.process,
            want: Want::Neither,
            paused: false,
            due: false,
            leaving: false,
            since: log.seconds(),
            since_boot: log.since.1,
            not_before: Duration::ZERO,
            pipe: pipe.identity(),
        })
    }

    fn write_record(&mut self, record: Record, more: Option<&More>) {
        match self.ledger.write(record, more) {
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
    fn record_start(&mut self, state: &State, whose: Unit, child: Pid) {
        let service = ledger::incarnation_of(child);
        let person = self.people.get(whose);
        *person = Person::new();
        person.process = Some(service);
        person.role = match whose {
            Unit::Main => state.main.role,
            Unit::Log => Role::Log,
            Unit::Notify => Role::Notify,
        };
        let (since, since_boot) = (person.seconds(), person.since.1);
        // What has been noted before the start, but for the start itself.
        let Some((mut record, mut more)) = self.ledger.last() else {
            return;
        };
        let spacing = match (whose, state.main.role) {
            (Unit::Main, Role::Run) => self.settings.known().spacing(state.main.early),
            _ => PACE,
        };
        let started = takeover::started(service, Moment::now(), spacing);
        match whose {
            Unit::Main => {
                more = more.map(takeover::more_started);
                record = Record {
                    service: started.service,
                    paused: started.paused,
                    due: started.due,
                    not_before: started.not_before,
                    since,
                    since_boot,
                    ..record
                };
            }
            Unit::Log => {
                let log = more.as_mut().and_then(|more| more.log.as_mut());
                if let Some(log) = log {
                    *log = LogRecord {
                        service: started.service,
                        paused: started.paused,
                        due: started.due,
                        not_before: started.not_before,
                        since,
                        since_boot,
                        ..*log
                    };
                }
            }
            Unit::Notify => {}
        }
        self.write_record(record, more.as_ref());
    }

    /// Has the program at `file` started as a child that waits to be let go.
    fn launch(
        &self,
        image: &Image,
        file: &str,
        descriptors: &[(BorrowedFd<'_>, i32)],
    ) -> io::Result<process::Gated> {
        let name = file.trim_start_matches("./");
        let excuse = Message::new(PROGRAM, "fatal").text("unable to start ");
        let excuse = excuse.pieces(&[&self.directory, "/".as_ref(), name.as_ref()]);
        let launch = Launch {
            image,
            descriptors,
            directory: None,
            child_signal: ChildSignal::Default,
            descriptor_excuse: &[],
            directory_excuse: &[],
            exec_excuse: &excuse.excuse(),
        };
        launch.start_gated_as(&Birth {
            not_held: &self.home.locks(),
            session: self.settings.own_session(),
            caught: self.signals.caught(),
            files: &[],
        })
    }

    /// By s6: the exit code, or 256; the signal, or 0; the service's name; its process.
    /// By runit: the exit code, or -1; the low byte of what wait(2) gives.
    fn finish_arguments(&self, main: &Machine) -> Vec<OsString> {
        let (pid, how) = main.ended.unwrap_or((Pid::from_raw(0), Outcome::Unknown));
        let program = OsString::from("./finish");
        if self.settings.finish_as_runit() {
            let (code, status) = match how {
                Outcome::Exited(code) => (code, 0),
                Outcome::Killed(signal) => (-1, signal),
                Outcome::Unknown => (-1, 0),
            };
            return vec![program, code.to_string().into(), status.to_string().into()];
        }
        let (code, signal) = match how {
            Outcome::Exited(code) => (code, 0),
            Outcome::Killed(signal) => (256, signal),
            Outcome::Unknown => (256, 0),
        };
        vec![
            program,
            code.to_string().into(),
            signal.to_string().into(),
            self.name(),
            pid.to_string().into(),
        ]
    }

    /// The last component of the directory's name, or that of where we are.
    fn name(&self) -> OsString {
        let own = Path::new(&self.directory).file_name().map(OsStr::to_owned);
        let here = || {
            std::env::current_dir()
                .ok()?
                .file_name()
                .map(OsStr::to_owned)
        };
        own.or_else(here).unwrap_or_default()
    }

    fn look_around(&self) -> bool {
        if let Some(neighbours) = self.settings.known_neighbours() {
            neighbours.fetch();
        }
        true
    }

    /// Whether the service has said that it is ready; after that, and after its end,
    /// it is not listened to.
    fn hear(&mut self) -> bool {
        let says_so = self.ready.as_ref().map_or(Some(false), ReadyPipe::says_so);
        if says_so != Some(false) {
            self.ready = None;
        }
        says_so == Some(true)
    }

    fn descriptors(&self, whose: Unit) -> Option<(BorrowedFd<'_>, i32)> {
        let pipe = self.log.as_ref()?;
        match whose {
            Unit::Main => Some((pipe.writer()?, 1)),
            Unit::Log => Some((pipe.reader(), 0)),
            Unit::Notify => None,
        }
    }

    fn status(&self, state: &State) -> Bytes {
        let main = &self.people.main;
        if !self.settings.is_encores() {
            return Bytes::new(&status::status(&state.main, main).encode());
        }
        let block = status::block(&state.main, main);
        match &state.log {
            None => Bytes::new(&block.encode()),
            Some(log) => {
                let log = status::block(log, &self.people.log);
                Bytes::new(&block.encode_with_log(&log))
            }
        }
    }
}

/// The program of a role, as it is executed.
const fn program(whose: Unit, role: Role) -> &'static str {
    match (whose, role) {
        (Unit::Log, _) => "./log",
        (Unit::Notify, _) => "./notify",
        (Unit::Main, Role::Start) => "./start",
        (Unit::Main, Role::Stop) => "./stop",
        (Unit::Main, Role::Finish) => "./finish",
        (Unit::Main, _) => names::RUN,
    }
}

impl World for Kernel {
    fn now(&mut self) -> Moment {
        Moment::now()
    }

    fn policy(&mut self) -> Policy {
        // Where it cannot be listed any more, what was known is still in force.
        let policy = self.settings.policy(&self.directory);
        policy.unwrap_or(*self.settings.known())
    }

    fn note(&mut self, state: &State) {
        let (record, more) = self.record(state);
        self.people.main.process = record.service;
        if let Some(log) = more.and_then(|more| more.log) {
            self.people.log.process = log.service;
        }
        self.write_record(record, more.as_ref());
        self.tell_details(state);
        let waits = matches!(
            state.main.process,
            Process::Waiting {
                why: Reason::Dependency,
                ..
            }
        );
        if !waits {
            self.settings.rest();
        }
    }

    fn examine(&mut self, whose: Unit, pid: Pid) -> Event {
        self.people.get(whose).examine(pid)
    }

    fn start(&mut self, state: &State, whose: Unit, role: Role) -> io::Result<Pid> {
        let pipe = self.descriptors(whose);
        let tells = self.settings.notification();
        let tells = tells.filter(|_| (whose, role) == (Unit::Main, Role::Run));
        let ready = tells.map(|number| ReadyPipe::new(number).map(|ends| (number, ends)));
        let ready = ready.transpose()?;
        let say = ready
            .as_ref()
            .map(|(number, (_, end))| (end.as_fd(), *number));
        let descriptors: Vec<_> = pipe.into_iter().chain(say).collect();
        let descriptors = descriptors.as_slice();
        let file = program(whose, role);
        let child = if file == names::RUN {
            self.launch(&self.run, file, descriptors)?
        } else if role == Role::Finish {
            let arguments = self.finish_arguments(&state.main);
            let arguments: Vec<&OsStr> = arguments.iter().map(OsString::as_os_str).collect();
            self.launch(&Image::inheriting(file, &arguments)?, file, descriptors)?
        } else {
            let image = Image::inheriting(file, &[file])?;
            self.launch(&image, file, descriptors)?
        };
        if whose == Unit::Main {
            self.ready = ready.map(|(_, (ours, _))| ours);
        }
        self.record_start(state, whose, child.pid());
        child.open()
    }

    fn notify(&mut self, state: &State, notice: &Notice) -> io::Result<Pid> {
        let (what, code) = match notice.what {
            What::Started => ("start", 0),
            What::Exited(code) => ("exit", code),
            What::Killed(signal) => ("killed", signal),
            What::Gone => ("gone", 0),
        };
        let (pid, code) = (notice.pid.to_string(), code.to_string());
        let file = program(Unit::Notify, notice.role);
        let arguments = [file, notice.role.word(), what, &pid, &code];
        let image = Image::inheriting(file, &arguments)?;
        let child = self.launch(&image, file, &[])?;
        self.people.notify = Person::new();
        self.people.notify.process = Some(ledger::incarnation_of(child.pid()));
        self.people.notify.role = Role::Notify;
        let mut after = *state;
        after.notices = after.notices.given(Some(child.pid()), Moment::now());
        let (record, more) = self.record(&after);
        self.write_record(record, more.as_ref());
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

    fn send(&mut self, whose: Unit, to: Pid, signal: Signal, group: bool) -> io::Result<()> {
        if group {
            return process::send_group(to, signal);
        }
        match &self.people.get(whose).survivor {
            Some(survivor) if survivor.pid() == to => survivor.send(signal),
            Some(_) | None => process::send(to, signal),
        }
    }

    fn mark_change(&mut self, whose: Unit) {
        self.people.get(whose).mark_change();
    }

    fn announce(&mut self, state: &State) {
        self.note(state);
        let status = self.status(state);
        if self.written == Some(status) {
            return;
        }
        match files::replace(&self.place, "status", status.as_bytes()) {
            Ok(()) => (self.written, self.shown, self.owed) = (Some(status), Some(status), None),
            Err((step, why)) => {
                self.owed = Some(status);
                self.warn_of_status(step, why);
            }
        }
    }

    fn wait(&mut self, deadline: Option<Moment>) -> Ready {
        memory::give_back_stack();
        if !std::mem::replace(&mut self.lean, true) {
            memory::give_back_code();
        }
        self.written = None;
        self.settings.forget();
        let look = self.people.must_be_looked_at() || self.owed.is_some();
        let look = look.then(|| Moment::now().plus(LOOK));
        let deadline = deadline.into_iter().chain(look).min();
        let neighbours = self.settings.known_neighbours();
        let [main, log, notify] = self.people.watched();
        let watched = [
            Some(self.signals.as_fd()),
            Some(self.control.reader.as_fd()),
            main,
            log,
            notify,
            self.ready.as_ref().map(AsFd::as_fd),
            neighbours.and_then(Neighbours::watched),
        ];
        let watched = watched.map(|fd| fd.map(|fd| (fd, Interest::Readable)));
        let Ok([signal, control, main, log, notify, ready, around]) =
            wait::until_ready(watched, deadline)
        else {
            // The kernel is out of memory. Looking everywhere is always right.
            std::thread::sleep(BREATH);
            return Ready {
                children: true,
                control: true,
                told: &[],
                ready: false,
                neighbours: true,
            };
        };
        // Before the children are looked at: the signal of one that dies in
        // between only wakes us once too often.
        let told = if signal { self.signals.fetch() } else { &[] };
        let ended = self.people.note_ends([main, log, notify]);
        self.keep_house();
        self.pay_owed();
        Ready {
            children: signal || ended,
            control: control || self.homeless.is_some(),
            told,
            ready: ready && self.hear(),
            neighbours: around && self.look_around(),
        }
    }

    fn reap(&mut self) -> Option<Reaped> {
        while let Some(dead) = usage::reap() {
            if self.probe != Some(dead.pid) {
                let how = Outcome::from(dead.ending);
                self.note_death(dead.pid, how, Some(dead));
                return Some(Reaped::Died(dead.pid, how));
            }
            self.probe = None;
            if dead.ending == process::Ending::Exited(0) {
                return Some(Reaped::Probed);
            }
            self.warn_of_refusal();
        }
        let (ended, outcome) = self.people.take_ended()?;
        self.note_death(ended, outcome, None);
        Some(Reaped::Died(ended, outcome))
    }

    fn close_log(&mut self) {
        if let Some(pipe) = &mut self.log {
            pipe.close();
        }
    }

    fn probe(&mut self) {
        // One that has not answered by the next time it is asked never will.
        if let Some(probe) = self.probe {
            let _ = process::send(probe, Signal::SIGKILL);
            return;
        }
        match self.start_probe() {
            Ok(probe) => self.probe = Some(probe),
            Err(why) => self.warn_of_upgrade(&why),
        }
    }

    fn replace(&mut self, state: &State) {
        let Some(ok) = &self.ok else { return };
        // Without it the next one would not know of the service.
        if self.ledger.last() != Some(self.record(state)) {
            self.warn_of_record("write", &dt_os::Errno::EIO.into());
            return self.leave_word(Some("its record cannot be written"));
        }
        let mut kept = vec![
            self.home.lock().as_fd(),
            self.control.reader.as_fd(),
            ok.as_fd(),
        ];
        let pipe = self.log.iter().filter_map(LogPipe::ends).flatten();
        kept.extend(pipe.map(AsFd::as_fd));
        let neighbours = self.settings.known_neighbours();
        kept.extend(neighbours.map(|neighbours| neighbours.scan().as_fd()));
        let why = upgrade::become_installed(&self.directory, self.ledger.version(), &kept);
        self.warn_of_upgrade(&why);
    }

    fn read_control(&mut self, block: &mut [u8]) -> io::Result<usize> {
        // Nobody can tell us any more.
        if let (Some(byte), Some(command)) = (block.first_mut(), self.homeless.take()) {
            *byte = command.byte();
            return Ok(1);
        }
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
