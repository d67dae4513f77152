//! The pipe on which a service says that it is ready (s6's `notification-fd`).

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;

use dt_os::Errno;
use dt_os::descriptor;
use dt_os::file::How;
use dt_os::flow::Tap;
use dt_service::Incarnation;

/// Our end of it.
#[derive(Debug)]
pub(super) struct ReadyPipe(File);

impl ReadyPipe {
    /// A new one, and the end for the service, which is to have it as `number`.
    pub(super) fn new(number: i32) -> io::Result<(Self, OwnedFd)> {
        let (reader, writer) = descriptor::pipe()?;
        descriptor::set_nonblocking(&reader, true)?;
        // Open for reading as well, so that who says it while there is none of us meets
        // no broken pipe. Who goes on to say it must not wait for somebody to read.
        let writer = descriptor::both_ends(&writer).unwrap_or(writer);
        descriptor::set_nonblocking(&writer, true)?;
        // One that had the number already would be closed on exec.
        let writer = if writer.as_raw_fd() == number {
            descriptor::duplicate_above(&writer, number.saturating_add(1))?
        } else {
            writer
        };
        Ok((Self(File::from(reader)), writer))
    }

    /// Our end of one that was kept for us.
    pub(super) fn of(reader: OwnedFd) -> Self {
        Self(File::from(reader))
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

    /// Whether what there is says so; `None` where nothing will come any more. It is
    /// left where it is if it does: we may be killed before that is on record.
    pub(super) fn says_so(&self) -> Option<bool> {
        let mut bytes = [0; 256];
        let seen = Tap::new(&self.0).and_then(|mut tap| tap.look(&mut bytes));
        let says_so = |length| bytes.iter().take(length).any(|byte| *byte == b'\n');
        match seen {
            Ok(0) => return None,
            Ok(length) if says_so(length) => return Some(true),
            Err(why) if why.kind() == io::ErrorKind::WouldBlock => return Some(false),
            // For want of descriptors, for one.
            Ok(_) | Err(_) => {}
        }
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
