//! Writing lines, and finishing files.

use std::io;
use std::os::unix::ffi::OsStrExt;

use dt_os::memory::Buffer;

use super::{Folder, GATHERED, gone, os};
use crate::record::Entry;
use crate::rotate::{Name, Past, portion};
use crate::session::{Session, Stop};
use crate::world::{Open, World};

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
        if run.is_empty() || self.gather(run) {
            return Ok(());
        }
        self.flush_picked(session)?;
        if self.gather(run) {
            return Ok(());
        }
        self.give(session, run)
    }

    /// Whether there was room for `run` behind what has been gathered.
    fn gather(&mut self, run: &[u8]) -> bool {
        if self.picked.is_none() {
            // Where there is no memory, lines are written one by one.
            self.picked = Buffer::new(GATHERED).ok();
        }
        let end = self.gathered + run.len();
        let place = self.picked.as_mut();
        let place = place.and_then(|picked| picked.get_mut(self.gathered..end));
        let Some(place) = place else { return false };
        place.copy_from_slice(run);
        self.gathered = end;
        true
    }

    fn flush_picked<W: World<File = F>>(
        &mut self,
        session: &mut Session<'_, W>,
    ) -> Result<(), Stop> {
        let Some(picked) = self.picked.take() else {
            return Ok(());
        };
        let gathered = std::mem::take(&mut self.gathered);
        let done = self.give(session, picked.get(..gathered).unwrap_or_default());
        self.picked = Some(picked);
        done
    }

    /// Gives back the memory that lines were gathered in.
    pub fn release(&mut self) {
        self.picked = None;
    }

    /// Writes all that was added; nothing refers to `block` any more.
    pub fn flush<W: World<File = F>>(
        &mut self,
        session: &mut Session<'_, W>,
        block: &[u8],
    ) -> Result<(), Stop> {
        if self.gathered == 0 {
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

    pub(super) fn write<W: World<File = F>>(
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
                    let path = [self.log.name.as_bytes(), b"/current"].concat();
                    let doing = [b"unable to write to ", &path[..]];
                    session.insist_after(why, &doing, |world| world.append(file, data))?
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
        // What was `current` before is still needed.
        self.join(session)?;
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
        let found = self.just_renamed(session)?;
        self.settle(session, Past::Going { doubtful }, found)?;
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
                skip: self.given + self.skip,
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
        let mut buffer = [0; 4096];
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
