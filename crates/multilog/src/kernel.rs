//! The real [`World`]: the kernel, by way of `dt-os`.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::time::Duration;

use dt_cli::Message;
use dt_os::caught::Caught;
use dt_os::clock::{Moment, UnixTime};
use dt_os::entry::{self, Facts};
use dt_os::exec::Image;
use dt_os::file::{Directory, How};
use dt_os::flow::Tap;
use dt_os::process::{self, ChildSignal, Launch, Pid};
use dt_os::{descriptor, flow, startup};

use crate::world::{Ending, Open, Streams, Woken, World};

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
    pub tap: Option<Tap>,
}

/// What a rotation opens at once at the most, without and with a processor.
const SPARE: [usize; 2] = [2, 8];

impl Kernel {
    /// What standard input is looked into with.
    fn tap(&mut self) -> io::Result<&Tap> {
        let tap = match self.tap.take() {
            Some(tap) => tap,
            None => Tap::new()?,
        };
        Ok(self.tap.insert(tap))
    }

    fn directory(&self, log: usize) -> io::Result<&Directory> {
        self.directories
            .get(log)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl World for Kernel {
    type File = File;
    type Child = Pid;

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

    fn start(&mut self, log: usize, streams: &Streams<File>) -> io::Result<Pid> {
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
        // Above all the numbers, so that none is overwritten before it is placed.
        let above = |file: &File| flow::duplicate_above(file, 10);
        let (input, output) = (above(&streams.input)?, above(&streams.output)?);
        let (state, newstate) = (above(&streams.state)?, above(&streams.newstate)?);
        Launch {
            image: &image,
            descriptors: &[
                (input.as_fd(), 0),
                (output.as_fd(), 1),
                (state.as_fd(), 4),
                (newstate.as_fd(), 5),
            ],
            directory: None,
            child_signal: ChildSignal::Inherited,
            descriptor_excuse: &excuse,
            directory_excuse: &excuse,
            exec_excuse: &excuse,
        }
        .start()
    }

    fn wait_for(&mut self, child: Pid) -> io::Result<Ending> {
        Ok(match process::wait_for(child)? {
            process::Ending::Exited(code) => Ending::Exited(code),
            process::Ending::Killed(_) => Ending::Killed,
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

    fn can_look(&mut self) -> bool {
        let processed = self.processors.iter().any(Option::is_some);
        let [plain, more] = SPARE;
        let spare = if processed { more } else { plain };
        let enough = self.tap().is_ok() && {
            let tries = (0..spare).map(|_| descriptor::duplicate(descriptor::stdin()));
            tries.collect::<io::Result<Vec<_>>>().is_ok()
        };
        if !enough {
            self.tap = None;
        }
        enough
    }

    fn look(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.tap()?.look(descriptor::stdin(), into)
    }

    fn discard(&mut self, most: usize) -> io::Result<usize> {
        self.tap()?.discard(descriptor::stdin(), most)
    }

    fn splice(&mut self, file: &mut File, at: u64, most: usize) -> io::Result<usize> {
        flow::splice(descriptor::stdin(), file, at, most)
    }

    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        descriptor::read(descriptor::stdin(), bytes)
    }

    fn wait(&mut self, input: bool, deadline: Option<Moment>) -> Woken {
        let waited = if input {
            let waited = self.signals.wait([descriptor::stdin()], deadline);
            waited.map(|(signals, [input])| (signals, input))
        } else {
            let waited = self.signals.wait([], deadline);
            waited.map(|(signals, [])| (signals, false))
        };
        let ([term, alarm], input) = waited.unwrap_or_else(|_| {
            // Without a poll there is only looking and looking again, slowly.
            std::thread::sleep(Duration::from_millis(100));
            ([false; 2], input)
        });
        Woken { input, term, alarm }
    }

    fn signals(&mut self) -> Woken {
        let [term, alarm] = self.signals.come();
        Woken {
            input: false,
            term,
            alarm,
        }
    }

    fn moment(&mut self) -> Moment {
        Moment::now()
    }

    fn unix_time(&mut self) -> UnixTime {
        UnixTime::now()
    }
}
