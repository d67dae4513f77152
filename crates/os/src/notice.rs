//! A datagram socket on which each message comes with its sender.

use std::io;
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use nix::errno::Errno;

use crate::message::{self, Room};
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
    const { assert!(size_of::<libc::cmsghdr>() + size_of::<libc::ucred>() <= ROOM) };
    let mut room = Room([0; ROOM]);
    let message = message::receive(socket, buffer, &mut room, flags)?;
    let told = message.beside;
    let told = told.filter(|(kind, _)| *kind == libc::SCM_CREDENTIALS);
    let sender = told.and_then(|(_, bytes)| {
        // unix(7): process id, user and group.
        let (words, _) = bytes.as_chunks();
        Some(Sender {
            pid: Pid::from_raw(i32::from_ne_bytes(*words.first()?)),
            user: u32::from_ne_bytes(*words.get(1)?),
        })
    });
    Ok((message.whole.then_some(message.length), sender))
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
