//! Starting: what a predecessor left is put in order and taken up.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use dt_cli::Fatal;

use crate::folder::Folder;
use crate::record::{Entry, MARK, Record};
use crate::runtime::Engine;
use crate::session::{LEAD, Session, Stop};
use crate::stamp::Stamp;
use crate::world::{Who, World};

impl<F> Engine<F> {
    /// Everything up to the first look at standard input.
    pub fn open<W: World<File = F>>(&mut self, session: &mut Session<'_, W>) -> Result<(), Stop> {
        let old = self.old_record(session)?;
        if let Some(old) = &old {
            wait_for_left_over(session, old.processor)?;
        }
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
        if let Some(old) = &old {
            self.finish_taking(session, old)?;
        }
        // Only what comes again may be cut off.
        let comes_again =
            |old: &Record| old.saved > 0 || !old.plain && old.pipe == session.record.pipe;
        session.record.plain = !old.as_ref().is_some_and(comes_again);
        session.old.clone_from(&old);
        for (folder, (past, entry, _)) in self.folders.iter_mut().zip(pasts) {
            folder.recover(session, past, entry)?;
        }
        session.old = None;
        if let Some(old) = old {
            self.take_up(session, old)?;
        }
        self.intake.looks = self.can_look(session);
        session.record.plain = !self.intake.looks;
        self.done(session);
        session.commit()?;
        for folder in &mut self.folders {
            folder.unseal(session)?;
        }
        self.cut_mark(session)
    }

    /// The record of a multilog that was killed since the machine was started.
    fn old_record<W: World<File = F>>(
        &self,
        session: &mut Session<'_, W>,
    ) -> Result<Option<Record>, Stop> {
        let most = usize::try_from(MARK).unwrap_or(0);
        let read = session.fill_from_keep(0, most, 0);
        let count = read.map_err(|why| self.fatal_about_lock(&why))?;
        let record = Record::decode(session.block.get(LEAD..LEAD + count).unwrap_or_default());
        let boot = session.record.boot;
        Ok(record.filter(|record| record.boot == boot && boot != [0; 16]))
    }

    fn fatal_about_lock(&self, why: &io::Error) -> Stop {
        let what = [
            "unable to read ".as_ref(),
            self.first_name(),
            "/lock".as_ref(),
        ];
        Stop::Fatal(Fatal::system("multilog", &what, why))
    }

    /// Goes on as the record says.
    fn take_up<W: World<File = F>>(
        &mut self,
        session: &mut Session<'_, W>,
        old: Record,
    ) -> Result<(), Stop> {
        if session.record.plain {
            return self.take_up_after(session, &old);
        }
        if old.script == session.record.script {
            self.given_stamp = Stamp::from_padded(old.stamp);
        } else {
            // What was given to whom is not what would be given now.
            self.folders.iter_mut().for_each(Folder::forget_predecessor);
        }
        self.lines.resume(&old.held, old.midst);
        let (script, pipe) = (session.record.script, session.record.pipe);
        let logs = self.folders.iter().map(Folder::entry).collect();
        session.record = Record {
            script,
            pipe,
            logs,
            taking: crate::record::Taking::default(),
            processor: Who::default(),
            ..old
        };
        // A rotation may have been brought to its end just now. That must be on
        // record before a byte is written to the new file.
        session.commit()?;
        self.take_up_saved(session)
    }

    /// The same where what came after the record does not come again: it stays as
    /// it is, and no line goes on.
    fn take_up_after<W: World<File = F>>(
        &mut self,
        session: &mut Session<'_, W>,
        old: &Record,
    ) -> Result<(), Stop> {
        if !old.plain && !self.folders.iter().any(Folder::is_beyond_record) {
            self.lines.resume(&old.held, old.midst);
            return self.end_line(session);
        }
        for folder in &mut self.folders {
            folder.forget_predecessor();
            folder.mend_last_line(session)?;
        }
        Ok(())
    }

    /// Deals with what a predecessor had read and could not write.
    fn take_up_saved<W: World<File = F>>(
        &mut self,
        session: &mut Session<'_, W>,
    ) -> Result<(), Stop> {
        let Ok(saved) = usize::try_from(session.record.saved) else {
            return Ok(());
        };
        if saved == 0 {
            return Ok(());
        }
        if saved > session.room() {
            return Err(crate::runtime::no_memory());
        }
        let name = self.first_name().to_owned();
        let doing = [b"unable to read ", name.as_bytes(), b"/lock"];
        let mut done = 0;
        while done < saved {
            match session.fill_from_keep(done, saved, MARK + done as u64) {
                Ok(0) => break,
                Ok(more) => done += more,
                Err(why) => session.pause(&doing, Some(&why))?,
            }
        }
        self.deal_with(session, done)
    }
}

/// A processor that outlives its multilog may be about things that are not to be
/// done twice at a time: the next run has to wait until it is gone.
fn wait_for_left_over<W: World>(session: &mut Session<'_, W>, who: Who) -> Result<(), Stop> {
    let mut nap = Duration::from_millis(50);
    if session.world.lives(who) {
        let what = format!(
            "waiting for the processor of a killed multilog, process {}",
            who.0
        );
        session.warn(&[what.as_bytes()], "", None);
    }
    while session.world.lives(who) {
        session.rest(nap)?;
        nap = (nap * 2).min(Duration::from_secs(1));
    }
    Ok(())
}

fn entry_of(record: &Record, directory: (u64, u64)) -> Option<Entry> {
    record
        .logs
        .iter()
        .find(|entry| entry.directory == directory)
        .copied()
}
