//! One directory's line.

use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use dt_os::clock::{self, UnixTime};
use dt_os::file::{self, How};
use dt_os::incarnation;
use dt_service::{Record, Status, Want, names};

/// Adds `DIRECTORY: ` and what is known about it to `lines`. Leaves us in that
/// directory, if it can be entered.
pub(crate) fn describe(directory: &OsStr, lines: &mut Vec<u8>) {
    lines.extend_from_slice(directory.as_bytes());
    // Writing to memory cannot fail.
    let _ = match look(directory) {
        Ok(state) => writeln!(lines, ": {state}"),
        Err(Obstacle::NotRunning) => writeln!(lines, ": supervise not running"),
        Err(Obstacle::BadFormat) => {
            writeln!(lines, ": unable to read {}: bad format", names::STATUS)
        }
        Err(Obstacle::System(what, why)) => {
            writeln!(lines, ": unable to {what}: {}", dt_os::reason(&why))
        }
    };
}

/// Why there is no state to tell.
enum Obstacle {
    /// `supervise/ok` has no reader.
    NotRunning,
    /// The record is too short, or is no file.
    BadFormat,
    /// This could not be done.
    System(&'static str, io::Error),
}

fn look(directory: &OsStr) -> Result<State, Obstacle> {
    file::chdir(directory).map_err(|why| Obstacle::System("chdir", why))?;
    let normally_up = match std::fs::metadata(names::DOWN) {
        Ok(_) => false,
        Err(why) if why.kind() == io::ErrorKind::NotFound => true,
        Err(why) => return Err(Obstacle::System("stat down", why)),
    };
    How::WRITE.open(names::OK).map_err(|why| {
        if file::no_reader(&why) {
            Obstacle::NotRunning
        } else {
            Obstacle::System("open supervise/ok", why)
        }
    })?;
    let record = How::READ
        .open(names::STATUS)
        .map_err(|why| Obstacle::System("open supervise/status", why))?;
    let status = read(record)?;
    let age_by_wall = age(
        dt_tai::from_unix(UnixTime::now().secs, 0).0.0,
        status.seconds,
    );
    let known = newest_record().filter(|record| record.boot == incarnation::boot_id());
    let true_age = known.and_then(|record| true_age(&status, &record, clock::since_boot()));
    Ok(State {
        status,
        normally_up,
        age: true_age
            .filter(|age| age.abs_diff(age_by_wall) > 1)
            .unwrap_or(age_by_wall),
    })
}

/// What `supervise` has put on record, where that can be read.
fn newest_record() -> Option<Record> {
    let file = How::READ.no_follow().open(names::RECORD).ok()?;
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut bytes = [0; Record::FILE];
    let length = file.read_at(&mut bytes, 0).ok()?;
    let (_, record) = Record::newest(bytes.get(..length)?)?;
    Some(record)
}

/// The age in whole seconds by the clock that nobody sets, where the record is of
/// the same change as the status.
///
/// The wall's clock may have been set since. Where it has not, the two ages
/// differ by the fractions of a second that are dropped here and there.
fn true_age(status: &Status, record: &Record, since_boot: Duration) -> Option<u64> {
    let same = record.boot.is_some() && record.since == (status.seconds, status.nanos);
    same.then(|| since_boot.saturating_sub(record.since_boot).as_secs())
}

/// A FIFO or device in the record's place is not read: it could keep us waiting,
/// or notice.
fn read(record: File) -> Result<Status, Obstacle> {
    let unreadable = |why| Obstacle::System("read supervise/status", why);
    let kind = record.metadata().map_err(unreadable)?.file_type();
    if !kind.is_file() && !kind.is_dir() {
        return Err(Obstacle::BadFormat);
    }
    let mut bytes = Vec::with_capacity(Status::LEN);
    let limit = u64::try_from(Status::LEN).unwrap_or(u64::MAX);
    record
        .take(limit)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    Status::decode(&bytes).map_err(|_| Obstacle::BadFormat)
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
fn age(now: u64, stamp: u64) -> u64 {
    now.saturating_sub(stamp) as f64 as u64
}

/// What a line tells after the directory's name.
struct State {
    status: Status,
    normally_up: bool,
    age: u64,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let up = self.status.pid != 0;
        if up {
            write!(f, "up (pid {}) {} seconds", self.status.pid, self.age)?;
        } else {
            write!(f, "down {} seconds", self.age)?;
        }
        let want = self.status.want;
        let notes = [
            (up && !self.normally_up, ", normally down"),
            (!up && self.normally_up, ", normally up"),
            (up && self.status.paused, ", paused"),
            (!up && want == Want::Up, ", want up"),
            (up && want == Want::Down, ", want down"),
        ];
        notes
            .iter()
            .filter(|(holds, _)| *holds)
            .try_for_each(|(_, note)| f.write_str(note))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(pid: u32, paused: bool, want: Want, normally_up: bool) -> String {
        let status = Status {
            seconds: 0,
            nanos: 0,
            pid,
            paused,
            want,
        };
        let state = State {
            status,
            normally_up,
            age: 3,
        };
        state.to_string()
    }

    #[test]
    fn the_notes_come_in_a_fixed_order() {
        assert_eq!(
            line(5, true, Want::Down, false),
            "up (pid 5) 3 seconds, normally down, paused, want down"
        );
        assert_eq!(
            line(0, true, Want::Up, true),
            "down 3 seconds, normally up, want up"
        );
        assert_eq!(line(0, false, Want::Down, false), "down 3 seconds");
        assert_eq!(line(7, false, Want::Neither, true), "up (pid 7) 3 seconds");
    }

    #[test]
    fn a_stamp_in_the_future_is_no_age() {
        assert_eq!(age(10, 11), 0);
        assert_eq!(age(11, 10), 1);
    }

    #[test]
    fn an_absurd_age_is_rounded_as_the_original_rounds_it() {
        assert_eq!(age(4_611_686_020_222_755_842, 0), 4_611_686_020_222_755_840);
    }
}
