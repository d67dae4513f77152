//! Who holds a lock of flock(2).
//!
//! Whether it is held is asked of the lock, which the kernel gives back the
//! instant its holder dies; by whom, of the kernel's list of locks. A number from
//! that list is believed only where the process of that number, held by a pidfd,
//! has the very file open that is locked.

use std::fs::{self, File, Metadata};
use std::io::{self, BufRead, BufReader};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::errno::Errno;

use crate::clock::Moment;
use crate::file::{self, How};
use crate::pidfd::PidFd;
use crate::process::Pid;
use crate::wait;

/// Who holds a lock.
#[derive(Debug)]
pub enum Holder {
    /// Nobody, or there is no such file.
    Nobody,
    /// This process. The number is its own as long as it has not ended.
    Process(Pid, PidFd),
    /// Somebody, but it cannot be told who.
    Unknown(io::Error),
}

/// The kernel's list of locks, read when it is needed for the first time: where a
/// thousand are held it is long.
#[derive(Debug, Default)]
pub struct Holders {
    by_inode: Option<List>,
}

/// Inode numbers of locked files and who holds the locks, in order. As there may be
/// thousands, nearly all of them others', each takes as little as it can.
type List = Vec<(u64, Pid)>;

impl Holders {
    /// Forgets what was read.
    pub fn forget(&mut self) {
        self.by_inode = None;
    }

    /// Who has locked the file or directory `name`; a link is not followed.
    ///
    /// For an instant the lock is ours where it is nobody's.
    pub fn of(&mut self, name: &Path) -> Holder {
        let Some(lock) = held(name) else {
            return Holder::Nobody;
        };
        let mut dead = false;
        // One that has come since the list was read is not in it.
        for fresh in [false, true] {
            if fresh || self.by_inode.is_none() {
                match list() {
                    Ok(holders) => self.by_inode = Some(holders),
                    Err(why) => return Holder::Unknown(why),
                }
            }
            for (_, pid) in of_inode(self.by_inode.as_deref(), lock.ino()) {
                match prove(*pid, &lock) {
                    Ok(Some(process)) => return Holder::Process(*pid, process),
                    Ok(None) => dead = true,
                    Err(why) => return Holder::Unknown(why),
                }
            }
        }
        // One that has died may have left the lock to a child on its way to become
        // something else.
        if dead || held(name).is_none() {
            Holder::Nobody
        } else {
            Holder::Unknown(Errno::ESRCH.into())
        }
    }
}

/// The file, if somebody has locked it.
fn held(name: &Path) -> Option<Metadata> {
    let lock = How::READ.no_follow().open(name).ok()?;
    let facts = lock.metadata().ok()?;
    if !facts.is_file() && !facts.is_dir() {
        return None;
    }
    let why = file::lock_exclusive(&lock, false).err()?;
    crate::is_errno(&why, Errno::EAGAIN).then_some(facts)
}

/// Who holds a lock on which inode number.
fn list() -> io::Result<List> {
    let mut holders = List::new();
    let mut locks = BufReader::new(File::open("/proc/locks")?);
    let mut line = String::new();
    while locks.read_line(&mut line)? > 0 {
        holders.extend(holder(&line));
        line.clear();
    }
    holders.sort_unstable();
    Ok(holders)
}

/// Those of one inode number.
fn of_inode(list: Option<&[(u64, Pid)]>, inode: u64) -> &[(u64, Pid)] {
    let list = list.unwrap_or_default();
    let from = list.partition_point(|(other, _)| *other < inode);
    let rest = list.get(from..).unwrap_or_default();
    let count = rest.partition_point(|(other, _)| *other == inode);
    rest.get(..count).unwrap_or_default()
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
        Err(why) if crate::is_errno(&why, Errno::ESRCH) => return Ok(None),
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

/// Whether a process has ended.
#[must_use]
pub fn has_ended(process: &PidFd) -> bool {
    wait::until_readable([process.as_fd()], Some(Moment::now())).is_ok_and(|[ended]| ended)
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

    #[test]
    fn all_who_hold_a_lock_on_an_inode_are_found_and_nobody_else() {
        let list: Vec<_> = [(3, 1), (5, 2), (5, 9), (8, 4)]
            .map(|(inode, pid)| (inode, Pid::from_raw(pid)))
            .into();
        let pids = |inode| {
            let found = of_inode(Some(&list), inode).iter();
            found.map(|(_, pid)| pid.as_raw()).collect::<Vec<_>>()
        };
        assert_eq!([3, 5, 8].map(pids), [vec![1], vec![2, 9], vec![4]]);
        assert!([0, 4, 9].map(pids).iter().all(Vec::is_empty));
        assert!(of_inode(None, 5).is_empty());
    }

    #[test]
    fn whoever_holds_a_lock_is_told_by_the_kernel() {
        let name = format!("dt-os-holders.{}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        fs::create_dir(&directory).unwrap();
        assert!(matches!(Holders::default().of(&directory), Holder::Nobody));
        let open = How::READ.open(&directory).unwrap();
        file::lock_exclusive(&open, false).unwrap();
        let mut holders = Holders::default();
        let found = holders.of(&directory);
        assert!(matches!(found, Holder::Process(pid, _) if pid == Pid::this()));
        drop(open);
        assert!(matches!(holders.of(&directory), Holder::Nobody));
        fs::remove_dir(&directory).unwrap();
    }
}
