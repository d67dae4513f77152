//! `supervise/details`: what a `supervise` knows beyond the status file, for
//! those who ask.
//!
//! It is there only where the service directory uses more than daemontools 0.76
//! has. It is replaced as a whole, by rename, so a reader never meets half of it,
//! and one who waits sees a name change in `supervise/`.
//!
//! The file has 640 bytes, numbers with the least significant byte first. Times
//! are nanoseconds on the clock that counts from the boot (`CLOCK_BOOTTIME`) of
//! the boot that is named; 2^64 - 1 is none.
//!
//! | bytes | what |
//! |---|---|
//! | 0 to 7 | `dt-det`, 0, the version 1 |
//! | 8 to 23 | the boot (`/proc/sys/kernel/random/boot_id`); 0 is not known |
//! | 24 to 27 | process id of the `supervise` that wrote it |
//! | 28 | the state: see [`State`] |
//! | 29 | why it is so: see [`Reason`] |
//! | 30 | how what it has started is found: see [`Kept`] |
//! | 31 | 0 |
//! | 32 to 39 | since when the state is what it is |
//! | 40 to 47 | until when it waits |
//! | 48 to 55 | since when the service is ready |
//! | 56 to 63 | delay before a restart that is in force, in nanoseconds |
//! | 64 to 67 | deaths of `run` since this `supervise` started |
//! | 68 to 71 | deaths that count toward the start limit |
//! | 72 to 79 | within what time these count, in nanoseconds; 0 is no limit |
//! | 80 to 83 | problems found in the settings |
//! | 84 | the last death's program: see [`Role`]; 255 is none |
//! | 85, 86 | how it ended: as bytes 41 and 42 of a slot of `deaths` |
//! | 87 | 0 |
//! | 88 to 95 | how long it had lived, in nanoseconds |
//! | 96 to 103 | when it died |
//! | 104 to 360 | the service waited for: length (2), then at most 255 bytes |
//! | 361 to 490 | the service's own words: length (2), then at most 128 bytes |
//! | 491 to 631 | 0 |
//! | 632 to 639 | checksum (FNV-1a of all before) |

use std::time::Duration;

use crate::codec::{Fields, Slot, time};
use crate::deaths::{Ending, Role};

/// The file's name in `supervise/`.
pub const NAME: &str = "details";
/// The same in the making.
pub const NAME_NEW: &str = "details.new";
/// The name of the file that says where the service's cgroup is; it is empty where there
/// is none, and what it has started is found otherwise.
pub const CGROUP: &str = "cgroup";
/// Bytes in the file.
pub const LEN: usize = 640;

const MAGIC: [u8; 8] = *b"dt-det\0\x01";
const NO_ROLE: u8 = u8::MAX;

/// What the service is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Down, and nothing is due.
    Stopped,
    /// `start` runs, or `run` runs and is not ready yet.
    Starting,
    /// `start` is done, and there is no `run`: up without a process.
    Started,
    /// `run` runs.
    Running,
    /// Told to go down, and still there.
    Stopping,
    /// Given up; wanted down.
    Failed,
    /// `finish` or `stop` runs.
    Finishing,
    /// A start is due, and waits; see [`Details::reason`].
    Waiting,
}

impl State {
    /// All of them, in the order of their bytes.
    pub const ALL: [Self; 8] = [
        Self::Stopped,
        Self::Starting,
        Self::Started,
        Self::Running,
        Self::Stopping,
        Self::Failed,
        Self::Finishing,
        Self::Waiting,
    ];

    /// The byte. Up to 5 it is encore's of the status file.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Stopped => 0,
            Self::Starting => 1,
            Self::Started => 2,
            Self::Running => 3,
            Self::Stopping => 4,
            Self::Failed => 5,
            Self::Finishing => 6,
            Self::Waiting => 7,
        }
    }

    /// What the byte says.
    #[must_use]
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.byte() == byte)
    }

    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Starting => "starting",
            Self::Started => "started",
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Failed => "failed",
            Self::Finishing => "finishing",
            Self::Waiting => "waiting",
        }
    }
}

/// Why the state is what it is, where there is something to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Nothing to say.
    None,
    /// Waiting: the last start is less than a second ago.
    Spacing,
    /// Waiting: the delay before a restart.
    Backoff,
    /// Waiting: there could be no new process.
    NoFork,
    /// Waiting, or failed: a service that this one depends on is not ready; see
    /// [`Details::about`].
    Dependency,
    /// Waiting: a process may still be there of a `supervise` that was killed.
    Doubt,
    /// Waiting: given up, and to be tried again.
    Retry,
    /// Stopping: a signal has been sent, the next one is due.
    Signals,
    /// Failed: `start` did.
    StartFailed,
    /// Failed: exit code 100 of `run`.
    Permanent,
    /// Failed: too many deaths in too short a time.
    StartLimit,
    /// Failed: it was not ready in time.
    NotReady,
    /// Failed, or stopped: exit code 125 of `finish`.
    FinishSaidSo,
    /// Stopped: the setting `restart` does not have it started after such an end.
    NoRestart,
    /// Failed: a dependency leads back to this service.
    Cycle,
    /// Stopping: the watchdog was not fed.
    Watchdog,
    /// Stopping: it has died, and processes that it has started live on.
    Leftovers,
}

impl Reason {
    /// All of them, in the order of their bytes.
    pub const ALL: [Self; 17] = [
        Self::None,
        Self::Spacing,
        Self::Backoff,
        Self::NoFork,
        Self::Dependency,
        Self::Doubt,
        Self::Retry,
        Self::Signals,
        Self::StartFailed,
        Self::Permanent,
        Self::StartLimit,
        Self::NotReady,
        Self::FinishSaidSo,
        Self::NoRestart,
        Self::Cycle,
        Self::Watchdog,
        Self::Leftovers,
    ];

    /// The byte: the place in [`Self::ALL`].
    #[must_use]
    pub const fn byte(self) -> u8 {
        self as u8
    }

    /// What the byte says; a reason of a later version is none.
    #[must_use]
    pub fn from_byte(byte: u8) -> Self {
        let known = Self::ALL.into_iter().find(|reason| reason.byte() == byte);
        known.unwrap_or(Self::None)
    }

    /// The word for it in output that programs read.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Spacing => "spacing",
            Self::Backoff => "backoff",
            Self::NoFork => "no-fork",
            Self::Dependency => "dependency",
            Self::Doubt => "doubt",
            Self::Retry => "retry",
            Self::Signals => "signals",
            Self::StartFailed => "start-failed",
            Self::Permanent => "permanent",
            Self::StartLimit => "start-limit",
            Self::NotReady => "not-ready",
            Self::FinishSaidSo => "finish",
            Self::NoRestart => "no-restart",
            Self::Cycle => "cycle",
            Self::Watchdog => "watchdog",
            Self::Leftovers => "leftovers",
        }
    }
}

/// How all that a service has started is found, where it is to end with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kept {
    /// It is not asked for.
    Not,
    /// By the service's own cgroup.
    Cgroup,
    /// Without one: by who descends from whom, and the service's session.
    Kin,
    /// By the session alone, as `supervise` was killed since: what has left that
    /// meanwhile is not found.
    Session,
}

impl Kept {
    /// All of them, in the order of their bytes.
    pub const ALL: [Self; 4] = [Self::Not, Self::Cgroup, Self::Kin, Self::Session];

    /// The byte: the place in [`Self::ALL`].
    #[must_use]
    pub const fn byte(self) -> u8 {
        self as u8
    }

    /// What the byte says; one of a later version is the first.
    #[must_use]
    pub fn from_byte(byte: u8) -> Self {
        let known = Self::ALL.into_iter().find(|kept| kept.byte() == byte);
        known.unwrap_or(Self::Not)
    }

    /// The word for it in output that programs read.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Not => "no",
            Self::Cgroup => "cgroup",
            Self::Kin => "kin",
            Self::Session => "session",
        }
    }
}

/// Up to `N` bytes of text; what is longer is cut.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Text<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> Text<N> {
    /// No text.
    pub const EMPTY: Self = Self {
        bytes: [0; N],
        length: 0,
    };

    /// The first bytes of `text`.
    #[must_use]
    pub fn new(text: &[u8]) -> Self {
        let mut new = Self::EMPTY;
        let places = new.bytes.iter_mut().zip(text);
        places.for_each(|(place, byte)| *place = *byte);
        new.length = text.len().min(N);
        new
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    fn put<const M: usize>(&self, slot: &mut Slot<M>) {
        let length = u16::try_from(self.length).unwrap_or(0);
        slot.put(&length.to_le_bytes());
        slot.put(&self.bytes);
    }

    fn take(fields: &mut Fields<'_>) -> Option<Self> {
        let length = usize::from(u16::from_le_bytes(fields.take()?));
        let bytes: [u8; N] = fields.take()?;
        bytes.get(..length).map(Self::new)
    }
}

impl<const N: usize> std::fmt::Debug for Text<N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "\"{}\"", self.as_bytes().escape_ascii())
    }
}

/// The last death, in short; [`crate::deaths`] has all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastDeath {
    /// Which program it was.
    pub role: Role,
    /// How it ended.
    pub ending: Ending,
    /// How long it had lived.
    pub uptime: Duration,
    /// When it died, counted from the boot.
    pub at: Duration,
}

/// The file's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Details {
    /// The boot that the times belong to; `None` where /proc did not tell.
    pub boot: Option<[u8; 16]>,
    /// The process id of the `supervise` that wrote it.
    pub supervise: u32,
    /// What the service is doing.
    pub state: State,
    /// Why.
    pub reason: Reason,
    /// How what it has started is found.
    pub kept: Kept,
    /// Since when it does that, counted from the boot.
    pub since: Duration,
    /// Until when it waits, counted from the boot; `None` is for as long as it takes.
    pub until: Option<Duration>,
    /// Since when it is ready, counted from the boot; `None` is not ready. One that
    /// has no way to tell is ready as soon as it is up.
    pub ready: Option<Duration>,
    /// The delay before a restart that is in force.
    pub restart_delay: Duration,
    /// Deaths of `run` since this `supervise` started.
    pub deaths: u32,
    /// Deaths that count toward the start limit.
    pub recent_deaths: u32,
    /// Within what time they count; zero where there is no limit.
    pub death_window: Duration,
    /// Problems found in the settings.
    pub problems: u32,
    /// The last death.
    pub last_death: Option<LastDeath>,
    /// The service that this one waits for, or whose failure is its own.
    pub about: Text<255>,
    /// What the service says about itself (`STATUS=` of `sd_notify`).
    pub words: Text<128>,
}

impl Details {
    /// Of a service that is down, and nothing else known.
    pub const EMPTY: Self = Self {
        boot: None,
        supervise: 0,
        state: State::Stopped,
        reason: Reason::None,
        kept: Kept::Not,
        since: Duration::ZERO,
        until: None,
        ready: None,
        restart_delay: Duration::ZERO,
        deaths: 0,
        recent_deaths: 0,
        death_window: Duration::ZERO,
        problems: 0,
        last_death: None,
        about: Text::EMPTY,
        words: Text::EMPTY,
    };

    /// The file's bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; LEN] {
        let mut slot = Slot::new();
        slot.put(&MAGIC);
        slot.put(&self.boot.unwrap_or_default());
        slot.put(&self.supervise.to_le_bytes());
        slot.put(&[self.state.byte(), self.reason.byte(), self.kept.byte(), 0]);
        slot.put(&time(self.since));
        slot.put(&perhaps(self.until));
        slot.put(&perhaps(self.ready));
        slot.put(&time(self.restart_delay));
        slot.put(&self.deaths.to_le_bytes());
        slot.put(&self.recent_deaths.to_le_bytes());
        slot.put(&time(self.death_window));
        slot.put(&self.problems.to_le_bytes());
        put_death(&mut slot, self.last_death);
        self.about.put(&mut slot);
        self.words.put(&mut slot);
        slot.sealed()
    }

    /// The content of a file that is whole and of this version.
    #[must_use]
    pub fn decode(file: &[u8]) -> Option<Self> {
        let mut fields = Fields::of(file, LEN)?;
        if fields.take()? != MAGIC {
            return None;
        }
        let boot = fields.take::<16>()?;
        let supervise = fields.u32()?;
        let [state, reason, kept, _] = fields.take()?;
        Some(Self {
            boot: (boot != [0; 16]).then_some(boot),
            supervise,
            state: State::from_byte(state)?,
            reason: Reason::from_byte(reason),
            kept: Kept::from_byte(kept),
            since: fields.time()?,
            until: taken(fields.u64()?),
            ready: taken(fields.u64()?),
            restart_delay: fields.time()?,
            deaths: fields.u32()?,
            recent_deaths: fields.u32()?,
            death_window: fields.time()?,
            problems: fields.u32()?,
            last_death: take_death(&mut fields)?,
            about: Text::take(&mut fields)?,
            words: Text::take(&mut fields)?,
        })
    }
}

fn put_death(slot: &mut Slot<LEN>, death: Option<LastDeath>) {
    let Some(death) = death else {
        slot.put(&[NO_ROLE]);
        return slot.put(&[0; 19]);
    };
    let [how, number] = death.ending.bytes();
    slot.put(&[death.role.byte(), how, number, 0]);
    slot.put(&time(death.uptime));
    slot.put(&time(death.at));
}

/// The outer `None` is a file cut short.
#[expect(
    clippy::option_option,
    reason = "one is of the file, one of its content"
)]
fn take_death(fields: &mut Fields<'_>) -> Option<Option<LastDeath>> {
    let [role, how, number, _] = fields.take()?;
    let death = LastDeath {
        role: Role::from_byte(role),
        ending: Ending::from_bytes([how, number]),
        uptime: fields.time()?,
        at: fields.time()?,
    };
    Some((role != NO_ROLE).then_some(death))
}

/// A time or its absence.
fn perhaps(at: Option<Duration>) -> [u8; 8] {
    at.map_or(u64::MAX.to_le_bytes(), time)
}

fn taken(nanos: u64) -> Option<Duration> {
    (nanos != u64::MAX).then(|| Duration::from_nanos(nanos))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn example() -> Details {
        Details {
            boot: Some(*b"0123456789abcdef"),
            supervise: 4711,
            state: State::Waiting,
            reason: Reason::Backoff,
            kept: Kept::Not,
            since: Duration::from_nanos(1),
            until: Some(Duration::from_nanos(2)),
            ready: None,
            restart_delay: Duration::from_nanos(3),
            deaths: 4,
            recent_deaths: 5,
            death_window: Duration::from_nanos(6),
            problems: 7,
            last_death: Some(LastDeath {
                role: Role::Finish,
                ending: Ending::Signal(9),
                uptime: Duration::from_nanos(8),
                at: Duration::from_nanos(9),
            }),
            about: Text::new(b"db"),
            words: Text::new(b"warming up"),
        }
    }

    /// Golden. Another layout needs another version.
    #[test]
    fn the_layout_is_as_documented() {
        let file = example().encode();
        assert_eq!(file[..8], *b"dt-det\0\x01");
        assert_eq!(file[8..24], *b"0123456789abcdef");
        assert_eq!(file[24..28], 4711_u32.to_le_bytes());
        assert_eq!(file[28..32], [7, 2, 0, 0]);
        assert_eq!(file[32..40], 1_u64.to_le_bytes());
        assert_eq!(file[40..48], 2_u64.to_le_bytes());
        assert_eq!(file[48..56], [255; 8]);
        assert_eq!(file[56..64], 3_u64.to_le_bytes());
        assert_eq!(file[64..72], [4, 0, 0, 0, 5, 0, 0, 0]);
        assert_eq!(file[72..80], 6_u64.to_le_bytes());
        assert_eq!(file[80..84], 7_u32.to_le_bytes());
        assert_eq!(file[84..88], [3, 1, 9, 0]);
        assert_eq!(file[88..96], 8_u64.to_le_bytes());
        assert_eq!(file[96..104], 9_u64.to_le_bytes());
        assert_eq!(file[104..109], [2, 0, b'd', b'b', 0]);
        assert_eq!(file[361..373], *b"\x0a\0warming up");
        assert_eq!(file[373..632], [0; 259]);
        assert_eq!(file[632..], 0xddda_eb57_09f0_2850_u64.to_le_bytes());
    }

    #[test]
    fn every_byte_of_a_state_and_a_reason_is_their_own() {
        for (byte, state) in (0..).zip(State::ALL) {
            assert_eq!((state.byte(), State::from_byte(byte)), (byte, Some(state)));
        }
        for (byte, reason) in (0..).zip(Reason::ALL) {
            assert_eq!((reason.byte(), Reason::from_byte(byte)), (byte, reason));
        }
        for (kept, byte) in Kept::ALL.into_iter().zip(0..) {
            assert_eq!((kept.byte(), Kept::from_byte(byte)), (byte, kept));
        }
    }

    #[test]
    fn no_flipped_bit_goes_unnoticed() {
        let file = example().encode();
        for bit in 0..8 * LEN {
            let mut flipped = file;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Details::decode(&flipped), None, "bit {bit}");
        }
        assert_eq!(Details::decode(&[0; LEN]), None);
        assert_eq!(Details::decode(&file[..LEN - 1]), None);
        assert_eq!(Details::decode(&[&file[..], &[0]].concat()), None);
    }

    #[test]
    fn a_text_that_is_too_long_is_cut() {
        assert_eq!(Text::<4>::new(b"abcdef").as_bytes(), b"abcd");
        assert_eq!(Text::<4>::new(b"").as_bytes(), b"");
    }

    fn deaths() -> impl Strategy<Value = Option<LastDeath>> {
        let death =
            any::<(u8, u8, u8, u64, u64)>().prop_map(|(role, how, number, up, at)| LastDeath {
                role: Role::from_byte(role % 8),
                ending: Ending::from_bytes([how % 2, number]),
                uptime: Duration::from_nanos(up),
                at: Duration::from_nanos(at),
            });
        proptest::option::of(death)
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            numbers: (u32, u64, Option<u32>, Option<u32>, u64, u32, u32, u64, u32),
            state in 0_usize..8,
            reason in 0_usize..16,
            last_death in deaths(),
            about in proptest::collection::vec(any::<u8>(), 0..256),
            words in proptest::collection::vec(any::<u8>(), 0..129),
        ) {
            let (supervise, since, until, ready, delay, deaths, recent, window, problems) = numbers;
            let seconds = |count: u32| Duration::from_secs(u64::from(count));
            let details = Details {
                boot: None,
                supervise,
                state: State::ALL[state],
                reason: Reason::ALL[reason],
                kept: Kept::ALL[reason % Kept::ALL.len()],
                since: Duration::from_nanos(since),
                until: until.map(seconds),
                ready: ready.map(seconds),
                restart_delay: Duration::from_nanos(delay),
                deaths,
                recent_deaths: recent,
                death_window: Duration::from_nanos(window),
                problems,
                last_death,
                about: Text::new(&about),
                words: Text::new(&words),
            };
            prop_assert_eq!(Details::decode(&details.encode()), Some(details));
        }

        #[test]
        fn no_file_makes_the_reader_stumble(file in proptest::collection::vec(any::<u8>(), LEN)) {
            prop_assert_eq!(Details::decode(&file), None);
        }
    }
}
