//! Processes are made, and are on record before they are let go.

use std::ffi::{CString, OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use dt_cli::Message;
use dt_os::clock::Moment;
use dt_os::exec::Image;
use dt_os::process::{self, Birth, ChildSignal, Launch, Pid};
use dt_service::deaths::Role;
use dt_service::details::Text;
use dt_service::record::{LogRecord, Notice, What};
use dt_service::{Record, names};

use super::Kernel;
use super::people::Person;
use super::ready::ReadyPipe;
use super::socket::{self, Socket};
use crate::machine::{Event, Machine, Outcome, PACE};
use crate::state::{State, Unit};
use crate::{PROGRAM, ledger, takeover};

impl Kernel {
    pub(super) fn start_one(&mut self, state: &State, whose: Unit, role: Role) -> io::Result<Pid> {
        if role.is_beside() {
            return self.start_beside(state, role);
        }
        let file = program(whose, role);
        if file == names::RUN {
            self.prepare_cage();
        }
        let environment = self.open_socket(whose, role);
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
        let child = if let Some(environment) = environment {
            let image = Image::named(file, &[file], &environment)?;
            self.launch(&image, file, descriptors)?
        } else if file == names::RUN {
            self.launch(&self.run, file, descriptors)?
        } else if role == Role::Finish {
            let arguments = self.finish_arguments(&state.main);
            let arguments: Vec<&OsStr> = arguments.iter().map(OsString::as_os_str).collect();
            self.launch(&Image::inheriting(file, &arguments)?, file, descriptors)?
        } else {
            let image = Image::inheriting(file, &[file])?;
            self.launch(&image, file, descriptors)?
        };
        if file == names::RUN {
            self.put_in_cage(child.pid());
        }
        if whose == Unit::Main {
            self.ready = ready.map(|(_, (ours, _))| ours);
            self.keep_voices(ledger::incarnation_of(child.pid()));
        }
        self.record_start(state, whose, child.pid());
        child.open()
    }

    /// The environment of a `run` that is to say there how it is. Where there can be no
    /// such socket that is told, and it has none.
    fn open_socket(&mut self, whose: Unit, role: Role) -> Option<Vec<CString>> {
        if (whose, role) != (Unit::Main, Role::Run) {
            return None;
        }
        if !self.settings.has_socket() {
            self.socket = None;
            return None;
        }
        let opened = self.make_socket();
        opened.inspect_err(|why| self.warn_of_socket(why)).ok()
    }

    /// What a service before it has said is not its own.
    fn make_socket(&mut self) -> io::Result<Vec<CString>> {
        let environment = socket::environment(&self.place, self.settings.known().watchdog)?;
        match &mut self.socket {
            Some(socket) if socket.is_in_place(&self.place) => socket.words = Text::EMPTY,
            _ => self.socket = Some(Box::new(Socket::new(&self.place)?)),
        }
        Ok(environment)
    }

    /// A program in `control`, which is told the service's process, or `check`.
    fn start_beside(&mut self, state: &State, role: Role) -> io::Result<Pid> {
        let letter = state
            .main
            .hooks
            .first()
            .map_or('t', |hook| hook.letter().into());
        let (file, process) = match (role, state.main.process.pid()) {
            (Role::Check, _) => ("./check".to_owned(), None),
            (_, pid) => (format!("./control/{letter}"), pid),
        };
        let process = process.map(|pid| pid.to_string());
        let arguments: Vec<&str> = [file.as_str()]
            .into_iter()
            .chain(process.as_deref())
            .collect();
        let image = Image::inheriting(&file, &arguments)?;
        let descriptors = self.descriptors(Unit::Main);
        let child = self.launch(&image, &file, descriptors.as_slice())?;
        let person = self.people.beside(role);
        *person = Person::new();
        person.process = Some(ledger::incarnation_of(child.pid()));
        person.role = role;
        let mut after = *state;
        after.main = after.main.beside(role, child.pid(), Moment::now());
        let (record, more) = self.record(&after);
        self.write_record(record, more.as_ref());
        child.open()
    }

    pub(super) fn give_notice(&mut self, state: &State, notice: Notice) -> io::Result<Pid> {
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
        let told = Notice {
            role: person.role,
            what: What::Started,
            pid: service.pid,
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
                let (begun, _) =
                    state
                        .main
                        .step(Event::Started(child), Moment::now(), self.settings.known());
                more = more.map(|more| takeover::more_started(more, &begun));
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
        // Whoever finds it on record is to tell of it.
        if self.settings.known().notify
            && let Some(more) = &mut more
        {
            more.notices = state.notices.with(told).queue;
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
        let kept = file == names::RUN && self.is_kept_by_session();
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
        let [lock, directory] = self.home.locks();
        // Who finds that open is to find us, and not a child that has outlived us.
        let ok = self.ok.as_ref().map_or(lock, AsFd::as_fd);
        launch.start_gated_as(&Birth {
            not_held: &[lock, directory, ok],
            session: self.settings.own_session() || kept,
            caught: self.signals.caught(),
            files: &[],
            // Nobody else would start it: who takes over finds it on record.
            orphaned: self.ledger.witness(),
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
    pub(super) fn name(&self) -> OsString {
        let own = Path::new(&self.directory).file_name().map(OsStr::to_owned);
        let here = || {
            std::env::current_dir()
                .ok()?
                .file_name()
                .map(OsStr::to_owned)
        };
        own.or_else(here).unwrap_or_default()
    }

    fn descriptors(&self, whose: Unit) -> Option<(BorrowedFd<'_>, i32)> {
        let pipe = self.log.as_ref()?;
        match whose {
            Unit::Main => Some((pipe.writer()?, 1)),
            Unit::Log => Some((pipe.reader(), 0)),
            Unit::Notify => None,
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
