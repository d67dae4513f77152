//! The loop: input in, lines out, signals in between.

use std::io;
use std::num::NonZeroUsize;
use std::time::Duration;

use dt_cli::Fatal;
use dt_os::memory::Buffer;
use dt_tai::{Tai64, Tai64N};

use crate::archive;
use crate::folder::Folder;
use crate::intake::{self, Intake};
use crate::lines::Lines;
use crate::script::Script;
use crate::session::{LEAD, Session, Stop};
use crate::stamp::{Form, LONGEST, Stamp};
use crate::world::{Woken, World};

/// The most that is taken from standard input in one go.
pub const BLOCK: usize = 1 << 18;

/// What a pipe holds, as a rule.
const PIPE: usize = 1 << 16;

/// After so many looks in a row that found a full pipe, it is made to hold more:
/// whoever fills it is then woken less often, and so are we.
const FLOOD: u8 = 4;

/// Room for input, and for that input with stamps on lines of ordinary length. File
/// systems that have pages of several sizes take large ones for large pieces.
const ROOM: [NonZeroUsize; 2] = [
    NonZeroUsize::new(LEAD + BLOCK).unwrap(),
    NonZeroUsize::new(384 << 10).unwrap(),
];

/// Where there is not so much, as under a `softlimit -d 400000`, less does.
const LITTLE_ROOM: [NonZeroUsize; 2] = [
    NonZeroUsize::new(LEAD + PIPE).unwrap(),
    NonZeroUsize::new(96 << 10).unwrap(),
];

/// What is taken at once and is more than this leaves memory behind that is
/// given back once nothing has come for [`LULL`]; and more is likely to be there
/// already.
const MUCH: usize = 4096;

/// See [`MUCH`].
const LULL: Duration = Duration::from_secs(1);

/// multilog at work.
pub(crate) struct Engine<F> {
    pub script: Script,
    pub folders: Vec<Folder<F>>,
    pub lines: Lines,
    /// The latest stamp: none is earlier than the one before.
    latest: Tai64N,
    /// The stamp that a predecessor gave to what is still to come.
    pub given_stamp: Option<Stamp>,
    pub intake: Intake,
    /// There is memory to be given back.
    swollen: bool,
}

/// What multilog needs besides the script and the system.
pub struct Start<F> {
    /// The first log directory's `lock`, if the record may be kept in it.
    pub keep: Option<F>,
    /// Which boot of the machine this is; all zero if that is not known.
    pub boot: [u8; 16],
    /// Device and inode of standard input, if it is a pipe.
    pub pipe: Option<(u64, u64)>,
}

/// The block that input goes into, and where lines are made.
fn memory() -> io::Result<(Buffer, Lines)> {
    let with = |[input, text]: [NonZeroUsize; 2]| Ok((Buffer::new(input)?, Lines::new(text)?));
    with(ROOM).or_else(|_: io::Error| with(LITTLE_ROOM))
}

/// Runs `script` until its input ends or TERM comes.
pub fn run<W: World>(script: Script, start: Start<W::File>, world: &mut W) -> Result<(), Stop> {
    let (block, lines) = memory().map_err(|_| no_memory())?;
    let mut session = Session::new(world, block);
    session.keep = start.keep;
    session.record.boot = start.boot;
    session.record.script = script.fingerprint();
    session.record.pipe = start.pipe.unwrap_or_default();
    let mut engine = Engine {
        folders: Vec::new(),
        lines,
        latest: Tai64N(Tai64(0), 0),
        given_stamp: None,
        intake: Intake::default(),
        swollen: false,
        script,
    };
    engine.open(&mut session)?;
    engine.read_on(&mut session)?;
    engine.close(&mut session)
}

/// Running.
impl<F> Engine<F> {
    fn read_on<W: World<File = F>>(&mut self, session: &mut Session<'_, W>) -> Result<(), Stop> {
        loop {
            if std::mem::take(&mut session.alarm) {
                self.rotate_all(session)?;
            }
            if session.has_ended(None) {
                for folder in &mut self.folders {
                    folder.collect(session)?;
                }
            }
            if session.term && self.lines.at_line_start() {
                return Ok(());
            }
            if !self.intake.likely {
                let woken = self.wait(session);
                note(session, woken);
                // What a signal asks for comes first, so that it takes effect now.
                if self.is_asked(session) || !woken.input {
                    continue;
                }
            }
            let count = if self.intake.looks {
                let found = intake::look(session)?;
                let woken = session.world.signals();
                note(session, woken);
                // Nothing has been taken yet.
                if self.is_asked(session) {
                    continue;
                }
                found
            } else {
                intake::read(session)
            };
            match count {
                None => self.intake.likely = false,
                Some(0) => return self.end_of_input(session),
                Some(count) => self.deal_with_input(session, count)?,
            }
        }
    }

    /// Whether a signal asks for something that can be done here and now.
    fn is_asked<W: World<File = F>>(&self, session: &Session<'_, W>) -> bool {
        session.alarm || session.term && self.lines.at_line_start()
    }

    fn deal_with_input<W: World<File = F>>(
        &mut self,
        session: &mut Session<'_, W>,
        mut count: usize,
    ) -> Result<(), Stop> {
        if !self.intake.looks {
            // Until it is written, it is nowhere but here.
            session.taken = count;
            self.deal_with(session, count)?;
            session.taken = 0;
            return Ok(());
        }
        if session.term {
            // The line is finished and not a byte more is taken.
            let block = session.block.get(LEAD..LEAD + count).unwrap_or_default();
            count = memchr::memchr(b'\n', block).map_or(count, |newline| newline + 1);
        }
        self.intake.likely = count >= MUCH;
        self.intake.full = if count < PIPE {
            0
        } else {
            self.intake.full.saturating_add(1)
        };
        if self.intake.full == FLOOD {
            session.world.widen(session.room());
        }
        self.deal_with(session, count)?;
        self.take_off(session, count)
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
            session.release();
            session.world.narrow();
            self.folders.iter_mut().for_each(Folder::release);
        }
        session.world.wait(true, None)
    }

    /// Deals with the first `count` bytes of the block. Unless it was looked at
    /// only, that is all.
    pub fn deal_with<W: World<File = F>>(
        &mut self,
        session: &mut Session<'_, W>,
        count: usize,
    ) -> Result<(), Stop> {
        self.swollen |= count > MUCH;
        let stamp = match (self.given_stamp, self.script.stamp) {
            (None, Some(form)) => Some(self.stamp(form, session)),
            (given, _) => given,
        };
        session.record.stamp = recorded(stamp);
        let stamp = stamp.filter(|_| self.script.stamp.is_some());
        let (script, folders) = (&self.script, &mut self.folders);
        self.lines.deal(script, folders, session, count, stamp)?;
        self.done(session);
        Ok(())
    }

    /// The block is dealt with: the record as of now.
    pub fn done<W: World<File = F>>(&mut self, session: &mut Session<'_, W>) {
        if !self.folders.iter().any(Folder::is_behind) {
            self.given_stamp = None;
        }
        let record = &mut session.record;
        record.saved = 0;
        record.midst = self.lines.midst();
        record.stamp = recorded(self.given_stamp);
        record.held.clear();
        record.held.extend_from_slice(self.lines.held());
        record.logs.clear();
        for folder in &mut self.folders {
            folder.block_done();
            record.logs.push(folder.entry());
        }
    }

    /// The stamp of lines that come now.
    fn stamp<W: World<File = F>>(&mut self, form: Form, session: &mut Session<'_, W>) -> Stamp {
        self.latest = self.latest.max(archive::instant(session.world.unix_time()));
        Stamp::new(form, self.latest)
    }

    fn end_of_input<W: World<File = F>>(
        &mut self,
        session: &mut Session<'_, W>,
    ) -> Result<(), Stop> {
        self.end_line(session)?;
        session.commit()
    }

    /// Ends and writes an unfinished line, if there is one.
    pub fn end_line<W: World<File = F>>(
        &mut self,
        session: &mut Session<'_, W>,
    ) -> Result<(), Stop> {
        let (script, folders) = (&self.script, &mut self.folders);
        self.lines.end_line(script, folders, session)?;
        self.done(session);
        Ok(())
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
        for folder in &mut self.folders {
            folder.join(session)?;
        }
        session.term = false;
        for folder in &mut self.folders {
            folder.finish(session)?;
        }
        session.world.narrow();
        let doubtful = self.folders.iter().any(Folder::is_doubtful);
        if let Some(keep) = session.keep.as_mut().filter(|_| !doubtful) {
            // Where that fails, the modes of the files speak for themselves.
            let _: io::Result<()> = session.world.truncate(keep, 0);
        }
        Ok(())
    }
}

/// A stamp as it is on record.
fn recorded(stamp: Option<Stamp>) -> [u8; LONGEST] {
    stamp.map_or([0; LONGEST], |stamp| *stamp.padded())
}

fn note<W: World>(session: &mut Session<'_, W>, woken: Woken) {
    session.alarm |= woken.alarm;
    session.term |= woken.term;
    if woken.processor {
        session.await_processor();
    }
}

/// There is less memory than the least that will do.
#[must_use]
pub fn no_memory() -> Stop {
    Stop::Fatal(Fatal::plain("multilog", &["out of memory".as_ref()]))
}
