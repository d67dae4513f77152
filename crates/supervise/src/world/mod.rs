//! The real world: the kernel, by way of `dt-os`.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use dt_cli::{Message, warn};
use dt_os::clock::Moment;
use dt_os::exec::Image;
use dt_os::memory;
use dt_os::process::{self, ChildSignal, Launch, Pid};
use dt_os::signals::Signal;
use dt_os::store::Store;
use dt_os::wait::{self, Interest};
use dt_os::{descriptor, family, usage};
use dt_service::deaths::Role;
use dt_service::record::Notice;
use dt_service::{Command, Incarnation, Place, names};

use crate::PROGRAM;
use crate::directory::Directory;
use crate::files::{self, Control};
use crate::home::Home;
use crate::ledger::Ledger;
use crate::machine::{Event, Heard, LOOK, Outcome, Policy, Process, Reason};
use crate::neighbours::Neighbours;
use crate::runtime::{Ready, Reaped, World};
use crate::signals::Signals;
use crate::state::{State, Unit};
use crate::upgrade;
use crate::word;
use cage::Cage;
use deaths::Deaths;
use people::People;
use pipe::LogPipe;
use ready::ReadyPipe;
use socket::Socket;
use status::Bytes;
use tell::Told;

mod cage;
mod deaths;
mod detail;
mod house;
mod keep;
mod launch;
mod people;
mod pipe;
mod ready;
mod record;
mod resume;
mod socket;
mod status;
mod tell;
mod words;

/// Of each thing that is watched, whether something has happened to it.
type Stirred = [bool; 11];

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
    /// On which it says how it is, where its directory asks for that.
    socket: Option<Box<Socket>>,
    /// Where both are kept for the next of us, where somebody keeps it for us.
    store: Option<Store>,
    /// Who has said that it is ready: once that is on record it need not be kept.
    spoken: Option<Incarnation>,
    deaths: Deaths,
    /// What keeps the service together with all that it starts, as long as any of that
    /// may live.
    cage: Option<Box<Cage>>,
    told: Told,
    /// What only the start has needed was given back.
    lean: bool,
    /// A process that `run` has left behind, of which that was said.
    stray: Option<Pid>,
    /// A `notify` that others wait for, of which that was said.
    slow: Option<Pid>,
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
            socket: None,
            store: None,
            spoken: None,
            deaths: Deaths::default(),
            cage: None,
            told: Told::default(),
            lean: false,
            stray: None,
            slow: None,
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

    /// Leaves word of what came of the wish to become what is installed now.
    pub(crate) fn leave_word(&self, refusal: Option<&str>) {
        word::leave(&self.place, refusal);
    }

    /// Goes on with the socket as the program before us has left it.
    pub(crate) fn take_socket(&mut self, socket: File) {
        if self.settings.has_socket() {
            self.socket = Some(Box::new(Socket::left(socket.into(), &self.place)));
        }
    }

    /// Has what the service says kept there for the next of us.
    pub(crate) fn take_store(&mut self, store: Option<Store>) {
        self.store = store;
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

    fn look_around(&self) -> bool {
        if let Some(neighbours) = self.settings.known_neighbours() {
            neighbours.fetch();
        }
        true
    }

    /// What the service says of itself. Other words are told of as well.
    #[inline(never)]
    fn listen(&mut self) -> Option<Heard> {
        let service = self.people.main.process;
        let (heard, other) = self.socket.as_mut()?.hear(service)?;
        if other {
            self.told.forget();
        }
        Some(heard)
    }

    /// Whether the service has said that it is ready. Once that is on record, and
    /// after its end, it is not listened to.
    fn hear(&mut self) -> bool {
        let says_so = self.ready.as_ref().map_or(Some(false), ReadyPipe::says_so);
        match says_so {
            Some(true) => self.spoken = self.people.main.process,
            Some(false) => {}
            None => self.ready = None,
        }
        says_so == Some(true)
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

impl Kernel {
    /// Waits until something has happened to what is watched.
    fn poll(&self, deadline: Option<Moment>) -> io::Result<Stirred> {
        let look = self.people.must_be_looked_at() || self.owed.is_some();
        let look = look.then(|| Moment::now().plus(LOOK));
        let socket = self.socket.as_ref().map(|socket| socket.watched());
        let rests = socket
            .as_ref()
            .and_then(|socket| socket.as_ref().err().copied());
        let deadline = deadline.into_iter().chain(look).chain(rests).min();
        let neighbours = self.settings.known_neighbours();
        let [main, log, notify, hook, check] = self.people.watched();
        let cage = self.cage.as_ref();
        let readable = |fd: Option<_>| fd.map(|fd| (fd, Interest::Readable));
        let all = [
            readable(Some(self.signals.as_fd())),
            readable(Some(self.control.reader.as_fd())),
            readable(main),
            readable(log),
            readable(notify),
            readable(hook),
            readable(check),
            readable(self.ready.as_ref().map(AsFd::as_fd)),
            readable(neighbours.and_then(Neighbours::watched)),
            readable(socket.and_then(Result::ok)),
            cage.and_then(|cage| Some((cage.watched()?, Interest::Urgent))),
        ];
        wait::until_ready(all, deadline)
    }

    /// Finds out what has happened. Not inlined, or the wait would have what this takes
    /// of the stack.
    #[inline(never)]
    fn look_into(&mut self, stirred: Stirred) -> Ready {
        let [
            signal,
            control,
            main,
            log,
            notify,
            hook,
            check,
            ready,
            around,
            says,
            rest,
        ] = stirred;
        // Before the children are looked at: the signal of one that dies in
        // between only wakes us once too often.
        let told = if signal { self.signals.fetch() } else { &[] };
        let ended = self.people.note_ends([main, log, notify, hook, check]);
        self.keep_house();
        self.pay_owed();
        Ready {
            children: signal || ended,
            control: control || self.homeless.is_some(),
            told,
            ready: ready && self.hear(),
            heard: if says { self.listen() } else { None },
            neighbours: around && self.look_around(),
            rest,
        }
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
        self.start_one(state, whose, role)
    }

    fn notify(&mut self, state: &State, notice: &Notice) -> io::Result<Pid> {
        self.give_notice(state, *notice)
    }

    fn warn_of_lost_notice(&mut self, slow: Option<Pid>) {
        if slow.is_some() && self.slow != slow {
            self.slow = slow;
            self.warn_of_slow_notify();
        }
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

    fn sweep(&mut self, state: &State) -> bool {
        self.sweep_cage(state)
    }

    fn send_rest(&mut self, state: &State, signal: Signal) {
        if let Some(cage) = &self.cage {
            cage.send(&self.bounds(state), signal);
        }
        // Where it lives it may have left, and it is not known by its kin.
        if let Some(pid) = state.main.process.pid() {
            drop(self.send(Unit::Main, pid, signal, false));
        }
    }

    fn send(&mut self, _whose: Unit, to: Pid, signal: Signal, group: bool) -> io::Result<()> {
        if group {
            return process::send_group(to, signal);
        }
        match self.people.of(to).and_then(|one| one.survivor.as_ref()) {
            Some(survivor) => survivor.send(signal),
            None => process::send(to, signal),
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
        self.settle_voices();
        if let Ok(stirred) = self.poll(deadline) {
            return self.look_into(stirred);
        }
        // The kernel is out of memory. Looking everywhere is always right.
        std::thread::sleep(BREATH);
        Ready {
            children: true,
            control: true,
            told: &[],
            ready: false,
            heard: None,
            neighbours: true,
            rest: true,
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

    fn tell_of_strays(&mut self) {
        // Nobody as a rule, and nothing more is asked then.
        if self.stray.is_none() && self.cage.is_none() && family::any_child() {
            self.stray = self.name_stray();
        }
    }

    fn has_unread(&mut self, whose: Unit) -> bool {
        let pipe = match whose {
            // As svscan starts that of a log. What any other is given to read is its
            // own affair.
            Unit::Main if self.directory == "log" => Some(descriptor::stdin()),
            Unit::Log => self.log.as_ref().map(LogPipe::reader),
            Unit::Main | Unit::Notify => None,
        };
        let seen = pipe.and_then(|pipe| wait::outlook(pipe).ok());
        seen.is_some_and(|seen| seen.unread && seen.ended)
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
        if self.ok.is_none() {
            return;
        }
        // Without it the next one would not know of the service.
        if self.ledger.last() != Some(self.record(state)) {
            self.warn_of_record("write", &dt_os::Errno::EIO.into());
            return self.leave_word(Some("its record cannot be written"));
        }
        self.keep_for_upgrade(state);
        let Some(ok) = &self.ok else { return };
        let mut kept = vec![
            self.home.lock().as_fd(),
            self.control.reader.as_fd(),
            ok.as_fd(),
        ];
        let pipe = self.log.iter().filter_map(LogPipe::ends).flatten();
        kept.extend(pipe.map(AsFd::as_fd));
        let neighbours = self.settings.known_neighbours();
        kept.extend(neighbours.map(|neighbours| neighbours.scan().as_fd()));
        // An older program takes the last socket for that of the service.
        kept.extend(self.store.iter().flat_map(Store::ends));
        kept.extend(self.socket.as_ref().map(|socket| socket.fd()));
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
