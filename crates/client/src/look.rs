//! What the `supervise` of a service directory tells.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::time::Duration;

use dt_os::clock::{self, UnixTime};
use dt_os::file::{self, How};
use dt_os::incarnation;
use dt_service::deaths::{self, Death};
use dt_service::details::{self, Details};
use dt_service::{Place, Record, State, Status, StatusFile, names};

use crate::truth;

/// Why there is nothing to tell.
#[derive(Debug)]
pub enum Obstacle {
    /// `ok` has no reader.
    NotRunning,
    /// The status is too short, or is no file.
    BadFormat,
    /// The status names a process, and there is none of this number.
    NoProcess(u32),
    /// This could not be done.
    System(&'static str, io::Error),
}

impl std::fmt::Display for Obstacle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotRunning => f.write_str("supervise not running"),
            Self::BadFormat => write!(f, "unable to read {}: bad format", names::STATUS),
            Self::NoProcess(pid) => {
                write!(
                    f,
                    "{} is not true: there is no process {pid}",
                    names::STATUS
                )
            }
            Self::System(what, why) => write!(f, "unable to {what}: {}", dt_os::reason(why)),
        }
    }
}

/// The state of a service that has a `supervise`.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Where its files are.
    pub place: Place,
    /// What the status file says.
    pub file: StatusFile,
    /// There is no file `down`.
    pub normally_up: bool,
    /// Whole seconds since the process last came or went.
    pub age: u64,
}

/// Makes `directory` the working directory and looks at the service there.
pub fn look(directory: &Path) -> Result<Seen, Obstacle> {
    file::chdir(directory).map_err(|why| Obstacle::System("chdir", why))?;
    let place = Place::here().map_err(|why| Obstacle::System("open supervise/ok", why))?;
    let normally_up = is_normally_up().map_err(|why| Obstacle::System("stat down", why))?;
    if !is_supervised(&place).map_err(|why| Obstacle::System("open supervise/ok", why))? {
        return Err(Obstacle::NotRunning);
    }
    let file = truth::settled(&place)?;
    Ok(Seen {
        age: age(&place, &file.main),
        place,
        file,
        normally_up,
    })
}

/// Whether there is no file `down` in the working directory.
pub fn is_normally_up() -> io::Result<bool> {
    match std::fs::metadata(names::DOWN) {
        Ok(_) => Ok(false),
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(why) => Err(why),
    }
}

/// Whether a `supervise` holds `ok` open.
pub fn is_supervised(place: &Place) -> io::Result<bool> {
    match How::WRITE.open(place.file("ok")) {
        Ok(_) => Ok(true),
        Err(why) if file::no_reader(&why) => Ok(false),
        Err(why) => Err(why),
    }
}

/// What the status file says, whether anybody is there to write it or not.
pub fn status(place: &Place) -> Result<StatusFile, Obstacle> {
    let status = How::READ
        .open(place.file("status"))
        .map_err(|why| Obstacle::System("open supervise/status", why))?;
    let unreadable = |why| Obstacle::System("read supervise/status", why);
    // A FIFO or device in its place is not read: it could keep us waiting, or notice.
    let kind = status.metadata().map_err(unreadable)?.file_type();
    if !kind.is_file() && !kind.is_dir() {
        return Err(Obstacle::BadFormat);
    }
    let bytes = read(status, StatusFile::READ).map_err(unreadable)?;
    let file = StatusFile::decode(&bytes).map_err(|_| Obstacle::BadFormat)?;
    let log = file.log.map_or(0, |log| log.status.pid);
    if file.main.pid > MOST || log > MOST {
        return Err(Obstacle::BadFormat);
    }
    Ok(file)
}

/// Linux gives no process a number above this, so no `supervise` has written one.
///
/// Of one below it that there is no such process here says nothing by itself: the
/// `supervise` may live in a container that is looked into from outside ([`truth`]).
const MOST: u32 = 1 << 22;

/// What there is to know beyond the status file; `None` where there is nothing,
/// where it cannot be read, and where another than the `supervise` of now wrote it.
#[must_use]
pub fn details(place: &Place) -> Option<Details> {
    let bytes = regular(place, details::NAME, details::LEN).ok()?;
    let details = Details::decode(&bytes)?;
    let of_now = details.boot.is_none() || details.boot == incarnation::boot_id();
    let by_holder = lock_holder(place).is_none_or(|pid| pid == details.supervise);
    (of_now && by_holder).then_some(details)
}

/// The deaths on record, the oldest first.
pub fn deaths(place: &Place) -> io::Result<Vec<Death>> {
    let most = deaths::SLOT * usize::from(u16::MAX);
    let bytes = regular(place, deaths::NAME, most)?;
    let deaths = deaths::read(&bytes).into_iter();
    Ok(deaths.map(|(_, death)| death).collect())
}

/// The process that holds the lock, as far as the kernel tells us.
#[must_use]
pub fn lock_holder(place: &Place) -> Option<u32> {
    let lock = std::fs::metadata(place.file("lock")).ok()?;
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    locks
        .lines()
        .find_map(|line| holder(line, lock.ino(), lock.dev()))
}

/// `1: FLOCK  ADVISORY  WRITE 4711 fe:01:123456 0 EOF`: the process, the device's
/// two numbers in hexadecimal and the inode. A process of another name space has
/// the number 0.
fn holder(line: &str, inode: u64, device: u64) -> Option<u32> {
    let mut words = line.split_ascii_whitespace().skip(1);
    if words.next()? != "FLOCK" {
        return None;
    }
    let pid: u32 = words.nth(2)?.parse().ok()?;
    let mut file = words.next()?.split(':');
    let mut number = || u64::from_str_radix(file.next()?, 16).ok();
    let (major, minor) = (number()?, number()?);
    let file: u64 = file.next()?.parse().ok()?;
    // As glibc puts the two numbers together.
    let of_device = (
        (device >> 8 & 0xfff) | (device >> 32 & !0xfff),
        (device & 0xff) | (device >> 12 & !0xff & 0xffff_ffff),
    );
    (file == inode && (major, minor) == of_device && pid != 0).then_some(pid)
}

/// Whole seconds since the time in `status`.
///
/// By the clock that nobody sets, where the record is of the same change as the
/// status; else by the wall's, which may have been set since. Where it has not,
/// the two differ by the fractions of a second that are dropped here and there.
#[must_use]
pub fn age(place: &Place, status: &Status) -> u64 {
    let now = dt_tai::from_unix(UnixTime::now().secs, 0).0.0;
    let by_wall = between(now, status.seconds);
    let known = newest_record(place).filter(|record| record.boot == incarnation::boot_id());
    known
        .and_then(|record| true_age(status, &record, clock::since_boot()))
        .filter(|age| age.abs_diff(by_wall) > 1)
        .unwrap_or(by_wall)
}

/// What `supervise` has put on record, where that can be read.
#[must_use]
pub fn newest_record(place: &Place) -> Option<Record> {
    let bytes = regular(place, "record", Record::FILE).ok()?;
    Record::newest(&bytes).map(|(_, record)| record)
}

fn true_age(status: &Status, record: &Record, since_boot: Duration) -> Option<u64> {
    let same = record.boot.is_some() && record.since == (status.seconds, status.nanos);
    same.then(|| since_boot.saturating_sub(record.since_boot).as_secs())
}

/// Whole seconds from `stamp` to `now`, both TAI64; none where the stamp lies in
/// the future.
///
/// As in the original the number passes through a floating-point one, which
/// shows only where a record is nonsense.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the loss is the original's; the number is not negative"
)]
fn between(now: u64, stamp: u64) -> u64 {
    now.saturating_sub(stamp) as f64 as u64
}

/// The first bytes of a file in `place` that is no link and nothing else than a file.
fn regular(place: &Place, name: &str, most: usize) -> io::Result<Vec<u8>> {
    let file = How::READ.no_follow().open(place.file(name))?;
    let length = file.metadata()?;
    if !length.is_file() {
        return Err(io::ErrorKind::NotFound.into());
    }
    let length = usize::try_from(length.len()).unwrap_or(most).min(most);
    let mut bytes = vec![0; length];
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, filled as u64)? {
            0 => break,
            count => filled += count,
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

fn read(file: File, most: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(most);
    file.take(most as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The parts of a service's state that are waited for, and shown as yes or no.
#[expect(
    clippy::struct_excessive_bools,
    reason = "five questions, whose answers overlap"
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Phase {
    /// `run` runs, or has nothing to run.
    pub up: bool,
    /// It is up and, where it has a way to tell so, has told that it serves.
    pub ready: bool,
    /// Neither `run` nor `start` runs.
    pub down: bool,
    /// Nothing runs at all, no cleaning up either.
    pub finished: bool,
    /// Given up.
    pub failed: bool,
}

impl Phase {
    /// Of a status, with its state, and the details where there are any.
    #[must_use]
    pub fn of(status: &Status, state: Option<State>, details: Option<&Details>) -> Self {
        let process = status.pid != 0;
        let doing = details.map(|details| details.state);
        let cleaning = process
            && (matches!(state, Some(State::Stopped | State::Failed))
                || doing == Some(details::State::Finishing));
        let starting = process && state == Some(State::Starting);
        let without_process = !process && state == Some(State::Started);
        let up = (process && !cleaning && !starting) || without_process;
        Self {
            up,
            // One that has no way to tell is running at once, by its own account.
            ready: up
                && details.is_none_or(|details| details.ready.is_some() || runs(details.state)),
            // Where what it has started is still to end, it is not down yet.
            down: !up && !starting && (process || doing != Some(details::State::Stopping)),
            // Between the end of one script and the start of the next there is no
            // process either; the details tell.
            finished: !process && !without_process && doing.is_none_or(is_over),
            failed: state == Some(State::Failed) || doing == Some(details::State::Failed),
        }
    }
}

/// `run` runs or is not needed, and nothing more is waited for.
const fn runs(doing: details::State) -> bool {
    matches!(doing, details::State::Running | details::State::Started)
}

/// Nothing runs, and nothing that cleans up is due.
fn is_over(doing: details::State) -> bool {
    use details::State::{Failed, Stopped, Waiting};
    matches!(doing, Failed | Stopped | Waiting)
}

#[cfg(test)]
mod tests {
    use super::*;
    use dt_service::Want;

    #[test]
    fn a_stamp_in_the_future_is_no_age() {
        assert_eq!(between(10, 11), 0);
        assert_eq!(between(11, 10), 1);
    }

    #[test]
    fn a_century_is_an_age() {
        let now = dt_tai::from_unix(1 << 32, 0).0.0;
        assert_eq!(between(now, dt_tai::from_unix(7, 0).0.0), (1 << 32) - 7);
    }

    #[test]
    fn an_absurd_age_is_rounded_as_the_original_rounds_it() {
        assert_eq!(
            between(4_611_686_020_222_755_842, 0),
            4_611_686_020_222_755_840
        );
    }

    #[test]
    fn a_lock_is_told_by_device_and_inode() {
        let line = "7: FLOCK  ADVISORY  WRITE 4711 fe:01:123456 0 EOF";
        assert_eq!(holder(line, 123_456, 0xfe01), Some(4711));
        assert_eq!(holder(line, 123_457, 0xfe01), None);
        assert_eq!(holder(line, 123_456, 0xfe02), None);
        let record = "7: POSIX  ADVISORY  WRITE 4711 fe:01:123456 0 EOF";
        assert_eq!(holder(record, 123_456, 0xfe01), None);
        let elsewhere = "7: FLOCK  ADVISORY  WRITE 0 fe:01:123456 0 EOF";
        assert_eq!(holder(elsewhere, 123_456, 0xfe01), None);
        for bad in [
            "",
            "7:",
            "7: FLOCK",
            "7: FLOCK A W x fe:01:1",
            "7: FLOCK A W 1 fe",
        ] {
            assert_eq!(holder(bad, 1, 1), None, "{bad}");
        }
    }

    fn phase(pid: u32, state: Option<State>) -> Phase {
        let status = Status {
            seconds: 0,
            nanos: 0,
            pid,
            paused: false,
            want: Want::Up,
        };
        Phase::of(&status, state, None)
    }

    #[test]
    fn a_plain_status_is_up_with_a_process_and_ready_at_once() {
        let up = phase(7, None);
        assert!(up.up && up.ready && !up.down && !up.finished && !up.failed);
        let down = phase(0, None);
        assert!(!down.up && !down.ready && down.down && down.finished);
    }

    #[test]
    fn a_script_before_or_after_the_service_is_not_the_service() {
        let starting = phase(7, Some(State::Starting));
        assert!(!starting.up && !starting.down && !starting.finished);
        let cleaning = phase(7, Some(State::Stopped));
        assert!(!cleaning.up && cleaning.down && !cleaning.finished);
        let started = phase(0, Some(State::Started));
        assert!(started.up && !started.down && !started.finished);
        assert!(phase(0, Some(State::Failed)).failed);
    }

    /// Between the end of `run` and the start of `stop`, `svwait -D` took a service
    /// for finished.
    #[test]
    fn no_process_is_not_the_end_where_a_script_is_due() {
        let down = Status {
            seconds: 0,
            nanos: 0,
            pid: 0,
            paused: false,
            want: Want::Down,
        };
        for state in details::State::ALL {
            let details = Details {
                state,
                ..Details::EMPTY
            };
            let phase = Phase::of(&down, Some(State::Stopped), Some(&details));
            assert_eq!(phase.down, state != details::State::Stopping, "{state:?}");
            assert_eq!(phase.finished, is_over(state), "{state:?}");
        }
    }

    #[test]
    fn what_has_no_way_to_tell_that_it_is_ready_is_so_when_it_runs() {
        for (pid, state) in [(7, details::State::Running), (0, details::State::Started)] {
            let status = Status {
                seconds: 0,
                nanos: 0,
                pid,
                paused: false,
                want: Want::Up,
            };
            let details = Details {
                state,
                ..Details::EMPTY
            };
            let encore = (pid == 0).then_some(State::Started);
            assert!(
                Phase::of(&status, encore, Some(&details)).ready,
                "{state:?}"
            );
        }
    }

    #[test]
    fn readiness_counts_where_the_service_tells_it() {
        let status = Status {
            seconds: 0,
            nanos: 0,
            pid: 7,
            paused: false,
            want: Want::Up,
        };
        let details = Details {
            state: details::State::Starting,
            ..Details::EMPTY
        };
        let phase = Phase::of(&status, None, Some(&details));
        assert!(phase.up && !phase.ready);
        let details = Details {
            ready: Some(Duration::ZERO),
            ..details
        };
        assert!(Phase::of(&status, None, Some(&details)).ready);
    }
}
