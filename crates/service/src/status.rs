//! The status file in its three lengths.
//!
//! | bytes | who writes them |
//! |---|---|
//! | 18 | daemontools 0.76, and ours for a directory that uses nothing else |
//! | 20 | runit, daemontools-encore, and ours for a directory with its files |
//! | 40 | encore and ours, where the directory's `log` is a program: a second block of 20 |
//!
//! Bytes 0 to 17 are the same everywhere. What follows is not: byte 18 is
//! encore's state, or 1 where runit has sent TERM; byte 19 is runit's state, or
//! always 0 with encore. Ours has encore's byte 18 and runit's byte 19, and never
//! a pair of them that one of the two would write to say something else.

/// What is to become of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Want {
    /// It is to be up.
    Up,
    /// It is to be down.
    Down,
    /// Neither: it is not restarted when it dies (`svc -o`).
    Neither,
}

impl Want {
    /// Byte 17 of the status record.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Up => b'u',
            Self::Down => b'd',
            Self::Neither => 0,
        }
    }

    /// What a byte 17 says; every other byte is neither.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Self {
        match byte {
            b'u' => Self::Up,
            b'd' => Self::Down,
            _ => Self::Neither,
        }
    }
}

/// The record `supervise/status`: 8 bytes of TAI64 seconds and 4 of nanoseconds,
/// most significant byte first; 4 of the process id, least significant first;
/// paused; wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// When the process id last changed, in TAI64 seconds (Unix time plus
    /// 2^62 + 10).
    pub seconds: u64,
    /// And nanoseconds.
    pub nanos: u32,
    /// The service's process; 0 is none.
    pub pid: u32,
    /// Paused by `svc -p`.
    pub paused: bool,
    /// What is to become of the service.
    pub want: Want,
}

/// Fewer bytes than a record has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadStatus;

impl Status {
    /// Bytes in a record of daemontools 0.76; descendants append more.
    pub const LEN: usize = 18;

    /// The record's bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::LEN] {
        let mut record = [0; Self::LEN];
        let fields = self.seconds.to_be_bytes().into_iter();
        let fields = fields
            .chain(self.nanos.to_be_bytes())
            .chain(self.pid.to_le_bytes());
        let fields = fields.chain([u8::from(self.paused), self.want.byte()]);
        record
            .iter_mut()
            .zip(fields)
            .for_each(|(place, byte)| *place = byte);
        record
    }

    /// Reads a record; whatever follows it is ignored, and nothing in it is
    /// refused, as in the original.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadStatus> {
        let (seconds, rest) = bytes.split_first_chunk().ok_or(BadStatus)?;
        let (nanos, rest) = rest.split_first_chunk().ok_or(BadStatus)?;
        let (pid, rest) = rest.split_first_chunk().ok_or(BadStatus)?;
        let ([paused, want], _later_additions) = rest.split_first_chunk().ok_or(BadStatus)?;
        Ok(Self {
            seconds: u64::from_be_bytes(*seconds),
            nanos: u32::from_be_bytes(*nanos),
            pid: u32::from_le_bytes(*pid),
            paused: *paused != 0,
            want: Want::from_byte(*want),
        })
    }
}

/// daemontools-encore's state of a service: byte 18.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Down; a process that there is all the same is the script `stop`, or
    /// `finish`.
    Stopped,
    /// The script `start` runs.
    Starting,
    /// `start` is done, and there is no `run`: up without a process.
    Started,
    /// `run` runs.
    Running,
    /// `run` runs and has been told to go down.
    Stopping,
    /// Given up; wanted down.
    Failed,
    /// Any other byte.
    Unknown(u8),
}

impl State {
    /// Byte 18.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Stopped => 0,
            Self::Starting => 1,
            Self::Started => 2,
            Self::Running => 3,
            Self::Stopping => 4,
            Self::Failed => 5,
            Self::Unknown(byte) => byte,
        }
    }

    /// What a byte 18 of encore's or ours says.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Self {
        match byte {
            0 => Self::Stopped,
            1 => Self::Starting,
            2 => Self::Started,
            3 => Self::Running,
            4 => Self::Stopping,
            5 => Self::Failed,
            other => Self::Unknown(other),
        }
    }

    /// The word that encore's svstat has for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Starting => "starting",
            Self::Started => "started",
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Failed => "failed",
            Self::Unknown(_) => "status unknown",
        }
    }
}

/// A block of 20 bytes: a record, encore's state, and runit's.
///
/// Byte 19, which monitoring collectors read, follows from the rest: 1 while
/// `run` runs or needs none, 2 while a script runs that cleans up (`stop`,
/// `finish`), 0 otherwise. So 0 or 1 in byte 18 never has a 1 beside it, which
/// only runit writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Bytes 0 to 17.
    pub status: Status,
    /// Byte 18.
    pub state: State,
}

impl Block {
    /// Bytes in a block.
    pub const LEN: usize = 20;

    /// The block's bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::LEN] {
        let mut block = [0; Self::LEN];
        let after = [self.state.byte(), self.runit_state()];
        let bytes = self.status.encode().into_iter().chain(after);
        block
            .iter_mut()
            .zip(bytes)
            .for_each(|(place, byte)| *place = byte);
        block
    }

    /// The bytes of this block and, after it, of the one of the program `log`.
    #[must_use]
    pub fn encode_with_log(&self, log: &Self) -> [u8; 2 * Self::LEN] {
        let mut file = [0; 2 * Self::LEN];
        let bytes = self.encode().into_iter().chain(log.encode());
        file.iter_mut()
            .zip(bytes)
            .for_each(|(place, byte)| *place = byte);
        file
    }

    /// Byte 19.
    #[must_use]
    pub const fn runit_state(&self) -> u8 {
        match self.state {
            State::Started | State::Running | State::Stopping => 1,
            State::Stopped if self.status.pid != 0 => 2,
            State::Stopped | State::Starting | State::Failed | State::Unknown(_) => 0,
        }
    }
}

/// A status file, whoever wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusFile {
    /// The service.
    pub main: Status,
    /// Its state, where the file has one.
    pub state: Option<State>,
    /// Its log, where that is a program under the same `supervise`.
    pub log: Option<Block>,
}

impl StatusFile {
    /// Bytes worth reading: those of the longest form, and one more to tell that
    /// it is no longer than that.
    pub const READ: usize = 2 * Block::LEN + 1;

    /// Reads at least 18 bytes: byte 18 counts where the file has one block or two,
    /// the second block where it has two. Files of other lengths exist and have
    /// other things there.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadStatus> {
        let main = Status::decode(bytes)?;
        // A byte or two cut off the end are what nobody needs.
        let is_known = matches!(bytes.len(), 19..=20 | 38..=40);
        let after = |at: usize| bytes.get(at).copied().filter(|_| is_known);
        let state = after(18).map(|byte| state(&main, byte, after(19).unwrap_or(0)));
        let second = bytes.get(Block::LEN..).filter(|_| is_known);
        let log = second.and_then(|second| Status::decode(second).ok().map(|log| (second, log)));
        let log = log.map(|(second, status)| Block {
            status,
            state: second
                .get(18)
                .map_or(State::Unknown(u8::MAX), |byte| State::from_byte(*byte)),
        });
        Ok(Self { main, state, log })
    }
}

/// What bytes 18 and 19 say.
///
/// runit alone has 1 or 2 in byte 19 beside 0 or 1 in byte 18; with 2 and 0 ours
/// says the same as it does.
fn state(main: &Status, encore: u8, runit: u8) -> State {
    match (encore, runit) {
        (0 | 1, 1) if main.want == Want::Down => State::Stopping,
        (0 | 1, 1) => State::Running,
        (1, 2) => State::Stopped,
        _ => State::from_byte(encore),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// As the original wrote it: up, process 29024, wanted up.
    const RECORD: [u8; 18] = [
        0x40, 0, 0, 0, 0x6b, 0x03, 0x22, 0x3b, 0x2a, 0xea, 0x7d, 0x04, 0x60, 0x71, 0, 0, 0, b'u',
    ];

    fn file(after: &[u8]) -> StatusFile {
        StatusFile::decode(&[&RECORD[..], after].concat()).unwrap()
    }

    #[test]
    fn a_record_of_the_original_is_understood_and_written_the_same() {
        let status = Status::decode(&RECORD).unwrap();
        assert_eq!(
            (status.pid, status.paused, status.want),
            (29024, false, Want::Up)
        );
        assert_eq!(status.encode(), RECORD);
        assert_eq!((file(&[]).state, file(&[]).log), (None, None));
    }

    #[test]
    fn later_additions_are_ignored_and_a_short_record_is_not_guessed_at() {
        let longer = [&RECORD[..], &[3, 0]].concat();
        assert_eq!(Status::decode(&longer), Status::decode(&RECORD));
        for length in 0..Status::LEN {
            assert_eq!(Status::decode(&RECORD[..length]), Err(BadStatus));
            assert_eq!(StatusFile::decode(&RECORD[..length]), Err(BadStatus));
        }
    }

    #[test]
    fn encore_s_files_are_understood() {
        let states = [
            State::Stopped,
            State::Starting,
            State::Started,
            State::Running,
            State::Stopping,
            State::Failed,
            State::Unknown(6),
        ];
        for (byte, state) in (0..).zip(states) {
            assert_eq!(file(&[byte, 0]).state, Some(state));
            assert_eq!(file(&[byte]).state, Some(state));
            assert_eq!((state.byte(), State::from_byte(byte)), (byte, state));
        }
        let both = file(&[&[3, 0], &RECORD[..], &[4, 0]].concat());
        let log = Block {
            status: Status::decode(&RECORD).unwrap(),
            state: State::Stopping,
        };
        assert_eq!((both.state, both.log), (Some(State::Running), Some(log)));
    }

    /// Taken from runsv: up; up and told to go down; in `finish` with and without
    /// a TERM before it; down.
    #[test]
    fn runit_s_files_are_understood() {
        assert_eq!(file(&[0, 1]).state, Some(State::Running));
        assert_eq!(file(&[1, 1]).state, Some(State::Running));
        assert_eq!(file(&[0, 2]).state, Some(State::Stopped));
        assert_eq!(file(&[1, 2]).state, Some(State::Stopped));
        assert_eq!(file(&[0, 0]).state, Some(State::Stopped));
        let mut told = RECORD;
        told[17] = b'd';
        let told = StatusFile::decode(&[&told[..], &[1, 1]].concat()).unwrap();
        assert_eq!(told.state, Some(State::Stopping));
    }

    #[test]
    fn a_second_block_counts_only_where_the_file_ends_with_it() {
        let second = [&[3, 0], &RECORD[..], &[3, 0]].concat();
        for length in 0..second.len() + 3 {
            let mut after = second.clone();
            after.resize(length, 0);
            let has_log = (20..=22).contains(&length);
            let has_state = has_log || (1..=2).contains(&length);
            assert_eq!(file(&after).log.is_some(), has_log, "{length}");
            assert_eq!(file(&after).state.is_some(), has_state, "{length}");
        }
    }

    /// Golden: what collectors and clients find at which place.
    #[test]
    fn the_layout_of_a_block_is_as_documented() {
        let status = Status::decode(&RECORD).unwrap();
        let block = |state| Block { status, state };
        assert_eq!(block(State::Running).encode()[..18], RECORD);
        let tails = [
            (State::Stopped, [0, 2]),
            (State::Starting, [1, 0]),
            (State::Started, [2, 1]),
            (State::Running, [3, 1]),
            (State::Stopping, [4, 1]),
            (State::Failed, [5, 0]),
        ];
        for (state, tail) in tails {
            assert_eq!(block(state).encode()[18..], tail, "{state:?}");
        }
        let down = Status { pid: 0, ..status };
        let down = Block {
            status: down,
            state: State::Stopped,
        };
        assert_eq!(down.encode()[18..], [0, 0]);
        let both = block(State::Running).encode_with_log(&down);
        assert_eq!(both[..20], block(State::Running).encode());
        assert_eq!(both[20..], down.encode());
    }

    fn blocks() -> impl Strategy<Value = Block> {
        let wants = prop_oneof![Just(Want::Up), Just(Want::Down), Just(Want::Neither)];
        let numbers = any::<(u64, u32, u32, bool)>();
        (numbers, wants, 0_u8..6).prop_map(|((seconds, nanos, pid, paused), want, state)| Block {
            status: Status {
                seconds,
                nanos,
                pid,
                paused,
                want,
            },
            state: State::from_byte(state),
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(main in blocks(), log in blocks()) {
            let (status, state) = (main.status, Some(main.state));
            let plain = StatusFile { main: status, state: None, log: None };
            prop_assert_eq!(StatusFile::decode(&status.encode()), Ok(plain));
            let one = StatusFile { state, ..plain };
            prop_assert_eq!(StatusFile::decode(&main.encode()), Ok(one));
            let two = StatusFile { log: Some(log), ..one };
            prop_assert_eq!(StatusFile::decode(&main.encode_with_log(&log)), Ok(two));
        }

        #[test]
        fn no_bytes_are_refused_but_too_few(bytes in proptest::collection::vec(any::<u8>(), 0..90)) {
            prop_assert_eq!(StatusFile::decode(&bytes).is_ok(), bytes.len() >= Status::LEN);
        }
    }
}
