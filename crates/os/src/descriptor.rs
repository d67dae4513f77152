//! Standard descriptors, pipes, reading and writing.

use std::ffi::CStr;
use std::fs::File;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};

/// Our standard input.
#[must_use]
pub fn stdin() -> BorrowedFd<'static> {
    standard(libc::STDIN_FILENO)
}

/// Our standard output.
#[must_use]
pub fn stdout() -> BorrowedFd<'static> {
    standard(libc::STDOUT_FILENO)
}

/// Our standard error.
#[must_use]
pub fn stderr() -> BorrowedFd<'static> {
    standard(libc::STDERR_FILENO)
}

/// Our standard input; `EBADF` where our parent gave us none, for programs that
/// must not take the runtime's /dev/null for an empty input.
pub fn given_stdin() -> io::Result<BorrowedFd<'static>> {
    given(libc::STDIN_FILENO)
}

/// Our standard output; `EBADF` where our parent gave us none, for programs that
/// must not lose their output in the runtime's /dev/null.
pub fn given_stdout() -> io::Result<BorrowedFd<'static>> {
    given(libc::STDOUT_FILENO)
}

fn given(number: i32) -> io::Result<BorrowedFd<'static>> {
    let open = usize::try_from(number).is_ok_and(crate::startup::standard_was_open);
    if open {
        Ok(standard(number))
    } else {
        Err(Errno::EBADF.into())
    }
}

/// Borrowed, never owned: an owner would close the number when dropped, and the
/// next message would be lost.
fn standard(number: i32) -> BorrowedFd<'static> {
    // SAFETY: 0, 1 and 2 are open when `main` begins (the runtime fills gaps with
    // /dev/null) and nothing in this workspace closes them.
    unsafe { BorrowedFd::borrow_raw(number) }
}

/// A pipe, reading end first, both ends close-on-exec.
pub fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(nix::unistd::pipe2(OFlag::O_CLOEXEC)?)
}

/// The pipe of which `end` is an end, opened anew for reading and writing at once:
/// as long as this is open nobody who writes to the pipe meets a broken one.
///
/// Needs /proc.
pub fn both_ends(end: impl AsFd) -> io::Result<OwnedFd> {
    let name = format!("/proc/self/fd/{}", end.as_fd().as_raw_fd());
    let flags = OFlag::O_RDWR | OFlag::O_CLOEXEC;
    Ok(nix::fcntl::open(
        name.as_str(),
        flags,
        nix::sys::stat::Mode::empty(),
    )?)
}

/// Whether `end` is open for reading and for writing.
pub fn is_both_ends(end: impl AsFd) -> io::Result<bool> {
    let flags = OFlag::from_bits_retain(fcntl(end.as_fd(), FcntlArg::F_GETFL)?);
    Ok(flags & OFlag::O_ACCMODE == OFlag::O_RDWR)
}

/// The pipe of which `end` is an end that can write, opened anew for reading alone:
/// who has only this sees the pipe end.
///
/// Needs /proc.
pub fn reading_end(end: impl AsFd) -> io::Result<OwnedFd> {
    let name = format!("/proc/self/fd/{}", end.as_fd().as_raw_fd());
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
    Ok(nix::fcntl::open(
        name.as_str(),
        flags,
        nix::sys::stat::Mode::empty(),
    )?)
}

/// Makes reads and writes give `EAGAIN` instead of waiting, or wait again.
///
/// The setting belongs to the open file, which other processes may share.
pub fn set_nonblocking(fd: impl AsFd, nonblocking: bool) -> io::Result<()> {
    let mut flags = OFlag::from_bits_retain(fcntl(fd.as_fd(), FcntlArg::F_GETFL)?);
    flags.set(OFlag::O_NONBLOCK, nonblocking);
    fcntl(fd.as_fd(), FcntlArg::F_SETFL(flags))?;
    Ok(())
}

/// Lets a program executed later keep this descriptor.
pub fn keep_on_exec(fd: impl AsFd) -> io::Result<()> {
    fcntl(fd.as_fd(), FcntlArg::F_SETFD(nix::fcntl::FdFlag::empty()))?;
    Ok(())
}

/// Lets no program executed later keep this descriptor.
pub fn close_on_exec(fd: impl AsFd) -> io::Result<()> {
    let flags = nix::fcntl::FdFlag::FD_CLOEXEC;
    fcntl(fd.as_fd(), FcntlArg::F_SETFD(flags))?;
    Ok(())
}

/// Takes over a descriptor that was left to us under this number by what this
/// process was before, and makes it close-on-exec; `EBADF` where there is none,
/// or it is one of our own.
pub fn left_to_us(number: i32) -> io::Result<OwnedFd> {
    // SAFETY: asks about a number, which need not be open, and touches no memory.
    let flags = Errno::result(unsafe { libc::fcntl(number, libc::F_GETFD) })?;
    if number <= libc::STDERR_FILENO || flags & libc::FD_CLOEXEC != 0 {
        return Err(Errno::EBADF.into());
    }
    // SAFETY: it is open, and nobody here owns it: what this workspace opens above
    // 2 and keeps is close-on-exec, and so is what was taken over before.
    let fd = unsafe { OwnedFd::from_raw_fd(number) };
    close_on_exec(&fd)?;
    Ok(fd)
}

/// A file in memory with this content, read from its beginning; programs executed
/// later keep it.
pub fn memory_for_exec(name: &CStr, content: &[u8]) -> io::Result<OwnedFd> {
    let memory = nix::sys::memfd::memfd_create(name, nix::sys::memfd::MFdFlags::empty())?;
    write_all(&memory, content)?;
    nix::unistd::lseek(&memory, 0, nix::unistd::Whence::SeekSet)?;
    Ok(memory)
}

/// Reads what is there, up to the buffer's length; 0 is the end.
pub fn read(fd: impl AsFd, buffer: &mut [u8]) -> io::Result<usize> {
    again(|| nix::unistd::read(fd.as_fd(), buffer))
}

/// Writes from `bytes` and gives how many were taken.
pub fn write(fd: impl AsFd, bytes: &[u8]) -> io::Result<usize> {
    again(|| nix::unistd::write(fd.as_fd(), bytes))
}

/// Writes the whole of `bytes`.
pub fn write_all(fd: impl AsFd, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let taken = write(fd.as_fd(), bytes)?;
        bytes = bytes.get(taken..).unwrap_or_default();
    }
    Ok(())
}

/// Writes the pieces as one: other writers of a pipe cannot come between them.
///
/// Gives how many bytes were taken. Allocates nothing and may be called between
/// fork and exec.
pub fn write_pieces(fd: impl AsFd, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
    again(|| nix::sys::uio::writev(fd.as_fd(), pieces))
}

/// A second descriptor for the same open file, close-on-exec.
pub fn duplicate(fd: impl AsFd) -> io::Result<OwnedFd> {
    fd.as_fd().try_clone_to_owned()
}

/// A second descriptor for the same open file on the lowest free number, which
/// programs executed later keep.
pub fn duplicate_for_children(fd: impl AsFd) -> io::Result<OwnedFd> {
    Ok(nix::unistd::dup(fd)?)
}

/// The same open file on the lowest free number from `at_least` up,
/// close-on-exec, so that the lower numbers are free for others.
pub fn duplicate_above(fd: impl AsFd, at_least: i32) -> io::Result<OwnedFd> {
    let number = fcntl(fd.as_fd(), FcntlArg::F_DUPFD_CLOEXEC(at_least))?;
    // SAFETY: the call has just made this descriptor, and nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Puts /dev/null in the place of 0, 1 and 2.
pub fn silence_standard() -> io::Result<()> {
    let null = File::options().read(true).write(true).open("/dev/null")?;
    for number in [libc::STDIN_FILENO, libc::STDOUT_FILENO, libc::STDERR_FILENO] {
        // SAFETY: all four are open, and the three stay open: their file changes.
        Errno::result(unsafe { libc::dup2(null.as_raw_fd(), number) })?;
    }
    Ok(())
}

/// Makes `file` our standard output and error, which children inherit.
pub fn become_output(file: impl AsFd) -> io::Result<()> {
    for number in [libc::STDOUT_FILENO, libc::STDERR_FILENO] {
        // SAFETY: the borrowed descriptor is open, and the two stay open: their
        // file changes.
        Errno::result(unsafe { libc::dup2(file.as_fd().as_raw_fd(), number) })?;
    }
    Ok(())
}

/// Repeats `call` while a signal interrupts it.
pub(crate) fn again<T>(mut call: impl FnMut() -> nix::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(Errno::EINTR) => {}
            other => return Ok(other?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_end_made_from_both_sees_the_end() {
        let (reading, writing) = pipe().unwrap();
        let both = both_ends(&writing).unwrap();
        assert!(is_both_ends(&both).unwrap());
        assert!(!is_both_ends(&reading).unwrap() && !is_both_ends(&writing).unwrap());
        drop((reading, writing));
        write_all(&both, b"x").unwrap();
        let reading = reading_end(&both).unwrap();
        drop(both);
        let mut buffer = [0; 2];
        assert_eq!(read(&reading, &mut buffer).unwrap(), 1);
        assert_eq!(read(&reading, &mut buffer).unwrap(), 0);
    }
}
