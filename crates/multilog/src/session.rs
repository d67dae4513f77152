//! What goes on around the log directories: trying again, leaving when told to,
//! and the record for whoever comes after a kill.

use std::io;

use dt_cli::{Fatal, Message};
use dt_os::memory::Buffer;

use crate::record::{Record, SPOOL};
use crate::world::{PAUSE, World};

/// Why multilog stops before its input does.
#[derive(Debug, PartialEq, Eq)]
pub enum Stop {
    /// It cannot even start.
    Fatal(Fatal),
    /// TERM came while a step was waiting for its next attempt. What was taken
    /// from standard input is either in the log or in the spool.
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
    /// Where record and spool are, if anywhere.
    pub keep: Option<W::File>,
    /// The block as it was taken from standard input.
    pub block: Buffer,
    /// How much of that is to be dealt with.
    pub taken: usize,
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
            keep: None,
            block,
            taken: 0,
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
        loop {
            match call(self.world) {
                Ok(done) => return Ok(done),
                Err(why) => self.pause(doing, Some(&why))?,
            }
        }
    }

    /// `warning: DOING, pausing: WHY`, and five seconds.
    pub fn pause(&mut self, doing: &[&[u8]], why: Option<&io::Error>) -> Result<(), Stop> {
        self.warn(doing, ", pausing", why);
        let end = self.world.moment().plus(PAUSE);
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

    /// Writes the record as it is; with trouble, keeps at it.
    pub fn commit(&mut self) -> Result<(), Stop> {
        let Some(mut keep) = self.keep.take() else {
            return Ok(());
        };
        self.record.encode(&mut self.encoded);
        let encoded = std::mem::take(&mut self.encoded);
        let done = self.insist(&[b"unable to write to lock"], |world| {
            write_whole(world, &mut keep, &encoded, 0)
        });
        self.encoded = encoded;
        self.keep = Some(keep);
        done
    }

    /// Where the block is nowhere but in our memory, puts it into the spool; the
    /// next multilog begins with it. Says whether we may go.
    fn secure(&mut self) -> bool {
        if self.taken == 0 || !self.record.unspooled || self.record.logs.is_empty() {
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
        self.world.truncate(keep, SPOOL)?;
        let taken = self.block.get(..self.taken).unwrap_or_default();
        write_whole(self.world, keep, taken, SPOOL)?;
        self.record.position = SPOOL;
        self.record.unspooled = false;
        self.record.encode(&mut self.encoded);
        let saved = write_whole(self.world, keep, &self.encoded, 0);
        self.record.unspooled = saved.is_err();
        saved
    }
}

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
