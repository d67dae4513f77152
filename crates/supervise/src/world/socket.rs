//! The socket on which a service says how it is (`sd_notify` of systemd).

use std::ffi::{CString, OsString};
use std::fs::{self, Permissions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::time::Duration;

use dt_os::clock::Moment;
use dt_os::notice::{self, Sender};
use dt_os::process::Pid;
use dt_os::{Errno, identity, incarnation, startup};
use dt_service::details::Text;
use dt_service::{Incarnation, Place};

use crate::machine::{Heard, Phase};
use crate::takeover;

/// The socket's name in `supervise/`.
const NAME: &str = "notify";
/// The same in the making.
const NAME_NEW: &str = "notify.new";

/// What is longer is passed over whole.
const LONGEST: usize = 2048;

/// Messages that are read at once.
const MOST: usize = 32;

/// After so many none is read for so long.
const REST: Duration = Duration::from_millis(50);

/// The longest name that a socket may have, its final NUL left out.
const LONGEST_NAME: usize = 107;

/// Generations between a sender and the service at the most.
const GENERATIONS: usize = 16;

/// There is one only where the service directory asks for it.
#[derive(Debug)]
pub(super) struct Socket {
    fd: OwnedFd,
    /// Which file it is.
    identity: (u64, u64),
    /// Nothing is read before this moment.
    rests_until: Moment,
    /// How many messages have been looked at since there was none.
    in_a_row: usize,
    /// The first message is still there though it was heard.
    heard: bool,
    /// What the service says about itself.
    pub(super) words: Text<128>,
}

impl Socket {
    /// A new one in the place of any that there may be.
    pub(super) fn new(place: &Place) -> io::Result<Self> {
        let (new, name) = (place.file(NAME_NEW), place.file(NAME));
        match fs::remove_file(&new) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(why),
            _ => {}
        }
        let socket = notice::bind(&new)?;
        // The service may be another user's. Who may write to it is found out by who
        // it is, and the names of all else in there are known to everybody.
        fs::set_permissions(&new, Permissions::from_mode(0o666))?;
        let directory = place.directory();
        let mode = fs::metadata(directory)?.mode() & 0o7777;
        if mode & 0o011 != 0o011 {
            fs::set_permissions(directory, Permissions::from_mode(mode | 0o011))?;
        }
        let found = fs::symlink_metadata(&new)?;
        fs::rename(&new, &name)?;
        Ok(Self::of(socket, (found.dev(), found.ino())))
    }

    /// One of which the file `identity` is the name.
    pub(super) fn of(socket: OwnedFd, identity: (u64, u64)) -> Self {
        Self {
            fd: socket,
            identity,
            rests_until: Moment::default(),
            in_a_row: 0,
            heard: false,
            words: Text::EMPTY,
        }
    }

    /// The one that the program before us has left.
    pub(super) fn left(socket: OwnedFd, place: &Place) -> Self {
        let found = fs::symlink_metadata(place.file(NAME));
        let identity = found.map_or((0, 0), |found| (found.dev(), found.ino()));
        Self::of(socket, identity)
    }

    /// Whether it still is what has the name.
    pub(super) fn is_in_place(&self, place: &Place) -> bool {
        let found = fs::symlink_metadata(place.file(NAME));
        found.is_ok_and(|found| (found.dev(), found.ino()) == self.identity)
    }

    /// Which file its name is.
    pub(super) const fn identity(&self) -> (u64, u64) {
        self.identity
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// What is to be watched now, or from when on it is.
    pub(super) fn watched(&self) -> Result<BorrowedFd<'_>, Moment> {
        if Moment::now() < self.rests_until {
            Err(self.rests_until)
        } else {
            Ok(self.fd.as_fd())
        }
    }

    /// What the service `service` has said next, and whether that is other words than
    /// before. It stays where it is until that is [settled](Self::settle): we may be
    /// killed before it is on record.
    pub(super) fn hear(&mut self, service: Option<Incarnation>) -> Option<(Heard, bool)> {
        self.settle();
        let mut heard = Heard::default();
        let before = self.words;
        let mut buffer = [0; LONGEST];
        while self.in_a_row < MOST {
            let Ok((length, sender)) = notice::look(&self.fd, &mut buffer) else {
                self.in_a_row = 0;
                return None;
            };
            self.in_a_row += 1;
            self.heard = true;
            let message = length.and_then(|length| buffer.get(..length));
            if let (Some(message), Some(sender), Some(service)) = (message, sender, service)
                && is_of(sender, takeover::pid(service))
            {
                take(message, &mut heard, &mut self.words);
            }
            if heard != Heard::default() || self.words != before {
                return Some((heard, self.words != before));
            }
            self.settle();
        }
        self.in_a_row = 0;
        self.rests_until = Moment::now().plus(REST);
        None
    }

    /// What was heard is on record.
    pub(super) fn settle(&mut self) {
        if std::mem::take(&mut self.heard) {
            notice::take_out(&self.fd);
        }
    }
}

/// Whether `sender` may speak for `service`: it is the process itself or comes from
/// it, and is of its user, of ours or root. One that is gone by now cannot be asked
/// where it came from; its user could do to the service whatever it likes.
fn is_of(sender: Sender, service: Pid) -> bool {
    let users = [
        Some(0),
        Some(identity::effective_user()),
        incarnation::user_of(service),
    ];
    if !users.contains(&Some(sender.user)) {
        return false;
    }
    let mut pid = sender.pid;
    for _ in 0..GENERATIONS {
        if pid == service {
            return true;
        }
        match incarnation::look_up(pid) {
            Ok(seen) => pid = seen.parent,
            Err(why) => return pid == sender.pid && dt_os::is_errno(&why, Errno::ESRCH),
        }
        if pid.as_raw() <= 1 {
            return false;
        }
    }
    false
}

/// Lines of `NAME=value`; what is not known is passed over. `MAINPID` is, as the
/// service is the process that was started, and `FDSTORE`, whose descriptors never
/// get here.
fn take(message: &[u8], heard: &mut Heard, words: &mut Text<128>) {
    for line in message.split(|byte| *byte == b'\n') {
        let Some(at) = line.iter().position(|byte| *byte == b'=') else {
            continue;
        };
        let (name, value) = line.split_at(at);
        let value = value.get(1..).unwrap_or_default();
        match (name, value) {
            (b"READY", b"1") => heard.phase = Some(Phase::Ready),
            (b"RELOADING", b"1") => heard.phase = Some(Phase::Reloading),
            (b"STOPPING", b"1") => heard.phase = Some(Phase::Stopping),
            (b"WATCHDOG", b"1") => heard.alive = true,
            (b"WATCHDOG", b"trigger") => heard.trigger = true,
            (b"WATCHDOG_USEC", _) => heard.every = microseconds(value).or(heard.every),
            (b"EXTEND_TIMEOUT_USEC", _) => heard.extend = microseconds(value).or(heard.extend),
            (b"STATUS", _) => *words = Text::new(value),
            _ => {}
        }
    }
}

/// At most what a setting may say.
fn microseconds(value: &[u8]) -> Option<Duration> {
    let number: u64 = str::from_utf8(value).ok()?.parse().ok()?;
    let longest = Duration::from_millis(u32::MAX.into());
    Some(Duration::from_micros(number).min(longest))
}

/// The environment of a service that has such a socket.
pub(super) fn environment(place: &Place, watchdog: Option<Duration>) -> io::Result<Vec<CString>> {
    let mut name: PathBuf = std::env::current_dir()?;
    name.push(place.file(NAME));
    let name: OsString = name.into_os_string();
    if name.len() > LONGEST_NAME {
        return Err(Errno::ENAMETOOLONG.into());
    }
    let ours: [&[u8]; 3] = [b"NOTIFY_SOCKET=", b"WATCHDOG_USEC=", b"WATCHDOG_PID="];
    let theirs = startup::environment().iter().filter(|entry| {
        let entry = entry.to_bytes();
        !ours.iter().any(|name| entry.starts_with(name))
    });
    let mut environment: Vec<CString> = theirs.cloned().collect();
    let [socket, interval, _] = ours;
    environment.push(CString::new([socket, name.as_bytes()].concat())?);
    if let Some(watchdog) = watchdog {
        let interval = [interval, watchdog.as_micros().to_string().as_bytes()].concat();
        environment.push(CString::new(interval)?);
    }
    Ok(environment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_each_kind_the_last_counts_and_nonsense_for_nothing() {
        let mut heard = Heard::default();
        let mut words = Text::EMPTY;
        let message = b"READY=1\nREADY=2\nSTOPPING\n=\n\xff=1\nWATCHDOG_USEC=x\nWATCHDOG_USEC=7\n\
            EXTEND_TIMEOUT_USEC=99999999999999999999\nMAINPID=1\nSTATUS=a\nSTATUS=b=\x1bc\n";
        take(message, &mut heard, &mut words);
        let expected = Heard {
            phase: Some(Phase::Ready),
            every: Some(Duration::from_micros(7)),
            ..Heard::default()
        };
        assert_eq!((heard, words.as_bytes()), (expected, b"b=\x1bc".as_slice()));
        take(b"RELOADING=1\nMONOTONIC_USEC=1", &mut heard, &mut words);
        assert_eq!(heard.phase, Some(Phase::Reloading));
    }
}
