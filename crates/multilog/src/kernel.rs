//! The real [`World`]: the kernel, by way of `dt-os`.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::time::Duration;

use dt_cli::Message;
use dt_os::caught::Caught;
use dt_os::clock::{Moment, UnixTime};
use dt_os::entry::{self, Facts};
use dt_os::exec::Image;
use dt_os::file::{Directory, How};
use dt_os::flow::Tap;
use dt_os::pidfd::PidFd;
use dt_os::process::{self, ChildSignal, Gated, Launch, Opened, Pid};
use dt_os::{descriptor, flow, incarnation, memory, startup};

use crate::rotate::Name;
use crate::world::{Ending, Open, Who, Woken, World};

/// The kernel, with what has been opened at start.
#[derive(Debug)]
pub struct Kernel {
    /// TERM and ALRM.
    pub signals: Caught<2>,
    /// The log directories.
    pub directories: Vec<Directory>,
    /// Their locks, held for life.
    pub locks: Vec<File>,
    /// The status files.
    pub statuses: Vec<File>,
    /// The log directories' processors.
    pub processors: Vec<Option<OsString>>,
    /// For looking into standard input.
    pub tap: Option<Tap<BorrowedFd<'static>>>,
    /// How much standard input held before we made it hold more.
    pub narrow: Option<usize>,
    /// The processor that was let go, and what tells of its end.
    pub running: Option<(Pid, Option<PidFd>)>,
    /// What only the start has needed was given back.
    pub lean: bool,
}

/// What a pipe holds, as Linux makes it; ours too.
const USUAL: usize = 1 << 16;

/// How many descriptors a rotation needs at once, without and with a processor.
const SPARE: [usize; 2] = [1, 2];

impl Kernel {
    /// Whether so many descriptors can be had for files, and those that a rotation
    /// needs besides.
    pub fn has_room_for(&self, files: usize) -> io::Result<()> {
        let processed = self.processors.iter().any(Option::is_some);
        let [plain, more] = SPARE;
        let count = files + if processed { more } else { plain };
        let tries = (0..count).map(|_| descriptor::duplicate(descriptor::stdin()));
        tries.collect::<io::Result<Vec<_>>>().map(drop)
    }

    /// What standard input is looked into with.
    fn tap(&mut self) -> io::Result<&mut Tap<BorrowedFd<'static>>> {
        let tap = match self.tap.take() {
            Some(tap) => tap,
            None => Tap::new(descriptor::stdin())?,
        };
        Ok(self.tap.insert(tap))
    }

    /// Has standard input hold so much, and what it is looked into with `most`.
    fn set_capacity(&mut self, bytes: usize, most: usize) -> io::Result<()> {
        self.tap()?.set_capacity(most)?;
        flow::set_capacity(descriptor::stdin(), bytes)
    }

    fn directory(&self, log: usize) -> io::Result<&Directory> {
        self.directories
            .get(log)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl World for Kernel {
    type File = File;
    type Child = Gated;

    fn identity(&mut self, log: usize) -> io::Result<(u64, u64)> {
        let found = entry::facts(self.directory(log)?, OsStr::new("."))?;
        Ok(found.map(|facts| facts.identity).unwrap_or_default())
    }

    fn open(&mut self, log: usize, name: &OsStr, how: Open, mode: u32) -> io::Result<File> {
        let how = match how {
            Open::Read => How::READ,
            Open::Update => How::UPDATE,
            Open::Append => How::APPEND,
            Open::New => How::CREATE_NEW,
        };
        self.directory(log)?
            .open_entry(name, &how.mode(mode).no_follow())
    }

    fn facts(&mut self, log: usize, name: &OsStr) -> io::Result<Option<Facts>> {
        entry::facts(self.directory(log)?, name)
    }

    fn file_facts(&mut self, file: &File) -> io::Result<Facts> {
        Facts::of(file)
    }

    fn list(&mut self, log: usize) -> io::Result<Vec<(OsString, u64)>> {
        entry::list(self.directory(log)?)
    }

    fn rename(&mut self, log: usize, from: &OsStr, to: &OsStr) -> io::Result<()> {
        entry::rename(self.directory(log)?, from, to)
    }

    fn rename_to_new(&mut self, log: usize, from: &OsStr, to: &OsStr) -> io::Result<()> {
        entry::rename_to_new(self.directory(log)?, from, to)
    }

    fn link(&mut self, log: usize, from: &OsStr, to: &OsStr) -> io::Result<()> {
        entry::link(self.directory(log)?, from, to)
    }

    fn remove(&mut self, log: usize, name: &OsStr) -> io::Result<()> {
        entry::remove(self.directory(log)?, name)
    }

    fn set_mode(&mut self, log: usize, name: &OsStr, mode: u32) -> io::Result<()> {
        entry::set_mode(self.directory(log)?, name, mode)
    }

    fn sync_names(&mut self, log: usize) -> io::Result<()> {
        self.directory(log)?.sync()
    }

    fn append(&mut self, file: &mut File, bytes: &[u8]) -> io::Result<usize> {
        descriptor::write(file, bytes)
    }

    fn read_at(&mut self, file: &File, bytes: &mut [u8], at: u64) -> io::Result<usize> {
        file.read_at(bytes, at)
    }

    fn write_at(&mut self, file: &mut File, bytes: &[u8], at: u64) -> io::Result<usize> {
        file.write_at(bytes, at)
    }

    fn truncate(&mut self, file: &mut File, size: u64) -> io::Result<()> {
        file.set_len(size)
    }

    fn sync(&mut self, file: &mut File) -> io::Result<()> {
        file.sync_all()
    }

    fn set_file_mode(&mut self, file: &mut File, mode: u32) -> io::Result<()> {
        file.set_permissions(PermissionsExt::from_mode(mode))
    }

    fn enter(&mut self, log: usize) -> io::Result<()> {
        self.directory(log)?.enter()
    }

    fn start(&mut self, log: usize) -> io::Result<Gated> {
        let command = self
            .processors
            .get(log)
            .cloned()
            .flatten()
            .unwrap_or_default();
        let excuse = Message::new("multilog", "fatal")
            .pieces(&["unable to run ".as_ref(), &command])
            .excuse();
        let words = [OsStr::new("sh"), OsStr::new("-c"), &command];
        let image = Image::named("/bin/sh", &words, startup::environment())?;
        let file = |name: Name, how: How, number| Opened {
            name: OsStr::new(name.text()),
            how,
            number,
        };
        let new = How::CREATE_NEW.mode(0o644);
        Launch {
            image: &image,
            descriptors: &[],
            directory: None,
            child_signal: ChildSignal::Inherited,
            descriptor_excuse: &excuse,
            directory_excuse: &excuse,
            exec_excuse: &excuse,
        }
        .start_opening(
            &[],
            &[
                file(Name::Previous, How::READ, 0),
                file(Name::Processed, new, 1),
                file(Name::State, How::READ, 4),
                file(Name::NewState, new, 5),
            ],
        )
    }

    fn who(&mut self, child: &Gated) -> Who {
        let number = u64::try_from(child.pid().as_raw()).unwrap_or(0);
        let seen = incarnation::look_up(child.pid());
        seen.map_or((0, 0), |seen| (number, seen.start))
    }

    fn lives(&mut self, (number, start): Who) -> bool {
        let Ok(number) = i32::try_from(number) else {
            return false;
        };
        let seen = incarnation::look_up(Pid::from_raw(number));
        number > 0 && seen.is_ok_and(|seen| seen.start == start && !seen.zombie)
    }

    fn let_go(&mut self, child: Gated) -> io::Result<bool> {
        let child = child.open()?;
        let end = PidFd::open(child).ok();
        // Not with the descriptor that a rotation may be in need of.
        let end = end.filter(|_| descriptor::duplicate(descriptor::stdin()).is_ok());
        let told = end.is_some();
        self.running = Some((child, end));
        Ok(told)
    }

    fn wait_for_processor(&mut self) -> io::Result<Ending> {
        let Some((child, _)) = self.running.take() else {
            return Err(io::ErrorKind::NotFound.into());
        };
        Ok(match process::wait_for(child)? {
            process::Ending::Exited(code) => Ending::Exited(code),
            process::Ending::Killed(signal) => Ending::Killed(signal),
        })
    }

    fn write_status(&mut self, status: usize, content: &[u8]) -> io::Result<()> {
        let Some(file) = self.statuses.get(status) else {
            return Ok(());
        };
        // A part of it is as bad as nothing.
        match file.write_at(content, 0)? {
            count if count == content.len() => Ok(()),
            _ => Err(io::ErrorKind::WriteZero.into()),
        }
    }

    fn say(&mut self, bytes: &[u8]) {
        let _ = descriptor::write_all(descriptor::stderr(), bytes);
    }

    fn can_look(&mut self) -> io::Result<()> {
        // One more tells who a processor is.
        let enough = self.tap().map(drop).and_then(|()| self.has_room_for(1));
        if enough.is_err() {
            self.tap = None;
        }
        enough
    }

    fn look(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.tap()?.look(into)
    }

    fn widen(&mut self, most: usize) {
        let Ok(now) = flow::capacity(descriptor::stdin()) else {
            return;
        };
        // A predecessor that was killed may have widened it.
        let wide = [2 * most, most].map(|bytes| bytes.max(now));
        if wide
            .iter()
            .any(|wide| self.set_capacity(*wide, *wide).is_ok())
        {
            self.narrow = Some(now);
        }
    }

    fn narrow(&mut self) {
        if let Some(before) = self.narrow {
            // With more than that in it, the pipe stays as it is.
            let done = self.set_capacity(before, before.min(USUAL));
            self.narrow = done.err().map(|_| before);
        }
    }

    fn discard(&mut self, most: usize) -> io::Result<usize> {
        self.tap()?.discard(most)
    }

    fn splice(&mut self, file: &mut File, at: u64, most: usize) -> io::Result<usize> {
        self.tap()?.move_to(file, at, most)
    }

    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        descriptor::read(descriptor::stdin(), bytes)
    }

    fn wait(&mut self, input: bool, deadline: Option<Moment>) -> Woken {
        if !std::mem::replace(&mut self.lean, true) {
            memory::give_back_stack();
            memory::give_back_code();
        }
        let end = self.running.as_ref().and_then(|(_, end)| end.as_ref());
        let waited = match end {
            _ if !input => {
                let waited = self.signals.wait([], deadline);
                waited.map(|(signals, [])| (signals, [false; 2]))
            }
            None => {
                let waited = self.signals.wait([descriptor::stdin()], deadline);
                waited.map(|(signals, [input])| (signals, [input, false]))
            }
            Some(end) => {
                let both = [descriptor::stdin(), end.as_fd()];
                self.signals.wait(both, deadline)
            }
        };
        let ([term, alarm], [input, processor]) = waited.unwrap_or_else(|_| {
            // Without a poll there is only looking and looking again, slowly.
            std::thread::sleep(Duration::from_millis(100));
            ([false; 2], [input, false])
        });
        Woken {
            input,
            term,
            alarm,
            processor,
        }
    }

    fn signals(&mut self) -> Woken {
        let [term, alarm] = self.signals.come();
        Woken {
            term,
            alarm,
            ..Woken::default()
        }
    }

    fn moment(&mut self) -> Moment {
        Moment::now()
    }

    fn unix_time(&mut self) -> UnixTime {
        UnixTime::now()
    }
}
