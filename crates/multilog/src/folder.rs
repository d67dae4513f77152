//! A log directory: what is written to it, and its rotation step by step.
//!
//! What the next step is, [`crate::rotate`] says; here it is carried out, again
//! and again where it fails.

mod processor;
mod steps;
mod writing;

use std::ffi::{OsStr, OsString};
use std::io;
use std::num::NonZeroUsize;
use std::os::unix::ffi::OsStrExt;

use dt_cli::{Fatal, Message};
use dt_os::Errno;
use dt_os::memory::Buffer;

use crate::record::Entry;
use crate::rotate::{Name, Past};
use crate::script::Log;
use crate::session::{Session, Stop};
use crate::world::{Facts, Moment, Open, World};

/// A log directory at work.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says one thing about the files that the others do not"
)]
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
    /// A file was given an archive's name instead of a second one.
    renamed: bool,
    /// The finished files, and when they were listed.
    listed: Option<(Moment, Vec<OsString>)>,
    /// A sync of `current` has failed.
    doubtful: bool,
    /// The processor has been let go, and what comes after it is still to be done.
    processing: bool,
    /// Still before the first line: what fails then may be fatal.
    starting: bool,
    /// The line being dealt with goes here.
    pub selected: bool,
    /// What of the coming output a predecessor has written.
    skip: u64,
    /// At the start there was more in `current` than was on record.
    beyond: bool,
    /// What the block being dealt with has given so far.
    given: u64,
    /// Lines picked out of the block, and the run of it that follows them.
    picked: Option<Buffer>,
    gathered: usize,
    run: (usize, usize),
}

/// How many bytes of picked lines are gathered for one write.
const GATHERED: NonZeroUsize = NonZeroUsize::new(32 << 10).unwrap();

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
            renamed: false,
            listed: None,
            doubtful: false,
            processing: false,
            starting: true,
            selected: true,
            skip: 0,
            beyond: false,
            given: 0,
            picked: None,
            gathered: 0,
            run: (0, 0),
        }
    }

    /// What the record says of it, as things are between two blocks.
    pub const fn entry(&self) -> Entry {
        Entry {
            directory: self.directory,
            current: self.identity,
            size: self.size,
            skip: self.skip,
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
    }

    /// Whether some of the output to come has been written by a predecessor.
    pub const fn is_behind(&self) -> bool {
        self.skip > 0
    }

    /// What is to come has nothing to do with what a predecessor wrote.
    pub const fn forget_predecessor(&mut self) {
        self.skip = 0;
    }

    /// Whether there is more than was on record.
    pub const fn is_beyond_record(&self) -> bool {
        self.beyond || self.skip > 0
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
        let found = self.look(session)?;
        self.settle(session, past, found)?;
        self.starting = false;
        let Some(entry) = entry else {
            return Ok(());
        };
        self.skip = entry.skip;
        self.selected = entry.selected;
        if entry.current == self.identity {
            self.doubtful = entry.doubtful;
            self.beyond = self.size > entry.size;
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
        if self.size <= size || session.record.plain {
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
