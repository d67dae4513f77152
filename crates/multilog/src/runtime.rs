//! The loop: input in, lines out, signals in between.

use std::ffi::OsStr;
use std::io;
use std::num::NonZeroUsize;
use std::time::Duration;

use dt_cli::Fatal;
use dt_os::Errno;
use dt_os::memory::Buffer;
use dt_tai::{Tai64, Tai64N};

use crate::archive;
use crate::folder::{Folder, mere_warning};
use crate::lines::{Lines, STAMP};
use crate::record::{Entry, Record, SPOOL};
use crate::script::Script;
use crate::session::{Session, Stop};
use crate::world::{Woken, World};

/// The most that is taken from standard input in one go: what a pipe holds.
pub const BLOCK: usize = 1 << 16;

const ROOM: NonZeroUsize = NonZeroUsize::new(BLOCK).unwrap();

/// What is taken at once and is more than this leaves memory behind that is
/// given back once nothing has come for [`LULL`].
const MUCH: usize = 8192;

/// See [`MUCH`].
const LULL: Duration = Duration::from_secs(1);

/// How long the spool gets before it is emptied. Emptying it is a little work,
/// and what stands in it is memory that the kernel must keep.
const SPOOL_LIMIT: u64 = SPOOL + (256 << 10);

/// multilog at work.
struct Engine<F> {
    script: Script,
    folders: Vec<Folder<F>>,
    lines: Lines,
    /// The latest stamp: none is earlier than the one before.
    latest: Tai64N,
    /// The offset behind all that is in the spool.
    end: u64,
    /// Standard input goes through the spool.
    spooled: bool,
    /// There is memory to be given back.
    swollen: bool,
}

/// What multilog needs besides the script and the system.
pub struct Start<F> {
    /// The first log directory's `lock`, if record and spool may be kept in it.
    pub keep: Option<F>,
    /// Which boot of the machine this is; all zero if that is not known.
    pub boot: [u8; 16],
    /// Whether standard input is a pipe.
    pub pipe: bool,
}

/// Runs `script` until its input ends or TERM comes.
pub fn run<W: World>(script: Script, start: Start<W::File>, world: &mut W) -> Result<(), Stop> {
    let mut session = Session::new(world, Buffer::new(ROOM).map_err(no_memory)?);
    session.keep = start.keep;
    session.record.boot = start.boot;
    session.record.script = script.fingerprint();
    let mut engine = Engine {
        folders: Vec::new(),
        lines: Lines::new().map_err(no_memory)?,
        latest: Tai64N(Tai64(0), 0),
        end: SPOOL,
        spooled: start.pipe && session.keep.is_some() && start.boot != [0; 16],
        swollen: false,
        script,
    };
    engine.open(&mut session)?;
    engine.read_on(&mut session)?;
    engine.close(&mut session)
}

/// Starting: what a predecessor left is put in order and taken up.
impl<F> Engine<F> {
    fn open<W: World<File = F>>(&mut self, session: &mut Session<'_, W>) -> Result<(), Stop> {
        let old = self.old_record(session)?;
        let mut pasts = Vec::new();
        for (number, log) in self.script.logs.iter().enumerate() {
            let directory = session
                .world
                .identity(number)
                .map_err(|why| crate::folder::fatal_about("open directory ", &log.name, &why))?;
            let mut folder = Folder::new(number, log.clone(), directory);
            let entry = old.as_ref().and_then(|old| entry_of(old, directory));
            let (past, taken) = folder.past(session, entry)?;
            // A record of files that somebody else has gone on with says nothing
            // about what is still to be written.
            pasts.push((past, taken, entry.is_some() && taken.is_none()));
            self.folders.push(folder);
        }
        let foreign = pasts.iter().any(|(.., foreign)| *foreign);
        let old = old.filter(|_| !foreign);
        session.record.unspooled = old.as_ref().is_none_or(|old| old.unspooled);
        for (folder, (past, entry, _)) in self.folders.iter_mut().zip(pasts) {
            folder.recover(session, past, entry)?;
        }
        if let Some(old) = old {
            self.take_up(session, old)?;
        }
        session.record.unspooled = !self.spooled;
        self.done(session);
        session.commit()
    }

    /// The record of a multilog that was killed since the machine was started.
    fn old_record<W: World<File = F>>(
        &self,
        session: &mut Session<'_, W>,
    ) -> Result<Option<Record>, Stop> {
        let Some(keep) = session.keep.as_ref() else {
            return Ok(None);
        };
        let mut bytes = vec![0; usize::try_from(SPOOL).unwrap_or(0)];
        let read = session.world.read_at(keep, &mut bytes, 0);
        let count = read.map_err(|why| self.fatal_about_lock(&why))?;
        let record = Record::decode(bytes.get(..count).unwrap_or_default());
        let boot = session.record.boot;
        Ok(record.filter(|record| record.boot == boot && boot != [0; 16]))
    }

    fn fatal_about_lock(&self, why: &io::Error) -> Stop {
        let name = self.first_name();
        let what = ["unable to read ".as_ref(), name, "/lock".as_ref()];
        Stop::Fatal(Fatal::system("multilog", &what, why))
    }

    fn first_name(&self) -> &OsStr {
        let first = self.script.logs.first();
        first.map(|log| log.name.as_os_str()).unwrap_or_default()
    }

    /// Deals with what a predecessor had taken and not dealt with.
    fn take_up<W: World<File = F>>(
        &mut self,
        session: &mut Session<'_, W>,
        old: Record,
    ) -> Result<(), Stop> {
        if old.script != session.record.script {
            // What was given to whom is not what would be given now.
            self.folders.iter_mut().for_each(Folder::block_done);
        }
        self.lines.resume(&old.held, old.midst);
        let (mut position, script) = (old.position, session.record.script);
        let logs = self.folders.iter().map(Folder::taken_up).collect();
        session.record = Record {
            script,
            logs,
            ..old
        };
        // A rotation may have been brought to its end just now. That must be on
        // record before a byte is written to the new file.
        session.commit()?;
        if session.record.unspooled {
            self.lines.resume(&[], false);
            for folder in &mut self.folders {
                folder.block_done();
                folder.mend_last_line(session)?;
            }
            return Ok(());
        }
        let mut stamp = Some(session.record.stamp).filter(|stamp| *stamp != [0; STAMP]);
        loop {
            let count = self.read_spool(session, position, BLOCK)?;
            if count == 0 {
                break;
            }
            position += count as u64;
            session.record.position = position - count as u64;
            self.end = position;
            self.deal_with(session, count, stamp.take())?;
        }
        self.end = position.max(SPOOL);
        Ok(())
    }
}

fn entry_of(record: &Record, directory: (u64, u64)) -> Option<Entry> {
    record
        .logs
        .iter()
        .find(|entry| entry.directory == directory)
        .copied()
}

/// Running.
impl<F> Engine<F> {
    fn read_on<W: World<File = F>>(&mut self, session: &mut Session<'_, W>) -> Result<(), Stop> {
        loop {
            if std::mem::take(&mut session.alarm) {
                self.rotate_all(session)?;
            }
            if session.term && self.lines.at_line_start() {
                return Ok(());
            }
            let woken = self.wait(session);
            session.alarm |= woken.alarm;
            session.term |= woken.term;
            // What a signal asks for comes first, so that it takes effect now.
            if woken.alarm || session.term && self.lines.at_line_start() || !woken.input {
                continue;
            }
            // After TERM the line is finished and not a byte more is taken.
            let most = if session.term { 1 } else { BLOCK };
            match self.take(session, most)? {
                None => {}
                Some(0) => return self.end_of_input(session),
                Some(count) => self.deal_with(session, count, None)?,
            }
        }
    }

    /// Waits for input or a signal; once after a flood, gives memory back.
    fn wait<W: World<File = F>>(&mut self, session: &mut Session<'_, W>) -> Woken {
        if std::mem::take(&mut self.swollen) {
            let end = session.world.moment().plus(LULL);
            let woken = session.world.wait(true, Some(end));
            if woken != Woken::default() {
                self.swollen = true;
                return woken;
            }
            self.lines.release();
            session.block.release(0);
        }
        session.world.wait(true, None)
    }

    /// Takes input; 0 is its end, `None` says that there is none after all.
    fn take<W: World<File = F>>(
        &mut self,
        session: &mut Session<'_, W>,
        most: usize,
    ) -> Result<Option<usize>, Stop> {
        if self.spooled {
            return self.take_spooled(session, most);
        }
        let block = session.block.get_mut(..most).unwrap_or_default();
        match session.world.read(block) {
            Ok(count) => Ok(Some(count)),
            Err(why) if dt_os::is_errno(&why, Errno::EAGAIN) => Ok(None),
            Err(why) => {
                let line = mere_warning("unable to read standard input", &why);
                session.world.say(&line);
                Ok(Some(0))
            }
        }
    }

    fn take_spooled<W: World<File = F>>(
        &mut self,
        session: &mut Session<'_, W>,
        most: usize,
    ) -> Result<Option<usize>, Stop> {
        let Some(keep) = session.keep.as_mut() else {
            return Ok(Some(0));
        };
        match session.world.splice(keep, self.end, most) {
            Ok(0) => Ok(Some(0)),
            Ok(count) => {
                let at = self.end;
                self.end += count as u64;
                self.read_spool(session, at, count).map(Some)
            }
            Err(why) if dt_os::is_errno(&why, Errno::EAGAIN) => Ok(None),
            Err(why)
                if dt_os::is_errno(&why, Errno::EINVAL) || dt_os::is_errno(&why, Errno::ENOSYS) =>
            {
                // This file system takes nothing from pipes. Nothing has been taken.
                self.spooled = false;
                session.record.unspooled = true;
                session.commit()?;
                Ok(None)
            }
            Err(why) => {
                let name = bytes(self.first_name());
                session.pause(&[b"unable to write to ", name, b"/current"], Some(&why))?;
                Ok(None)
            }
        }
    }

    /// Reads what is in the spool into the block.
    fn read_spool<W: World<File = F>>(
        &self,
        session: &mut Session<'_, W>,
        at: u64,
        count: usize,
    ) -> Result<usize, Stop> {
        let name = bytes(self.first_name());
        let mut done = 0;
        while done < count {
            let Some(keep) = session.keep.as_ref() else {
                break;
            };
            let place = session.block.get_mut(done..count).unwrap_or_default();
            match session.world.read_at(keep, place, at + done as u64) {
                Ok(0) => break,
                Ok(more) => done += more,
                Err(why) => {
                    session.pause(&[b"unable to read ", name, b"/lock"], Some(&why))?;
                }
            }
        }
        Ok(done)
    }

    /// Deals with the first `count` bytes of the block, from taking to record.
    fn deal_with<W: World<File = F>>(
        &mut self,
        session: &mut Session<'_, W>,
        count: usize,
        stamp: Option<[u8; STAMP]>,
    ) -> Result<(), Stop> {
        session.taken = count;
        self.swollen |= count > MUCH;
        let stamp = match stamp {
            None if self.script.stamp => Some(self.stamp(session)),
            other => other,
        };
        session.record.stamp = stamp.unwrap_or([0; STAMP]);
        let mut done = 0;
        while done < count {
            let input = session.block.get(done..count).unwrap_or_default();
            done += self.lines.fill(input, stamp.as_ref());
            self.lines.deal(&self.script, &mut self.folders, session)?;
        }
        self.done(session);
        if self.spooled {
            session.commit()?;
            self.empty_spool(session)?;
        }
        Ok(())
    }

    /// The block is dealt with: the record says so from now on.
    fn done<W: World<File = F>>(&mut self, session: &mut Session<'_, W>) {
        session.taken = 0;
        let record = &mut session.record;
        record.position = self.end;
        record.midst = self.lines.midst();
        record.stamp = [0; STAMP];
        record.held.clear();
        record.held.extend_from_slice(self.lines.held());
        record.logs.clear();
        for folder in &mut self.folders {
            folder.block_done();
            record.logs.push(folder.entry());
        }
    }

    /// Empties the spool once it is long. All in it is dealt with, and a record
    /// that says so for more than there is says it for all.
    fn empty_spool<W: World<File = F>>(
        &mut self,
        session: &mut Session<'_, W>,
    ) -> Result<(), Stop> {
        if self.end < SPOOL_LIMIT {
            return Ok(());
        }
        let Some(keep) = session.keep.as_mut() else {
            return Ok(());
        };
        if session.world.truncate(keep, SPOOL).is_err() {
            return Ok(());
        }
        self.end = SPOOL;
        session.record.position = SPOOL;
        session.commit()
    }

    /// The stamp of lines that come now.
    fn stamp<W: World<File = F>>(&mut self, session: &mut Session<'_, W>) -> [u8; STAMP] {
        self.latest = self.latest.max(archive::instant(session.world.unix_time()));
        let mut stamp = [b' '; STAMP];
        for (place, byte) in stamp.iter_mut().zip(dt_tai::label(self.latest)) {
            *place = byte;
        }
        stamp
    }

    fn end_of_input<W: World<File = F>>(
        &mut self,
        session: &mut Session<'_, W>,
    ) -> Result<(), Stop> {
        self.lines.end_line();
        self.lines.deal(&self.script, &mut self.folders, session)?;
        self.done(session);
        session.commit()
    }

    fn rotate_all<W: World<File = F>>(&mut self, session: &mut Session<'_, W>) -> Result<(), Stop> {
        for folder in &mut self.folders {
            if !folder.is_empty() {
                folder.rotate(session)?;
            }
        }
        // What was recorded of the first was recorded before the second.
        self.done(session);
        session.commit()
    }

    /// Everything was written: closes in order, and takes the record away.
    fn close<W: World<File = F>>(&mut self, session: &mut Session<'_, W>) -> Result<(), Stop> {
        session.term = false;
        for folder in &mut self.folders {
            folder.finish(session)?;
        }
        let doubtful = self.folders.iter().any(Folder::is_doubtful);
        if let Some(keep) = session.keep.as_mut().filter(|_| !doubtful) {
            // Where that fails, the modes of the files speak for themselves.
            let _: io::Result<()> = session.world.truncate(keep, 0);
        }
        Ok(())
    }
}

fn no_memory(_why: io::Error) -> Stop {
    Stop::Fatal(Fatal::plain("multilog", &["out of memory".as_ref()]))
}

fn bytes(name: &OsStr) -> &[u8] {
    std::os::unix::ffi::OsStrExt::as_bytes(name)
}
