//! The record `supervise/record`: what the next `supervise` must know to go on
//! where a killed one stopped.
//!
//! Two slots of the same layout follow each other. A record goes into the slot
//! that does not hold the newest one, so that the other is whole whenever the
//! writer is killed; the reader takes the newest slot that is whole.

use std::time::Duration;

use crate::Want;

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

/// The first bytes of a slot. The last is the version of the layout.
const MAGIC: [u8; 8] = *b"dt-sv\0\0\x01";

const PAUSED: u8 = 1;
const LEAVING: u8 = 2;
const DUE: u8 = 4;

impl Record {
    /// The version of the layout. A reader takes only its own.
    pub const VERSION: u8 = MAGIC[7];
    /// Bytes in a slot.
    pub const SLOT: usize = 128;
    /// Bytes in the file.
    pub const FILE: usize = 2 * Self::SLOT;

    /// Where in the file the record of this number goes.
    #[must_use]
    pub const fn offset(number: u64) -> u64 {
        if number.is_multiple_of(2) {
            0
        } else {
            Self::SLOT as u64
        }
    }

    /// The slot's bytes. Each record has a `number` that is greater by one than
    /// that of the one before it.
    #[must_use]
    pub fn encode(&self, number: u64) -> [u8; Self::SLOT] {
        let mut slot = Slot::default();
        slot.put(&MAGIC);
        slot.put(&number.to_le_bytes());
        slot.put(&self.boot.unwrap_or_default());
        slot.put_process(Some(self.supervise));
        slot.put_process(self.service);
        slot.put(&self.since.0.to_le_bytes());
        slot.put(&self.since.1.to_le_bytes());
        slot.put(&nanos(self.since_boot).to_le_bytes());
        slot.put(&nanos(self.not_before).to_le_bytes());
        let flags = [
            (self.paused, PAUSED),
            (self.leaving, LEAVING),
            (self.due, DUE),
        ];
        let set = flags.iter().filter(|(set, _)| *set);
        slot.put(&[self.want.byte(), set.map(|(_, flag)| flag).sum()]);
        slot.sealed()
    }

    /// A slot's record and its number; `None` where the slot is not whole, not of
    /// this version, or never written.
    #[must_use]
    pub fn decode(slot: &[u8]) -> Option<(u64, Self)> {
        let (content, sum) = slot.split_last_chunk()?;
        if slot.len() != Self::SLOT || checksum(content) != u64::from_le_bytes(*sum) {
            return None;
        }
        let mut fields = Fields(content);
        if fields.take()? != MAGIC {
            return None;
        }
        let number = u64::from_le_bytes(fields.take()?);
        let boot = fields.take::<16>()?;
        let supervise = process(fields.take()?, fields.take()?);
        let service = process(fields.take()?, fields.take()?);
        let since = (
            u64::from_le_bytes(fields.take()?),
            u32::from_le_bytes(fields.take()?),
        );
        let since_boot = Duration::from_nanos(u64::from_le_bytes(fields.take()?));
        let not_before = Duration::from_nanos(u64::from_le_bytes(fields.take()?));
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

    /// The newest whole record of a file, and its number.
    #[must_use]
    pub fn newest(file: &[u8]) -> Option<(u64, Self)> {
        file.chunks(Self::SLOT)
            .take(2)
            .filter_map(Self::decode)
            .max_by_key(|(number, _)| *number)
    }
}

/// 584 years of them fit.
fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// FNV-1a: no change of a single byte goes unnoticed.
fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// A slot that is being filled from its beginning.
struct Slot {
    bytes: [u8; Record::SLOT],
    used: usize,
}

impl Default for Slot {
    fn default() -> Self {
        Self {
            bytes: [0; Record::SLOT],
            used: 0,
        }
    }
}

impl Slot {
    fn put(&mut self, field: &[u8]) {
        let places = self.bytes.iter_mut().skip(self.used);
        places.zip(field).for_each(|(place, byte)| *place = *byte);
        self.used += field.len();
    }

    fn put_process(&mut self, process: Option<Incarnation>) {
        let pid = process.map_or(0, |process| process.pid);
        let start = process.and_then(|process| process.start).unwrap_or(0);
        self.put(&pid.to_le_bytes());
        self.put(&start.to_le_bytes());
    }

    /// With its checksum in the last eight bytes.
    fn sealed(mut self) -> [u8; Record::SLOT] {
        if let Some((content, sum)) = self.bytes.split_last_chunk_mut() {
            *sum = checksum(content).to_le_bytes();
        }
        self.bytes
    }
}

/// What is left of a slot to be read.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*field)
    }
}

/// Of the two fields of a process; none has the number 0.
fn process(pid: [u8; 4], start: [u8; 8]) -> Option<Incarnation> {
    let pid = u32::from_le_bytes(pid);
    let start = u64::from_le_bytes(start);
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
