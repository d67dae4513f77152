//! Control groups, version 2: a leaf for the processes of one service.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::signal::kill;

use crate::file::How;
use crate::process::Pid;
use crate::signals::Signal;

/// What a service may have made below its own cgroup is looked into so deep.
const DEPTH: u8 = 8;

/// The cgroup that we are in, as a directory; an error where the kernel has none of
/// version 2, or none that is mounted where we can see it.
pub fn own() -> io::Result<PathBuf> {
    let ours = fs::read("/proc/self/cgroup")?;
    let mounts = fs::read("/proc/self/mountinfo")?;
    let ours = place(&ours).ok_or(Errno::ENOENT)?;
    Ok(found(&mounts, ours).ok_or(Errno::ENOENT)?)
}

/// `0::/path`, of the file /proc/PID/cgroup.
fn place(file: &[u8]) -> Option<&Path> {
    let mut lines = file.split(|byte| *byte == b'\n');
    let path = lines.find_map(|line| line.strip_prefix(b"0::"))?;
    Some(Path::new(OsStr::from_bytes(path)))
}

/// Where the cgroup `ours` is by the mounts in the form of /proc/PID/mountinfo.
fn found(mounts: &[u8], ours: &Path) -> Option<PathBuf> {
    mounts.split(|byte| *byte == b'\n').find_map(|line| {
        let mut words = line.split(|byte| *byte == b' ');
        let (root, point) = (words.nth(3)?, words.next()?);
        let kind = words.skip_while(|word| *word != b"-").nth(1)?;
        let root = Path::new(OsStr::from_bytes(root));
        let below = ours
            .strip_prefix(root)
            .ok()
            .filter(|_| kind == b"cgroup2")?;
        Some(PathBuf::from(OsString::from_vec(unescaped(point))).join(below))
    })
}

/// With what stands as a backslash and three octal digits.
fn unescaped(word: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        let digits = after
            .get(..3)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        let code = digits.and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match code.filter(|_| *first == b'\\') {
            Some(byte) => {
                plain.push(byte);
                rest = after.get(3..).unwrap_or_default();
            }
            None => plain.push(*first),
        }
    }
    plain
}

/// A cgroup of a service's own.
#[derive(Debug)]
pub struct Leaf {
    path: PathBuf,
}

impl Leaf {
    /// Makes the cgroup `path`, or takes the one that is there.
    pub fn make(path: PathBuf) -> io::Result<Self> {
        // Elsewhere there is to be no directory of ours.
        Self::at(path.parent().unwrap_or(&path).to_owned())?;
        match fs::create_dir(&path) {
            Err(why) if why.kind() != ErrorKind::AlreadyExists => Err(why),
            _ => Self::at(path),
        }
    }

    /// The cgroup `path`, which is there.
    pub fn at(path: PathBuf) -> io::Result<Self> {
        let facts = nix::sys::statfs::statfs(&path)?;
        if facts.filesystem_type() == nix::sys::statfs::CGROUP2_SUPER_MAGIC {
            Ok(Self { path })
        } else {
            Err(Errno::ENODEV.into())
        }
    }

    /// Its directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Puts a process in.
    pub fn add(&self, process: Pid) -> io::Result<()> {
        self.write("cgroup.procs", process.to_string().as_bytes())
    }

    /// The file that becomes ready, for what is urgent, when there is nobody left or
    /// somebody again.
    pub fn events(&self) -> io::Result<File> {
        How::READ.open(self.path.join("cgroup.events"))
    }

    /// Whether anybody is left, in it or below; nobody is where it is gone. Reading
    /// `events` has it become ready at the next change.
    pub fn is_populated(&self, events: Option<&File>) -> io::Result<bool> {
        let read = match events {
            Some(events) => read(events),
            None => self.events().and_then(|events| read(&events)),
        };
        match read {
            Ok(text) => Ok(value(&text, b"populated") != Some(0)),
            Err(why) if is_gone(&why) => Ok(false),
            Err(why) => Err(why),
        }
    }

    /// Sends a signal to all, in it and below. One that is being made meanwhile may be
    /// missed, but for a kill where the kernel has one for cgroups.
    pub fn send(&self, signal: Signal) {
        if signal == Signal::SIGKILL && self.write("cgroup.kill", b"1").is_ok() {
            return;
        }
        each(&self.path, DEPTH, &mut |directory| {
            let processes = fs::read_to_string(directory.join("cgroup.procs"));
            for process in processes.unwrap_or_default().lines() {
                // 0 is somebody of another world, whom we cannot name.
                if let Ok(process @ 1..) = process.parse() {
                    let _ = kill(Pid::from_raw(process), signal);
                }
            }
        });
    }

    /// Takes it away with all below, where nobody is left.
    pub fn remove(&self) {
        each(&self.path, DEPTH, &mut |directory| {
            let _ = fs::remove_dir(directory);
        });
    }

    /// How many processes were killed in it for want of memory, where that is counted.
    #[must_use]
    pub fn killed_for_memory(&self) -> Option<u64> {
        let file = How::READ.open(self.path.join("memory.events")).ok()?;
        value(&read(&file).ok()?, b"oom_kill")
    }

    /// The most memory that all in it ever had together, in bytes, where that is counted.
    #[must_use]
    pub fn peak_memory(&self) -> Option<u64> {
        let file = How::READ.open(self.path.join("memory.peak")).ok()?;
        let text = read(&file).ok()?;
        std::str::from_utf8(text.trim_ascii()).ok()?.parse().ok()
    }

    fn write(&self, name: &str, text: &[u8]) -> io::Result<()> {
        let file = How::WRITE.open(self.path.join(name))?;
        if file.write_at(text, 0)? == text.len() {
            Ok(())
        } else {
            Err(Errno::EIO.into())
        }
    }
}

/// Takes `action` to all directories below `directory`, and last to itself.
fn each(directory: &Path, depth: u8, action: &mut dyn FnMut(&Path)) {
    if let Some(depth) = depth.checked_sub(1) {
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        for entry in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
            each(&entry.path(), depth, action);
        }
    }
    action(directory);
}

fn is_gone(why: &io::Error) -> bool {
    why.kind() == ErrorKind::NotFound || crate::is_errno(why, Errno::ENODEV)
}

/// All of one of the kernel's short files, from its beginning.
fn read(file: &File) -> io::Result<Vec<u8>> {
    let mut text = vec![0; 1024];
    let length = file.read_at(&mut text, 0)?;
    text.truncate(length);
    Ok(text)
}

/// The number in a line `name NUMBER`.
fn value(text: &[u8], name: &[u8]) -> Option<u64> {
    text.split(|byte| *byte == b'\n').find_map(|line| {
        let number = line.strip_prefix(name)?.strip_prefix(b" ")?;
        std::str::from_utf8(number).ok()?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_cgroup_is_found_by_the_mounts() {
        let mounts = b"25 1 0:22 / /proc rw - proc proc rw
35 25 0:30 / /sys/fs/cgroup/unified rw,nosuid shared:9 - cgroup2 cgroup2 rw
";
        let ours = place(b"3:cpuset:/\n0::/system.slice/a b\n").unwrap();
        let all = found(mounts, ours);
        assert_eq!(all, Some("/sys/fs/cgroup/unified/system.slice/a b".into()));
        let part = b"35 25 0:30 /system.slice /cg\\040roup rw - cgroup2 cgroup2 rw";
        assert_eq!(found(part, ours), Some("/cg roup/a b".into()));
        let other = b"35 25 0:30 /user.slice /cg rw - cgroup2 cgroup2 rw";
        assert_eq!(found(other, ours), None);
        assert_eq!(found(b"", ours), None);
        assert_eq!(place(b"3:cpuset:/\n"), None);
    }

    #[test]
    fn numbers_are_found_by_their_whole_names() {
        let text = b"low 0\noom 4\noom_kill 2\noom_group_kill 1\n";
        assert_eq!(value(text, b"oom_kill"), Some(2));
        assert_eq!(value(text, b"oom"), Some(4));
        assert_eq!(value(text, b"kill"), None);
        assert_eq!(value(b"populated 0\nfrozen 0\n", b"populated"), Some(0));
    }

    #[test]
    fn another_directory_is_no_cgroup() {
        assert!(Leaf::at("/proc".into()).is_err());
        assert!(Leaf::at("/no/such/cgroup".into()).is_err());
    }
}
