//! What goes on around the log directories: trying again, leaving when told to,
//! and the record for whoever comes after a kill.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use dt_cli::{Fatal, Message};
use dt_os::Errno;
use dt_os::memory::Buffer;

use crate::record::{MARK, Record};
use crate::world::{Ending, PAUSE, Who, World};

/// Why multilog stops before its input does.
#[derive(Debug, PartialEq, Eq)]
pub enum Stop {
    /// It cannot even start.
    Fatal(Fatal),
    /// TERM came while a step was waiting for its next attempt. What was taken
    /// from standard input is in the log or on record.
    Leave,
}

/// The system, and what of our work must outlive us.
pub struct Session<'a, W: World> {
    /// The system.
    pub world: &'a mut W,
    /// TERM has come and has not been obeyed yet.
    pub term: bool,
    /// ALRM has come and has not been obeyed yet.
    pub alarm: bool,
    /// The record as of the beginning of the block that is being dealt with.
    pub record: Record,
    /// While that of a predecessor still counts: that one.
    pub old: Option<Record>,
    /// Where the record is, if anywhere.
    pub keep: Option<W::File>,
    /// Room for an unfinished line, then the block that came from standard input.
    pub block: Rc<Buffer>,
    /// How much of the block is nowhere else, and is to be dealt with.
    pub taken: usize,
    /// Whose processor runs.
    running: Option<usize>,
    /// How the log directories' processors have ended, until they look.
    endings: Vec<(usize, io::Result<Ending>)>,
    encoded: Vec<u8>,
}

impl<'a, W: World> Session<'a, W> {
    /// With a buffer for blocks.
    pub fn new(world: &'a mut W, block: Buffer) -> Self {
        Self {
            world,
            term: false,
            alarm: false,
            record: Record::default(),
            old: None,
            keep: None,
            block: Rc::new(block),
            taken: 0,
            running: None,
            endings: Vec::new(),
            encoded: Vec::new(),
        }
    }

    /// Keeps at `call` until it succeeds. A logger that gives up loses lines; one
    /// that waits only makes its writer wait.
    pub fn insist<T>(
        &mut self,
        doing: &[&[u8]],
        mut call: impl FnMut(&mut W) -> io::Result<T>,
    ) -> Result<T, Stop> {
        match call(self.world) {
            Ok(done) => Ok(done),
            Err(why) => self.insist_after(why, doing, call),
        }
    }

    /// The same once `call` has failed.
    pub fn insist_after<T>(
        &mut self,
        mut why: io::Error,
        doing: &[&[u8]],
        mut call: impl FnMut(&mut W) -> io::Result<T>,
    ) -> Result<T, Stop> {
        loop {
            if is_no_room(&why) {
                self.warn(doing, ", pausing", Some(&why));
                if let Some(done) = self.await_room(&mut call)? {
                    return Ok(done);
                }
            } else {
                self.pause(doing, Some(&why))?;
            }
            match call(self.world) {
                Ok(done) => return Ok(done),
                Err(again) => why = again,
            }
        }
    }

    /// The five seconds where room on the disk is wanted: as soon as there is some,
    /// they are over.
    fn await_room<T>(
        &mut self,
        call: &mut impl FnMut(&mut W) -> io::Result<T>,
    ) -> Result<Option<T>, Stop> {
        for _ in 1..GLANCES {
            self.rest(PAUSE / GLANCES)?;
            if let Ok(done) = call(self.world) {
                return Ok(Some(done));
            }
        }
        self.rest(PAUSE / GLANCES)?;
        Ok(None)
    }

    /// `warning: DOING, pausing: WHY`, and five seconds.
    pub fn pause(&mut self, doing: &[&[u8]], why: Option<&io::Error>) -> Result<(), Stop> {
        self.warn(doing, ", pausing", why);
        self.rest(PAUSE)
    }

    /// Waits so long, unless TERM comes and we may go.
    pub fn rest(&mut self, how_long: Duration) -> Result<(), Stop> {
        let end = self.world.moment().plus(how_long);
        loop {
            let woken = self.world.wait(false, Some(end));
            self.alarm |= woken.alarm;
            self.term |= woken.term;
            if self.term && self.secure() {
                return Err(Stop::Leave);
            }
            if self.world.moment() >= end {
                return Ok(());
            }
        }
    }

    /// `warning: WHAT, pausing: WHY`, without the pause.
    pub fn warn(&mut self, what: &[&[u8]], tail: &str, why: Option<&io::Error>) {
        let what = what.concat();
        let message = Message::new("multilog", "warning")
            .pieces(&[bytes_name(&what)])
            .text(tail);
        let line = match why {
            Some(why) => message.because(why),
            None => message.line(),
        };
        self.world.say(&line);
    }

    /// Puts on record who the processor is that is about to run.
    pub fn note_processor(&mut self, who: Who) -> Result<(), Stop> {
        let record = self.old.as_mut().unwrap_or(&mut self.record);
        record.processor = who;
        record.encode(&mut self.encoded);
        self.write_record()
    }

    /// Lets the processor of a log directory go. Says whether a wait for input will
    /// tell that it has ended.
    pub fn let_go(&mut self, log: usize, child: W::Child) -> io::Result<bool> {
        let told = self.world.let_go(child)?;
        self.running = Some(log);
        Ok(told)
    }

    /// Waits for the processor to end, if one runs. How it ended is found by
    /// whoever it belongs to; the next record says that it has.
    pub fn await_processor(&mut self) {
        if let Some(log) = self.running.take() {
            let ending = self.world.wait_for_processor();
            self.endings.push((log, ending));
            let record = self.old.as_mut().unwrap_or(&mut self.record);
            record.processor = Who::default();
        }
    }

    /// How a log directory's processor has ended, and waits for that.
    pub fn ending(&mut self, log: usize) -> Option<io::Result<Ending>> {
        if self.running == Some(log) {
            self.await_processor();
        }
        let found = self.endings.iter().position(|(whose, _)| *whose == log)?;
        Some(self.endings.swap_remove(found).1)
    }

    /// Whether a log directory's processor, or anyone's, is known to have ended.
    pub fn has_ended(&self, log: Option<usize>) -> bool {
        let mut endings = self.endings.iter();
        endings.any(|(whose, _)| log.is_none_or(|log| log == *whose))
    }

    /// Writes the record as it is; with trouble, keeps at it.
    pub fn commit(&mut self) -> Result<(), Stop> {
        self.record.encode(&mut self.encoded);
        self.write_record()
    }

    fn write_record(&mut self) -> Result<(), Stop> {
        let Some(mut keep) = self.keep.take() else {
            return Ok(());
        };
        let encoded = std::mem::take(&mut self.encoded);
        let done = self.insist(&[b"unable to write to lock"], |world| {
            write_whole(world, &mut keep, &encoded, 0)
        });
        self.encoded = encoded;
        self.keep = Some(keep);
        done
    }

    /// How many bytes the block has room for.
    pub fn room(&self) -> usize {
        self.block.len().saturating_sub(LEAD)
    }

    /// Has `fill` put up to `most` bytes into the block, and gives how many.
    pub fn fill(
        &mut self,
        most: usize,
        fill: impl FnOnce(&mut W, &mut [u8]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let most = most.min(self.room());
        // Nobody else has the block before it is filled.
        let place = Rc::get_mut(&mut self.block);
        let place = place.and_then(|block| block.get_mut(LEAD..LEAD + most));
        fill(self.world, place.unwrap_or_default())
    }

    /// Reads from where the record is, from the offset `at`, into `from..to` of the
    /// block; gives how many bytes.
    pub fn fill_from_keep(&mut self, from: usize, to: usize, at: u64) -> io::Result<usize> {
        let Some(keep) = self.keep.take() else {
            return Ok(0);
        };
        let read = self.fill(to, |world, place| {
            world.read_at(&keep, place.get_mut(from..).unwrap_or_default(), at)
        });
        self.keep = Some(keep);
        read
    }

    /// Puts the beginning of a line before the block, and gives the two in one.
    pub fn with_lead(&mut self, lead: &[u8]) -> (Rc<Buffer>, usize) {
        let from = LEAD.saturating_sub(lead.len());
        let place = Rc::get_mut(&mut self.block);
        if let Some(place) = place.and_then(|block| block.get_mut(from..LEAD)) {
            place.copy_from_slice(lead);
        }
        (Rc::clone(&self.block), from)
    }

    /// Gives back the memory of the block.
    pub fn release(&mut self) {
        if let Some(block) = Rc::get_mut(&mut self.block) {
            block.release(0);
        }
    }

    /// Where the block is nowhere but in our memory, puts it where the mark would
    /// be; the next multilog begins with it. Says whether we may go.
    fn secure(&mut self) -> bool {
        if self.taken == 0 || self.record.logs.is_empty() {
            return true;
        }
        let Some(mut keep) = self.keep.take() else {
            return false;
        };
        let done = self.save(&mut keep).is_ok();
        self.keep = Some(keep);
        done
    }

    fn save(&mut self, keep: &mut W::File) -> io::Result<()> {
        self.world.truncate(keep, MARK)?;
        let taken = self.block.get(LEAD..LEAD + self.taken).unwrap_or_default();
        write_whole(self.world, keep, taken, MARK)?;
        self.record.saved = self.taken as u64;
        self.record.encode(&mut self.encoded);
        let saved = write_whole(self.world, keep, &self.encoded, 0);
        self.record.saved = 0;
        saved
    }
}

/// How often it is tried in a pause whether there is room on the disk again: every
/// quarter of a second.
const GLANCES: u32 = 20;

/// Whether the disk, or somebody's share of it, is full.
fn is_no_room(why: &io::Error) -> bool {
    [Errno::ENOSPC, Errno::EDQUOT]
        .into_iter()
        .any(|errno| dt_os::is_errno(why, errno))
}

/// Room before the block for an unfinished line of the one before.
pub const LEAD: usize = 1024;

/// Writes all of `bytes` at an offset.
pub fn write_whole<W: World>(
    world: &mut W,
    file: &mut W::File,
    bytes: &[u8],
    at: u64,
) -> io::Result<()> {
    let mut done = 0;
    while let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) {
        match world.write_at(file, rest, at + done as u64)? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            count => done += count,
        }
    }
    Ok(())
}

fn bytes_name(bytes: &[u8]) -> &std::ffi::OsStr {
    std::os::unix::ffi::OsStrExt::from_bytes(bytes)
}
