//! Files, FIFOs, directories and locks.

use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::Mode;

/// What makes up a directory held open, to come back to later.
#[derive(Debug)]
pub struct Directory(OwnedFd);

impl Directory {
    /// Opens the directory `name`; `.` is the one we are in.
    pub fn open(name: impl AsRef<OsStr>) -> io::Result<Self> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        Ok(Self(open(Path::new(name.as_ref()), flags, Mode::empty())?))
    }

    /// Opens the directory `name` of this one.
    pub fn open_directory(&self, name: impl AsRef<OsStr>) -> io::Result<Self> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let name = Path::new(name.as_ref());
        Ok(Self(openat(&self.0, name, flags, Mode::empty())?))
    }

    /// Makes this the working directory, wherever it has been renamed to.
    pub fn enter(&self) -> io::Result<()> {
        Ok(nix::unistd::fchdir(&self.0)?)
    }

    /// Opens an entry without leaving the working directory.
    pub fn open_entry(&self, name: &OsStr, how: &How) -> io::Result<File> {
        Ok(openat(&self.0, Path::new(name), how.flags, how.mode)?.into())
    }

    /// Waits until what happened to the entries is on disk.
    pub fn sync(&self) -> io::Result<()> {
        Ok(nix::unistd::fsync(&self.0)?)
    }
}

impl From<OwnedFd> for Directory {
    /// One that is open already.
    fn from(open: OwnedFd) -> Self {
        Self(open)
    }
}

impl AsFd for Directory {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// How to open a file; close-on-exec always.
#[derive(Clone, Copy, Debug)]
pub struct How {
    flags: OFlag,
    mode: Mode,
}

impl How {
    const fn new(flags: OFlag) -> Self {
        Self {
            flags: flags.union(OFlag::O_CLOEXEC),
            mode: Mode::empty(),
        }
    }

    /// For reading, without waiting for a FIFO's writer.
    pub const READ: Self = Self::new(OFlag::O_RDONLY.union(OFlag::O_NONBLOCK));
    /// For writing, without waiting: a FIFO that nobody reads gives `ENXIO`.
    pub const WRITE: Self = Self::new(OFlag::O_WRONLY.union(OFlag::O_NONBLOCK));
    /// For writing at the end, made if it is not there.
    pub const APPEND: Self = Self::new(
        OFlag::O_WRONLY
            .union(OFlag::O_NONBLOCK)
            .union(OFlag::O_APPEND)
            .union(OFlag::O_CREAT),
    );
    /// For writing, made if it is not there, emptied if it is.
    pub const TRUNCATE: Self = Self::new(
        OFlag::O_WRONLY
            .union(OFlag::O_NONBLOCK)
            .union(OFlag::O_TRUNC)
            .union(OFlag::O_CREAT),
    );
    /// For reading and writing anywhere, made if it is not there.
    pub const UPDATE: Self =
        Self::new(OFlag::O_RDWR.union(OFlag::O_NONBLOCK).union(OFlag::O_CREAT));
    /// For writing, made here and now: whatever has the name already, a link
    /// included, gives `EEXIST`.
    pub const CREATE_NEW: Self = Self::new(
        OFlag::O_WRONLY
            .union(OFlag::O_NONBLOCK)
            .union(OFlag::O_EXCL)
            .union(OFlag::O_CREAT),
    );

    /// The permission bits that a file made by this gets, less the umask.
    #[must_use]
    pub const fn mode(mut self, bits: u32) -> Self {
        self.mode = Mode::from_bits_truncate(bits);
        self
    }

    /// Refuses a symbolic link as the last component, with `ELOOP`.
    #[must_use]
    pub const fn no_follow(mut self) -> Self {
        self.flags = self.flags.union(OFlag::O_NOFOLLOW);
        self
    }

    /// Opens `name`.
    pub fn open(self, name: impl AsRef<OsStr>) -> io::Result<File> {
        crate::descriptor::again(|| open(Path::new(name.as_ref()), self.flags, self.mode))
            .map(File::from)
    }
}

/// Makes `name` the working directory. An empty name does not exist.
pub fn chdir(name: impl AsRef<OsStr>) -> io::Result<()> {
    Ok(nix::unistd::chdir(Path::new(name.as_ref()))?)
}

/// Makes a FIFO with these permission bits, less the umask.
pub fn make_fifo(name: impl AsRef<OsStr>, mode: u32) -> io::Result<()> {
    Ok(nix::unistd::mkfifo(
        Path::new(name.as_ref()),
        Mode::from_bits_truncate(mode),
    )?)
}

/// Makes a directory with these permission bits, less the umask.
pub fn make_directory(name: impl AsRef<OsStr>, mode: u32) -> io::Result<()> {
    Ok(nix::unistd::mkdir(
        Path::new(name.as_ref()),
        Mode::from_bits_truncate(mode),
    )?)
}

/// Sets the umask and gives the one before.
#[must_use]
pub fn set_umask(mask: u32) -> u32 {
    nix::sys::stat::umask(Mode::from_bits_truncate(mask)).bits()
}

/// Takes the whole-file lock of flock(2), which lasts until every descriptor of
/// the open file is closed; where `wait` is false and another holds it, `EAGAIN`.
///
/// The original locks so; fcntl(2) locks would not see it.
pub fn lock_exclusive(file: &File, wait: bool) -> io::Result<()> {
    let how = if wait {
        libc::LOCK_EX
    } else {
        libc::LOCK_EX | libc::LOCK_NB
    };
    // nix's own flock takes the descriptor over, and some callers keep theirs.
    let number = std::os::fd::AsRawFd::as_raw_fd(file);
    crate::descriptor::again(|| {
        // SAFETY: the borrowed descriptor is open for the length of the call, which
        // touches no memory of ours.
        Errno::result(unsafe { libc::flock(number, how) })
    })?;
    Ok(())
}

/// Puts a file with this content in the place of `name`, whole: whoever opens that
/// finds the old content or this. It is made as `new` first, in the same directory.
pub fn replace(
    name: impl AsRef<Path>,
    new: impl AsRef<Path>,
    mode: u32,
    content: &[u8],
) -> io::Result<()> {
    let new = new.as_ref();
    // One that a killed process left, or somebody's link to another file.
    match std::fs::remove_file(new) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(why),
        Ok(()) | Err(_) => {}
    }
    let file = How::CREATE_NEW.mode(mode).open(new)?;
    crate::descriptor::write_all(file, content)?;
    std::fs::rename(new, name)
}

/// Whether `error` says that a FIFO has no reader.
#[must_use]
pub fn no_reader(error: &io::Error) -> bool {
    crate::is_errno(error, Errno::ENXIO)
}

/// `name` for a system call; a name with a NUL in it cannot exist.
pub fn c_name(name: impl AsRef<OsStr>) -> io::Result<CString> {
    CString::new(name.as_ref().as_bytes()).map_err(|_| Errno::ENOENT.into())
}

/// A directory's entries in its own order, `.` and `..` included, as
/// `readdir(3)` gives them.
pub struct Entries(nix::dir::Dir);

impl Entries {
    /// Opens `name` for listing.
    pub fn open(name: impl AsRef<OsStr>) -> io::Result<Self> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        Ok(Self(nix::dir::Dir::open(
            Path::new(name.as_ref()),
            flags,
            Mode::empty(),
        )?))
    }

    /// Calls `each` with every name; the first error, its own or the
    /// directory's, ends the listing.
    pub fn for_each<E: From<io::Error>>(
        mut self,
        mut each: impl FnMut(&OsStr) -> Result<(), E>,
    ) -> Result<(), E> {
        for entry in self.0.iter() {
            let entry = entry.map_err(|errno| E::from(io::Error::from(errno)))?;
            each(OsStr::from_bytes(entry.file_name().to_bytes()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_name_does_not_exist() {
        assert!(crate::is_errno(&chdir("").unwrap_err(), Errno::ENOENT));
    }

    #[test]
    fn a_name_with_a_nul_does_not_exist() {
        let error = c_name(OsStr::from_bytes(b"a\0b")).unwrap_err();
        assert_eq!(crate::reason(&error), "file does not exist");
    }
}
