//! The pipe on which a service says that it is ready (s6's `notification-fd`).

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;

use dt_os::Errno;
use dt_os::descriptor;
use dt_os::file::How;
use dt_service::Incarnation;

/// Our end of it.
#[derive(Debug)]
pub(super) struct ReadyPipe(File);

impl ReadyPipe {
    /// A new one, and the end for the service, which is to have it as `number`.
    pub(super) fn new(number: i32) -> io::Result<(Self, OwnedFd)> {
        let (reader, writer) = descriptor::pipe()?;
        descriptor::set_nonblocking(&reader, true)?;
        // One that had the number already would be closed on exec.
        let writer = if writer.as_raw_fd() == number {
            descriptor::duplicate_above(&writer, number.saturating_add(1))?
        } else {
            writer
        };
        Ok((Self(File::from(reader)), writer))
    }

    /// That of a service that an earlier `supervise` has started.
    pub(super) fn find(service: Incarnation, number: i32) -> io::Result<Self> {
        let reader = How::READ.open(format!("/proc/{}/fd/{number}", service.pid))?;
        if reader.metadata()?.file_type().is_fifo() {
            Ok(Self(reader))
        } else {
            Err(Errno::ENXIO.into())
        }
    }

    /// Reads what there is: whether it says so; `None` where nothing will come any
    /// more.
    pub(super) fn says_so(&self) -> Option<bool> {
        let mut bytes = [0; 256];
        match descriptor::read(&self.0, &mut bytes) {
            Ok(0) => None,
            Ok(length) => Some(bytes.iter().take(length).any(|byte| *byte == b'\n')),
            Err(why) if why.kind() == io::ErrorKind::WouldBlock => Some(false),
            Err(_) => None,
        }
    }
}

impl AsFd for ReadyPipe {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
