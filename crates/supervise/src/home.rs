//! The service directory, and `supervise/` in it.
//!
//! The lock in `supervise/` keeps others out as long as it has its name. Somebody
//! may take that away: what then comes by the name finds no lock, and would start
//! a second copy of the service. So the service directory is locked as well, and
//! a `supervise/` that was lost is made anew.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use dt_os::Errno;
use dt_os::clock::Moment;
use dt_os::file::{self, How};
use dt_os::holders::{Holder, Holders};
use dt_service::Place;

use crate::files::{self, Control};

/// The service directory.
const HERE: &str = ".";

/// What keeps every other `supervise` out.
#[derive(Debug)]
pub(crate) struct Home {
    place: Place,
    lock: File,
    /// None where it cannot be had: it cannot be read, or the service itself, which
    /// may do so, has locked it. Then we do as the original does.
    directory: Option<File>,
    /// Which file the lock is.
    identity: (u64, u64),
}

/// What there is of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// All.
    Whole,
    /// `supervise/` is gone, or another.
    Lost,
    /// The service directory is gone.
    Gone,
}

/// How long a lock may still be held on behalf of one that has been killed.
const HANDOVER: Duration = Duration::from_millis(200);

/// The same where whoever has locked it is known to be dead: on a busy machine a
/// child may not get to do anything for long.
const LONGEST: Duration = Duration::from_secs(5);

impl Home {
    /// Locks both; `EAGAIN` where another `supervise` has either.
    ///
    /// A child that one which was killed has just made has them too until it has
    /// closed its copies, which is the first that it does: it is given the time.
    pub(crate) fn take(place: &Place) -> io::Result<Self> {
        let begun = Moment::now();
        loop {
            let taken = Self::take_now(place);
            let busy = matches!(&taken, Err(why) if dt_os::is_errno(why, Errno::EAGAIN));
            let waited = Moment::now().since(begun);
            if !busy || (waited >= HANDOVER && (waited >= LONGEST || !is_left(place))) {
                return taken;
            }
            std::thread::sleep(HANDOVER / 10);
        }
    }

    fn take_now(place: &Place) -> io::Result<Self> {
        let home = Self::with_lock(place, files::lock(place)?)?;
        if home.directory.is_none() && is_taken() {
            return Err(Errno::EAGAIN.into());
        }
        Ok(home)
    }

    /// The same with a lock that is ours already.
    pub(crate) fn with_lock(place: &Place, lock: File) -> io::Result<Self> {
        let identity = identity(&lock.metadata()?);
        let directory = How::READ.open(HERE).ok();
        let directory = directory.filter(|it| file::lock_exclusive(it, false).is_ok());
        Ok(Self {
            place: place.clone(),
            lock,
            directory,
            identity,
        })
    }

    /// The lock in `supervise/`.
    pub(crate) const fn lock(&self) -> &File {
        &self.lock
    }

    /// What a child must not hold on to.
    pub(crate) fn locks(&self) -> [BorrowedFd<'_>; 2] {
        let directory = self.directory.as_ref().unwrap_or(&self.lock);
        [self.lock.as_fd(), directory.as_fd()]
    }

    /// Looks whether the lock still has its name.
    pub(crate) fn look(&self) -> Look {
        match fs::symlink_metadata(self.place.file("lock")) {
            Ok(found) if identity(&found) == self.identity => Look::Whole,
            Err(why) if why.kind() != io::ErrorKind::NotFound => Look::Whole,
            Err(_) if fs::metadata(HERE).is_ok_and(|it| it.nlink() == 0) => Look::Gone,
            Ok(_) | Err(_) => Look::Lost,
        }
    }

    /// Makes `supervise/`, the lock and the control FIFO anew; `EAGAIN` where
    /// somebody else, the original's for one, has been quicker.
    pub(crate) fn retake(&mut self) -> io::Result<Control> {
        // Where it is a link that cannot be read, the lock tells.
        let _ = files::make_directory(&self.place);
        let lock = files::lock(&self.place)?;
        let control = Control::open(&self.place).map_err(|(_, why)| why)?;
        self.identity = identity(&lock.metadata()?);
        self.lock = lock;
        Ok(control)
    }
}

/// Whether the lock is only held by a copy, as who has locked it has died.
fn is_left(place: &Place) -> bool {
    let lock = place.file("lock");
    matches!(Holders::default().of(Path::new(&lock)), Holder::Nobody)
}

fn identity(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

/// Whether another `supervise` has the service directory. Anybody else may have
/// locked it for a purpose of their own.
fn is_taken() -> bool {
    match Holders::default().of(Path::new(HERE)) {
        Holder::Process(pid, _) => {
            let name = fs::read(format!("/proc/{pid}/comm"));
            name.is_ok_and(|name| name == b"supervise\n")
        }
        Holder::Nobody | Holder::Unknown(_) => false,
    }
}
