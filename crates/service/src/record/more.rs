use std::time::Duration;

use super::{Incarnation, Record, process, put_process};
use crate::Want;
use crate::codec::{Fields, Slot, time};
use crate::deaths::Role;
use crate::details::Reason;

/// What is on record besides a [`Record`] where a service is more than a `run`
/// that is started again and again: version 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct More {
    /// What the process is that the record names, or that is due.
    pub role: Role,
    /// The service has come up and is not down for good.
    pub up: bool,
    /// It is down because something failed.
    pub failed: bool,
    /// The log that the same `supervise` runs.
    pub log: Option<LogRecord>,
    /// The program `notify` that is running.
    pub notify: Option<Helper>,
    /// Why the service failed, or is or was stopped, if it was not by command.
    pub cause: Reason,
    /// What counts about its deaths and its end.
    pub counts: Counts,
    /// The programs in `control`, and `check`.
    pub beside: Besides,
    /// What the service has said of itself.
    pub said: Said,
    /// What it is to be told next, in order; after the first `None` there is
    /// nothing.
    pub notices: [Option<Notice>; More::NOTICES],
}

/// What a service has behind it and before it. Moments are readings of
/// `CLOCK_MONOTONIC`; zero is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Counts {
    /// A death before this moment is an early one.
    pub stable_at: Duration,
    /// Early deaths in a row.
    pub early: u8,
    /// When the starts began that are counted.
    pub counted_from: Duration,
    /// Starts since then.
    pub starts: u16,
    /// The process whose death is being tidied up after, and that death.
    pub ended: Option<(u32, What)>,
    /// The process has said that it is ready.
    pub ready: bool,
    /// By when it has to.
    pub up_by: Duration,
    /// Signals that it has been sent so that it ends.
    pub sent: u8,
    /// When it is sent the next.
    pub next: Duration,
    /// When it is killed.
    pub kill: Duration,
}

/// What runs beside the service, or is to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Besides {
    /// The program in `control` that runs, and what for.
    pub hook: Option<(u8, Helper)>,
    /// The service that it was started for has not gone.
    pub hook_live: bool,
    /// What those after it are for; after the first 0 there is nothing.
    pub hooks: [u8; Besides::HOOKS],
    /// The program `check` that runs.
    pub check: Option<Helper>,
    /// The service that it was started for has not gone.
    pub check_live: bool,
}

impl Besides {
    /// Programs in `control` that wait at the most.
    pub const HOOKS: usize = 16;
}

/// What a service has said of itself, and when it is to be heard of again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Said {
    /// It says that it is ending.
    pub stopping: bool,
    /// From one sign of life to the next at the most, where it has said so.
    pub every: Option<Duration>,
    /// When the next one is due; zero is never.
    pub by: Duration,
}

/// A log's share of the record; its fields mean what those of [`Record`] do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "said of the record")]
pub struct LogRecord {
    pub service: Option<Incarnation>,
    pub want: Want,
    pub paused: bool,
    pub due: bool,
    pub leaving: bool,
    pub since: (u64, u32),
    pub since_boot: Duration,
    pub not_before: Duration,
    /// The device and the inode of the pipe that it reads.
    pub pipe: (u64, u64),
}

/// A program that runs beside the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Helper {
    /// Its process.
    pub process: Incarnation,
    /// Its time is over at this reading of `CLOCK_MONOTONIC`.
    pub until: Duration,
}

/// Something that `notify` is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Notice {
    /// Whose process.
    pub role: Role,
    /// What happened to it.
    pub what: What,
    /// The process.
    pub pid: u32,
}

/// What happens to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum What {
    /// It was started.
    Started,
    /// It exited with this code.
    Exited(u8),
    /// This signal killed it.
    Killed(u8),
    /// It has gone, and how is not known.
    Gone,
}

impl What {
    const fn bytes(self) -> [u8; 2] {
        match self {
            Self::Started => [1, 0],
            Self::Exited(code) => [2, code],
            Self::Killed(signal) => [3, signal],
            Self::Gone => [4, 0],
        }
    }

    const fn from_bytes(bytes: [u8; 2]) -> Option<Self> {
        match bytes {
            [1, _] => Some(Self::Started),
            [2, code] => Some(Self::Exited(code)),
            [3, signal] => Some(Self::Killed(signal)),
            [4, _] => Some(Self::Gone),
            _ => None,
        }
    }
}

const UP: u8 = 1;
const FAILED: u8 = 2;
const PAUSED: u8 = 1;
const LEAVING: u8 = 2;
const DUE: u8 = 4;
const LOG: u8 = 128;

impl More {
    /// The version of the layout.
    pub const VERSION: u8 = 2;
    /// Bytes in a slot.
    pub const SLOT: usize = 512;
    /// Notices that wait at the most.
    pub const NOTICES: usize = 8;

    /// Nothing more.
    pub const NOTHING: Self = Self {
        role: Role::Run,
        up: false,
        failed: false,
        log: None,
        notify: None,
        cause: Reason::None,
        counts: Counts {
            stable_at: Duration::ZERO,
            early: 0,
            counted_from: Duration::ZERO,
            starts: 0,
            ended: None,
            ready: false,
            up_by: Duration::ZERO,
            sent: 0,
            next: Duration::ZERO,
            kill: Duration::ZERO,
        },
        beside: Besides {
            hook: None,
            hook_live: false,
            hooks: [0; Besides::HOOKS],
            check: None,
            check_live: false,
        },
        said: Said {
            stopping: false,
            every: None,
            by: Duration::ZERO,
        },
        notices: [None; Self::NOTICES],
    };

    /// Where in the file the record of this number goes.
    #[must_use]
    pub const fn offset(number: u64) -> u64 {
        if number.is_multiple_of(2) {
            0
        } else {
            Self::SLOT as u64
        }
    }

    /// The bytes of a slot for both.
    #[must_use]
    pub fn encode(&self, record: &Record, number: u64) -> [u8; Self::SLOT] {
        let mut slot = Slot::new();
        record.put(&mut slot, Self::VERSION, number);
        let up = if self.up { UP } else { 0 };
        let failed = if self.failed { FAILED } else { 0 };
        slot.put(&[self.role.byte(), up | failed]);
        put_log(&mut slot, self.log.as_ref());
        put_helper(&mut slot, self.notify.as_ref());
        slot.put(&[self.cause.byte()]);
        put_counts(&mut slot, &self.counts);
        for notice in self.notices.iter().flatten() {
            slot.put(&[notice.role.byte()]);
            slot.put(&notice.what.bytes());
            slot.put(&notice.pid.to_le_bytes());
        }
        let unused = self.notices.iter().filter(|notice| notice.is_none());
        unused.for_each(|_| slot.put(&[0; NOTICE_BYTES]));
        put_besides(&mut slot, &self.beside);
        let said = &self.said;
        slot.put(&[u8::from(said.stopping), u8::from(said.every.is_some())]);
        slot.put(&time(said.every.unwrap_or_default()));
        slot.put(&time(said.by));
        slot.sealed()
    }

    /// A slot's number, record, and the rest.
    #[must_use]
    pub fn decode(slot: &[u8]) -> Option<(u64, Record, Self)> {
        let mut fields = Fields::of(slot, Self::SLOT)?;
        let (number, record) = Record::take(&mut fields, Self::VERSION)?;
        let [role, flags] = fields.take()?;
        let (has_log, log) = take_log(&mut fields)?;
        let notify = take_helper(&mut fields)?;
        let cause = Reason::from_byte(fields.byte()?);
        let counts = take_counts(&mut fields)?;
        let mut more = Self {
            role: Role::from_byte(role),
            up: flags & UP != 0,
            failed: flags & FAILED != 0,
            log: has_log.then_some(log),
            notify,
            cause,
            counts,
            ..Self::NOTHING
        };
        for place in &mut more.notices {
            let role = Role::from_byte(fields.byte()?);
            let what = What::from_bytes(fields.take()?);
            let pid = fields.u32()?;
            *place = what.map(|what| Notice { role, what, pid });
        }
        more.beside = take_besides(&mut fields)?;
        let [stopping, given] = fields.take()?;
        let (every, by) = (fields.time()?, fields.time()?);
        more.said = Said {
            stopping: stopping != 0,
            every: (given != 0).then_some(every),
            by,
        };
        Some((number, record, more))
    }
}

fn put_log<const N: usize>(slot: &mut Slot<N>, log: Option<&LogRecord>) {
    let Some(log) = log else {
        slot.put(&[0; LOG_BYTES]);
        return;
    };
    put_process(slot, log.service);
    slot.put(&log.since.0.to_le_bytes());
    slot.put(&log.since.1.to_le_bytes());
    slot.put(&time(log.since_boot));
    slot.put(&time(log.not_before));
    slot.put(&log.pipe.0.to_le_bytes());
    slot.put(&log.pipe.1.to_le_bytes());
    let flags = [
        (log.paused, PAUSED),
        (log.leaving, LEAVING),
        (log.due, DUE),
        (true, LOG),
    ];
    let set = flags.iter().filter(|(set, _)| *set);
    slot.put(&[log.want.byte(), set.map(|(_, flag)| flag).sum()]);
}

const NOTICE_BYTES: usize = 1 + 2 + 4;
const LOG_BYTES: usize = 12 + 12 + 8 + 8 + 16 + 2;

/// With whether there is any.
fn take_log(fields: &mut Fields<'_>) -> Option<(bool, LogRecord)> {
    let service = process(fields.u32()?, fields.u64()?);
    let since = (fields.u64()?, fields.u32()?);
    let (since_boot, not_before) = (fields.time()?, fields.time()?);
    let pipe = (fields.u64()?, fields.u64()?);
    let [want, flags] = fields.take()?;
    let log = LogRecord {
        service,
        want: Want::from_byte(want),
        paused: flags & PAUSED != 0,
        due: flags & DUE != 0,
        leaving: flags & LEAVING != 0,
        since,
        since_boot,
        not_before,
        pipe,
    };
    Some((flags & LOG != 0, log))
}

fn put_helper<const N: usize>(slot: &mut Slot<N>, helper: Option<&Helper>) {
    put_process(slot, helper.map(|helper| helper.process));
    slot.put(&time(helper.map_or(Duration::ZERO, |helper| helper.until)));
}

/// The outer `None` is a slot cut short.
#[expect(
    clippy::option_option,
    reason = "one is of the slot, one of its content"
)]
fn take_helper(fields: &mut Fields<'_>) -> Option<Option<Helper>> {
    let process = process(fields.u32()?, fields.u64()?);
    let until = fields.time()?;
    Some(process.map(|process| Helper { process, until }))
}

const HOOK_LIVE: u8 = 1;
const CHECK_LIVE: u8 = 2;

/// Where an older program has left zeros there is nothing.
fn put_besides<const N: usize>(slot: &mut Slot<N>, besides: &Besides) {
    let (hook, helper) = besides.hook.unzip();
    slot.put(&[hook.unwrap_or(0)]);
    put_helper(slot, helper.as_ref());
    slot.put(&besides.hooks);
    put_helper(slot, besides.check.as_ref());
    let flags = [
        (besides.hook_live, HOOK_LIVE),
        (besides.check_live, CHECK_LIVE),
    ];
    let set = flags.iter().filter(|(set, _)| *set);
    slot.put(&[set.map(|(_, flag)| flag).sum()]);
}

fn take_besides(fields: &mut Fields<'_>) -> Option<Besides> {
    let hook = fields.byte()?;
    let helper = take_helper(fields)?;
    let hooks = fields.take()?;
    let check = take_helper(fields)?;
    let flags = fields.byte()?;
    Some(Besides {
        hook: helper.map(|helper| (hook, helper)),
        hook_live: flags & HOOK_LIVE != 0,
        hooks,
        check,
        check_live: flags & CHECK_LIVE != 0,
    })
}

fn put_counts<const N: usize>(slot: &mut Slot<N>, counts: &Counts) {
    for moment in [
        counts.stable_at,
        counts.counted_from,
        counts.up_by,
        counts.next,
        counts.kill,
    ] {
        slot.put(&time(moment));
    }
    slot.put(&counts.starts.to_le_bytes());
    slot.put(&[counts.early, counts.sent, u8::from(counts.ready)]);
    let (pid, what) = counts.ended.unwrap_or((0, What::Gone));
    slot.put(&pid.to_le_bytes());
    slot.put(&what.bytes());
}

fn take_counts(fields: &mut Fields<'_>) -> Option<Counts> {
    let (stable_at, counted_from) = (fields.time()?, fields.time()?);
    let (up_by, next, kill) = (fields.time()?, fields.time()?, fields.time()?);
    let starts = u16::from_le_bytes(fields.take()?);
    let [early, sent, ready] = fields.take()?;
    let pid = fields.u32()?;
    let what = What::from_bytes(fields.take()?)?;
    Some(Counts {
        stable_at,
        early,
        counted_from,
        starts,
        ended: (pid != 0).then_some((pid, what)),
        ready: ready != 0,
        up_by,
        sent,
        next,
        kill,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::newest;

    const RECORD: Record = Record {
        boot: None,
        supervise: Incarnation {
            pid: 1,
            start: Some(2),
        },
        service: None,
        want: Want::Up,
        paused: false,
        due: true,
        leaving: false,
        since: (3, 4),
        since_boot: Duration::from_nanos(5),
        not_before: Duration::from_nanos(6),
    };

    fn everything() -> More {
        let process = Incarnation {
            pid: 7,
            start: Some(8),
        };
        let mut notices = [None; More::NOTICES];
        let all = [What::Started, What::Exited(9), What::Killed(10), What::Gone];
        for (place, what) in notices.iter_mut().zip(all) {
            *place = Some(Notice {
                role: Role::Stop,
                what,
                pid: 11,
            });
        }
        More {
            role: Role::Start,
            up: true,
            failed: true,
            log: Some(LogRecord {
                service: Some(process),
                want: Want::Down,
                paused: true,
                due: true,
                leaving: true,
                since: (12, 13),
                since_boot: Duration::from_nanos(14),
                not_before: Duration::from_nanos(15),
                pipe: (16, 17),
            }),
            notify: Some(Helper {
                process,
                until: Duration::from_nanos(18),
            }),
            cause: Reason::Watchdog,
            counts: Counts {
                stable_at: Duration::from_nanos(19),
                early: 20,
                counted_from: Duration::from_nanos(21),
                starts: 2200,
                ended: Some((23, What::Killed(24))),
                ready: true,
                up_by: Duration::from_nanos(25),
                sent: 26,
                next: Duration::from_nanos(27),
                kill: Duration::from_nanos(28),
            },
            beside: Besides {
                hook: Some((
                    b't',
                    Helper {
                        process,
                        until: Duration::from_nanos(29),
                    },
                )),
                hook_live: true,
                hooks: *b"dx\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
                check: Some(Helper {
                    process,
                    until: Duration::from_nanos(30),
                }),
                check_live: true,
            },
            said: Said {
                stopping: true,
                every: Some(Duration::from_nanos(31)),
                by: Duration::from_nanos(32),
            },
            notices,
        }
    }

    #[test]
    fn what_is_written_is_read() {
        for more in [More::NOTHING, everything()] {
            let slot = more.encode(&RECORD, 7);
            assert_eq!(More::decode(&slot), Some((7, RECORD, more)));
            assert_eq!(Record::decode(&slot), None);
        }
    }

    #[test]
    fn the_newest_of_either_version_counts() {
        let mut file = vec![0; Record::FILE];
        file[..128].copy_from_slice(&RECORD.encode(4));
        assert_eq!(newest(&file), Some((4, RECORD, None)));
        file[512..].copy_from_slice(&everything().encode(&RECORD, 5));
        assert_eq!(newest(&file), Some((5, RECORD, Some(everything()))));
        assert_eq!(Record::newest(&file), Some((5, RECORD)));
        // Written over what version 1 has left.
        file[..512].copy_from_slice(&More::NOTHING.encode(&RECORD, 6));
        assert_eq!(newest(&file), Some((6, RECORD, Some(More::NOTHING))));
        assert_eq!(newest(&file[..256]), None, "what an older program sees");
        // Cut short while it was written.
        file[300] ^= 1;
        assert_eq!(newest(&file), Some((5, RECORD, Some(everything()))));
    }
}
