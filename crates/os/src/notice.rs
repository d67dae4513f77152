//! A datagram socket on which each message comes with its sender.

use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use nix::errno::Errno;

use crate::process::Pid;

/// Who has sent a message, by the kernel's account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sender {
    /// The process.
    pub pid: Pid,
    /// The user that it says it is: its own, unless it is root.
    pub user: u32,
}

/// Room for the credentials and nothing else: descriptors that come with a message
/// find none, and the kernel drops them.
const ROOM: usize = 32;

/// A socket at `name`, where there must be nothing yet; reading it does not wait.
pub fn bind(name: impl AsRef<Path>) -> io::Result<OwnedFd> {
    let socket = UnixDatagram::bind(name)?;
    socket.set_nonblocking(true)?;
    let socket = OwnedFd::from(socket);
    let yes: libc::c_int = 1;
    // SAFETY: the option's value is an int, which lives longer than the call, and its
    // size is given with it.
    let rc = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PASSCRED,
            std::ptr::from_ref(&yes).cast(),
            SIZE_OF_INT,
        )
    };
    Errno::result(rc)?;
    Ok(socket)
}

#[expect(clippy::cast_possible_truncation, reason = "it is 4")]
const SIZE_OF_INT: libc::socklen_t = size_of::<libc::c_int>() as libc::socklen_t;

/// The next message's length and sender; the sender is none where the kernel does
/// not tell, the length where the message is longer than `buffer`. The message stays
/// the next one.
pub fn look(socket: impl AsFd, buffer: &mut [u8]) -> io::Result<(Option<usize>, Option<Sender>)> {
    receive(socket, buffer, libc::MSG_PEEK)
}

/// Takes the next message out, if there is one.
pub fn take_out(socket: impl AsFd) {
    let _ = receive(socket, &mut [], 0);
}

fn receive(
    socket: impl AsFd,
    buffer: &mut [u8],
    flags: libc::c_int,
) -> io::Result<(Option<usize>, Option<Sender>)> {
    #[repr(C, align(8))]
    struct Control([u8; ROOM]);
    const { assert!(size_of::<libc::cmsghdr>() + size_of::<libc::ucred>() <= ROOM) };
    let mut control = Control([0; ROOM]);
    let mut piece = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: buffer.len(),
    };
    // SAFETY: a header of zeros has null pointers and lengths of 0, which is valid.
    let mut header: libc::msghdr = unsafe { zeroed() };
    header.msg_iov = &raw mut piece;
    header.msg_iovlen = 1;
    header.msg_control = control.0.as_mut_ptr().cast();
    header.msg_controllen = ROOM as _;
    let flags = flags | libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC;
    // SAFETY: the header points to the buffer and to the room for credentials, with
    // their lengths; both outlive the call and are borrowed by nobody else.
    let length = unsafe { libc::recvmsg(socket.as_fd().as_raw_fd(), &raw mut header, flags) };
    let length = usize::try_from(Errno::result(length)?).unwrap_or(0);
    let whole = header.msg_flags & libc::MSG_TRUNC == 0;
    // SAFETY: the kernel has filled the header in, and what it points to still lives.
    let first = unsafe { libc::CMSG_FIRSTHDR(&raw const header) };
    // SAFETY: it is null or points to a header that lies within the room, aligned.
    let sender = unsafe { first.as_ref() }.filter(|first| {
        first.cmsg_level == libc::SOL_SOCKET && first.cmsg_type == libc::SCM_CREDENTIALS
    });
    let sender = sender.map(|first| {
        // SAFETY: data of this type is a ucred, and the room is large enough for one.
        let who: libc::ucred = unsafe {
            libc::CMSG_DATA(first)
                .cast::<libc::ucred>()
                .read_unaligned()
        };
        Sender {
            pid: Pid::from_raw(who.pid),
            user: who.uid,
        }
    });
    Ok((whole.then_some(length), sender))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{identity, process};

    #[test]
    fn a_message_comes_with_its_sender_and_without_descriptors() {
        let directory = std::env::temp_dir().join(format!("notice-{}", std::process::id()));
        std::fs::create_dir(&directory).unwrap();
        let name = directory.join("s");
        let socket = bind(&name).unwrap();
        let mut buffer = [0; 8];
        let empty = look(&socket, &mut buffer).unwrap_err();
        assert_eq!(empty.kind(), io::ErrorKind::WouldBlock);
        let other = UnixDatagram::unbound().unwrap();
        other.send_to(b"READY=1", &name).unwrap();
        other.send_to(b"much too long", &name).unwrap();
        let sender = Some(Sender {
            pid: process::own_pid(),
            user: identity::effective_user(),
        });
        assert_eq!(look(&socket, &mut buffer).unwrap(), (Some(7), sender));
        assert_eq!(&buffer[..7], b"READY=1");
        assert_eq!(look(&socket, &mut buffer).unwrap(), (Some(7), sender));
        take_out(&socket);
        assert_eq!(look(&socket, &mut buffer).unwrap(), (None, sender));
        take_out(&socket);
        take_out(&socket);
        assert!(look(&socket, &mut buffer).is_err(), "there is more");
        assert!(bind(&name).is_err(), "there is one");
        std::fs::remove_dir_all(directory).unwrap();
    }
}
