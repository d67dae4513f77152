//! The record `supervise/record`: what the next `supervise` must know to go on
//! where a killed one stopped.
//!
//! Two slots of the same layout follow each other. A record goes into the slot
//! that does not hold the newest one, so that the other is whole whenever the
//! writer is killed; the reader takes the newest slot that is whole.

use std::time::Duration;

use crate::Want;
use crate::codec::{Fields, Slot, time};

mod more;

pub use more::{Besides, Counts, Helper, LogRecord, More, Notice, What};

/// A process, as no later process of the same number can be taken for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Incarnation {
    /// Its process id; not 0.
    pub pid: u32,
    /// When it started, in the kernel's clock ticks since the boot; `None` where
    /// /proc did not tell.
    pub start: Option<u64>,
}

/// What is known at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Record {
    /// The boot that all the other numbers belong to; `None` where /proc did not
    /// tell.
    pub boot: Option<[u8; 16]>,
    /// The `supervise` that wrote the record, and holds the lock as long as it
    /// lives.
    pub supervise: Incarnation,
    /// The service's process, if there is one. One that the record names may
    /// have died since; one that it does not name was never executed.
    pub service: Option<Incarnation>,
    /// What is to become of the service.
    pub want: Want,
    /// Paused by `svc -p`.
    pub paused: bool,
    /// A start has been decided on and not been made yet.
    pub due: bool,
    /// `svc -x` was given. With no process and none due this is an exit in order.
    pub leaving: bool,
    /// When the process last came or went, as in the status file: TAI64 seconds
    /// and nanoseconds, by the wall's clock.
    pub since: (u64, u32),
    /// The same moment on the clock that counts from the boot (`CLOCK_BOOTTIME`).
    pub since_boot: Duration,
    /// No process is started before this reading of `CLOCK_MONOTONIC`.
    pub not_before: Duration,
}

/// The first bytes of a slot but for the last, which is the version of the layout.
const MAGIC: [u8; 7] = *b"dt-sv\0\0";

const PAUSED: u8 = 1;
const LEAVING: u8 = 2;
const DUE: u8 = 4;

impl Record {
    /// The version of the layout of a record that is by itself.
    pub const VERSION: u8 = 1;
    /// Bytes in a slot of it.
    pub const SLOT: usize = 128;
    /// Bytes in the longest file.
    pub const FILE: usize = 2 * More::SLOT;

    /// Where in the file the record of this number goes.
    #[must_use]
    pub const fn offset(number: u64) -> u64 {
        if number.is_multiple_of(2) {
            0
        } else {
            Self::SLOT as u64
        }
    }

    /// The slot's bytes. Each record has a `number` that is greater than that of
    /// the one before it.
    #[must_use]
    pub fn encode(&self, number: u64) -> [u8; Self::SLOT] {
        let mut slot = Slot::new();
        self.put(&mut slot, Self::VERSION, number);
        slot.sealed()
    }

    fn put<const N: usize>(&self, slot: &mut Slot<N>, version: u8, number: u64) {
        slot.put(&MAGIC);
        slot.put(&[version]);
        slot.put(&number.to_le_bytes());
        slot.put(&self.boot.unwrap_or_default());
        put_process(slot, Some(self.supervise));
        put_process(slot, self.service);
        slot.put(&self.since.0.to_le_bytes());
        slot.put(&self.since.1.to_le_bytes());
        slot.put(&time(self.since_boot));
        slot.put(&time(self.not_before));
        let flags = [
            (self.paused, PAUSED),
            (self.leaving, LEAVING),
            (self.due, DUE),
        ];
        let set = flags.iter().filter(|(set, _)| *set);
        slot.put(&[self.want.byte(), set.map(|(_, flag)| flag).sum()]);
    }

    /// A slot's record and its number; `None` where the slot is not whole, not of
    /// this version, or never written.
    #[must_use]
    pub fn decode(slot: &[u8]) -> Option<(u64, Self)> {
        Self::take(&mut Fields::of(slot, Self::SLOT)?, Self::VERSION)
    }

    fn take(fields: &mut Fields<'_>, version: u8) -> Option<(u64, Self)> {
        if fields.take()? != MAGIC || fields.byte()? != version {
            return None;
        }
        let number = fields.u64()?;
        let boot = fields.take::<16>()?;
        let supervise = process(fields.u32()?, fields.u64()?);
        let service = process(fields.u32()?, fields.u64()?);
        let since = (fields.u64()?, fields.u32()?);
        let (since_boot, not_before) = (fields.time()?, fields.time()?);
        let [want, flags] = fields.take()?;
        let record = Self {
            boot: (boot != [0; 16]).then_some(boot),
            supervise: supervise?,
            service,
            want: Want::from_byte(want),
            paused: flags & PAUSED != 0,
            due: flags & DUE != 0,
            leaving: flags & LEAVING != 0,
            since,
            since_boot,
            not_before,
        };
        Some((number, record))
    }

    /// The newest whole record of a file, of either version, and its number.
    #[must_use]
    pub fn newest(file: &[u8]) -> Option<(u64, Self)> {
        let (number, record, _) = newest(file)?;
        Some((number, record))
    }
}

/// The newest whole record of a file, its number before it and whatever more it
/// says after it.
#[must_use]
pub fn newest(file: &[u8]) -> Option<(u64, Record, Option<More>)> {
    let alone = file.chunks(Record::SLOT).take(2).filter_map(Record::decode);
    let alone = alone.map(|(number, record)| (number, record, None));
    let longer = file.chunks(More::SLOT).take(2).filter_map(More::decode);
    let longer = longer.map(|(number, record, more)| (number, record, Some(more)));
    alone.chain(longer).max_by_key(|(number, ..)| *number)
}

fn put_process<const N: usize>(slot: &mut Slot<N>, process: Option<Incarnation>) {
    let pid = process.map_or(0, |process| process.pid);
    let start = process.and_then(|process| process.start).unwrap_or(0);
    slot.put(&pid.to_le_bytes());
    slot.put(&start.to_le_bytes());
}

/// Of two fields; none has the number 0.
fn process(pid: u32, start: u64) -> Option<Incarnation> {
    let start = (start != 0).then_some(start);
    (pid != 0).then_some(Incarnation { pid, start })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: Record = Record {
        boot: Some(*b"0123456789abcdef"),
        supervise: Incarnation {
            pid: 4711,
            start: Some(987_654_321),
        },
        service: Some(Incarnation {
            pid: 4712,
            start: None,
        }),
        want: Want::Up,
        paused: true,
        due: false,
        leaving: false,
        since: (0x4000_0000_6b03_223b, 719_999_500),
        since_boot: Duration::from_nanos(1_234_567_890_123),
        not_before: Duration::from_nanos(1_234_567_890_124),
    };

    #[test]
    fn what_is_written_is_read() {
        let down = Record {
            boot: None,
            service: None,
            want: Want::Down,
            paused: false,
            due: true,
            leaving: true,
            ..RECORD
        };
        for record in [RECORD, down] {
            let slot = record.encode(7);
            assert_eq!(Record::decode(&slot), Some((7, record)));
        }
    }

    /// A process that came in 2106, on a machine that has run for a century.
    #[test]
    fn no_moment_of_a_record_ends_at_32_bits() {
        let record = Record {
            since: ((1 << 62) + 10 + (1 << 32), 1),
            since_boot: Duration::from_hours(876_600),
            not_before: Duration::from_secs(1 << 33),
            ..RECORD
        };
        assert_eq!(Record::decode(&record.encode(7)), Some((7, record)));
    }

    /// Another layout needs another version.
    #[test]
    fn the_layout_is_as_documented() {
        let slot = RECORD.encode(0x0102);
        assert_eq!(slot[..8], *b"dt-sv\0\0\x01");
        assert_eq!(slot[8..16], [2, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(slot[16..32], *b"0123456789abcdef");
        assert_eq!(slot[32..36], 4711_u32.to_le_bytes());
        assert_eq!(slot[36..44], 987_654_321_u64.to_le_bytes());
        assert_eq!(slot[44..48], 4712_u32.to_le_bytes());
        assert_eq!(slot[48..56], [0; 8]);
        assert_eq!(slot[56..64], 0x4000_0000_6b03_223b_u64.to_le_bytes());
        assert_eq!(slot[64..68], 719_999_500_u32.to_le_bytes());
        assert_eq!(slot[68..76], 1_234_567_890_123_u64.to_le_bytes());
        assert_eq!(slot[76..84], 1_234_567_890_124_u64.to_le_bytes());
        assert_eq!(slot[84..86], [b'u', 1]);
        assert_eq!(slot[86..120], [0; 34]);
    }

    #[test]
    fn no_flipped_bit_goes_unnoticed() {
        let slot = RECORD.encode(7);
        for bit in 0..8 * Record::SLOT {
            let mut flipped = slot;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Record::decode(&flipped), None, "bit {bit}");
        }
    }

    #[test]
    fn a_slot_cut_short_or_never_written_is_none() {
        let slot = RECORD.encode(7);
        for length in 0..Record::SLOT {
            assert_eq!(Record::decode(&slot[..length]), None, "{length} bytes");
        }
        assert_eq!(Record::decode(&[&slot[..], &[0]].concat()), None);
        assert_eq!(Record::decode(&[0; Record::SLOT]), None);
    }

    #[test]
    fn the_newest_whole_slot_counts() {
        let older = Record {
            want: Want::Down,
            ..RECORD
        };
        let mut file = [older.encode(8), RECORD.encode(9)].concat();
        assert_eq!(Record::newest(&file), Some((9, RECORD)));
        assert_eq!(Record::newest(&file[..200]), Some((8, older)));
        // Killed, or the machine stopped, while the newest was written.
        file[130] ^= 1;
        assert_eq!(Record::newest(&file), Some((8, older)));
        assert_eq!(Record::newest(&[]), None);
        assert_eq!((Record::offset(8), Record::offset(9)), (0, 128));
    }
}
