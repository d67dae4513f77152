//! Finding what an earlier `svscan` has left running.
//!
//! Whether a `supervise` lives is asked of its lock, which the kernel gives back
//! the instant it dies; who it is, of the kernel's list of locks. A number from
//! that list is believed only where the process of that number, held by a pidfd,
//! has the very file open that is locked.

use std::collections::HashMap;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use dt_os::Errno;
use dt_os::clock::Moment;
use dt_os::descriptor;
use dt_os::file::{self, How};
use dt_os::incarnation;
use dt_os::pidfd::PidFd;
use dt_os::process::Pid;
use dt_os::wait;
use dt_service::{Record, names};

/// A process that somebody else has started.
#[derive(Debug)]
pub struct Survivor {
    /// Its number, which is its own as long as `process` has not ended.
    pub pid: Pid,
    /// The process.
    pub process: PidFd,
}

/// A pipe: where it is read, and where it is written.
pub type Ends = (OwnedFd, OwnedFd);

/// What there is in a directory.
#[derive(Debug)]
pub enum Found {
    /// No `supervise`.
    Nobody,
    /// This one.
    Living(Survivor),
    /// There is one, but it cannot be told which.
    Unknown(io::Error),
}

/// The kernel's list of locks, read when it is needed for the first time in a
/// scan: with a thousand services it is long.
#[derive(Debug, Default)]
pub struct Locks {
    holders: Option<HashMap<u64, Vec<Pid>>>,
}

impl Locks {
    /// Forgets what was read.
    pub fn forget(&mut self) {
        self.holders = None;
    }

    /// Who supervises `directory`.
    pub fn supervisor_of(&mut self, directory: &Path) -> Found {
        let name = directory.join(names::LOCK);
        let Some(lock) = held(&name) else {
            return Found::Nobody;
        };
        let mut dead = false;
        // One that has come since the list was read is not in it.
        for fresh in [false, true] {
            if fresh || self.holders.is_none() {
                match list() {
                    Ok(holders) => self.holders = Some(holders),
                    Err(why) => return Found::Unknown(why),
                }
            }
            let holders = self.holders.as_ref();
            let pids = holders.and_then(|holders| holders.get(&lock.ino()));
            for pid in pids.into_iter().flatten() {
                match prove(*pid, &lock) {
                    Ok(Some(process)) => return Found::Living(Survivor { pid: *pid, process }),
                    Ok(None) => dead = true,
                    Err(why) => return Found::Unknown(why),
                }
            }
        }
        // One that has died may have left the lock to a child on its way to become
        // something else: a `supervise` waits for that.
        if dead || held(&name).is_none() {
            Found::Nobody
        } else {
            Found::Unknown(Errno::ESRCH.into())
        }
    }
}

/// The lock file, if somebody holds it.
fn held(name: &Path) -> Option<Metadata> {
    let lock = How::READ.no_follow().open(name).ok()?;
    let facts = lock.metadata().ok().filter(Metadata::is_file)?;
    let why = file::lock_exclusive(&lock, false).err()?;
    dt_os::is_errno(&why, Errno::EAGAIN).then_some(facts)
}

/// Who holds a lock of flock(2) on which inode number.
fn list() -> io::Result<HashMap<u64, Vec<Pid>>> {
    let mut holders: HashMap<u64, Vec<Pid>> = HashMap::new();
    for line in fs::read_to_string("/proc/locks")?.lines() {
        if let Some((inode, pid)) = holder(line) {
            holders.entry(inode).or_default().push(pid);
        }
    }
    Ok(holders)
}

/// As proc(5) has it: `1: FLOCK ADVISORY WRITE 4711 fe:00:1234 0 EOF`. One that
/// waits has an arrow in the place of the second word.
fn holder(line: &str) -> Option<(u64, Pid)> {
    let mut words = line.split_ascii_whitespace().skip(1);
    if words.next()? != "FLOCK" {
        return None;
    }
    let pid = words.nth(2)?.parse().ok().filter(|pid| *pid > 0)?;
    let inode = words.next()?.rsplit(':').next()?.parse().ok()?;
    Some((inode, Pid::from_raw(pid)))
}

/// The process, if it has that file open.
fn prove(pid: Pid, lock: &Metadata) -> io::Result<Option<PidFd>> {
    let process = match PidFd::open(pid) {
        Ok(process) => process,
        Err(why) if dt_os::is_errno(&why, Errno::ESRCH) => return Ok(None),
        Err(why) => return Err(why),
    };
    let same = |is: Metadata| (is.dev(), is.ino()) == (lock.dev(), lock.ino());
    let mut open = match fs::read_dir(format!("/proc/{pid}/fd")) {
        Ok(open) => open,
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(why) => return Err(why),
    };
    let proven = open.any(|entry| {
        let facts = entry.and_then(|entry| fs::metadata(entry.path()));
        facts.is_ok_and(same)
    });
    Ok((proven && !has_ended(&process)).then_some(process))
}

/// A service's process that lives although its `supervise` does not, as far as the
/// record proves it.
pub fn service_of(directory: &Path) -> Option<Survivor> {
    let mut record = Vec::new();
    let file = How::READ
        .no_follow()
        .open(directory.join(names::RECORD))
        .ok()?;
    file.take(Record::FILE as u64)
        .read_to_end(&mut record)
        .ok()?;
    let (_, record) = Record::newest(&record)?;
    let (pid, start) = (record.service?.pid, record.service?.start?);
    if record.boot.is_none() || record.boot != incarnation::boot_id() {
        return None;
    }
    let pid = Pid::from_raw(i32::try_from(pid).ok()?);
    let process = PidFd::open(pid).ok()?;
    let seen = incarnation::look_up(pid).ok()?;
    (seen.start == start && !seen.zombie).then_some(Survivor { pid, process })
}

/// The pipe between the two processes themselves, where neither of them has its
/// `supervise` any longer.
///
/// A service may have put something else on its standard output than it was
/// given; a pipe from which nobody reads, or its log does, is the one.
pub fn pipe_between(service: Option<&Survivor>, log: Option<&Survivor>) -> Option<Ends> {
    match (service, log) {
        (Some(service), Some(log)) => {
            let one = name_of(service, 1)? == name_of(log, 0)?;
            one.then(|| pipe_of(log, 0)).flatten()
        }
        (Some(service), None) => {
            let read = How::WRITE.open(link(service, 1));
            let unread = read.is_err_and(|why| file::no_reader(&why));
            unread.then(|| pipe_of(service, 1)).flatten()
        }
        (None, Some(log)) => pipe_of(log, 0),
        (None, None) => None,
    }
}

fn has_ended(process: &PidFd) -> bool {
    wait::until_readable([process.as_fd()], Some(Moment::now())).is_ok_and(|[ended]| ended)
}

/// Both ends of the pipe that is descriptor `number` of a process, opened anew;
/// `None` where it is no pipe, or out of reach.
///
/// They are open files of our own: nobody who changes how theirs are read or
/// written changes ours.
pub fn pipe_of(survivor: &Survivor, number: u32) -> Option<Ends> {
    let pipe = open_pipe(survivor, number)?;
    // Until here the number was its own.
    (!has_ended(&survivor.process)).then_some(pipe)
}

fn link(survivor: &Survivor, number: u32) -> PathBuf {
    PathBuf::from(format!("/proc/{}/fd/{number}", survivor.pid))
}

/// What the kernel calls the pipe; one that was given a name, a FIFO, is none.
fn name_of(survivor: &Survivor, number: u32) -> Option<PathBuf> {
    let name = fs::read_link(link(survivor, number)).ok()?;
    let is_pipe = name.as_os_str().as_bytes().starts_with(b"pipe:");
    is_pipe.then_some(name)
}

fn open_pipe(survivor: &Survivor, number: u32) -> Option<Ends> {
    name_of(survivor, number)?;
    let link = link(survivor, number);
    let reading = How::READ.open(&link).ok()?;
    // There is a reader now, so that this does not fail for want of one.
    let writing = How::WRITE.open(&link).ok()?;
    let same = identity(&reading)? == identity(&writing)?;
    for end in [&reading, &writing] {
        descriptor::set_nonblocking(end, false).ok()?;
    }
    same.then(|| (reading.into(), writing.into()))
}

fn identity(pipe: &File) -> Option<(u64, u64)> {
    let facts = pipe.metadata().ok()?;
    facts
        .file_type()
        .is_fifo()
        .then(|| (facts.dev(), facts.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_list_only_those_who_hold_an_flock_count() {
        let held = "23: FLOCK  ADVISORY  WRITE 9542 fe:00:10019051 0 EOF";
        assert_eq!(holder(held), Some((10_019_051, Pid::from_raw(9542))));
        for other in [
            "23: -> FLOCK  ADVISORY  WRITE 9542 fe:00:10019051 0 EOF",
            "23: POSIX  ADVISORY  WRITE 9542 fe:00:10019051 0 EOF",
            "23: FLOCK  ADVISORY  WRITE 0 fe:00:10019051 0 EOF",
            "23: FLOCK",
            "",
        ] {
            assert_eq!(holder(other), None, "{other}");
        }
    }
}
