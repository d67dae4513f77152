//! The directory `supervise/`: made, locked, and its FIFOs opened.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileTypeExt;

use dt_cli::{Exit, Fatal};
use dt_os::Errno;
use dt_os::file::{self, How};
use dt_service::{Status, names};

/// Whether the service is down unless asked for.
pub(crate) fn is_normally_down() -> io::Result<bool> {
    match fs::metadata(names::DOWN) {
        Ok(_) => Ok(true),
        Err(why) if why.kind() == ErrorKind::NotFound => Ok(false),
        Err(why) => Err(why),
    }
}

/// Makes `supervise/`, or, as Debian's does, the directory that a symbolic link
/// of that name points to: on a machine that has just booted the link may be
/// there and what it points to not.
///
/// Only a link that cannot be read is an error. Whether the directory is of any
/// use shows when it is locked.
pub(crate) fn make_directory() -> Result<(), Fatal> {
    if file::make_directory(names::SUPERVISE, 0o700).is_ok() {
        return Ok(());
    }
    match fs::read_link(names::SUPERVISE) {
        Ok(target) => {
            let _ = file::make_directory(target, 0o700);
            Ok(())
        }
        Err(why) if matches!(why.kind(), ErrorKind::NotFound | ErrorKind::InvalidInput) => Ok(()),
        Err(why) => Err(Fatal {
            // Without the program's name, as Debian's prints it.
            lines: format!("unable to readlink ./supervise: {}\n", dt_os::reason(&why)).into(),
            exit: Exit::TEMPORARY,
        }),
    }
}

/// Takes the lock that keeps every other `supervise` out of this directory, for
/// as long as the file is held open.
///
/// A link is refused: the owner of the directory need not be us, and could have
/// us make a file anywhere.
pub(crate) fn lock() -> io::Result<File> {
    let lock = How::APPEND.mode(0o600).no_follow().open(names::LOCK)?;
    file::lock_exclusive(&lock, false)?;
    Ok(lock)
}

/// The FIFO that commands come through.
pub(crate) struct Control {
    /// Where they are read from.
    pub(crate) reader: File,
    /// A writer of our own: while there is one the FIFO never ends.
    _writer: File,
}

impl Control {
    /// Makes it where it is not there and opens it. The error's first half is the
    /// verb that failed.
    pub(crate) fn open() -> Result<Self, (&'static str, io::Error)> {
        let reading = |why| ("read", why);
        Self::with_reader(fifo(names::CONTROL).map_err(reading)?)
    }

    /// The same with a reader that is open already.
    pub(crate) fn with_reader(reader: File) -> Result<Self, (&'static str, io::Error)> {
        let reading = |why| ("read", why);
        // Second, as without a reader it would not be opened.
        let writer = How::WRITE
            .open(names::CONTROL)
            .map_err(|why| ("write", why))?;
        // A file would be read as commands, and be ready to read for ever.
        if !reader.metadata().map_err(reading)?.file_type().is_fifo() {
            return Err(reading(Errno::ENOSTR.into()));
        }
        Ok(Self {
            reader,
            _writer: writer,
        })
    }
}

/// Has the FIFO `supervise/ok` a reader for as long as it is held open, which
/// tells that we are here.
pub(crate) fn open_ok() -> io::Result<File> {
    fifo(names::OK)
}

/// Makes a FIFO where there is none, and opens it for reading. One that is there
/// is left as it is: its owner and mode say who may control the service.
fn fifo(name: &str) -> io::Result<File> {
    let _ = file::make_fifo(name, 0o600);
    How::READ.open(name)
}

/// Puts a new status record in the old one's place. The error's first half names
/// what failed; `None` in the second is a record that was written in part.
pub(crate) fn replace_status(record: &[u8; Status::LEN]) -> Result<(), (Step, Option<io::Error>)> {
    let mut new = create_status().map_err(|why| (Step::Open, Some(why)))?;
    match dt_os::descriptor::write(&mut new, record) {
        Ok(Status::LEN) => {}
        Ok(_part) => return Err((Step::Write, None)),
        Err(why) => return Err((Step::Write, Some(why))),
    }
    drop(new);
    fs::rename(names::STATUS_NEW, names::STATUS).map_err(|why| (Step::Rename, Some(why)))
}

/// One step of replacing the status record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Open,
    Write,
    Rename,
}

/// Always a new file: one that is there may be somebody's link to another, which
/// must not be written to.
fn create_status() -> io::Result<File> {
    let how = How::CREATE_NEW.mode(0o644);
    match how.open(names::STATUS_NEW) {
        Err(why) if why.kind() == ErrorKind::AlreadyExists => {
            fs::remove_file(names::STATUS_NEW)?;
            how.open(names::STATUS_NEW)
        }
        other => other,
    }
}
