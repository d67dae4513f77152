//! The pipe from the service to its log. We hold both ends, so that neither loses a
//! line when the other is started again.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use dt_os::Errno;
use dt_os::descriptor;
use dt_os::file::How;
use dt_service::Incarnation;

#[derive(Debug)]
pub(super) struct LogPipe {
    reader: File,
    /// None once the service is not to be started again.
    writer: Option<File>,
}

impl LogPipe {
    pub(super) fn new() -> io::Result<Self> {
        let (reader, writer) = descriptor::pipe()?;
        Ok(Self {
            reader: File::from(reader),
            writer: Some(File::from(writer)),
        })
    }

    /// The one with this identity that one of `holders` has as its standard input
    /// or output.
    pub(super) fn find(identity: (u64, u64), holders: [Option<Incarnation>; 2]) -> Option<Self> {
        holders.into_iter().flatten().find_map(|holder| {
            ["0", "1", "2"].into_iter().find_map(|number| {
                let name = format!("/proc/{}/fd/{number}", holder.pid);
                let reader = open(&name, How::READ, identity).ok()?;
                let writer = open(&name, How::WRITE, identity).ok()?;
                Some(Self {
                    reader,
                    writer: Some(writer),
                })
            })
        })
    }

    pub(super) fn of(reader: OwnedFd, writer: OwnedFd) -> Self {
        Self {
            reader: File::from(reader),
            writer: Some(File::from(writer)),
        }
    }

    /// Its device and inode; zeros where they cannot be told.
    pub(super) fn identity(&self) -> (u64, u64) {
        let found = self.reader.metadata();
        found.map_or((0, 0), |found| (found.dev(), found.ino()))
    }

    pub(super) fn reader(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }

    pub(super) fn writer(&self) -> Option<BorrowedFd<'_>> {
        self.writer.as_ref().map(AsFd::as_fd)
    }

    /// Both, as long as there are both.
    pub(super) fn ends(&self) -> Option<[&File; 2]> {
        Some([&self.reader, self.writer.as_ref()?])
    }

    /// Has the log find an end.
    pub(super) fn close(&mut self) {
        self.writer = None;
    }
}

/// Opened anew, as what a process of another user has open can be; checked after
/// that, as it could have been exchanged.
fn open(name: &str, how: How, identity: (u64, u64)) -> io::Result<File> {
    let file = how.open(name)?;
    let found = file.metadata()?;
    if !found.file_type().is_fifo() || (found.dev(), found.ino()) != identity {
        return Err(Errno::ENXIO.into());
    }
    descriptor::set_nonblocking(&file, false)?;
    Ok(file)
}
