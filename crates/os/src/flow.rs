//! Moving bytes from a pipe into a file without ever holding them.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd};

use nix::errno::Errno;
use nix::fcntl::SpliceFFlags;
use nix::sys::stat::SFlag;

/// Whether `fd` is a pipe, named or not.
#[must_use]
pub fn is_pipe(fd: impl AsFd) -> bool {
    nix::sys::stat::fstat(fd.as_fd()).is_ok_and(|found| {
        SFlag::from_bits_truncate(found.st_mode & SFlag::S_IFMT.bits()) == SFlag::S_IFIFO
    })
}

/// Moves up to `most` bytes from `pipe` to the offset `at` of `file`, and gives
/// how many; 0 is the end of the pipe, and `EAGAIN` says that it is empty now.
///
/// What has left the pipe is in the file in the same step, whatever becomes of
/// this process: the file's size tells how much that was. The file must not be
/// open for appending.
pub fn splice(pipe: impl AsFd, file: &File, at: u64, most: usize) -> io::Result<usize> {
    let mut offset = i64::try_from(at).map_err(|_| Errno::EFBIG)?;
    let flags = SpliceFFlags::SPLICE_F_NONBLOCK | SpliceFFlags::SPLICE_F_MOVE;
    crate::descriptor::again(|| {
        nix::fcntl::splice(pipe.as_fd(), None, file, Some(&mut offset), most, flags)
    })
}

/// A second descriptor for the same open file, numbered `least` or above,
/// close-on-exec.
pub fn duplicate_above(fd: impl AsFd, least: i32) -> io::Result<File> {
    use std::os::fd::FromRawFd;
    let number = fd.as_fd().as_raw_fd();
    // SAFETY: `fd` is open for the length of the call, which touches no memory.
    let copy = Errno::result(unsafe { libc::fcntl(number, libc::F_DUPFD_CLOEXEC, least) })?;
    // SAFETY: the kernel has just made this descriptor, and nobody else knows it.
    Ok(unsafe { File::from_raw_fd(copy) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn what_leaves_the_pipe_is_in_the_file() {
        let (reader, writer) = crate::descriptor::pipe().unwrap();
        crate::descriptor::write_all(&writer, b"some lines").unwrap();
        let name = std::env::temp_dir().join(format!("dt-os-flow.{}", std::process::id()));
        let file = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&name)
            .unwrap();
        std::fs::remove_file(&name).unwrap();
        assert!(is_pipe(&reader) && !is_pipe(&file));
        assert_eq!(splice(&reader, &file, 4, 4).unwrap(), 4);
        assert_eq!(splice(&reader, &file, 8, 64).unwrap(), 6);
        let empty = splice(&reader, &file, 14, 64).unwrap_err();
        assert!(crate::is_errno(&empty, Errno::EAGAIN));
        drop(writer);
        assert_eq!(splice(&reader, &file, 14, 64).unwrap(), 0);
        let mut content = Vec::new();
        (&file).read_to_end(&mut content).unwrap();
        assert_eq!(content, b"\0\0\0\0some lines");
    }
}
