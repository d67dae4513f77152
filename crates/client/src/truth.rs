//! Whether the process that a status names can be the service's.
//!
//! A number that belongs to no process here may be one of another PID namespace: the
//! `supervise` of a container, looked at from outside. So it is disbelieved only where
//! the `supervise` that wrote it is known to be of our own. Its record tells which
//! process that is and when it started, and there is no such process elsewhere.

use std::io;
use std::time::Duration;

use dt_os::clock::Moment;
use dt_os::incarnation;
use dt_os::process::Pid;
use dt_service::{Incarnation, Place, StatusFile};

use crate::look::{self, Obstacle};

/// In which a `supervise` has written down a death that it is just being told of. One
/// that has to look for itself does so each second.
const NOTICED: Duration = Duration::from_secs(1);

/// From look to look.
const PAUSE: Duration = Duration::from_millis(5);

/// The process that the status names though there is none; `None` where all is true, or
/// where it cannot be told.
#[must_use]
pub fn untrue(place: &Place, file: &StatusFile) -> Option<u32> {
    let log = file.log.map_or(0, |log| log.status.pid);
    let missing = [file.main.pid, log]
        .into_iter()
        .find(|pid| is_nobody(*pid))?;
    let record = look::newest_record(place)?;
    let of_now = record.boot.is_some() && record.boot == incarnation::boot_id();
    (of_now && is_ours(record.supervise)).then_some(missing)
}

/// The status, as soon as it is true.
///
/// Whoever reads it between a death and the next status waits for that: no longer than
/// it takes, and not at all otherwise.
pub fn settled(place: &Place) -> Result<StatusFile, Obstacle> {
    let deadline = Moment::now().plus(NOTICED);
    loop {
        let file = look::status(place)?;
        let Some(pid) = untrue(place, &file) else {
            return Ok(file);
        };
        if Moment::now() >= deadline {
            return Err(Obstacle::NoProcess(pid));
        }
        std::thread::sleep(PAUSE);
    }
}

/// Neither the kernel nor /proc knows it.
fn is_nobody(pid: u32) -> bool {
    let known = |pid: Pid| {
        // Almost always this is all that is asked.
        incarnation::lives(pid) || incarnation::look_up(pid).is_ok()
    };
    pid != 0 && i32::try_from(pid).is_ok_and(|pid| !known(Pid::from_raw(pid)))
}

/// The process itself, to the kernel as well as to /proc, which may be another
/// namespace's.
fn is_ours(process: Incarnation) -> bool {
    let (Ok(pid), Some(start)) = (i32::try_from(process.pid), process.start) else {
        return false;
    };
    let pid = Pid::from_raw(pid);
    let seen: io::Result<_> = incarnation::look_up(pid);
    incarnation::lives(pid) && seen.is_ok_and(|seen| seen.start == start && !seen.zombie)
}
