//! The processor: from `previous` to a complete `processed`.

use std::io;
use std::os::unix::ffi::OsStrExt;

use dt_cli::Fatal;
use dt_os::Errno;

use super::{Folder, gone, os};
use crate::rotate::Name;
use crate::session::{Session, Stop};
use crate::world::{Ending, Open, Streams, World};

impl<F> Folder<F> {
    /// From `previous` to a complete `processed`.
    pub(super) fn process<W: World<File = F>>(
        &mut self,
        session: &mut Session<'_, W>,
    ) -> Result<(), Stop> {
        let name = self.log.name.clone();
        let name = name.as_bytes();
        loop {
            let code = self.run_processor(session)?;
            if code != Some(0) {
                session.pause(&[b"processor failed in ", name], None)?;
                continue;
            }
            if self.complete_outputs(session)? {
                return Ok(());
            }
        }
    }

    /// Runs it once; gives its exit code.
    pub(super) fn run_processor<W: World<File = F>>(
        &mut self,
        session: &mut Session<'_, W>,
    ) -> Result<Option<i32>, Stop> {
        let log = self.number;
        let name = self.log.name.clone();
        let name = name.as_bytes();
        session.insist(&[b"unable to switch to ", name], |world| world.enter(log))?;
        self.unsynced = true;
        let streams = match self.streams(session) {
            Ok(streams) => streams,
            Err(why) => {
                // The words of a processor that cannot be set up.
                let command = self.log.processor.clone().unwrap_or_default();
                let what = ["unable to run ".as_ref(), command.as_os_str()];
                let fatal = Fatal::system("multilog", &what, &why);
                session.world.say(&fatal.lines);
                return Ok(None);
            }
        };
        let child = session.insist(&[b"unable to fork for processor in ", name], |world| {
            world.start(log, &streams)
        })?;
        match session.world.wait_for(child) {
            Ok(Ending::Exited(code)) => Ok(Some(code)),
            Ok(Ending::Killed) => {
                let why = Errno::EINTR.into();
                session.pause(&[b"processor crashed in ", name], Some(&why))?;
                Ok(None)
            }
            Err(why) => {
                session.pause(&[b"wait failed for processor in ", name], Some(&why))?;
                Ok(None)
            }
        }
    }

    /// Opens the processor's files. Its outputs are new files each time: a
    /// processor that a killed predecessor left behind goes on writing to files
    /// that have no name any more.
    fn streams<W: World<File = F>>(&self, session: &mut Session<'_, W>) -> io::Result<Streams<F>> {
        let log = self.number;
        let world = &mut *session.world;
        for name in [Name::Processed, Name::NewState] {
            gone(world.remove(log, os(name)))?;
        }
        Ok(Streams {
            input: world.open(log, os(Name::Previous), Open::Read, 0)?,
            output: world.open(log, os(Name::Processed), Open::New, 0o644)?,
            state: world.open(log, os(Name::State), Open::Read, 0)?,
            newstate: world.open(log, os(Name::NewState), Open::New, 0o644)?,
        })
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
