//! Looking into a pipe without taking anything, and taking without looking.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, SpliceFFlags, fcntl};
use nix::sys::stat::SFlag;

/// The device and the inode of the pipe, named or not, that `fd` is an end of.
///
/// As long as anyone has a pipe open, no other pipe has the same.
#[must_use]
pub fn pipe_identity(fd: impl AsFd) -> Option<(u64, u64)> {
    let found = nix::sys::stat::fstat(fd.as_fd()).ok()?;
    let kind = SFlag::from_bits_truncate(found.st_mode & SFlag::S_IFMT.bits());
    (kind == SFlag::S_IFIFO).then_some((found.st_dev, found.st_ino))
}

/// How many bytes a pipe holds at the most.
pub fn capacity(pipe: impl AsFd) -> io::Result<usize> {
    let bytes = fcntl(pipe.as_fd(), FcntlArg::F_GETPIPE_SZ)?;
    usize::try_from(bytes).map_err(|_| Errno::EINVAL.into())
}

/// Makes a pipe hold so many bytes at the most, or a few more. `EBUSY` where more
/// is in it, `EPERM` where our user's pipes may not take that much memory.
pub fn set_capacity(pipe: impl AsFd, bytes: usize) -> io::Result<()> {
    let bytes = i32::try_from(bytes).map_err(|_| Errno::EINVAL)?;
    fcntl(pipe.as_fd(), FcntlArg::F_SETPIPE_SZ(bytes))?;
    Ok(())
}

/// What it takes to look into a pipe: a second one, into which the kernel puts what the
/// first holds without copying it.
///
/// Whoever fills a pipe has it locked while he does, and all others wait for him. So as
/// much is looked at as there is, and kept for as long as what is taken off the pipe is
/// what was handed out last. Nobody else may take from the pipe meanwhile.
#[derive(Debug)]
pub struct Tap<P> {
    pipe: P,
    reader: OwnedFd,
    writer: OwnedFd,
    null: File,
    /// How much of the second pipe's content is still to be handed out.
    kept: usize,
    /// How much has been handed out, and taken off the first, since that was put there.
    shown: u64,
    taken: u64,
}

impl<P: AsFd> Tap<P> {
    /// Three descriptors, close-on-exec.
    pub fn new(pipe: P) -> io::Result<Self> {
        let (reader, writer) = crate::descriptor::pipe()?;
        let null = crate::file::How::WRITE.open("/dev/null")?;
        Ok(Self {
            pipe,
            reader,
            writer,
            null,
            kept: 0,
            shown: 0,
            taken: 0,
        })
    }

    /// How much is looked at at once, at the most: as much as a pipe holds.
    pub fn set_capacity(&self, bytes: usize) -> io::Result<()> {
        set_capacity(&self.writer, bytes)
    }

    /// Copies the beginning of what the pipe holds, and leaves it there; gives how
    /// much. 0 is the end of the pipe, and `EAGAIN` says that it is empty now.
    pub fn look(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.shown != self.taken {
            // What is kept is not what the pipe begins with.
            while self.kept > 0 {
                self.kept -= discard(&self.reader, &self.null, self.kept)?;
            }
        }
        if self.kept == 0 {
            self.kept = crate::descriptor::again(|| {
                nix::fcntl::tee(self.pipe.as_fd(), self.writer.as_fd(), ALL, AT_ONCE)
            })?;
            (self.shown, self.taken) = (0, 0);
        }
        let count = into.len().min(self.kept);
        let mut rest = into.get_mut(..count).unwrap_or_default();
        while !rest.is_empty() {
            let read = crate::descriptor::read(&self.reader, rest)?;
            if read == 0 {
                return Err(Errno::EIO.into());
            }
            self.kept -= read;
            self.shown += read as u64;
            rest = rest.get_mut(read..).unwrap_or_default();
        }
        Ok(count)
    }

    /// Takes up to `most` bytes off the beginning of the pipe and gives how many;
    /// 0 is its end, and `EAGAIN` says that it is empty now.
    ///
    /// Nothing is copied, and of what is in the pipe when this is called all that
    /// was asked for is taken at once: a signal, be it KILL, comes before or after.
    pub fn discard(&mut self, most: usize) -> io::Result<usize> {
        let count = discard(&self.pipe, &self.null, most)?;
        self.taken += count as u64;
        Ok(count)
    }

    /// Moves up to `most` bytes from the beginning of the pipe to the offset `at` of
    /// `file`, and gives how many; 0 is the end of the pipe, and `EAGAIN` says that it
    /// is empty now.
    ///
    /// What has left the pipe is in the file in the same step, whatever becomes of
    /// this process: the file's size tells how much that was. The file must not be
    /// open for appending.
    pub fn move_to(&mut self, file: &File, at: u64, most: usize) -> io::Result<usize> {
        let mut offset = i64::try_from(at).map_err(|_| Errno::EFBIG)?;
        let flags = AT_ONCE | SpliceFFlags::SPLICE_F_MOVE;
        let count = crate::descriptor::again(|| {
            nix::fcntl::splice(
                self.pipe.as_fd(),
                None,
                file,
                Some(&mut offset),
                most,
                flags,
            )
        })?;
        self.taken += count as u64;
        Ok(count)
    }
}

const AT_ONCE: SpliceFFlags = SpliceFFlags::SPLICE_F_NONBLOCK;

/// More than any pipe holds.
const ALL: usize = 1 << 30;

fn discard(pipe: impl AsFd, null: &File, most: usize) -> io::Result<usize> {
    crate::descriptor::again(|| nix::fcntl::splice(pipe.as_fd(), None, null, None, most, AT_ONCE))
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
    use std::time::Duration;

    /// Waits until it is not only empty but at its end: a child that another test has
    /// just made has the writing end too, until it executes something.
    fn until_end(mut take: impl FnMut() -> io::Result<usize>) {
        for _ in 0..10_000 {
            match take() {
                Err(why) if crate::is_errno(&why, Errno::EAGAIN) => {
                    std::thread::sleep(Duration::from_millis(1));
                }
                end => return assert_eq!(end.unwrap(), 0),
            }
        }
        panic!("no end");
    }

    #[test]
    fn looking_takes_nothing_and_discarding_takes_what_was_seen() {
        let (reader, writer) = crate::descriptor::pipe().unwrap();
        let mut tap = Tap::new(&reader).unwrap();
        let mut seen = [0; 16];
        let empty = tap.look(&mut seen).unwrap_err();
        assert!(crate::is_errno(&empty, Errno::EAGAIN));
        crate::descriptor::write_all(&writer, b"some lines").unwrap();
        for _ in 0..2 {
            assert_eq!(tap.look(&mut seen).unwrap(), 10);
            assert_eq!(&seen[..10], b"some lines");
        }
        assert_eq!(tap.look(&mut seen[..3]).unwrap(), 3);
        assert_eq!(tap.discard(5).unwrap(), 5);
        assert_eq!(tap.look(&mut seen).unwrap(), 5);
        assert_eq!(&seen[..5], b"lines");
        assert_eq!(tap.discard(16).unwrap(), 5);
        drop(writer);
        until_end(|| tap.look(&mut seen));
        assert_eq!(tap.discard(16).unwrap(), 0);
    }

    #[test]
    fn a_pipe_that_holds_more_is_seen_and_discarded_as_a_whole() {
        const LARGE: usize = 1 << 18;
        let (reader, writer) = crate::descriptor::pipe().unwrap();
        let mut tap = Tap::new(&reader).unwrap();
        let before = capacity(&reader).unwrap();
        if set_capacity(&reader, LARGE).is_err() || tap.set_capacity(LARGE).is_err() {
            println!("skipped: this user's pipes hold too much already");
            return;
        }
        assert_eq!(capacity(&reader).unwrap(), LARGE);
        crate::descriptor::write_all(&writer, &vec![b'x'; LARGE]).unwrap();
        let busy = set_capacity(&reader, before).unwrap_err();
        assert!(crate::is_errno(&busy, Errno::EBUSY));
        assert_eq!(tap.look(&mut vec![0; LARGE]).unwrap(), LARGE);
        assert_eq!(tap.discard(LARGE - 1).unwrap(), LARGE - 1);
        set_capacity(&reader, before).unwrap();
        assert_eq!(capacity(&reader).unwrap(), before);
        assert_eq!(tap.discard(LARGE).unwrap(), 1);
    }

    /// Whatever is taken between two looks: what has been shown, less of it, or more.
    #[test]
    fn what_is_seen_is_what_the_pipe_begins_with() {
        let (reader, writer) = crate::descriptor::pipe().unwrap();
        let mut tap = Tap::new(&reader).unwrap();
        crate::descriptor::write_all(&writer, b"0123456789").unwrap();
        let mut seen = [0; 4];
        for (taken, begins) in [
            (4, &b"0123"[..]),
            (2, b"4567"),
            (3, b"6789"),
            (0, b"9ab"),
            (3, b"9ab"),
        ] {
            let count = tap.look(&mut seen).unwrap();
            assert_eq!(&seen[..count], begins);
            if taken == 2 {
                crate::descriptor::write_all(&writer, b"ab").unwrap();
            }
            if taken > 0 {
                assert_eq!(tap.discard(taken).unwrap(), taken);
            }
        }
        let empty = tap.look(&mut seen).unwrap_err();
        assert!(crate::is_errno(&empty, Errno::EAGAIN));
    }

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
        assert!(pipe_identity(&reader).is_some() && pipe_identity(&file).is_none());
        let mut tap = Tap::new(&reader).unwrap();
        assert_eq!(tap.move_to(&file, 4, 4).unwrap(), 4);
        assert_eq!(tap.move_to(&file, 8, 64).unwrap(), 6);
        let empty = tap.move_to(&file, 14, 64).unwrap_err();
        assert!(crate::is_errno(&empty, Errno::EAGAIN));
        drop(writer);
        until_end(|| tap.move_to(&file, 14, 64));
        let mut content = Vec::new();
        (&file).read_to_end(&mut content).unwrap();
        assert_eq!(content, b"\0\0\0\0some lines");
    }
}
