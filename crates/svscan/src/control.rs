//! What `svscan` is asked for by others: `.svscan/control` in the scan directory.
//!
//! Its name begins with a dot, so that it is no service. Where it cannot be made,
//! or another `svscan` has it, we go without and nobody can ask.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;
use std::time::Duration;

use dt_cli::version::VERSION;
use dt_os::Errno;
use dt_os::clock::Moment;
use dt_os::descriptor;
use dt_os::file::{self, How};
use dt_service::Word;
use dt_service::scanning::{self, names};

use crate::machine::Logs;
use crate::runtime::Request;

/// How long it may still be held on behalf of one that has been killed.
const HANDOVER: Duration = Duration::from_millis(200);

/// Bytes taken at a time.
const BLOCK: usize = 64;

/// The FIFO, and the lock that makes us its only reader.
#[derive(Debug)]
pub struct Control {
    reader: File,
    /// A writer of our own: while there is one the FIFO never ends.
    writer: File,
    lock: File,
    /// Read, but not done.
    pending: VecDeque<u8>,
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
        announce(None);
        Ok(Self {
            reader,
            writer: How::WRITE.no_follow().open(names::CONTROL)?,
            lock,
            pending: VecDeque::new(),
        })
    }

    /// The same when we begin. What an `svscan` that was killed has just forked holds
    /// its lock until it has become `supervise`: it is given the time.
    pub fn open_at_start() -> io::Result<Self> {
        let end = Moment::now().plus(HANDOVER);
        loop {
            match Self::open() {
                Err(why) if dt_os::is_errno(&why, Errno::EAGAIN) && Moment::now() < end => {
                    std::thread::sleep(HANDOVER / 10);
                }
                opened => return opened,
            }
        }
    }

    /// The next request. What nobody knows is passed over.
    pub fn request(&mut self) -> Option<Request> {
        if self.pending.is_empty() {
            let mut block = [0; BLOCK];
            // Nothing there after all, which is normal.
            let length = descriptor::read(&self.reader, &mut block).unwrap_or(0);
            self.pending.extend(block.iter().take(length));
        }
        while let Some(byte) = self.pending.pop_front() {
            if let Some(request) = meaning(byte) {
                return Some(request);
            }
        }
        None
    }

    /// Puts back what is not done yet, behind what has come since, for the program
    /// that we are about to become.
    pub fn put_back(&mut self) {
        let bytes: Vec<u8> = self.pending.iter().copied().collect();
        // The pipe has room for it, as it came from there.
        if descriptor::write_all(&self.writer, &bytes).is_ok() {
            self.pending.clear();
        }
    }

    /// All that there is of it.
    pub fn parts(&self) -> [BorrowedFd<'_>; 3] {
        [&self.reader, &self.writer, &self.lock].map(AsFd::as_fd)
    }

    /// From its parts, in the same order.
    pub fn from_parts([reader, writer, lock]: [OwnedFd; 3]) -> Self {
        announce(None);
        Self {
            reader: reader.into(),
            writer: writer.into(),
            lock: lock.into(),
            pending: VecDeque::new(),
        }
    }
}

impl AsFd for Control {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }
}

/// Leaves word of our version, and of why we did not become a newer one.
///
/// For `svscanctl` only: where it cannot be written nothing else is worse for it.
pub fn announce(refusal: Option<&str>) {
    let word = Word {
        version: VERSION.to_owned(),
        refusal: refusal.map(str::to_owned),
    };
    let text = word.encode();
    let _ = file::replace(names::VERSION, names::VERSION_NEW, 0o644, text.as_bytes());
}

fn meaning(byte: u8) -> Option<Request> {
    Some(match scanning::Command::from_byte(byte)? {
        scanning::Command::Scan => Request::Scan,
        scanning::Command::Prune => Request::Prune,
        scanning::Command::Stop => Request::Stop(Logs::AtEnd),
        scanning::Command::StopAtOnce => Request::Stop(Logs::AtOnce),
        scanning::Command::Abandon => Request::Abandon,
        scanning::Command::Upgrade => Request::Upgrade,
    })
}
