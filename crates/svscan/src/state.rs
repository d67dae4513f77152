//! What one `svscan` leaves to the next in the same process, as text.
//!
//! A head, `svscan VERSION`, then `control` with three descriptors where there is
//! one, then a record for each service that was examined,
//! each ended by a NUL: the directory's device, inode and birth, `listed` or
//! `nameless`, the pipe's two descriptors, the two halves, and the name, which is
//! all that is left. A part that is not there is `-`. A process is `PID@SINCE`, a
//! wait `LETTER@UNTIL`, in nanoseconds of the monotonic clock.

use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, SystemTime};

use dt_os::clock::Moment;
use dt_os::process::Pid;

use crate::held::{Held, Pipe};
use crate::machine::{Half, Process, Reason, Service, Stage, Wait};
use crate::table::{Identity, Table};

/// Of the layout. A program goes on only with its own.
pub const VERSION: u32 = 1;

/// One service, as read.
#[derive(Debug, PartialEq, Eq)]
pub struct Left {
    /// Its directory.
    pub identity: Identity,
    /// Its name.
    pub name: Vec<u8>,
    /// How it stands.
    pub service: Service,
    /// The numbers of the pipe's ends, where there is a log; twice the same where one
    /// descriptor is both.
    pub pipe: Option<(i32, i32)>,
}

/// Everything that is known. Of a process that is none of our children nothing is
/// said: it is found again by whom its lock belongs to.
pub fn write(
    table: &Table<Held>,
    control: Option<[BorrowedFd<'_>; 3]>,
    is_stranger: impl Fn(Pid) -> bool,
) -> Vec<u8> {
    let mut text = head();
    if let Some([reader, writer, lock]) = control.map(|parts| parts.map(|fd| fd.as_raw_fd())) {
        text.extend_from_slice(format!("{CONTROL}{reader} {writer} {lock}\0").as_bytes());
    }
    for (identity, service) in table.services() {
        let known = |process| match process {
            Process::Running { pid, .. } if is_stranger(pid) => Process::Down,
            other => other,
        };
        let (Some(main), Some(held)) = (service.process(Half::Main), table.held(identity)) else {
            // Not examined yet, which is no loss.
            continue;
        };
        let pipe = match held.pipe.as_ref().map(Pipe::numbers) {
            // Over but for its log, which needs nobody to come to its end.
            Some(None) => continue,
            numbers => numbers.flatten(),
        };
        let left = Left {
            identity,
            name: table.name(identity).unwrap_or_default().as_bytes().to_vec(),
            service: Service {
                stage: Stage::Known {
                    main: known(main),
                    log: service.process(Half::Log).map(known),
                },
                ..service
            },
            pipe,
        };
        text.extend(record(&left));
    }
    text
}

const CONTROL: &str = "control ";

fn head() -> Vec<u8> {
    format!("svscan {VERSION}\0").into_bytes()
}

fn record(left: &Left) -> Vec<u8> {
    let born = left.identity.born.map_or("-".to_owned(), |born| {
        let after = born.duration_since(SystemTime::UNIX_EPOCH);
        // Before 1970 it was not, whatever the clock says.
        after.unwrap_or_default().as_nanos().to_string()
    });
    let number = |fd: Option<i32>| fd.map_or("-".to_owned(), |fd| fd.to_string());
    let half = |half| left.service.process(half);
    let words = [
        left.identity.device.to_string(),
        left.identity.inode.to_string(),
        born,
        if left.service.listed {
            "listed"
        } else {
            "nameless"
        }
        .to_owned(),
        number(left.pipe.map(|(reading, _)| reading)),
        number(left.pipe.map(|(_, writing)| writing)),
        word(half(Half::Main).unwrap_or(Process::Down)),
        half(Half::Log).map_or("-".to_owned(), word),
    ];
    let mut text = words.join(" ").into_bytes();
    text.push(b' ');
    text.extend_from_slice(&left.name);
    text.push(0);
    text
}

fn word(process: Process) -> String {
    let nanos = |moment: Moment| moment.since(Moment::default()).as_nanos();
    match process {
        Process::Down => "down".to_owned(),
        Process::Waiting(wait) => format!("{}@{}", letter(wait.because), nanos(wait.until)),
        Process::Running { pid, since } => format!("{pid}@{}", nanos(since)),
    }
}

/// Of the reasons that a process can wait for.
const LETTERS: [(Reason, &str); 5] = [
    (Reason::ForkFailed, "f"),
    (Reason::Left, "l"),
    (Reason::Refused, "r"),
    (Reason::ShortLived, "s"),
    (Reason::OutOfReach, "o"),
];

fn letter(because: Reason) -> &'static str {
    let found = LETTERS.iter().find(|(reason, _)| *reason == because);
    found.map_or("f", |(_, letter)| letter)
}

/// Everything that was left; `None` where that is not for us.
pub fn read(text: &[u8]) -> Option<(Option<[i32; 3]>, Vec<Left>)> {
    let records = text.strip_prefix(head().as_slice())?;
    let mut records = records
        .split(|byte| *byte == 0)
        .filter(|record| !record.is_empty())
        .peekable();
    let control = records.next_if(|record| record.starts_with(CONTROL.as_bytes()));
    let control = match control {
        Some(record) => Some(numbers(record)?),
        None => None,
    };
    Some((control, records.map(parse).collect::<Option<_>>()?))
}

fn numbers(record: &[u8]) -> Option<[i32; 3]> {
    let words = str::from_utf8(record).ok()?.split(' ').skip(1);
    let numbers = words.map(|word| word.parse().ok());
    numbers.collect::<Option<Vec<_>>>()?.try_into().ok()
}

fn parse(record: &[u8]) -> Option<Left> {
    let mut words = record.splitn(9, |byte| *byte == b' ');
    let mut next = || words.next();
    let mut text = || str::from_utf8(next()?).ok();
    let (device, inode) = (text()?.parse().ok()?, text()?.parse().ok()?);
    let born = match text()? {
        "-" => None,
        nanos => Some(SystemTime::UNIX_EPOCH + duration(nanos)?),
    };
    let listed = text()? == "listed";
    let pipe = match (text()?, text()?) {
        ("-", _) | (_, "-") => None,
        (reading, writing) => Some((reading.parse().ok()?, writing.parse().ok()?)),
    };
    let main = process(text()?)?;
    let log = match text()? {
        "-" => None,
        word => Some(process(word)?),
    };
    Some(Left {
        identity: Identity {
            device,
            inode,
            born,
        },
        name: next()?.to_vec(),
        service: Service {
            stage: Stage::Known { main, log },
            listed,
            stop: None,
        },
        pipe,
    })
}

fn process(word: &str) -> Option<Process> {
    let Some((what, nanos)) = word.split_once('@') else {
        return (word == "down").then_some(Process::Down);
    };
    let moment = Moment::at(duration(nanos)?);
    let reason = LETTERS.iter().find(|(_, letter)| *letter == what);
    match reason {
        Some((because, _)) => Some(Process::Waiting(Wait {
            until: moment,
            because: *because,
        })),
        None => Some(Process::Running {
            pid: Pid::from_raw(what.parse().ok()?),
            since: moment,
        }),
    }
}

fn duration(nanos: &str) -> Option<Duration> {
    let nanos: u128 = nanos.parse().ok()?;
    let seconds = u64::try_from(nanos / 1_000_000_000).ok()?;
    let rest = u32::try_from(nanos % 1_000_000_000).ok()?;
    Some(Duration::new(seconds, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(main: Process, log: Option<Process>) -> Left {
        Left {
            identity: Identity {
                device: 1,
                inode: 2,
                born: Some(SystemTime::UNIX_EPOCH + Duration::new(7, 8)),
            },
            name: b"a b\n\xff".to_vec(),
            service: Service {
                stage: Stage::Known { main, log },
                listed: true,
                stop: None,
            },
            pipe: log.map(|_| (7, 8)),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let moment = Moment::at(Duration::new(3, 4));
        let running = Process::Running {
            pid: Pid::from_raw(77),
            since: moment,
        };
        let waits = LETTERS.map(|(because, _)| {
            Process::Waiting(Wait {
                until: moment,
                because,
            })
        });
        let all = [Process::Down, running].into_iter().chain(waits);
        for main in all {
            for log in [None, Some(Process::Down), Some(running)] {
                let left = left(main, log);
                let text = [head(), record(&left)].concat();
                assert_eq!(read(&text), Some((None, vec![left])));
            }
        }
    }

    #[test]
    fn what_another_version_or_nobody_has_written_is_refused() {
        assert_eq!(read(b"svscan 1\0"), Some((None, vec![])));
        let control = b"svscan 1\0control 3 4 5\0";
        assert_eq!(read(control), Some((Some([3, 4, 5]), vec![])));
        for text in [&b"svscan 2\0"[..], b"", b"svscan 1", b"svscan 1\0a b\0"] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }
}
