//! A log directory: what is written to it, and its rotation step by step.
//!
//! What the next step is, [`crate::rotate`] says; here it is carried out, again
//! and again where it fails.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;

use dt_cli::{Fatal, Message};
use dt_os::Errno;

use crate::archive;
use crate::record::Entry;
use crate::rotate::{Code, Found, Known, Name, Past, Seen, Step, next, portion};
use crate::script::Log;
use crate::session::{Session, Stop};
use crate::world::{Ending, Facts, Open, Streams, World};

/// A log directory at work.
#[derive(Debug)]
pub struct Folder<F> {
    /// Its number in the script.
    number: usize,
    log: Log,
    current: Option<F>,
    size: u64,
    /// Device and inode of the directory and of `current`.
    directory: (u64, u64),
    identity: (u64, u64),
    /// Names may not be on disk yet.
    unsynced: bool,
    /// A sync of `current` has failed.
    doubtful: bool,
    /// Still before the first line: what fails then may be fatal.
    starting: bool,
    /// The line being dealt with goes here.
    pub selected: bool,
    /// What of the coming output a predecessor has written.
    skip: u64,
    /// What the block being dealt with has given so far.
    given: u64,
    /// Lines picked out of the block, and the run of it that follows them.
    picked: Vec<u8>,
    run: (usize, usize),
}

/// How many picked lines are gathered for one write.
const GATHERED: usize = 1 << 16;

impl<F> Folder<F> {
    /// A directory that is open and locked.
    pub fn new(number: usize, log: Log, directory: (u64, u64)) -> Self {
        Self {
            number,
            log,
            current: None,
            size: 0,
            directory,
            identity: (0, 0),
            unsynced: true,
            doubtful: false,
            starting: true,
            selected: true,
            skip: 0,
            given: 0,
            picked: Vec::new(),
            run: (0, 0),
        }
    }

    /// What the record says of it, as things are.
    pub fn entry(&self) -> Entry {
        Entry {
            directory: self.directory,
            current: self.identity,
            size: self.size,
            skip: 0,
            selected: self.selected,
            doubtful: self.doubtful,
            rotating: false,
        }
    }

    /// Whether there is something to rotate.
    pub const fn is_empty(&self) -> bool {
        self.size == 0
    }

    /// Whether `current` is whole, as far as anyone can know.
    pub const fn is_doubtful(&self) -> bool {
        self.doubtful
    }

    /// All that the block gave is written and recorded.
    pub const fn block_done(&mut self) {
        self.given = 0;
        self.skip = 0;
    }

    fn path(&self, name: Name) -> Vec<u8> {
        [self.log.name.as_bytes(), b"/", name.text().as_bytes()].concat()
    }
}

fn os(name: Name) -> &'static OsStr {
    OsStr::new(name.text())
}

/// Starting.
impl<F> Folder<F> {
    /// What the past of the directory is: by the mode of `current`, and by what
    /// the record says of it.
    ///
    /// `None` in the second place says that the record is of something else.
    pub fn past<W: World<File = F>>(
        &mut self,
        session: &mut Session<'_, W>,
        entry: Option<Entry>,
    ) -> Result<(Past, Option<Entry>), Stop> {
        let current = self.must_see(session, Name::Current)?;
        let _processed = self.must_see(session, Name::Processed)?;
        if let Some(current) = current
            && current.mode & 0o100 != 0
        {
            let same = entry
                .filter(|entry| entry.current == current.identity && entry.size == current.size);
            return Ok((Past::Clean, same));
        }
        let Some(entry) = entry else {
            return Ok((Past::Outage, None));
        };
        let previous = self.must_see(session, Name::Previous)?;
        let is_recorded = |facts: Facts| facts.identity == entry.current;
        // A rotation that had begun may be anywhere between its first step and
        // its last; the new `current` is still empty then.
        let known = current.is_some_and(is_recorded)
            || entry.rotating
                && (previous.is_some_and(is_recorded) || current.is_none_or(|new| new.size == 0));
        if !known {
            return Ok((Past::Outage, None));
        }
        let doubtful = entry.doubtful && !current.is_some_and(is_recorded);
        Ok((Past::Going { doubtful }, Some(entry)))
    }

    fn must_see<W: World<File = F>>(
        &self,
        session: &mut Session<'_, W>,
        name: Name,
    ) -> Result<Option<Facts>, Stop> {
        let found = session.world.facts(self.number, os(name));
        found.map_err(|why| self.fatal("stat ", name, &why))
    }

    fn fatal(&self, doing: &str, name: Name, why: &io::Error) -> Stop {
        let path = self.path(name);
        let what = [
            "unable to ".as_ref(),
            doing.as_ref(),
            OsStr::from_bytes(&path),
        ];
        Stop::Fatal(Fatal::system("multilog", &what, why))
    }

    /// Puts the directory in order and opens `current`. With an entry, what was
    /// written after it is cut off.
    pub fn recover<W: World<File = F>>(
        &mut self,
        session: &mut Session<'_, W>,
        past: Past,
        entry: Option<Entry>,
    ) -> Result<(), Stop> {
        self.settle(session, past)?;
        self.starting = false;
        let Some(entry) = entry else {
            return Ok(());
        };
        self.skip = entry.skip;
        self.selected = entry.selected;
        if entry.current == self.identity {
            self.doubtful = entry.doubtful;
            self.cut(session, entry.size)?;
        }
        Ok(())
    }

    /// Takes back what was written beyond `size` and is about to be written again.
    fn cut<W: World<File = F>>(
        &mut self,
        session: &mut Session<'_, W>,
        size: u64,
    ) -> Result<(), Stop> {
        if self.size <= size || session.record.unspooled {
            return Ok(());
        }
        let path = self.path(Name::Current);
        if let Some(file) = &mut self.current {
            session.insist(&[b"unable to write to ", &path], |world| {
                world.truncate(file, size)
            })?;
            self.size = size;
        }
        Ok(())
    }

    /// After a kill that may have torn a line: ends the line.
    pub fn mend_last_line<W: World<File = F>>(
        &mut self,
        session: &mut Session<'_, W>,
    ) -> Result<(), Stop> {
        let Some(last) = self.size.checked_sub(1) else {
            return Ok(());
        };
        let mut byte = [b'\n'];
        let opened = session
            .world
            .open(self.number, os(Name::Current), Open::Read, 0);
        let read = opened.and_then(|file| session.world.read_at(&file, &mut byte, last));
        if read.is_ok() && byte != *b"\n" {
            return self.write(session, b"\n");
        }
        Ok(())
    }
}

/// Step by step.
impl<F> Folder<F> {
    /// Takes the directory to the point where lines can be written.
    fn settle<W: World<File = F>>(
        &mut self,
        session: &mut Session<'_, W>,
        past: Past,
    ) -> Result<(), Stop> {
        loop {
            let found = self.look(session)?;
            let known = Known {
                past,
                processor: self.log.processor.is_some(),
                unsynced: self.unsynced,
            };
            let step = next(known, found);
            self.take(session, step, past)?;
            if step == Step::Open {
                return Ok(());
            }
        }
    }

    fn look<W: World<File = F>>(&self, session: &mut Session<'_, W>) -> Result<Found, Stop> {
        Ok(Found {
            current: self.see(session, Name::Current)?,
            previous: self.see(session, Name::Previous)?,
            processed: self.see(session, Name::Processed)?,
            state: self.see(session, Name::State)?,
            newstate: self.see(session, Name::NewState)?,
        })
    }

    fn see<W: World<File = F>>(
        &self,
        session: &mut Session<'_, W>,
        name: Name,
    ) -> Result<Option<Seen>, Stop> {
        let path = self.path(name);
        let facts = session.insist(&[b"unable to stat ", &path], |world| {
            world.facts(self.number, os(name))
        })?;
        let Some(facts) = facts else { return Ok(None) };
        let archived = facts.links > 1 && self.has_archive(session, facts.identity.1)?;
        Ok(Some(Seen {
            complete: facts.mode & 0o100 != 0,
            empty: facts.size == 0,
            archived,
        }))
    }

    /// Whether an archive is the same file. A further name alone says nothing:
    /// programs that make copies leave such.
    fn has_archive<W: World<File = F>>(
        &self,
        session: &mut Session<'_, W>,
        inode: u64,
    ) -> Result<bool, Stop> {
        let names = self.names(session)?;
        let archives = names.iter().filter(|(_, other)| *other == inode);
        Ok(archives
            .into_iter()
            .any(|(name, _)| archive::label_of(name).is_some()))
    }

    fn names<W: World<File = F>>(
        &self,
        session: &mut Session<'_, W>,
    ) -> Result<Vec<(std::ffi::OsString, u64)>, Stop> {
        let doing = [b"unable to read ".as_slice(), self.log.name.as_bytes()];
        session.insist(&doing, |world| world.list(self.number))
    }

    fn take<W: World<File = F>>(
        &mut self,
        session: &mut Session<'_, W>,
        step: Step,
        past: Past,
    ) -> Result<(), Stop> {
        let log = self.number;
        match step {
            Step::SyncNames => self.sync_names(session),
            Step::Remove(name) => {
                let path = self.path(name);
                session.insist(&[b"unable to remove ", &path], |world| {
                    gone(world.remove(log, os(name)))
                })?;
                self.unsynced = true;
                Ok(())
            }
            Step::Archive(name, code) => self.archive(session, name, code),
            Step::Retire(name) => {
                self.take(session, Step::Remove(name), past)?;
                self.prune(session)
            }
            Step::CompletePrevious => {
                let path = self.path(Name::Previous);
                session.insist(&[b"unable to set mode of ", &path], |world| {
                    world.set_mode(log, os(Name::Previous), 0o744)
                })
            }
            Step::Process => self.process(session),
            Step::AdoptState => {
                let name = self.log.name.as_bytes();
                session.insist(
                    &[b"unable to rename newstate to state in directory ", name],
                    |world| world.rename(log, os(Name::NewState), os(Name::State)),
                )?;
                self.unsynced = true;
                Ok(())
            }
            Step::MakeState => self.make_state(session),
            Step::MakeCurrent => self.open_current(session, false),
            Step::Open => match self.current {
                Some(_) => Ok(()),
                None => self.open_current(session, past != Past::Outage),
            },
        }
    }

    fn sync_names<W: World<File = F>>(&mut self, session: &mut Session<'_, W>) -> Result<(), Stop> {
        let name = self.log.name.as_bytes();
        session.insist(&[b"unable to write ", name, b" to disk"], |world| {
            match world.sync_names(self.number) {
                // Some file systems have nothing to sync in a directory.
                Err(why) if dt_os::is_errno(&why, Errno::EINVAL) => Ok(()),
                other => other,
            }
        })?;
        self.unsynced = false;
        Ok(())
    }

    fn make_state<W: World<File = F>>(&mut self, session: &mut Session<'_, W>) -> Result<(), Stop> {
        let log = self.number;
        let make = |world: &mut W| {
            let mut file = world.open(log, os(Name::State), Open::Append, 0o644)?;
            world.set_file_mode(&mut file, 0o644)
        };
        self.unsynced = true;
        if self.starting {
            return make(session.world).map_err(|why| self.fatal("write to ", Name::State, &why));
        }
        let path = self.path(Name::State);
        session.insist(&[b"unable to create ", &path], make)
    }

    /// Opens `current` for appending, made if need be, and sets its mode.
    fn open_current<W: World<File = F>>(
        &mut self,
        session: &mut Session<'_, W>,
        existing: bool,
    ) -> Result<(), Stop> {
        let log = self.number;
        let path = self.path(Name::Current);
        let open = |world: &mut W| world.open(log, os(Name::Current), Open::Append, 0o600);
        let mut file = if self.starting {
            let doing = if existing { "append to " } else { "write to " };
            open(session.world).map_err(|why| self.fatal(doing, Name::Current, &why))?
        } else {
            session.insist(&[b"unable to create ", &path], open)?
        };
        let mut set = |world: &mut W| {
            world.set_file_mode(&mut file, 0o644)?;
            world.file_facts(&file)
        };
        let facts = if self.starting {
            set(session.world).map_err(|why| self.fatal("set mode of ", Name::Current, &why))?
        } else {
            session.insist(&[b"unable to set mode of ", &path], set)?
        };
        self.current = Some(file);
        self.size = facts.size;
        self.identity = facts.identity;
        self.unsynced = true;
        Ok(())
    }

    fn archive<W: World<File = F>>(
        &mut self,
        session: &mut Session<'_, W>,
        name: Name,
        code: Code,
    ) -> Result<(), Stop> {
        let log = self.number;
        loop {
            let names = self.names(session)?;
            let now = session.world.unix_time();
            let fresh = archive::fresh(names.iter().map(|(name, _)| name.as_os_str()), now);
            let to = archive::name(fresh, code);
            let done = match session.world.link(log, os(name), &to) {
                Err(why) if links_unknown(&why) => session.world.rename_to_new(log, os(name), &to),
                done => done,
            };
            self.unsynced = true;
            match done {
                Ok(()) => return Ok(()),
                Err(why) => {
                    let directory = self.log.name.as_bytes();
                    let doing = [b"unable to link to ", directory, b"/", to.as_bytes()];
                    session.pause(&doing, Some(&why))?;
                }
            }
        }
    }

    fn prune<W: World<File = F>>(&mut self, session: &mut Session<'_, W>) -> Result<(), Stop> {
        let log = self.number;
        let names = self.names(session)?;
        let names: Vec<_> = names.into_iter().map(|(name, _)| name).collect();
        let newest = names
            .iter()
            .filter(|name| archive::label_of(name).is_some())
            .max()
            .cloned();
        let files = names.into_iter().filter(|name| {
            let counts = archive::label_of(name).is_some();
            counts && !matches!(session.world.facts(log, name), Ok(Some(facts)) if facts.directory)
        });
        let files: Vec<_> = files.collect();
        for name in archive::surplus(files, self.log.count, newest.as_deref()) {
            let doing = [b"unable to read ".as_slice(), self.log.name.as_bytes()];
            session.insist(&doing, |world| match gone(world.remove(log, &name)) {
                // This one cannot be removed; that must not stop the log.
                Err(why) if dt_os::is_errno(&why, Errno::EPERM) => Ok(()),
                other => other,
            })?;
        }
        Ok(())
    }
}

/// The processor.
impl<F> Folder<F> {
    /// From `previous` to a complete `processed`.
    fn process<W: World<File = F>>(&mut self, session: &mut Session<'_, W>) -> Result<(), Stop> {
        let name = self.log.name.clone();
        let name = name.as_bytes();
        loop {
            let code = self.run_processor(session)?;
            if code != Some(0) {
                session.pause(&[b"processor failed in ", name], None)?;
                continue;
            }
            if self.complete_outputs(session)? {
                return Ok(());
            }
        }
    }

    /// Runs it once; gives its exit code.
    fn run_processor<W: World<File = F>>(
        &mut self,
        session: &mut Session<'_, W>,
    ) -> Result<Option<i32>, Stop> {
        let log = self.number;
        let name = self.log.name.clone();
        let name = name.as_bytes();
        session.insist(&[b"unable to switch to ", name], |world| world.enter(log))?;
        self.unsynced = true;
        let streams = match self.streams(session) {
            Ok(streams) => streams,
            Err(why) => {
                // The words of a processor that cannot be set up.
                let command = self.log.processor.clone().unwrap_or_default();
                let what = ["unable to run ".as_ref(), command.as_os_str()];
                let fatal = Fatal::system("multilog", &what, &why);
                session.world.say(&fatal.lines);
                return Ok(None);
            }
        };
        let child = session.insist(&[b"unable to fork for processor in ", name], |world| {
            world.start(log, &streams)
        })?;
        match session.world.wait_for(child) {
            Ok(Ending::Exited(code)) => Ok(Some(code)),
            Ok(Ending::Killed) => {
                let why = Errno::EINTR.into();
                session.pause(&[b"processor crashed in ", name], Some(&why))?;
                Ok(None)
            }
            Err(why) => {
                session.pause(&[b"wait failed for processor in ", name], Some(&why))?;
                Ok(None)
            }
        }
    }

    /// Opens the processor's files. Its outputs are new files each time: a
    /// processor that a killed predecessor left behind goes on writing to files
    /// that have no name any more.
    fn streams<W: World<File = F>>(&self, session: &mut Session<'_, W>) -> io::Result<Streams<F>> {
        let log = self.number;
        let world = &mut *session.world;
        for name in [Name::Processed, Name::NewState] {
            gone(world.remove(log, os(name)))?;
        }
        Ok(Streams {
            input: world.open(log, os(Name::Previous), Open::Read, 0)?,
            output: world.open(log, os(Name::Processed), Open::New, 0o644)?,
            state: world.open(log, os(Name::State), Open::Read, 0)?,
            newstate: world.open(log, os(Name::NewState), Open::New, 0o644)?,
        })
    }

    /// Both outputs are on disk before the first of them is called complete.
    /// Where a sync fails, the processor has to write them again.
    fn complete_outputs<W: World<File = F>>(
        &mut self,
        session: &mut Session<'_, W>,
    ) -> Result<bool, Stop> {
        let log = self.number;
        let mut processed = None;
        for name in [Name::NewState, Name::Processed] {
            let path = self.path(name);
            let mut file = session.insist(&[b"unable to create ", &path], |world| {
                world.open(log, os(name), Open::Append, 0o644)
            })?;
            if let Err(why) = session.world.sync(&mut file) {
                session.pause(&[b"unable to write ", &path, b" to disk"], Some(&why))?;
                return Ok(false);
            }
            processed = Some(file);
        }
        let path = self.path(Name::Processed);
        if let Some(mut file) = processed {
            session.insist(&[b"unable to set mode of ", &path], |world| {
                world.set_file_mode(&mut file, 0o744)
            })?;
        }
        self.unsynced = true;
        Ok(true)
    }
}

/// Writing.
impl<F> Folder<F> {
    /// Adds `block[from..to]` to what is to be written.
    pub fn add<W: World<File = F>>(
        &mut self,
        session: &mut Session<'_, W>,
        block: &[u8],
        from: usize,
        to: usize,
    ) -> Result<(), Stop> {
        if self.run.1 == from && self.run.0 < self.run.1 {
            self.run.1 = to;
            return Ok(());
        }
        self.pick(session, block)?;
        self.run = (from, to);
        Ok(())
    }

    /// Copies the run to where lines are gathered.
    fn pick<W: World<File = F>>(
        &mut self,
        session: &mut Session<'_, W>,
        block: &[u8],
    ) -> Result<(), Stop> {
        let run = block.get(self.run.0..self.run.1).unwrap_or_default();
        self.run = (0, 0);
        if self.picked.len() + run.len() > GATHERED {
            self.flush_picked(session)?;
        }
        if run.len() > GATHERED {
            return self.give(session, run);
        }
        self.picked.extend_from_slice(run);
        Ok(())
    }

    fn flush_picked<W: World<File = F>>(
        &mut self,
        session: &mut Session<'_, W>,
    ) -> Result<(), Stop> {
        let mut picked = std::mem::take(&mut self.picked);
        let done = self.give(session, &picked);
        picked.clear();
        self.picked = picked;
        done
    }

    /// Writes all that was added; nothing refers to `block` any more.
    pub fn flush<W: World<File = F>>(
        &mut self,
        session: &mut Session<'_, W>,
        block: &[u8],
    ) -> Result<(), Stop> {
        if self.picked.is_empty() {
            let run = block.get(self.run.0..self.run.1).unwrap_or_default();
            self.run = (0, 0);
            return self.give(session, run);
        }
        self.pick(session, block)?;
        self.flush_picked(session)
    }

    /// Output of the block: what a predecessor has written is left out.
    fn give<W: World<File = F>>(
        &mut self,
        session: &mut Session<'_, W>,
        data: &[u8],
    ) -> Result<(), Stop> {
        let known = usize::try_from(self.skip).map_or(data.len(), |skip| skip.min(data.len()));
        self.skip -= known as u64;
        self.given += known as u64;
        self.write(session, data.get(known..).unwrap_or_default())
    }

    fn write<W: World<File = F>>(
        &mut self,
        session: &mut Session<'_, W>,
        mut data: &[u8],
    ) -> Result<(), Stop> {
        while !data.is_empty() {
            let (amount, full) = portion(self.log.size, self.size, data);
            let (now, later) = data.split_at_checked(amount).unwrap_or((data, &[]));
            self.append(session, now)?;
            data = later;
            if full {
                self.rotate(session)?;
            }
        }
        Ok(())
    }

    fn append<W: World<File = F>>(
        &mut self,
        session: &mut Session<'_, W>,
        mut data: &[u8],
    ) -> Result<(), Stop> {
        while !data.is_empty() {
            let Some(file) = &mut self.current else {
                return Ok(());
            };
            let taken = match session.world.append(file, data) {
                Ok(taken) => taken,
                Err(why) => {
                    let path = self.path(Name::Current);
                    session.pause(&[b"unable to write to ", &path], Some(&why))?;
                    continue;
                }
            };
            self.size += taken as u64;
            self.given += taken as u64;
            data = data.get(taken..).unwrap_or_default();
        }
        Ok(())
    }

    /// Finishes `current` and begins a new one.
    pub fn rotate<W: World<File = F>>(&mut self, session: &mut Session<'_, W>) -> Result<(), Stop> {
        let log = self.number;
        self.sync_current(session)?;
        if self.log.processor.is_some() {
            // Whatever it is, it is not made from what is `current` now.
            let path = self.path(Name::Processed);
            session.insist(&[b"unable to remove ", &path], |world| {
                gone(world.remove(log, os(Name::Processed)))
            })?;
        }
        self.note(session, true)?;
        let name = self.log.name.as_bytes();
        session.insist(
            &[b"unable to rename current to previous in directory ", name],
            |world| world.rename(log, os(Name::Current), os(Name::Previous)),
        )?;
        self.current = None;
        self.unsynced = true;
        let doubtful = std::mem::take(&mut self.doubtful);
        self.settle(session, Past::Going { doubtful })?;
        self.note(session, false)
    }

    /// Records how far this directory is within the block.
    fn note<W: World<File = F>>(
        &self,
        session: &mut Session<'_, W>,
        rotating: bool,
    ) -> Result<(), Stop> {
        if let Some(entry) = session.record.logs.get_mut(self.number) {
            let selected = entry.selected;
            *entry = Entry {
                skip: self.given,
                rotating,
                selected,
                ..self.entry()
            };
        }
        session.commit()
    }

    /// Waits until `current` is on disk. Once that has failed, nobody can say
    /// what of it is lost: the kernel may forget what it could not write and
    /// call the next sync a success. All of it is written once more, and the
    /// file is never called safe.
    fn sync_current<W: World<File = F>>(
        &mut self,
        session: &mut Session<'_, W>,
    ) -> Result<(), Stop> {
        let path = self.path(Name::Current);
        loop {
            let Some(file) = &mut self.current else {
                return Ok(());
            };
            let Err(why) = session.world.sync(file) else {
                return Ok(());
            };
            self.doubtful = true;
            let _ = self.write_again(session);
            session.pause(&[b"unable to write ", &path, b" to disk"], Some(&why))?;
        }
    }

    fn write_again<W: World<File = F>>(&self, session: &mut Session<'_, W>) -> io::Result<()> {
        let world = &mut *session.world;
        let mut file = world.open(self.number, os(Name::Current), Open::Update, 0o644)?;
        let mut buffer = vec![0; 1 << 16];
        let mut at = 0;
        loop {
            let count = world.read_at(&file, &mut buffer, at)?;
            let Some(read) = buffer.get(..count).filter(|read| !read.is_empty()) else {
                return Ok(());
            };
            crate::session::write_whole(world, &mut file, read, at)?;
            at += count as u64;
        }
    }

    /// Closes `current` in order.
    pub fn finish<W: World<File = F>>(&mut self, session: &mut Session<'_, W>) -> Result<(), Stop> {
        self.sync_current(session)?;
        if self.unsynced {
            self.sync_names(session)?;
        }
        if self.doubtful {
            return self.note(session, false);
        }
        let path = self.path(Name::Current);
        if let Some(file) = &mut self.current {
            session.insist(&[b"unable to set mode of ", &path], |world| {
                world.set_file_mode(file, 0o744)
            })?;
        }
        Ok(())
    }
}

/// That a name is not there is as good as removing it.
fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(why) if dt_os::is_errno(&why, Errno::ENOENT) => Ok(()),
        other => other,
    }
}

/// Whether the file system has no second names at all.
fn links_unknown(why: &io::Error) -> bool {
    [
        Errno::EPERM,
        Errno::EOPNOTSUPP,
        Errno::ENOSYS,
        Errno::EMLINK,
    ]
    .into_iter()
    .any(|errno| dt_os::is_errno(why, errno))
}

/// `fatal: unable to DOING DIRECTORY: WHY`.
pub fn fatal_about(doing: &str, name: &OsStr, why: &io::Error) -> Stop {
    let what = ["unable to ".as_ref(), doing.as_ref(), name];
    Stop::Fatal(Fatal::system("multilog", &what, why))
}

/// A line of warning that waits for nothing.
pub fn mere_warning(what: &str, why: &io::Error) -> Vec<u8> {
    Message::new("multilog", "warning").text(what).because(why)
}
