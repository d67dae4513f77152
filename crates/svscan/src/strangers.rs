//! Those who are none of our children, and are watched as if they were.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use dt_os::herd::Herd;
use dt_os::process::{Ending, Pid};
use dt_os::signals::Signal;
use dt_service::{Place, Status};

use crate::survivors::Survivor;

/// Each `supervise` that somebody else has started, and where its status is.
#[derive(Debug, Default)]
pub(crate) struct Strangers {
    /// Made when there is one to be watched.
    pub(crate) herd: Option<Herd>,
    ended: Vec<Pid>,
    pub(crate) status: HashMap<Pid, PathBuf>,
}

impl Strangers {
    pub(crate) fn watch(&mut self, survivor: Survivor, directory: &Path) -> io::Result<Pid> {
        let status = Place::directory_of(directory)?.join("status");
        let herd = match self.herd.take() {
            Some(herd) => herd,
            None => Herd::new()?,
        };
        let herd = self.herd.insert(herd);
        herd.watch(survivor.pid, survivor.process)?;
        self.status.insert(survivor.pid, status);
        Ok(survivor.pid)
    }

    /// One that has ended. How it did so only its parent knows; but one that was
    /// told to exit has said before that it has no process.
    pub(crate) fn ended(&mut self) -> Option<(Pid, Ending)> {
        let herd = self.herd.as_mut()?;
        if self.ended.is_empty() {
            self.ended = herd.ended();
        }
        let pid = self.ended.pop()?;
        if self.ended.is_empty() && herd.is_empty() {
            self.herd = None;
        }
        let status = self.status.remove(&pid).map(std::fs::read);
        let status = status.and_then(|read| Status::decode(&read.ok()?).ok());
        let told = status.is_some_and(|status| status.pid == 0);
        let ending = if told {
            Ending::Exited(0)
        } else {
            Ending::Killed(Signal::SIGKILL as i32)
        };
        Some((pid, ending))
    }
}
