//! The directory `supervise/`: made, locked, and its FIFOs opened.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;

use dt_cli::{Exit, Fatal};
use dt_os::Errno;
use dt_os::file::{self, How};
use dt_service::{Place, names};

const CONTROL: &str = "control";

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
pub(crate) fn make_directory(place: &Place) -> Result<(), Fatal> {
    if file::make_directory(place.directory(), 0o700).is_ok() {
        return Ok(());
    }
    match fs::read_link(place.directory()) {
        Ok(target) => {
            let _ = file::make_directory(target, 0o700);
            Ok(())
        }
        Err(why) if matches!(why.kind(), ErrorKind::NotFound | ErrorKind::InvalidInput) => Ok(()),
        Err(why) => Err(Fatal {
            // Without the program's name, as Debian's prints it.
            lines: line_of(place, &why),
            exit: Exit::TEMPORARY,
        }),
    }
}

fn line_of(place: &Place, why: &io::Error) -> Vec<u8> {
    let name = place.directory().as_bytes();
    let name = if name == names::SUPERVISE.as_bytes() {
        b"./supervise"
    } else {
        name
    };
    let reason = dt_os::reason(why).as_bytes();
    [b"unable to readlink ", name, b": ", reason, b"\n"].concat()
}

/// Takes the lock that keeps every other `supervise` out of this directory, for
/// as long as the file is held open.
///
/// A link is refused: the owner of the directory need not be us, and could have
/// us make a file anywhere.
pub(crate) fn lock(place: &Place) -> io::Result<File> {
    let lock = How::APPEND
        .mode(0o600)
        .no_follow()
        .open(place.file("lock"))?;
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
    pub(crate) fn open(place: &Place) -> Result<Self, (&'static str, io::Error)> {
        let reading = |why| ("read", why);
        Self::with_reader(place, fifo(place, CONTROL).map_err(reading)?)
    }

    /// The same with a reader that is open already.
    pub(crate) fn with_reader(
        place: &Place,
        reader: File,
    ) -> Result<Self, (&'static str, io::Error)> {
        let reading = |why| ("read", why);
        // Second, as without a reader it would not be opened.
        let writer = How::WRITE
            .open(place.file(CONTROL))
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
pub(crate) fn open_ok(place: &Place) -> io::Result<File> {
    fifo(place, "ok")
}

/// Makes a FIFO where there is none, and opens it for reading. One that is there
/// is left as it is: its owner and mode say who may control the service.
fn fifo(place: &Place, name: &str) -> io::Result<File> {
    let name = place.file(name);
    let _ = file::make_fifo(&name, 0o600);
    How::READ.open(name)
}

/// Puts a new record in the place of the file `name`, by way of `name.new`. The
/// error's first half names what failed; `None` in the second is a record that was
/// written in part.
pub(crate) fn replace(
    place: &Place,
    name: &str,
    record: &[u8],
) -> Result<(), (Step, Option<io::Error>)> {
    let name = place.file(name);
    let mut in_the_making = name.clone();
    in_the_making.push(".new");
    let mut new = create(&in_the_making).map_err(|why| (Step::Open, Some(why)))?;
    match dt_os::descriptor::write(&mut new, record) {
        Ok(length) if length == record.len() => {}
        Ok(_part) => return Err((Step::Write, None)),
        Err(why) => return Err((Step::Write, Some(why))),
    }
    drop(new);
    fs::rename(in_the_making, name).map_err(|why| (Step::Rename, Some(why)))
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
fn create(name: &OsStr) -> io::Result<File> {
    let how = How::CREATE_NEW.mode(0o644);
    match how.open(name) {
        Err(why) if why.kind() == ErrorKind::AlreadyExists => {
            fs::remove_file(name)?;
            how.open(name)
        }
        other => other,
    }
}
