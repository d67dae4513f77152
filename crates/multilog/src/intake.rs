//! Taking input.
//!
//! A pipe is looked into with tee(2), which takes nothing. What was seen is dealt
//! with, the record says so, and only then does it leave the pipe: all but the
//! last byte or two into nothing, those into the mark, whose growth says that it
//! has been done. Whoever comes after a kill can tell where it was interrupted
//! ([`crate::record::Taking::left`]).
//!
//! Whatever else input may come from is read.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;

use dt_os::Errno;

use crate::folder::mere_warning;
use crate::record::{MARK, MOST_LOGS, Record, Taking};
use crate::runtime::{BLOCK, Engine};
use crate::session::{LEAD, Session, Stop};
use crate::world::World;

/// How long the file with the mark gets before it is cut back.
const MARK_LIMIT: u64 = MARK + (256 << 10);

/// How input is taken.
#[derive(Debug, Default)]
pub(crate) struct Intake {
    /// It is looked at, not read.
    pub looks: bool,
    /// There is likely to be some.
    pub likely: bool,
    /// So many looks in a row have found as much as a pipe holds.
    pub full: u8,
    /// Where the mark ends, which is the end of the file.
    pub mark: u64,
}

impl<F> Engine<F> {
    /// Whether input can be looked at, and a record can say what was taken.
    pub fn can_look<W: World<File = F>>(&self, session: &mut Session<'_, W>) -> bool {
        let wanted = session.keep.is_some()
            && session.record.boot != [0; 16]
            && session.record.pipe != (0, 0)
            && self.folders.len() <= MOST_LOGS;
        if !wanted {
            return false;
        }
        let able = session.world.can_look();
        if let Err(why) = &able {
            let doing = "unable to look into standard input, a kill will lose lines";
            session.world.say(&mere_warning(doing, why));
        }
        able.is_ok()
    }

    /// The first `count` bytes that were looked at have been dealt with: puts that
    /// on record and takes them.
    pub fn take_off<W: World<File = F>>(
        &mut self,
        session: &mut Session<'_, W>,
        count: usize,
    ) -> Result<(), Stop> {
        let seen = session.block.get(LEAD..LEAD + count).unwrap_or_default();
        let taking = Taking::of(seen, self.intake.mark);
        session.record.taking = taking;
        session.commit()?;
        let marked = taking.bytes - taking.unmarked;
        self.consume(session, taking.unmarked, marked)?;
        // The mark says so.
        session.record.taking = Taking::default();
        if self.intake.mark > MARK_LIMIT {
            session.commit()?;
            self.cut_mark(session)?;
        }
        Ok(())
    }

    /// Goes on where a predecessor was interrupted in [`Engine::take_off`].
    pub fn finish_taking<W: World<File = F>>(
        &mut self,
        session: &mut Session<'_, W>,
        old: &Record,
    ) -> Result<(), Stop> {
        if old.taking.bytes == 0 || old.pipe != session.record.pipe {
            return Ok(());
        }
        let size = self.keep_size(session)?;
        let mut byte = [0];
        let first = session.insist(&[b"unable to read standard input"], |world| {
            match world.look(&mut byte) {
                Ok(count) => Ok(byte.get(..count).and_then(<[u8]>::first).copied()),
                Err(why) if dt_os::is_errno(&why, Errno::EAGAIN) => Ok(None),
                Err(why) => Err(why),
            }
        })?;
        let (unmarked, marked) = old.taking.left(size, first);
        self.intake.mark = size;
        self.consume(session, unmarked, marked)
    }

    fn consume<W: World<File = F>>(
        &mut self,
        session: &mut Session<'_, W>,
        mut unmarked: u64,
        mut marked: u64,
    ) -> Result<(), Stop> {
        let name = self.first_name().to_owned();
        while unmarked > 0 {
            let most = usize::try_from(unmarked).unwrap_or(usize::MAX);
            match session.world.discard(most) {
                Ok(0) => return Ok(()),
                Ok(count) => unmarked -= count as u64,
                // Somebody else reads our pipe, and has read this.
                Err(why) if dt_os::is_errno(&why, Errno::EAGAIN) => return Ok(()),
                Err(why) => session.pause(&[b"unable to read standard input"], Some(&why))?,
            }
        }
        while marked > 0 {
            let most = usize::try_from(marked).unwrap_or(usize::MAX);
            let Some(keep) = session.keep.as_mut() else {
                return Ok(());
            };
            match session.world.splice(keep, self.intake.mark, most) {
                Ok(0) => return Ok(()),
                Ok(count) => {
                    marked -= count as u64;
                    self.intake.mark += count as u64;
                }
                Err(why) if dt_os::is_errno(&why, Errno::EAGAIN) => return Ok(()),
                Err(why)
                    if dt_os::is_errno(&why, Errno::EINVAL)
                        || dt_os::is_errno(&why, Errno::ENOSYS) =>
                {
                    return self.read_instead(session, most);
                }
                Err(why) => {
                    let doing = [b"unable to write to ", name.as_bytes(), b"/current"];
                    session.pause(&doing, Some(&why))?;
                }
            }
        }
        Ok(())
    }

    /// This file system takes nothing from pipes: from here on input is read.
    fn read_instead<W: World<File = F>>(
        &mut self,
        session: &mut Session<'_, W>,
        mut rest: usize,
    ) -> Result<(), Stop> {
        while rest > 0 {
            match session.fill(rest, W::read) {
                Ok(0) | Err(_) => break,
                Ok(count) => rest = rest.saturating_sub(count),
            }
        }
        self.intake.looks = false;
        self.intake.likely = false;
        session.record.plain = true;
        session.record.taking = Taking::default();
        session.commit()
    }

    /// Cuts the mark back, once nothing on record refers to it; where that fails,
    /// it only stays as long as it is.
    pub fn cut_mark<W: World<File = F>>(
        &mut self,
        session: &mut Session<'_, W>,
    ) -> Result<(), Stop> {
        if let Some(keep) = session.keep.as_mut() {
            let _: io::Result<()> = session.world.truncate(keep, MARK);
        }
        self.intake.mark = self.keep_size(session)?.max(MARK);
        Ok(())
    }

    fn keep_size<W: World<File = F>>(&self, session: &mut Session<'_, W>) -> Result<u64, Stop> {
        let Some(keep) = session.keep.take() else {
            return Ok(0);
        };
        let doing = [b"unable to stat ", self.first_name().as_bytes(), b"/lock"];
        let found = session.insist(&doing, |world| world.file_facts(&keep));
        session.keep = Some(keep);
        Ok(found?.size)
    }

    /// The name of the first log directory.
    pub fn first_name(&self) -> &OsStr {
        let first = self.script.logs.first();
        first.map(|log| log.name.as_os_str()).unwrap_or_default()
    }
}

/// Looks at input; 0 is its end, `None` says that there is none after all.
pub fn look<W: World>(session: &mut Session<'_, W>) -> Result<Option<usize>, Stop> {
    match session.fill(BLOCK, W::look) {
        Ok(count) => Ok(Some(count)),
        Err(why) if dt_os::is_errno(&why, Errno::EAGAIN) => Ok(None),
        Err(why) => {
            session.pause(&[b"unable to read standard input"], Some(&why))?;
            Ok(None)
        }
    }
}

/// Reads input; 0 is its end, `None` says that there is none after all.
pub fn read<W: World>(session: &mut Session<'_, W>) -> Option<usize> {
    // After TERM the line is finished and not a byte more is taken.
    let most = if session.term { 1 } else { BLOCK };
    match session.fill(most, W::read) {
        Ok(count) => Some(count),
        Err(why) if dt_os::is_errno(&why, Errno::EAGAIN) => None,
        Err(why) => {
            let line = mere_warning("unable to read standard input", &why);
            session.world.say(&line);
            Some(0)
        }
    }
}
