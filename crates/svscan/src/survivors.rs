//! Finding what an earlier `svscan` has left running.
//!
//! Whether a `supervise` lives, and who it is, is asked of its lock.

use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io::Read;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use dt_os::cgroup::Leaf;
use dt_os::descriptor;
use dt_os::file::{self, How};
use dt_os::holders::{Holder, Holders, has_ended};
use dt_os::incarnation;
use dt_os::pidfd::PidFd;
use dt_os::process::Pid;
use dt_service::{Place, Record, Status, Want, details};

use crate::machine::Half;

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

/// Who supervises `directory`.
pub fn supervisor_of(holders: &mut Holders, directory: &Path) -> Holder {
    match Place::directory_of(directory) {
        Ok(kept) => holders.of(&kept.join("lock")),
        // There is no such directory.
        Err(_) => Holder::Nobody,
    }
}

/// A service's process that lives although its `supervise` does not, as far as the
/// record proves it.
pub fn service_of(directory: &Path) -> Option<Survivor> {
    let mut record = Vec::new();
    let file = How::READ
        .no_follow()
        .open(Place::directory_of(directory).ok()?.join("record"))
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

/// Whether anything of the service lives that needs a `supervise` to be ended.
pub fn are_left(directory: &Path) -> bool {
    service_of(directory).is_some() || is_populated(directory)
}

/// Whether there is anybody in the service's own cgroup, if it has one.
fn is_populated(directory: &Path) -> bool {
    let path = || {
        let file = Place::directory_of(directory).ok()?.join(details::CGROUP);
        let file = How::READ.no_follow().open(file).ok()?;
        let mut path = Vec::new();
        file.take(4096).read_to_end(&mut path).ok()?;
        Some(PathBuf::from(OsString::from_vec(path)))
    };
    let leaf = path().and_then(|path| Leaf::at(path).ok());
    leaf.is_some_and(|leaf| leaf.is_populated(None).unwrap_or(true))
}

/// The pipe between the two processes themselves, where neither of them has its
/// `supervise` any longer.
///
/// A service may have put something else on its standard output than it was
/// given; a pipe that it can read as well, or from which nobody reads, or its log
/// does, is the one.
pub fn pipe_between(service: Option<&Survivor>, log: Option<&Survivor>) -> Option<Ends> {
    match (service, log) {
        (Some(service), Some(log)) => {
            let one = name_of(service, 1)? == name_of(log, 0)?;
            one.then(|| pipe_of(log, 0)).flatten()
        }
        (Some(service), None) => {
            let unread = || {
                let writing = How::WRITE.open(link(service, 1));
                writing.is_err_and(|why| file::no_reader(&why))
            };
            let ours = reads_as_well(service, 1) || unread();
            ours.then(|| pipe_of(service, 1)).flatten()
        }
        (None, Some(log)) => pipe_of(log, 0),
        (None, None) => None,
    }
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

/// Which descriptor of a half's `supervise` is the pipe.
pub const fn number_of(half: Half) -> u32 {
    match half {
        Half::Main => 1,
        Half::Log => 0,
    }
}

/// The pipe of a half's `supervise`, where it is another than the one that is held.
///
/// A service's half must have one that it can read as well, as from us: others have
/// been put together by hand.
pub fn other_pipe(supervise: &Survivor, half: Half, held: &OwnedFd) -> Option<Ends> {
    let number = number_of(half);
    if half == Half::Main && !reads_as_well(supervise, number) {
        return None;
    }
    let has = fs::metadata(link(supervise, number)).ok()?;
    if is_held(&has, held)? {
        return None;
    }
    pipe_of(supervise, number)
}

/// Whether the program that this `supervise` of a log keeps running reads from something
/// else than `held`.
pub fn reads_another(log: Pid, held: &OwnedFd) -> bool {
    let reads = || {
        let here = PathBuf::from(format!("/proc/{log}/cwd"));
        let status = fs::read(Place::directory_of(&here).ok()?.join("status")).ok()?;
        let status = Status::decode(&status).ok()?;
        let kept = status.pid != 0 && status.want == Want::Up;
        let has = kept.then(|| fs::metadata(format!("/proc/{}/fd/0", status.pid)))?;
        is_held(&has.ok()?, held)
    };
    reads() == Some(false)
}

fn is_held(has: &Metadata, held: &OwnedFd) -> Option<bool> {
    let held = fs::metadata(format!("/proc/self/fd/{}", held.as_raw_fd())).ok()?;
    Some((has.dev(), has.ino()) == (held.dev(), held.ino()))
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

/// Whether a descriptor is open for reading and writing, as that of a pipe that we
/// have made.
fn reads_as_well(survivor: &Survivor, number: u32) -> bool {
    let file = format!("/proc/{}/fdinfo/{number}", survivor.pid);
    let facts = fs::read_to_string(file).unwrap_or_default();
    let flags = facts.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.map(|octal| i64::from_str_radix(octal.trim(), 8));
    // O_RDWR among the two bits of O_ACCMODE, on every machine.
    flags.is_some_and(|flags| flags.is_ok_and(|flags| flags & 3 == 2))
}

fn open_pipe(survivor: &Survivor, number: u32) -> Option<Ends> {
    name_of(survivor, number)?;
    let link = link(survivor, number);
    let reading = How::READ.open(&link).ok()?;
    // There is a reader now, so that this does not fail for want of one.
    let writing = match descriptor::both_ends(&reading) {
        Ok(both) => File::from(both),
        Err(_) => How::WRITE.open(&link).ok()?,
    };
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
