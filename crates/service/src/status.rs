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

#[cfg(test)]
mod tests {
    use super::*;

    /// As the original wrote it: up, process 29024, wanted up.
    const RECORD: [u8; 18] = [
        0x40, 0, 0, 0, 0x6b, 0x03, 0x22, 0x3b, 0x2a, 0xea, 0x7d, 0x04, 0x60, 0x71, 0, 0, 0, b'u',
    ];

    #[test]
    fn a_record_of_the_original_is_understood_and_written_the_same() {
        let status = Status::decode(&RECORD).unwrap();
        assert_eq!(
            (status.pid, status.paused, status.want),
            (29024, false, Want::Up)
        );
        assert_eq!(status.encode(), RECORD);
    }

    #[test]
    fn later_additions_are_ignored_and_a_short_record_is_not_guessed_at() {
        let longer = [&RECORD[..], &[3, 0]].concat();
        assert_eq!(Status::decode(&longer), Status::decode(&RECORD));
        for length in 0..Status::LEN {
            assert_eq!(Status::decode(&RECORD[..length]), Err(BadStatus));
        }
    }
}
