//! Being told of changes to directories, instead of looking again and again.
//!
//! inotify(7) tells of names that come and go in a directory, as far as this
//! kernel makes them: changes that another machine makes to a network file
//! system, and file systems mounted over a name, are not among them. See
//! [`sees_all_changes`] for the former and [`Mounts`] for the latter.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::sys::statfs::{FsType, statfs};

/// A watched directory's number.
pub use nix::sys::inotify::WatchDescriptor as WatchId;

/// What may have happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// An entry of a watched directory came, went or was replaced.
    Entry(WatchId, OsString),
    /// Something about a watched directory itself, or more than could be told:
    /// look at everything again.
    Unknown,
}

/// Directories being watched; readable when there are changes to be fetched.
#[derive(Debug)]
pub struct Watches(Inotify);

impl Watches {
    /// Watches nothing yet.
    pub fn new() -> io::Result<Self> {
        let flags = InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK;
        Ok(Self(Inotify::init(flags)?))
    }

    /// Watches the entries of `directory`, which stays the same directory
    /// whatever its name becomes. A second call gives the same number.
    ///
    /// Needs permission to read the directory.
    pub fn add(&self, directory: impl AsRef<OsStr>) -> io::Result<WatchId> {
        let what = AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_MOVE
            | AddWatchFlags::IN_DELETE_SELF
            | AddWatchFlags::IN_MOVE_SELF
            | AddWatchFlags::IN_ONLYDIR;
        Ok(self.0.add_watch(Path::new(directory.as_ref()), what)?)
    }

    /// Watches what is written into `file`, which stays the same file whatever its
    /// name becomes: [`Change::Unknown`].
    pub fn add_content(&self, file: impl AsRef<OsStr>) -> io::Result<WatchId> {
        let what = AddWatchFlags::IN_MODIFY;
        Ok(self.0.add_watch(Path::new(file.as_ref()), what)?)
    }

    /// Watches for `file` being closed by one who had it open for reading:
    /// [`Change::Unknown`]. Of a FIFO that is its reader's end.
    pub fn add_closing(&self, file: impl AsRef<OsStr>) -> io::Result<WatchId> {
        let what = AddWatchFlags::IN_CLOSE_NOWRITE;
        Ok(self.0.add_watch(Path::new(file.as_ref()), what)?)
    }

    /// Watches that directory no longer.
    pub fn remove(&self, id: WatchId) -> io::Result<()> {
        Ok(self.0.rm_watch(id)?)
    }

    /// Fetches the changes since the last call.
    pub fn fetch(&self, mut each: impl FnMut(Change)) {
        loop {
            match self.0.read_events() {
                Ok(events) => {
                    for event in events {
                        // That a watch was given up is the answer to our own wish.
                        if event.mask.contains(AddWatchFlags::IN_IGNORED) {
                            continue;
                        }
                        each(match event.name {
                            Some(name) => Change::Entry(event.wd, name),
                            None => Change::Unknown,
                        });
                    }
                }
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return,
                // No other error is known; if there is one, looking is the answer.
                Err(_) => return each(Change::Unknown),
            }
        }
    }
}

impl AsFd for Watches {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Tells of file systems mounted and unmounted: [`crate::wait::Interest::Urgent`]
/// once after each change.
#[derive(Debug)]
pub struct Mounts(File);

impl Mounts {
    /// Needs /proc.
    pub fn new() -> io::Result<Self> {
        Ok(Self(File::open("/proc/self/mountinfo")?))
    }
}

impl AsFd for Mounts {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// File systems that only this kernel changes.
const LOCAL: [FsType; 9] = [
    nix::sys::statfs::EXT4_SUPER_MAGIC,
    nix::sys::statfs::BTRFS_SUPER_MAGIC,
    nix::sys::statfs::XFS_SUPER_MAGIC,
    nix::sys::statfs::TMPFS_MAGIC,
    nix::sys::statfs::OVERLAYFS_SUPER_MAGIC,
    nix::sys::statfs::REISERFS_SUPER_MAGIC,
    nix::sys::statfs::ISOFS_SUPER_MAGIC,
    // F2FS and ramfs, for which nix has no names.
    FsType(0xF2F5_2010),
    FsType(0x8584_58F6),
];

/// Whether all changes to `directory` pass this kernel; false where that is not
/// known.
#[must_use]
pub fn sees_all_changes(directory: impl AsRef<OsStr>) -> bool {
    statfs(Path::new(directory.as_ref()))
        .is_ok_and(|system| LOCAL.contains(&system.filesystem_type()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(watches: &Watches) -> Vec<Change> {
        let mut seen = Vec::new();
        watches.fetch(|change| seen.push(change));
        seen
    }

    #[test]
    fn names_that_come_and_go_are_told_until_the_watch_is_removed() {
        let name = format!("dt-os-watch.{}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir(&directory).unwrap();
        let watches = Watches::new().unwrap();
        let id = watches.add(&directory).unwrap();
        assert_eq!(watches.add(&directory).unwrap(), id);
        assert_eq!(changes(&watches), []);

        std::fs::create_dir(directory.join("a")).unwrap();
        assert_eq!(changes(&watches), [Change::Entry(id, "a".into())]);

        watches.remove(id).unwrap();
        std::fs::remove_dir(directory.join("a")).unwrap();
        assert_eq!(changes(&watches), []);
        std::fs::remove_dir(&directory).unwrap();
    }

    #[test]
    fn a_fifo_whose_reader_ends_is_told() {
        let name = format!("dt-os-watch-fifo.{}", std::process::id());
        let fifo = std::env::temp_dir().join(name);
        crate::file::make_fifo(&fifo, 0o600).unwrap();
        let watches = Watches::new().unwrap();
        watches.add_closing(&fifo).unwrap();
        let reader = crate::file::How::READ.open(&fifo).unwrap();
        // Neither a reader that comes nor a writer is worth a word.
        drop(crate::file::How::WRITE.open(&fifo).unwrap());
        assert_eq!(changes(&watches), []);
        drop(reader);
        assert_eq!(changes(&watches), [Change::Unknown]);
        std::fs::remove_file(&fifo).unwrap();
    }

    #[test]
    fn a_file_that_is_written_into_is_told() {
        let name = format!("dt-os-watch-file.{}", std::process::id());
        let file = std::env::temp_dir().join(name);
        std::fs::write(&file, "").unwrap();
        let watches = Watches::new().unwrap();
        watches.add_content(&file).unwrap();
        let _ = std::fs::read(&file).unwrap();
        assert_eq!(changes(&watches), []);
        std::fs::write(&file, "x").unwrap();
        assert!(changes(&watches).contains(&Change::Unknown));
        std::fs::remove_file(&file).unwrap();
    }

    #[test]
    fn of_a_file_system_that_is_not_known_nothing_is_promised() {
        assert!(!sees_all_changes("/proc"));
        assert!(!sees_all_changes("/no/such/directory"));
    }
}
