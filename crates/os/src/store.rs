//! A place for descriptors that outlives the process which has put them there: in
//! flight between the two ends of a pair of sockets, as long as anybody has these.

use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;

use crate::message::{self, Room};

/// By which a program is told the numbers of the two ends, with a comma between them.
pub const VARIABLE: &str = "SUPERVISE_STORE";

/// How many descriptors a message has at the most.
const MOST: usize = 2;

/// Room for their numbers, and the header before them.
const ROOM: usize = 64;

const NUMBER: usize = size_of::<RawFd>();
const _: () = assert!(size_of::<libc::cmsghdr>() + MOST * NUMBER + 8 <= ROOM);

/// Both ends. Whoever has them may look at what is in there, and leaves it there.
#[derive(Debug)]
pub struct Store {
    /// Where things are put.
    entry: OwnedFd,
    /// Where they are found.
    exit: OwnedFd,
}

impl Store {
    /// A new one, with nothing in it; close-on-exec.
    pub fn new() -> io::Result<Self> {
        let kind = libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
        let mut ends: [RawFd; 2] = [-1; 2];
        // SAFETY: the array has room for the two numbers that the kernel writes.
        let rc = unsafe { libc::socketpair(libc::AF_UNIX, kind, 0, ends.as_mut_ptr()) };
        Errno::result(rc)?;
        // SAFETY: the call has just made them, and nobody else knows of them.
        let [entry, exit] = ends.map(|end| unsafe { OwnedFd::from_raw_fd(end) });
        Ok(Self { entry, exit })
    }

    /// The one with these ends, in any order; `None` where they cannot be those of one.
    #[must_use]
    pub fn of(ends: [OwnedFd; 2]) -> Option<Self> {
        if !ends.iter().all(is_end) {
            return None;
        }
        let [entry, exit] = ends;
        let store = Self { entry, exit };
        let mut byte = [0];
        // What has something in it is where things are found.
        match receive(&store.entry, &mut byte, libc::MSG_PEEK) {
            Ok((1.., _)) => Some(Self {
                entry: store.exit,
                exit: store.entry,
            }),
            _ => Some(store),
        }
    }

    /// Its ends.
    #[must_use]
    pub fn ends(&self) -> [BorrowedFd<'_>; 2] {
        [self.entry.as_fd(), self.exit.as_fd()]
    }

    /// Puts `files` in, two of them at the most, and says in `note`, which must not be
    /// empty, what they are.
    pub fn put(&self, note: &[u8], files: &[BorrowedFd<'_>]) -> io::Result<()> {
        if files.is_empty() || files.len() > MOST {
            return Err(Errno::EINVAL.into());
        }
        let mut piece = libc::iovec {
            iov_base: note.as_ptr().cast_mut().cast(),
            iov_len: note.len(),
        };
        let mut control = Room([0; ROOM]);
        let bytes = u32::try_from(files.len() * NUMBER).map_err(|_| Errno::EINVAL)?;
        // SAFETY: a header of zeros has null pointers and lengths of 0, which is valid.
        let mut header: libc::msghdr = unsafe { zeroed() };
        header.msg_iov = &raw mut piece;
        header.msg_iovlen = 1;
        header.msg_control = control.0.as_mut_ptr().cast();
        // SAFETY: computes a length.
        header.msg_controllen = unsafe { libc::CMSG_SPACE(bytes) } as _;
        // SAFETY: the header has room for one control message, so that this is not null,
        // aligned and within the room; so are the numbers behind it, of which there are
        // no more than fit.
        unsafe {
            let first = libc::CMSG_FIRSTHDR(&raw const header);
            (*first).cmsg_level = libc::SOL_SOCKET;
            (*first).cmsg_type = libc::SCM_RIGHTS;
            (*first).cmsg_len = libc::CMSG_LEN(bytes) as _;
            let mut place = libc::CMSG_DATA(first);
            for file in files {
                let number = file.as_raw_fd().to_ne_bytes();
                number.as_ptr().copy_to_nonoverlapping(place, NUMBER);
                place = place.add(NUMBER);
            }
        }
        let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
        // SAFETY: the header points to the note, which the kernel only reads, and to the
        // control message, with their lengths; both outlive the call.
        let rc = unsafe { libc::sendmsg(self.entry.as_raw_fd(), &raw const header, flags) };
        Errno::result(rc)?;
        Ok(())
    }

    /// What lies there first, and what is said of it: how long that is, and copies of
    /// the descriptors, close-on-exec. `EAGAIN`: there is nothing.
    pub fn look(&self, note: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
        receive(&self.exit, note, libc::MSG_PEEK)
    }

    /// Takes out what lies there first; gives whether there was anything.
    #[must_use]
    pub fn take_out(&self) -> bool {
        receive(&self.exit, &mut [0], 0).is_ok_and(|(length, _)| length != 0)
    }
}

/// Whether it is a socket of the kind that a store is made of.
pub fn is_end(fd: impl AsFd) -> bool {
    let mut kind: libc::c_int = 0;
    let mut length = SIZE_OF_INT;
    // SAFETY: the value and its length have room for an int, and outlive the call.
    let rc = unsafe {
        libc::getsockopt(
            fd.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_TYPE,
            (&raw mut kind).cast(),
            &raw mut length,
        )
    };
    rc == 0 && kind == libc::SOCK_SEQPACKET
}

#[expect(clippy::cast_possible_truncation, reason = "it is 4")]
const SIZE_OF_INT: libc::socklen_t = size_of::<libc::c_int>() as libc::socklen_t;

fn receive(
    from: &OwnedFd,
    note: &mut [u8],
    flags: libc::c_int,
) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut room = Room([0; ROOM]);
    let message = message::receive(from, note, &mut room, flags)?;
    let files = message.beside.filter(|(kind, _)| *kind == libc::SCM_RIGHTS);
    let (numbers, _) = files.unwrap_or_default().1.as_chunks();
    let own = |number: &[u8; NUMBER]| {
        // SAFETY: SCM_RIGHTS has the numbers of new descriptors of ours, which nobody
        // else knows of, and each is taken once.
        unsafe { OwnedFd::from_raw_fd(RawFd::from_ne_bytes(*number)) }
    };
    Ok((message.length, numbers.iter().map(own).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::descriptor;
    use crate::flow::pipe_identity;

    #[test]
    fn what_was_put_in_is_there_until_it_is_taken_out_whoever_has_closed_it() {
        let store = Store::new().unwrap();
        let mut note = [0; 8];
        let empty = store.look(&mut note).unwrap_err();
        assert_eq!(empty.kind(), io::ErrorKind::WouldBlock);
        assert!(!store.take_out());
        let (reader, writer) = descriptor::pipe().unwrap();
        let pipe = pipe_identity(&reader);
        store.put(b"first", &[reader.as_fd()]).unwrap();
        store
            .put(b"second", &[reader.as_fd(), writer.as_fd()])
            .unwrap();
        descriptor::write_all(&writer, b"x").unwrap();
        drop((reader, writer));
        // Whichever end is which.
        let [entry, exit] = store.ends().map(|end| descriptor::duplicate(end).unwrap());
        drop(store);
        let store = Store::of([exit, entry]).unwrap();
        for _ in 0..2 {
            let (length, files) = store.look(&mut note).unwrap();
            assert_eq!((&note[..length], files.len()), (b"first".as_slice(), 1));
            assert_eq!(pipe_identity(&files[0]), pipe);
        }
        assert!(store.take_out());
        let (length, files) = store.look(&mut note).unwrap();
        assert_eq!((&note[..length], files.len()), (b"second".as_slice(), 2));
        let mut buffer = [0; 2];
        assert_eq!(descriptor::read(&files[0], &mut buffer).unwrap(), 1);
        assert!(store.take_out() && !store.take_out());
    }

    #[test]
    fn what_is_no_pair_of_such_sockets_is_no_store() {
        let (reader, writer) = descriptor::pipe().unwrap();
        assert!(Store::of([reader, writer]).is_none());
        let one = Store::new().unwrap();
        let [entry, _] = one.ends().map(|end| descriptor::duplicate(end).unwrap());
        let (reader, _) = descriptor::pipe().unwrap();
        assert!(Store::of([entry, reader]).is_none());
    }
}
