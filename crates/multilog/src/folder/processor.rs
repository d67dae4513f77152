//! The processor: from `previous` to a complete `processed`.
//!
//! Lines are written to the new `current` while it runs. It is waited for when
//! that is full too, and in the end; so there is never more to be done than one
//! file. One processor runs at a time, whichever log directory's it is: the
//! record has room for one.

use std::io;
use std::os::unix::ffi::OsStrExt;

use dt_cli::Fatal;

use super::{Folder, gone, os};
use crate::rotate::{Name, Past};
use crate::session::{Session, Stop};
use crate::world::{Ending, Open, PAUSE, World};

impl<F> Folder<F> {
    /// From `previous` to a processor that is running; where nobody would tell of
    /// its end, or before the first line, to a complete `processed`.
    pub(super) fn process<W: World<File = F>>(
        &mut self,
        session: &mut Session<'_, W>,
    ) -> Result<(), Stop> {
        let told = self.begin(session)?;
        if told && !self.starting {
            return Ok(());
        }
        while !self.conclude(session)? {
            self.begin(session)?;
        }
        Ok(())
    }

    /// Goes on if the processor has ended.
    pub fn collect<W: World<File = F>>(
        &mut self,
        session: &mut Session<'_, W>,
    ) -> Result<(), Stop> {
        if self.processing && session.has_ended(Some(self.number)) {
            return self.go_on(session);
        }
        Ok(())
    }

    /// Waits for the processor, and brings what it was for to its end.
    pub fn join<W: World<File = F>>(&mut self, session: &mut Session<'_, W>) -> Result<(), Stop> {
        while self.processing {
            self.go_on(session)?;
        }
        Ok(())
    }

    /// The steps behind the processor; one that failed is begun again.
    fn go_on<W: World<File = F>>(&mut self, session: &mut Session<'_, W>) -> Result<(), Stop> {
        self.conclude(session)?;
        let found = self.look(session)?;
        self.settle(session, Past::Going { doubtful: false }, found)
    }

    /// Starts it, and says whether a wait for input will tell of its end.
    fn begin<W: World<File = F>>(&mut self, session: &mut Session<'_, W>) -> Result<bool, Stop> {
        let log = self.number;
        let name = self.log.name.clone();
        let name = name.as_bytes();
        session.await_processor();
        loop {
            session.insist(&[b"unable to switch to ", name], |world| world.enter(log))?;
            self.unsynced = true;
            if let Err(why) = self.clear_outputs(session.world) {
                // The words of a processor that cannot be set up.
                let command = self.log.processor.clone().unwrap_or_default();
                let what = ["unable to run ".as_ref(), command.as_os_str()];
                let fatal = Fatal::system("multilog", &what, &why);
                session.world.say(&fatal.lines);
                session.pause(&[b"processor failed in ", name], None)?;
                continue;
            }
            let child = session.insist(&[b"unable to fork for processor in ", name], |world| {
                world.start(log)
            })?;
            // Should we be killed, the next multilog waits for it.
            let who = session.world.who(&child);
            session.note_processor(who)?;
            match session.let_go(log, child) {
                Ok(told) => {
                    self.processing = true;
                    return Ok(told);
                }
                Err(why) => session.pause(&[b"unable to start processor in ", name], Some(&why))?,
            }
        }
    }

    /// Waits for its end; says whether there is a complete `processed` now.
    fn conclude<W: World<File = F>>(&mut self, session: &mut Session<'_, W>) -> Result<bool, Stop> {
        let name = self.log.name.clone();
        let name = name.as_bytes();
        let ending = session.ending(self.number);
        self.processing = false;
        match ending {
            Some(Ok(Ending::Exited(0))) => return self.complete_outputs(session),
            Some(Ok(Ending::Exited(_))) => {
                session.pause(&[b"processor failed in ", name], None)?;
            }
            Some(Ok(Ending::Killed(signal))) => {
                let tail = format!(", pausing: killed by signal {signal}");
                session.warn(&[b"processor crashed in ", name], &tail, None);
                session.rest(PAUSE)?;
            }
            Some(Err(why)) => {
                session.pause(&[b"wait failed for processor in ", name], Some(&why))?;
            }
            None => {}
        }
        Ok(false)
    }

    /// The processor's outputs are new files each time.
    fn clear_outputs<W: World<File = F>>(&self, world: &mut W) -> io::Result<()> {
        for name in [Name::Processed, Name::NewState] {
            gone(world.remove(self.number, os(name)))?;
        }
        Ok(())
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
