//! `supervise/deaths`: how the last processes of a service ended.
//!
//! The file is a ring of slots of one size. The death of number `n`, counted from
//! 0 for as long as the file exists, is in slot `n` modulo the ring's capacity;
//! so the newest always takes the place of the oldest, one write does it, and a
//! writer that is killed meanwhile spoils only the slot of a death that was to be
//! forgotten.
//!
//! A slot has 80 bytes, numbers with the least significant byte first:
//!
//! | bytes | what |
//! |---|---|
//! | 0 to 7 | `dt-rip`, 0, the version 1 |
//! | 8 to 15 | the death's number |
//! | 16 to 27 | when it was noticed: TAI64 seconds (8) and nanoseconds (4) |
//! | 28 to 35 | how long the process had lived, in nanoseconds |
//! | 36 to 39 | its process id |
//! | 40 | which program it was: see [`Role`] |
//! | 41 | 0 exit code, 1 signal, 2 not known |
//! | 42 | the exit code or the signal's number |
//! | 43 | 1 dumped core + 2 killed for want of memory |
//! | 44 to 51 | most memory it ever had, in KiB |
//! | 52 to 59 | processor time in its own code, in microseconds |
//! | 60 to 67 | processor time in the kernel, in microseconds |
//! | 68 to 71 | 0 |
//! | 72 to 79 | checksum (FNV-1a of all before) |

use std::time::Duration;

use crate::codec::{Fields, Slot, time};

/// The file's name in `supervise/`.
pub const NAME: &str = "deaths";
/// Deaths that are kept where `max-death-tally` does not say otherwise.
pub const CAPACITY: u32 = 100;
/// Bytes in a slot.
pub const SLOT: usize = 80;

const MAGIC: [u8; 8] = *b"dt-rip\0\x01";
const CORE: u8 = 1;
const MEMORY: u8 = 2;

/// Which of a service's programs a process was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// `run`.
    Run,
    /// `start`, before it.
    Start,
    /// `stop`, after the last death.
    Stop,
    /// `finish`, after each death.
    Finish,
    /// `check`.
    Check,
    /// `notify`.
    Notify,
    /// A hook below `control/`.
    Control,
    /// `log`, where it is a program.
    Log,
    /// Any other byte.
    Unknown(u8),
}

impl Role {
    /// Those that have a name.
    pub const ALL: [Self; 8] = [
        Self::Run,
        Self::Start,
        Self::Stop,
        Self::Finish,
        Self::Check,
        Self::Notify,
        Self::Control,
        Self::Log,
    ];

    /// The byte.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Run => 0,
            Self::Start => 1,
            Self::Stop => 2,
            Self::Finish => 3,
            Self::Check => 4,
            Self::Notify => 5,
            Self::Control => 6,
            Self::Log => 7,
            Self::Unknown(byte) => byte,
        }
    }

    /// What the byte says.
    #[must_use]
    pub fn from_byte(byte: u8) -> Self {
        let known = Self::ALL.into_iter().find(|role| role.byte() == byte);
        known.unwrap_or(Self::Unknown(byte))
    }

    /// Whether it runs beside `run`.
    #[must_use]
    pub const fn is_beside(self) -> bool {
        matches!(self, Self::Control | Self::Check)
    }

    /// The program's name in the service directory.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Finish => "finish",
            Self::Check => "check",
            Self::Notify => "notify",
            Self::Control => "control",
            Self::Log => "log",
            Self::Unknown(_) => "unknown",
        }
    }
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ending {
    /// By itself, with this code.
    Code(u8),
    /// By the signal of this number.
    Signal(u8),
    /// It was not our child, and nobody knows.
    Unknown,
}

impl Ending {
    pub(crate) const fn bytes(self) -> [u8; 2] {
        match self {
            Self::Code(code) => [0, code],
            Self::Signal(number) => [1, number],
            Self::Unknown => [2, 0],
        }
    }

    pub(crate) const fn from_bytes(bytes: [u8; 2]) -> Self {
        match bytes {
            [0, code] => Self::Code(code),
            [1, number] => Self::Signal(number),
            _ => Self::Unknown,
        }
    }
}

/// One death.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Death {
    /// When it was noticed, by the wall's clock: TAI64 seconds and nanoseconds.
    pub at: (u64, u32),
    /// How long the process had lived.
    pub uptime: Duration,
    /// The process.
    pub pid: u32,
    /// Which program it was.
    pub role: Role,
    /// How it ended.
    pub ending: Ending,
    /// It dumped core.
    pub core_dumped: bool,
    /// The kernel killed it, or one of its kind, for want of memory.
    pub out_of_memory: bool,
    /// The most memory it ever had, in KiB.
    pub peak_memory: u64,
    /// Processor time in its own code.
    pub user_time: Duration,
    /// Processor time that the kernel spent on it.
    pub system_time: Duration,
}

impl Death {
    /// The slot's bytes.
    #[must_use]
    pub fn encode(&self, number: u64) -> [u8; SLOT] {
        let mut slot = Slot::new();
        slot.put(&MAGIC);
        slot.put(&number.to_le_bytes());
        slot.put(&self.at.0.to_le_bytes());
        slot.put(&self.at.1.to_le_bytes());
        slot.put(&time(self.uptime));
        slot.put(&self.pid.to_le_bytes());
        slot.put(&[self.role.byte()]);
        slot.put(&self.ending.bytes());
        let core = if self.core_dumped { CORE } else { 0 };
        let memory = if self.out_of_memory { MEMORY } else { 0 };
        slot.put(&[core | memory]);
        slot.put(&self.peak_memory.to_le_bytes());
        slot.put(&micros(self.user_time));
        slot.put(&micros(self.system_time));
        slot.sealed()
    }

    /// A slot's death and its number; `None` where the slot is not whole, not of
    /// this version, or was never written.
    #[must_use]
    pub fn decode(slot: &[u8]) -> Option<(u64, Self)> {
        let mut fields = Fields::of(slot, SLOT)?;
        if fields.take()? != MAGIC {
            return None;
        }
        let number = fields.u64()?;
        let at = (fields.u64()?, fields.u32()?);
        let uptime = fields.time()?;
        let pid = fields.u32()?;
        let role = Role::from_byte(fields.byte()?);
        let ending = Ending::from_bytes(fields.take()?);
        let flags = fields.byte()?;
        let death = Self {
            at,
            uptime,
            pid,
            role,
            ending,
            core_dumped: flags & CORE != 0,
            out_of_memory: flags & MEMORY != 0,
            peak_memory: fields.u64()?,
            user_time: Duration::from_micros(fields.u64()?),
            system_time: Duration::from_micros(fields.u64()?),
        };
        Some((number, death))
    }
}

fn micros(time: Duration) -> [u8; 8] {
    u64::try_from(time.as_micros())
        .unwrap_or(u64::MAX)
        .to_le_bytes()
}

/// Where in the file the death of this number goes; `None` where none is kept.
#[must_use]
pub const fn offset(number: u64, capacity: u32) -> Option<u64> {
    match number.checked_rem(capacity as u64) {
        Some(slot) => Some(slot * SLOT as u64),
        None => None,
    }
}

/// The deaths in a file, the oldest first, each with its number.
#[must_use]
pub fn read(file: &[u8]) -> Vec<(u64, Death)> {
    let mut deaths: Vec<_> = file.chunks_exact(SLOT).filter_map(Death::decode).collect();
    deaths.sort_by_key(|(number, _)| *number);
    deaths
}

/// The number that the next death gets: one more than the greatest there is.
#[must_use]
pub fn next_number(file: &[u8]) -> u64 {
    let numbers = file.chunks_exact(SLOT).filter_map(Death::decode);
    let greatest = numbers.map(|(number, _)| number).max();
    greatest.map_or(0, |number| number.saturating_add(1))
}

/// Whether the file can go on with this capacity; otherwise it is to be replaced
/// by what [`relaid`] gives.
#[must_use]
pub fn fits(file: &[u8], capacity: u32) -> bool {
    let slots = file.chunks_exact(SLOT).zip(0_u64..);
    let mut places = slots.filter_map(|(slot, at)| Some((Death::decode(slot)?.0, at)));
    places.all(|(number, at)| number.checked_rem(u64::from(capacity)) == Some(at))
}

/// The newest deaths of a file as a ring of another capacity.
#[must_use]
pub fn relaid(file: &[u8], capacity: u32) -> Vec<u8> {
    let deaths = read(file);
    let keep = usize::try_from(capacity).unwrap_or(usize::MAX);
    let mut ring = Vec::new();
    for (number, death) in deaths.iter().skip(deaths.len().saturating_sub(keep)) {
        let Some(at) = offset(*number, capacity).and_then(|at| usize::try_from(at).ok()) else {
            continue;
        };
        if ring.len() < at + SLOT {
            ring.resize(at + SLOT, 0);
        }
        let place = ring.iter_mut().skip(at);
        place
            .zip(death.encode(*number))
            .for_each(|(place, byte)| *place = byte);
    }
    ring
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DEATH: Death = Death {
        at: (0x4000_0000_6b03_223b, 719_999_500),
        uptime: Duration::from_millis(1500),
        pid: 4711,
        role: Role::Run,
        ending: Ending::Signal(11),
        core_dumped: true,
        out_of_memory: false,
        peak_memory: 1024,
        user_time: Duration::from_micros(7),
        system_time: Duration::from_micros(8),
    };

    /// Golden. Another layout needs another version.
    #[test]
    fn the_layout_is_as_documented() {
        let slot = DEATH.encode(0x0102);
        assert_eq!(slot[..8], *b"dt-rip\0\x01");
        assert_eq!(slot[8..16], [2, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(slot[16..24], 0x4000_0000_6b03_223b_u64.to_le_bytes());
        assert_eq!(slot[24..28], 719_999_500_u32.to_le_bytes());
        assert_eq!(slot[28..36], 1_500_000_000_u64.to_le_bytes());
        assert_eq!(slot[36..40], 4711_u32.to_le_bytes());
        assert_eq!(slot[40..44], [0, 1, 11, 1]);
        assert_eq!(slot[44..52], 1024_u64.to_le_bytes());
        assert_eq!(slot[52..60], 7_u64.to_le_bytes());
        assert_eq!(slot[60..68], 8_u64.to_le_bytes());
        assert_eq!(slot[68..72], [0; 4]);
        assert_eq!(slot[72..], 0xccd0_cc1d_09a2_cf43_u64.to_le_bytes());
    }

    #[test]
    fn every_role_is_found_by_its_byte() {
        for byte in 0..=u8::MAX {
            assert_eq!(Role::from_byte(byte).byte(), byte);
        }
    }

    #[test]
    fn no_flipped_bit_goes_unnoticed() {
        let slot = DEATH.encode(7);
        for bit in 0..8 * SLOT {
            let mut flipped = slot;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Death::decode(&flipped), None, "bit {bit}");
        }
        assert_eq!(Death::decode(&[0; SLOT]), None);
        assert_eq!(Death::decode(&slot[..SLOT - 1]), None);
    }

    /// A file after that many deaths, each told by its process id.
    fn ring(count: u64, capacity: u32) -> Vec<u8> {
        let mut file = Vec::new();
        for number in 0..count {
            let at = usize::try_from(offset(number, capacity).unwrap()).unwrap();
            file.resize(file.len().max(at + SLOT), 0);
            let pid = u32::try_from(number).unwrap() + 1;
            file[at..at + SLOT].copy_from_slice(&Death { pid, ..DEATH }.encode(number));
        }
        file
    }

    #[test]
    fn a_ring_of_no_capacity_has_no_places() {
        assert_eq!(offset(5, 0), None);
        assert!(relaid(&ring(3, 5), 0).is_empty());
    }

    fn deaths() -> impl Strategy<Value = Death> {
        let how = prop_oneof![
            any::<u8>().prop_map(Ending::Code),
            any::<u8>().prop_map(Ending::Signal),
            Just(Ending::Unknown)
        ];
        let numbers = any::<((u64, u32), u64, u32, u8, bool, bool, u64)>();
        let times = any::<(u64, u64)>();
        (numbers, how, times).prop_map(|(numbers, ending, (user, system))| {
            let (at, uptime, pid, role, core_dumped, out_of_memory, peak_memory) = numbers;
            Death {
                at,
                uptime: Duration::from_nanos(uptime),
                pid,
                role: Role::from_byte(role),
                ending,
                core_dumped,
                out_of_memory,
                peak_memory,
                user_time: Duration::from_micros(user),
                system_time: Duration::from_micros(system),
            }
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(death in deaths(), number: u64) {
            prop_assert_eq!(Death::decode(&death.encode(number)), Some((number, death)));
        }

        #[test]
        fn the_newest_deaths_are_kept_in_order(count in 0_u64..40, capacity in 1_u32..12) {
            let file = ring(count, capacity);
            let kept: Vec<u64> = read(&file).iter().map(|(number, _)| *number).collect();
            let first = count.saturating_sub(u64::from(capacity));
            prop_assert_eq!(kept, (first..count).collect::<Vec<_>>());
            prop_assert_eq!(next_number(&file), count);
        }

        #[test]
        fn a_ring_of_another_capacity_has_the_newest(
            count in 0_u64..40, before in 1_u32..12, after in 1_u32..12
        ) {
            let file = ring(count, before);
            let new = relaid(&file, after);
            prop_assert!(fits(&new, after));
            let keep = u64::from(before.min(after)).min(count);
            prop_assert_eq!(read(&new).len() as u64, keep);
            prop_assert_eq!(next_number(&new), count);
            prop_assert!(before != after || fits(&file, after));
        }

        #[test]
        fn no_file_makes_the_reader_stumble(file in proptest::collection::vec(any::<u8>(), 0..400)) {
            prop_assert_eq!(read(&file), vec![]);
        }
    }
}
