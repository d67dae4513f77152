//! The processor: from `previous` to a complete `processed`.

use std::io;
use std::os::unix::ffi::OsStrExt;

use dt_cli::Fatal;

use super::{Folder, gone, os};
use crate::rotate::Name;
use crate::session::{Session, Stop};
use crate::world::{Ending, Open, PAUSE, World};

/// What became of a run.
enum Run {
    Succeeded,
    Failed,
    /// It failed, and that has been said and waited for.
    Told,
}

impl<F> Folder<F> {
    /// From `previous` to a complete `processed`.
    pub(super) fn process<W: World<File = F>>(
        &mut self,
        session: &mut Session<'_, W>,
    ) -> Result<(), Stop> {
        let name = self.log.name.clone();
        let name = name.as_bytes();
        loop {
            match self.run_processor(session)? {
                Run::Succeeded if self.complete_outputs(session)? => return Ok(()),
                Run::Succeeded | Run::Told => {}
                Run::Failed => session.pause(&[b"processor failed in ", name], None)?,
            }
        }
    }

    /// Runs it once.
    fn run_processor<W: World<File = F>>(
        &mut self,
        session: &mut Session<'_, W>,
    ) -> Result<Run, Stop> {
        let log = self.number;
        let name = self.log.name.clone();
        let name = name.as_bytes();
        session.insist(&[b"unable to switch to ", name], |world| world.enter(log))?;
        self.unsynced = true;
        if let Err(why) = self.clear_outputs(session.world) {
            // The words of a processor that cannot be set up.
            let command = self.log.processor.clone().unwrap_or_default();
            let what = ["unable to run ".as_ref(), command.as_os_str()];
            let fatal = Fatal::system("multilog", &what, &why);
            session.world.say(&fatal.lines);
            return Ok(Run::Failed);
        }
        let child = session.insist(&[b"unable to fork for processor in ", name], |world| {
            world.start(log)
        })?;
        // Should we be killed, the next multilog waits for it.
        let who = session.world.who(&child);
        session.note_processor(who)?;
        let ending = session.world.wait_for(child);
        session.forget_processor();
        match ending {
            Ok(Ending::Exited(0)) => Ok(Run::Succeeded),
            Ok(Ending::Exited(_)) => Ok(Run::Failed),
            Ok(Ending::Killed(signal)) => {
                let tail = format!(", pausing: killed by signal {signal}");
                session.warn(&[b"processor crashed in ", name], &tail, None);
                session.rest(PAUSE)?;
                Ok(Run::Told)
            }
            Err(why) => {
                session.pause(&[b"wait failed for processor in ", name], Some(&why))?;
                Ok(Run::Told)
            }
        }
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
