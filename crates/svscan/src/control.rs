//! What `svscan` is asked for by others: `.svscan/control` in the scan directory.
//!
//! Its name begins with a dot, so that it is no service. Where it cannot be made,
//! or another `svscan` has it, we go without and nobody can ask.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileTypeExt;

use dt_os::Errno;
use dt_os::descriptor;
use dt_os::file::{self, How};
use dt_service::scanning::{self, names};

use crate::machine::Logs;
use crate::runtime::Request;

/// Bytes taken at a time.
const BLOCK: usize = 64;

/// The FIFO, and the lock that makes us its only reader.
#[derive(Debug)]
pub struct Control {
    reader: File,
    /// A writer of our own: while there is one the FIFO never ends.
    _writer: File,
    _lock: File,
    requests: VecDeque<Request>,
}

impl Control {
    /// Makes it where it is not there and opens it.
    pub fn open() -> io::Result<Self> {
        let _ = file::make_directory(names::DIRECTORY, 0o700);
        let lock = How::APPEND.mode(0o600).no_follow().open(names::LOCK)?;
        file::lock_exclusive(&lock, false)?;
        let _ = file::make_fifo(names::CONTROL, 0o600);
        let reader = How::READ.no_follow().open(names::CONTROL)?;
        if !reader.metadata()?.file_type().is_fifo() {
            return Err(Errno::ENOSTR.into());
        }
        Ok(Self {
            reader,
            _writer: How::WRITE.no_follow().open(names::CONTROL)?,
            _lock: lock,
            requests: VecDeque::new(),
        })
    }

    /// The next request. What nobody knows is passed over.
    pub fn request(&mut self) -> Option<Request> {
        if self.requests.is_empty() {
            let mut block = [0; BLOCK];
            // Nothing there after all, which is normal.
            let length = descriptor::read(&self.reader, &mut block).unwrap_or(0);
            let bytes = block.iter().take(length);
            self.requests
                .extend(bytes.filter_map(|byte| meaning(*byte)));
        }
        self.requests.pop_front()
    }
}

impl AsFd for Control {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }
}

fn meaning(byte: u8) -> Option<Request> {
    Some(match scanning::Command::from_byte(byte)? {
        scanning::Command::Scan => Request::Scan,
        scanning::Command::Prune => Request::Prune,
        scanning::Command::Stop => Request::Stop(Logs::AtEnd),
        scanning::Command::StopAtOnce => Request::Stop(Logs::AtOnce),
        scanning::Command::Abandon => Request::Abandon,
    })
}
