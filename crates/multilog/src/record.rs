//! What a multilog leaves behind for the one that comes after a kill.
//!
//! The record stands at the beginning of the first log directory's `lock`, the
//! spool after it. It says how much of the spool has been dealt with and how
//! long each `current` was then, so that the next multilog can cut off what was
//! written after that and go on from there. It counts only while the machine
//! runs: after an outage the boot id is another, and nobody knows what of it all
//! had reached the disk.

/// Where the spool begins in the file; the record lies before it.
pub const SPOOL: u64 = 4096;

/// A record is no longer than this, so that it is written in one piece.
const LIMIT: usize = 4096;

/// What a record begins with.
pub const MAGIC: &[u8; 8] = b"mlspool1";

/// The record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Which boot of the machine it was written in; all zero is no known one.
    pub boot: [u8; 16],
    /// The script's fingerprint.
    pub script: u64,
    /// The offset in the file up to which the spool has been dealt with.
    pub position: u64,
    /// What is taken from standard input does not go through the spool.
    pub unspooled: bool,
    /// The last byte dealt with was in the midst of a line whose beginning has
    /// been written already.
    pub midst: bool,
    /// The stamp of the lines behind `position`, all zero if they have none yet.
    pub stamp: [u8; 26],
    /// The beginning of a line, stamp included, that is written nowhere yet.
    pub held: Vec<u8>,
    /// One for each log directory.
    pub logs: Vec<Entry>,
}

/// What the record says of one log directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Device and inode of the directory.
    pub directory: (u64, u64),
    /// Device and inode of the file that was `current`.
    pub current: (u64, u64),
    /// How long that was.
    pub size: u64,
    /// How many bytes of what comes from behind `position` are already in
    /// earlier files.
    pub skip: u64,
    /// With `midst`: whether the line goes here.
    pub selected: bool,
    /// A sync of the file has failed.
    pub doubtful: bool,
    /// A rotation of the file has begun.
    pub rotating: bool,
}

impl Record {
    /// What is written at the beginning of the file; nothing where the record
    /// does not fit.
    pub fn encode(&self, into: &mut Vec<u8>) {
        into.clear();
        into.extend_from_slice(MAGIC);
        into.extend_from_slice(&[0; 8]);
        let mut word = |value: u64| into.extend_from_slice(&value.to_le_bytes());
        word(self.script);
        word(self.position);
        word(u64::from(self.unspooled) | u64::from(self.midst) << 1);
        word(self.held.len() as u64);
        word(self.logs.len() as u64);
        for log in &self.logs {
            word(log.directory.0);
            word(log.directory.1);
            word(log.current.0);
            word(log.current.1);
            word(log.size);
            word(log.skip);
            word(
                u64::from(log.selected)
                    | u64::from(log.doubtful) << 1
                    | u64::from(log.rotating) << 2,
            );
        }
        into.extend_from_slice(&self.boot);
        into.extend_from_slice(&self.stamp);
        into.extend_from_slice(&self.held);
        let sum = checksum(into.get(16..).unwrap_or_default());
        if let Some(place) = into.get_mut(8..16) {
            place.copy_from_slice(&sum.to_le_bytes());
        }
        if into.len() > LIMIT {
            into.clear();
        }
    }

    /// The record at the beginning of `bytes`; `None` where there is none.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut rest = Reader(bytes.strip_prefix(MAGIC)?);
        let sum = rest.word()?;
        let summed = rest.0;
        let (script, position, flags) = (rest.word()?, rest.word()?, rest.word()?);
        let held = usize::try_from(rest.word()?).ok()?;
        let count = rest.word()?;
        let mut logs = Vec::new();
        for _ in 0..count {
            logs.push(rest.entry()?);
        }
        let record = Self {
            boot: rest.array()?,
            script,
            position,
            unspooled: flags & 1 != 0,
            midst: flags & 2 != 0,
            stamp: rest.array()?,
            held: rest.take(held)?.to_vec(),
            logs,
        };
        let length = summed.len() - rest.0.len();
        (checksum(summed.get(..length)?) == sum).then_some(record)
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn word(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn entry(&mut self) -> Option<Entry> {
        let directory = (self.word()?, self.word()?);
        let current = (self.word()?, self.word()?);
        let (size, skip, flags) = (self.word()?, self.word()?, self.word()?);
        Some(Entry {
            directory,
            current,
            size,
            skip,
            selected: flags & 1 != 0,
            doubtful: flags & 2 != 0,
            rotating: flags & 4 != 0,
        })
    }
}

/// Eight bytes at a time, as it is made anew for every block of lines.
fn checksum(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let mix =
        |sum: u64, word: u64| (sum.rotate_left(29) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let sum = words.iter().fold(bytes.len() as u64, |sum, word| {
        mix(sum, u64::from_le_bytes(*word))
    });
    rest.iter()
        .fold(sum, |sum, byte| mix(sum, u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Record {
        Record {
            boot: [7; 16],
            script: 99,
            position: 5000,
            unspooled: false,
            midst: true,
            stamp: [b'@'; 26],
            held: b"half a l".to_vec(),
            logs: vec![
                Entry {
                    directory: (1, 2),
                    current: (1, 3),
                    size: 77,
                    skip: 5,
                    selected: true,
                    ..Entry::default()
                },
                Entry {
                    rotating: true,
                    doubtful: true,
                    ..Entry::default()
                },
            ],
        }
    }

    #[test]
    fn a_record_reads_back_as_what_was_written() {
        let mut bytes = Vec::new();
        example().encode(&mut bytes);
        bytes.extend_from_slice(b"whatever was there before");
        assert_eq!(Record::decode(&bytes), Some(example()));
    }

    #[test]
    fn a_damaged_or_cut_record_is_none() {
        let mut bytes = Vec::new();
        example().encode(&mut bytes);
        for at in 0..bytes.len() {
            assert_eq!(Record::decode(&bytes[..at]), None, "cut at {at}");
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert_eq!(Record::decode(&damaged), None, "damaged at {at}");
        }
        assert_eq!(Record::decode(b""), None);
    }

    #[test]
    fn what_does_not_fit_is_not_written() {
        let mut bytes = Vec::new();
        let logs = vec![Entry::default(); 100];
        Record { logs, ..example() }.encode(&mut bytes);
        assert!(bytes.is_empty());
    }
}
