//! Entries of a directory held open: what they are, and what becomes of them.
//!
//! Everything here goes by the directory's descriptor, so that a directory that
//! is renamed meanwhile stays the one that is meant.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, RenameFlags};
use nix::sys::stat::{FchmodatFlags, FileStat, Mode, SFlag};
use nix::unistd::UnlinkatFlags;

use crate::file::Directory;

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The device and the inode, which together name a file.
    pub identity: (u64, u64),
    /// The permission bits.
    pub mode: u32,
    /// How many names the file has.
    pub links: u64,
    /// Bytes in it.
    pub size: u64,
    /// Whether it is an ordinary file.
    pub ordinary: bool,
    /// Whether it is a directory.
    pub directory: bool,
}

impl Facts {
    /// What an open file is.
    pub fn of(file: &File) -> io::Result<Self> {
        let found = file.metadata()?;
        Ok(Self {
            identity: (found.dev(), found.ino()),
            mode: found.mode() & 0o7777,
            links: found.nlink(),
            size: found.size(),
            ordinary: found.is_file(),
            directory: found.is_dir(),
        })
    }

    #[allow(
        clippy::useless_conversion,
        reason = "not every machine counts links in 64 bits"
    )]
    fn from_stat(found: &FileStat) -> Self {
        let kind = SFlag::from_bits_truncate(found.st_mode & SFlag::S_IFMT.bits());
        Self {
            identity: (found.st_dev, found.st_ino),
            mode: found.st_mode & 0o7777,
            links: found.st_nlink.into(),
            size: u64::try_from(found.st_size).unwrap_or(0),
            ordinary: kind == SFlag::S_IFREG,
            directory: kind == SFlag::S_IFDIR,
        }
    }
}

/// What `name` is, through a symbolic link where it is one; `None` where there
/// is no such entry.
pub fn facts(directory: &Directory, name: &OsStr) -> io::Result<Option<Facts>> {
    look(directory, name, AtFlags::empty())
}

/// What `name` itself is, a symbolic link included.
pub fn own_facts(directory: &Directory, name: &OsStr) -> io::Result<Option<Facts>> {
    look(directory, name, AtFlags::AT_SYMLINK_NOFOLLOW)
}

fn look(directory: &Directory, name: &OsStr, flags: AtFlags) -> io::Result<Option<Facts>> {
    match nix::sys::stat::fstatat(directory, Path::new(name), flags) {
        Ok(found) => Ok(Some(Facts::from_stat(&found))),
        Err(Errno::ENOENT) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

/// Sets the permission bits of `name`.
pub fn set_mode(directory: &Directory, name: &OsStr, bits: u32) -> io::Result<()> {
    let mode = Mode::from_bits_truncate(bits);
    let follow = FchmodatFlags::FollowSymlink;
    Ok(nix::sys::stat::fchmodat(
        directory,
        Path::new(name),
        mode,
        follow,
    )?)
}

/// Renames within the directory; what `to` was is gone.
pub fn rename(directory: &Directory, from: &OsStr, to: &OsStr) -> io::Result<()> {
    let (from, to) = (Path::new(from), Path::new(to));
    Ok(nix::fcntl::renameat(directory, from, directory, to)?)
}

/// Renames within the directory; where `to` is taken, `EEXIST`.
pub fn rename_to_new(directory: &Directory, from: &OsStr, to: &OsStr) -> io::Result<()> {
    let (from, to) = (Path::new(from), Path::new(to));
    let flags = RenameFlags::RENAME_NOREPLACE;
    Ok(nix::fcntl::renameat2(
        directory, from, directory, to, flags,
    )?)
}

/// Gives the file `from` the further name `to`; where that is taken, `EEXIST`.
pub fn link(directory: &Directory, from: &OsStr, to: &OsStr) -> io::Result<()> {
    let (from, to) = (Path::new(from), Path::new(to));
    Ok(nix::unistd::linkat(
        directory,
        from,
        directory,
        to,
        AtFlags::empty(),
    )?)
}

/// Takes a name away; a directory's gives `EISDIR`.
pub fn remove(directory: &Directory, name: &OsStr) -> io::Result<()> {
    Ok(nix::unistd::unlinkat(
        directory,
        Path::new(name),
        UnlinkatFlags::NoRemoveDir,
    )?)
}

/// All names in the directory but `.` and `..`, in its own order, each with its
/// inode.
pub fn list(directory: &Directory) -> io::Result<Vec<(OsString, u64)>> {
    let mut names = Vec::new();
    // opendir(3) would take eight times that from the heap.
    walk(directory, &mut [0; 4096], |name, inode| {
        names.push((OsString::from_vec(name.to_vec()), inode));
    })?;
    Ok(names)
}

/// Calls `each` with every name in the directory but `.` and `..`. Allocates
/// nothing.
pub fn for_each_name(directory: &Directory, mut each: impl FnMut(&[u8])) -> io::Result<()> {
    walk(directory, &mut [0; 1024], |name, _inode| each(name))
}

fn walk(
    directory: &Directory,
    buffer: &mut [u8],
    mut each: impl FnMut(&[u8], u64),
) -> io::Result<()> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    // Opened anew: a shared offset would make the second listing an empty one.
    let open = nix::fcntl::openat(directory, Path::new("."), flags, Mode::empty())?;
    loop {
        let entries = read_entries(&open, buffer)?;
        if entries.is_empty() {
            return Ok(());
        }
        each_entry(entries, &mut each);
    }
}

fn read_entries<'a>(open: &OwnedFd, buffer: &'a mut [u8]) -> io::Result<&'a [u8]> {
    // SAFETY: the kernel writes no more than the length that is given with the
    // buffer, and says how much it has written.
    let count = Errno::result(unsafe {
        libc::syscall(
            libc::SYS_getdents64,
            open.as_raw_fd(),
            buffer.as_mut_ptr(),
            buffer.len(),
        )
    })?;
    let count = usize::try_from(count).unwrap_or(0);
    Ok(buffer.get(..count).unwrap_or_default())
}

/// Entries as getdents64(2) gives them: an inode and an offset of eight bytes each,
/// the entry's length in two, its kind in one, and the name up to a NUL.
fn each_entry(mut entries: &[u8], each: &mut impl FnMut(&[u8], u64)) {
    while let Some((inode, rest)) = entries.split_first_chunk()
        && let Some((_offset, rest)) = rest.split_first_chunk::<8>()
        && let Some((length, rest)) = rest.split_first_chunk()
        && let Some((_kind, name)) = rest.split_first()
    {
        let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
        if name != b"." && name != b".." {
            each(name, u64::from_ne_bytes(*inode));
        }
        let length = usize::from(u16::from_ne_bytes(*length));
        entries = entries.get(length.max(1)..).unwrap_or_default();
    }
}

/// The bytes of a short file, `limit` at the most; for files of `/proc`.
pub fn read_short(name: &[u8], limit: u64) -> io::Result<Vec<u8>> {
    use std::io::Read;
    let mut content = Vec::new();
    File::open(OsStr::from_bytes(name))?
        .take(limit)
        .read_to_end(&mut content)?;
    Ok(content)
}
