//! Messages that come out of a socket, and what comes beside their bytes.

use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsFd, AsRawFd};

use nix::errno::Errno;

/// Room for what comes beside a message. What finds none is dropped by the kernel.
#[repr(C, align(8))]
pub(crate) struct Room<const SIZE: usize>(pub(crate) [u8; SIZE]);

/// A message as it was received.
#[derive(Debug)]
pub(crate) struct Message<'a> {
    /// How many bytes were put into the buffer.
    pub(crate) length: usize,
    /// That is all of it.
    pub(crate) whole: bool,
    /// What came first beside it, of `SOL_SOCKET`: its type and its bytes.
    pub(crate) beside: Option<(libc::c_int, &'a [u8])>,
}

/// Receives the next message of a socket into `buffer`, without waiting; descriptors
/// beside it are close-on-exec, and the caller's to close.
pub(crate) fn receive<'a, const SIZE: usize>(
    socket: impl AsFd,
    buffer: &mut [u8],
    room: &'a mut Room<SIZE>,
    flags: libc::c_int,
) -> io::Result<Message<'a>> {
    const { assert!(size_of::<libc::cmsghdr>() < SIZE) };
    let mut piece = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: buffer.len(),
    };
    // SAFETY: a header of zeros has null pointers and lengths of 0, which is valid.
    let mut header: libc::msghdr = unsafe { zeroed() };
    header.msg_iov = &raw mut piece;
    header.msg_iovlen = 1;
    header.msg_control = room.0.as_mut_ptr().cast();
    header.msg_controllen = SIZE as _;
    let flags = flags | libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC;
    // SAFETY: the header points to the buffer and to the room, with their lengths; both
    // outlive the call and are borrowed by nobody else.
    let length = unsafe { libc::recvmsg(socket.as_fd().as_raw_fd(), &raw mut header, flags) };
    let length = usize::try_from(Errno::result(length)?).unwrap_or(0);
    // SAFETY: the kernel has filled the header in, and what it points to still lives.
    let first = unsafe { libc::CMSG_FIRSTHDR(&raw const header) };
    // SAFETY: it is null or points to a header that lies within the room, aligned.
    let found = unsafe { first.as_ref() }.filter(|found| found.cmsg_level == libc::SOL_SOCKET);
    let beside = found.map(|found| {
        // SAFETY: computes a length.
        let own = unsafe { libc::CMSG_LEN(0) } as usize;
        #[allow(clippy::unnecessary_cast, reason = "not on every machine")]
        let size = (found.cmsg_len as usize).saturating_sub(own);
        // SAFETY: the data follow the header, and the kernel's length keeps within the
        // room, which is borrowed for as long as the slice.
        let bytes = unsafe { std::slice::from_raw_parts(libc::CMSG_DATA(first), size) };
        (found.cmsg_type, bytes)
    });
    Ok(Message {
        length,
        whole: header.msg_flags & libc::MSG_TRUNC == 0,
        beside,
    })
}
