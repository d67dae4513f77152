//! The system, by way of `dt-os`.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::{Metadata, ReadDir};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use dt_cli::{Exit, Message};
use dt_os::Errno;
use dt_os::clock::Moment;
use dt_os::file::How;
use dt_os::holders::{Holder, Holders};
use dt_os::pidfd::PidFd;
use dt_os::process::{Ending, Pid};
use dt_os::signals::{Signal, SignalPipe};
use dt_os::wait::{self, Interest};
use dt_os::watch::Mounts;
use dt_os::{descriptor, memory, process};
use dt_service::{Command, Place};

use crate::bonds;
use crate::control::Control;
use crate::essential::Essentials;
use crate::held::{Held, Pipe};
use crate::launch::{directory_of, launch, supervise};
use crate::machine::{Half, Logs, PERIOD, Words};
use crate::order::Bond;
use crate::output::Output;
use crate::paths::Watched;
use crate::runtime::{Content, Presence, Request, World};
use crate::strangers::Strangers;
use crate::survivors::{self, Survivor, supervisor_of};
use crate::table::{Identity, Table, Trouble};
use crate::{control, runtime, upgrade};

/// The kernel.
///
/// Each source of news may be missing, for want of descriptors or of /proc. It
/// is asked for again in every scan, and as long as it is missing there is one
/// every five seconds, as in the original.
#[derive(Debug)]
pub struct Kernel {
    deaths: Option<SignalPipe>,
    watched: Option<Watched>,
    mounts: Option<Mounts>,
    mounts_changed: bool,
    locks: Holders,
    strangers: Strangers,
    control: Option<Control>,
    /// Why there is none.
    no_control: Option<io::Error>,
    essentials: Essentials,
    /// As process 1, or as encore's: the signals that ask for an orderly stop.
    endings: [Option<SignalPipe>; 2],
    /// The service that takes the others' output, if there is one.
    output: Option<Output>,
    /// Until when each `supervise` that is to be told something and is not ready for it
    /// is waited for.
    put_off: HashMap<Pid, Moment>,
    /// We have been asked to stop everything.
    stopping: bool,
    /// What only the start has needed was given back.
    lean: bool,
}

impl Kernel {
    /// Catches SIGCHLD; in children it becomes again what it was for us.
    #[must_use]
    pub fn new(control: Option<Control>, output: Option<Output>) -> Self {
        Self {
            output,
            stopping: false,
            lean: false,
            deaths: SignalPipe::watch_only(Signal::SIGCHLD).ok(),
            watched: Watched::new().ok(),
            mounts: Mounts::new().ok(),
            mounts_changed: false,
            locks: Holders::default(),
            strangers: Strangers::default(),
            control: control.or_else(|| Control::open_at_start().ok()),
            no_control: None,
            put_off: HashMap::new(),
            essentials: Essentials::default(),
            endings: endings(),
        }
    }

    /// How we are to end once all has been stopped.
    pub fn exit(&self) -> Exit {
        self.essentials.verdict().map_or(Exit::OK, Exit::from_child)
    }
}

impl Kernel {
    fn open_control(&mut self) {
        self.no_control = None;
        if self.control.is_none() {
            match Control::open() {
                Ok(control) => self.control = Some(control),
                Err(why) => self.no_control = Some(why),
            }
        }
    }

    /// In which of these directories it has the lock, and so listens, as far as that can
    /// be told. One that has just been started is somewhere else at first, where another
    /// may listen.
    fn place_of<'a>(&mut self, pid: Pid, places: [&'a Path; 2]) -> Option<&'a Path> {
        let mut places = places.into_iter();
        places.find(|place| match supervisor_of(&mut self.locks, place) {
            Holder::Process(is, _) => is == pid,
            Holder::Unknown(_) => true,
            Holder::Nobody => false,
        })
    }

    /// Whether what is to be told to it can wait.
    fn is_put_off(&mut self, pid: Pid) -> bool {
        let now = Moment::now();
        *self.put_off.entry(pid).or_insert(now.plus(PERIOD)) > now
    }

    /// Sees to the service that takes the others' output.
    fn see_to_output(&mut self) {
        let now = Moment::now();
        let Some(output) = self.output.as_mut().filter(|output| output.is_due(now)) else {
            return;
        };
        let found = match supervisor_of(&mut self.locks, output.directory()) {
            Holder::Process(pid, _) if process::is_child(pid) => Ok(pid),
            Holder::Process(pid, process) => {
                let survivor = Survivor { pid, process };
                self.strangers.watch(survivor, output.directory())
            }
            Holder::Unknown(why) => Err(why),
            Holder::Nobody => supervise(output.directory().as_os_str(), None)
                .and_then(|image| output.start(&image)),
        };
        match found {
            Ok(pid) => output.has(pid, now),
            Err(why) => {
                output.failed(now);
                let name = output.directory().as_os_str();
                dt_cli::warn("svscan", &["unable to fork for ".as_ref(), name], &why);
            }
        }
    }

    /// At the very end: where everything was to be stopped, the service that takes
    /// the others' output reads to the end of it and ends too.
    pub fn end(mut self) {
        let Some(output) = self.output.take().filter(|_| self.stopping) else {
            return;
        };
        if let Some(pid) = output.process() {
            // Told first: it must not be started again at the end of its input.
            let _ = self.tell(Half::Main, output.directory().as_os_str(), pid, Words::Exit);
        }
        let _ = output.end();
    }

    /// The pipe that the living halves of a service have.
    fn living_pipe(&mut self, name: &OsStr) -> Option<survivors::Ends> {
        let halves = [Half::Main, Half::Log];
        let of_supervises = halves.into_iter().find_map(|half| {
            match supervisor_of(&mut self.locks, &directory_of(half, name)) {
                Holder::Process(pid, process) => {
                    survivors::pipe_of(&Survivor { pid, process }, survivors::number_of(half))
                }
                Holder::Nobody | Holder::Unknown(_) => None,
            }
        });
        of_supervises.or_else(|| {
            let service = |half| survivors::service_of(&directory_of(half, name));
            let (main, log) = (service(Half::Main), service(Half::Log));
            survivors::pipe_between(main.as_ref(), log.as_ref())
        })
    }
}

impl World for Kernel {
    type Held = Held;

    fn now(&self) -> Moment {
        Moment::now()
    }

    fn begin_scan(&mut self) {
        self.locks.forget();
        self.deaths = self
            .deaths
            .take()
            .or_else(|| SignalPipe::watch_only(Signal::SIGCHLD).ok());
        self.watched = self.watched.take().or_else(|| Watched::new().ok());
        self.open_control();
        self.mounts = self.mounts.take().or_else(|| Mounts::new().ok());
        if let Some(watched) = &mut self.watched {
            watched.begin();
        }
        self.see_to_output();
    }

    fn names(&mut self) -> io::Result<impl Iterator<Item = io::Result<OsString>> + use<>> {
        let names = |entries: ReadDir| entries.map(|entry| Ok(entry?.file_name()));
        std::fs::read_dir(".").map(names)
    }

    fn identify(&mut self, name: &OsStr) -> io::Result<Option<Identity>> {
        if let Some(watched) = &mut self.watched {
            watched.follow(name);
        }
        let found = std::fs::metadata(name)?;
        if !found.is_dir() {
            return Ok(None);
        }
        self.essentials.look(name, self.watched.as_mut());
        Ok(Some(identity(&found)))
    }

    fn examine(&mut self, name: &OsStr) -> io::Result<Content> {
        let content = content(Path::new(name))?;
        match &mut self.watched {
            // Watched, and only then looked at again: nothing comes in between.
            Some(watched) if !content.run => {
                watched.all_of(name);
                self::content(Path::new(name))
            }
            Some(_) | None => Ok(content),
        }
    }

    fn prepare(&mut self, name: &OsStr, log: bool) -> io::Result<Self::Held> {
        if !log {
            return Ok(Held::default());
        }
        let ends = match self.living_pipe(name) {
            Some(pipe) => pipe,
            None => new_pipe()?,
        };
        // A pipe must not take the last descriptors: without one the directory
        // could no longer be read, and nothing would be restarted.
        let _spare = descriptor::duplicate(&ends.0)?;
        Ok(Held::of(Some(Pipe::of(ends))))
    }

    fn start(
        &mut self,
        half: Half,
        name: &OsStr,
        held: &Self::Held,
    ) -> io::Result<Presence<Self::Held>> {
        let directory = directory_of(half, name);
        match supervisor_of(&mut self.locks, &directory) {
            Holder::Process(pid, process) => {
                held.keep(half).fetch(pid, &process);
                let survivor = Survivor { pid, process };
                let held_end = held.pipe.as_ref().and_then(Pipe::any);
                let other = held_end.and_then(|end| survivors::other_pipe(&survivor, half, end));
                let watched = self.strangers.watch(survivor, &directory);
                Ok(match (watched, other) {
                    (Ok(pid), None) => Presence::Process(pid),
                    (Ok(pid), Some(ends)) => {
                        Presence::Elsewhere(pid, held.with_another(Pipe::of(ends)))
                    }
                    (Err(why), _) => Presence::OutOfReach(why),
                })
            }
            Holder::Unknown(why) => Ok(Presence::OutOfReach(why)),
            Holder::Nobody => launch(half, name, held).map(Presence::Process),
        }
    }

    fn part(&mut self, log: Pid, held: &Self::Held) {
        // Its number is its own: that it has ended is only learnt between scans.
        let process = PidFd::open(log)
            .ok()
            .map(|process| Survivor { pid: log, process });
        if let (Some(survivor), Some(end)) = (process, held.pipe.as_ref().and_then(Pipe::any))
            && survivors::other_pipe(&survivor, Half::Log, end).is_some()
        {
            let _ = survivor.process.send(Signal::SIGKILL);
        }
    }

    fn end_scan(&mut self) -> bool {
        let all_watched = self.watched.as_mut().is_some_and(Watched::end);
        let silent = self.output.as_ref().is_some_and(Output::is_down);
        let blind = self.mounts.is_none() || self.deaths.is_none();
        // Another `svscan` may have it, and die.
        let deaf = self.no_control.as_ref().is_some_and(runtime::passes);
        !all_watched || blind || silent || deaf
    }

    fn wait(&mut self, deadline: Option<Moment>) {
        if self.essentials.is_due() {
            return;
        }
        if !std::mem::replace(&mut self.lean, true) {
            memory::give_back_stack();
            memory::give_back_code();
        }
        let deaths = self
            .deaths
            .as_ref()
            .map(|fd| (fd.as_fd(), Interest::Readable));
        let watched = self.watched.as_ref();
        let watched = watched.map(|watched| (watched.watches().as_fd(), Interest::Readable));
        let mounts = self
            .mounts
            .as_ref()
            .map(|fd| (fd.as_fd(), Interest::Urgent));
        let strangers = self.strangers.herd.as_ref();
        let strangers = strangers.map(|herd| (herd.as_fd(), Interest::Readable));
        // It can fail only for want of kernel memory; the turn that follows is
        // then one more than needed.
        let control = self.control.as_ref();
        let control = control.map(|control| (control.as_fd(), Interest::Readable));
        let [term, int] = &self.endings;
        let [term, int] = [term, int].map(|signal| {
            let signal = signal.as_ref();
            signal.map(|signal| (signal.as_fd(), Interest::Readable))
        });
        let all = [deaths, watched, strangers, control, term, int, mounts];
        let ready = wait::until_ready(all, deadline);
        self.mounts_changed |= ready.is_ok_and(|[.., mounts]| mounts);
        if let Some(deaths) = &mut self.deaths {
            // Before reaping, or a death in between would be lost.
            deaths.drain();
        }
    }

    fn reap(&mut self) -> Option<(Pid, Ending)> {
        let dead = process::reap().or_else(|| self.strangers.ended());
        if let (Some((pid, _)), Some(output)) = (dead, &mut self.output) {
            output.died(pid, Moment::now());
        }
        dead
    }

    fn upgrade(&mut self, table: &Table<Self::Held>) {
        let strangers = &self.strangers.status;
        if let Some(control) = &mut self.control {
            control.put_back();
        }
        let control = self.control.as_ref();
        let why = upgrade::attempt(table, control, |pid| strangers.contains_key(&pid));
        control::announce(Some(&why));
        let what = ["unable to become the svscan that is installed: ", &why];
        let line = Message::new("svscan", "warning");
        let line = what.into_iter().fold(line, Message::text).line();
        let _ = descriptor::write_all(descriptor::stderr(), &line);
    }

    fn tell(&mut self, half: Half, name: &OsStr, pid: Pid, words: Words) -> io::Result<bool> {
        // Where it works now, whatever has become of the name.
        let here = PathBuf::from(format!("/proc/{pid}/cwd"));
        let named = directory_of(half, name);
        let place = self.place_of(pid, [&here, &named]);
        if place.is_none() && self.is_put_off(pid) {
            return Ok(false);
        }
        let open = |directory: &Path| {
            let fifo = Place::directory_of(directory)?.join("control");
            Ok((How::WRITE.open(&fifo)?, How::READ.open(&fifo)?))
        };
        // Held open for reading as well: one that dies this instant must not have us
        // killed by a broken pipe.
        let (control, _reader) = match place {
            Some(place) => open(place),
            None => open(&here).or_else(|_: io::Error| open(&named)),
        }?;
        if !control.metadata()?.file_type().is_fifo() {
            return Err(Errno::ENOSTR.into());
        }
        let commands: &[Command] = match words {
            Words::Stop => &[Command::Down, Command::Exit],
            Words::Exit => &[Command::Exit],
        };
        let bytes: Vec<u8> = commands.iter().map(|command| command.byte()).collect();
        descriptor::write_all(control, &bytes).map(|()| true)
    }

    fn is_unread(&mut self, log: Pid, held: &Self::Held) -> bool {
        let Some(end) = held.pipe.as_ref().and_then(Pipe::any) else {
            return false;
        };
        if !has_unread(end) || !survivors::reads_another(log, end) {
            return false;
        }
        // One whose end does not come must not keep us for ever.
        self.is_put_off(log)
    }

    fn end(&mut self, held: Self::Held) -> Self::Held {
        held.ended()
    }

    fn leaves_service(&mut self, half: Half, name: &OsStr, held: &Self::Held) -> bool {
        self.locks.forget();
        let end = held.pipe.as_ref().and_then(Pipe::any);
        let unread = half == Half::Log && end.is_some_and(has_unread);
        unread || survivors::are_left(&directory_of(half, name))
    }

    fn is_supervised(&mut self, half: Half, name: &OsStr) -> bool {
        let holder = supervisor_of(&mut self.locks, &directory_of(half, name));
        !matches!(holder, Holder::Nobody)
    }

    fn lives(&mut self, half: Half, name: &OsStr) -> bool {
        self.is_supervised(half, name) || survivors::are_left(&directory_of(half, name))
    }

    fn bonds(&mut self, names: &[OsString]) -> Vec<Bond> {
        bonds::between(names)
    }

    fn say_late(&mut self, name: &OsStr) {
        let what = " does not stop: what it needs is stopped nevertheless";
        bonds::say(&[name, what.as_ref()]);
    }

    fn request(&mut self) -> Option<Request> {
        let mut endings = self.endings.iter_mut().flatten();
        let ended = endings.any(SignalPipe::drain);
        let request = if ended || self.essentials.stop() {
            Some(Request::Stop(Logs::AtEnd))
        } else {
            self.control.as_mut()?.request()
        };
        self.stopping |= matches!(request, Some(Request::Stop(_)));
        request
    }

    fn changed(&mut self) -> bool {
        let mounts = std::mem::take(&mut self.mounts_changed);
        let now = Moment::now();
        let due = self
            .output
            .as_ref()
            .is_some_and(|output| output.is_due(now));
        self.watched.as_ref().is_some_and(Watched::changed) || mounts || due
    }

    fn warn(&mut self, about: Trouble, name: &OsStr, why: &io::Error) {
        let (what, suffix) = match about {
            Trouble::Reading => ("unable to read directory", ""),
            Trouble::Stat => ("unable to stat ", ""),
            Trouble::StatLog => ("unable to stat ", "/log"),
            Trouble::Pipe => ("unable to create pipe for ", ""),
            Trouble::Fork(Half::Main) => ("unable to fork for ", ""),
            Trouble::Fork(Half::Log) => ("unable to fork for ", "/log"),
            Trouble::OutOfReach(Half::Main) => ("unable to watch supervise ", ""),
            Trouble::OutOfReach(Half::Log) => ("unable to watch supervise ", "/log"),
            Trouble::Deaf(Half::Main) => ("unable to control ", ""),
            Trouble::Deaf(Half::Log) => ("unable to control ", "/log"),
        };
        dt_cli::warn("svscan", &[what.as_ref(), name, suffix.as_ref()], why);
    }
}

/// A pipe whose writing end reads as well. The service has it as its standard output,
/// so that it meets no broken pipe even where all who read are killed at once, us
/// included, before others come. What it has written meanwhile they find there.
fn new_pipe() -> io::Result<survivors::Ends> {
    let (reading, writing) = descriptor::pipe()?;
    let writing = descriptor::both_ends(&writing).unwrap_or(writing);
    Ok((reading, writing))
}

/// Whether there is something in a pipe, of which this is an end that reads.
fn has_unread(end: &OwnedFd) -> bool {
    wait::outlook(end.as_fd()).is_ok_and(|seen| seen.unread)
}

/// TERM and INT as process 1, whom the kernel does not let them kill, and TERM
/// where everything is to be as with encore; anybody else dies of them, as the
/// original does, and the services go on.
fn endings() -> [Option<SignalPipe>; 2] {
    [Signal::SIGTERM, Signal::SIGINT].map(|signal| {
        let first = process::own_pid().as_raw() == 1;
        let asked = first || (signal == Signal::SIGTERM && crate::is_encore());
        asked.then(|| SignalPipe::watch_only(signal).ok()).flatten()
    })
}

fn identity(found: &Metadata) -> Identity {
    Identity {
        device: found.dev(),
        inode: found.ino(),
        born: found.created().ok(),
    }
}

fn content(directory: &Path) -> io::Result<Content> {
    Ok(Content {
        log: has_log(&directory.join("log"))?,
        // Where that cannot be told, `supervise` will say so.
        run: exists(&directory.join("run")).unwrap_or(true),
    })
}

/// Whether there is a log for us to look after. As for the original that is
/// anything of the name; but a program there is looked after by the service's own
/// `supervise`, as with encore, where nothing but a directory counts.
fn has_log(log: &Path) -> io::Result<bool> {
    match std::fs::metadata(log) {
        Ok(facts) if facts.is_dir() => Ok(true),
        Ok(facts) => {
            let program = facts.is_file() && facts.mode() & 0o111 != 0;
            Ok(!program && !crate::is_encore())
        }
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(why) => Err(why),
    }
}

/// Whether `file` is there, in any form; a link to nowhere is not.
fn exists(file: &Path) -> io::Result<bool> {
    match std::fs::metadata(file) {
        Ok(_) => Ok(true),
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(why) => Err(why),
    }
}
