//! What a multilog leaves behind for the one that comes after a kill.
//!
//! The record stands at the beginning of the first log directory's `lock`. It
//! says how long each `current` is, and how much of the pipe goes with that. The
//! next multilog cuts off what was written after that, sees to it that what goes
//! with the record has left the pipe, and goes on from there. It counts only while
//! the machine runs: after an outage the boot id is another, and nobody knows what
//! of it all had reached the disk.

use crate::stamp::LONGEST;
use crate::world::Who;

/// Where the mark begins in the file; the record lies before it.
pub const MARK: u64 = 4096;

/// A record is no longer than this, so that it is written in one piece.
const LIMIT: usize = 4096;

/// A record of more directories does not fit.
pub const MOST_LOGS: usize = 40;

/// What a record begins with.
pub const MAGIC: &[u8; 8] = b"mlrecord";

/// The record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Which boot of the machine it was written in; all zero is no known one.
    pub boot: [u8; 16],
    /// The script's fingerprint.
    pub script: u64,
    /// Device and inode of the pipe that input comes from.
    pub pipe: (u64, u64),
    /// What is to leave the pipe now, as it has been dealt with.
    pub taking: Taking,
    /// The processor that is running, or about to.
    pub processor: Who,
    /// That many bytes of input are where the mark is otherwise, and nowhere else.
    pub saved: u64,
    /// Input is read, not looked at: what was read is lost with a kill.
    pub plain: bool,
    /// The last byte dealt with was in the midst of a line whose beginning has
    /// been written already.
    pub midst: bool,
    /// The stamp of the lines to come, filled up with zeros; all zero if they have
    /// none yet.
    pub stamp: [u8; LONGEST],
    /// The beginning of a line, stamp included, that is written nowhere yet.
    pub held: Vec<u8>,
    /// One for each log directory.
    pub logs: Vec<Entry>,
}

/// Bytes that are to leave the pipe: first those that nobody needs to see, then,
/// into the mark, those that are left. Whether the former have gone can be seen
/// by what is first in the pipe, as long as the mark has not grown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taking {
    /// How many bytes in all; with 0 there is nothing to do.
    pub bytes: u64,
    /// How many of them do not go into the mark.
    pub unmarked: u64,
    /// The offset in the file that the mark grows from.
    pub mark: u64,
    /// The first byte of all, and the first of those that go into the mark. They
    /// differ, unless all go there.
    pub firsts: [u8; 2],
}

/// Fewer bytes than this go into the mark all together: that takes a call less.
const SHORT: usize = 512;

/// How far from the end of a block a byte is looked for that is not as its first.
const TAIL: usize = 4096;

impl Taking {
    /// All of `block`, beginning with the mark at `mark`.
    #[must_use]
    pub fn of(block: &[u8], mark: u64) -> Self {
        let first = block.first().copied().unwrap_or_default();
        let mut unmarked = 0;
        let mut second = first;
        if block.len() >= SHORT {
            let from = block.len().saturating_sub(TAIL);
            let tail = block.get(from..).unwrap_or_default();
            if let Some(at) = tail.iter().rposition(|byte| *byte != first) {
                second = tail.get(at).copied().unwrap_or(first);
                unmarked = from + at;
            }
        }
        Self {
            bytes: block.len() as u64,
            unmarked: unmarked as u64,
            mark,
            firsts: [first, second],
        }
    }

    /// What is left to be taken, unmarked and marked, where `size` is that of the
    /// file and `first` the byte that is first in the pipe, if there is any.
    ///
    /// What is in the pipe may be of somebody else's making: nothing is left then.
    #[must_use]
    pub fn left(&self, size: u64, first: Option<u8>) -> (u64, u64) {
        let marked = self.bytes.saturating_sub(self.unmarked);
        match size.saturating_sub(self.mark) {
            _ if self.bytes == 0 => (0, 0),
            0 => match first {
                Some(byte) if byte == self.firsts[0] => (self.unmarked, marked),
                Some(byte) if byte == self.firsts[1] => (0, marked),
                _ => (0, 0),
            },
            grown => (0, marked.saturating_sub(grown)),
        }
    }
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
    /// How many bytes of what the input to come gives are already in earlier files.
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
        word(u64::from(self.plain) | u64::from(self.midst) << 1);
        word(self.pipe.0);
        word(self.pipe.1);
        word(self.processor.0);
        word(self.processor.1);
        word(self.saved);
        word(self.taking.bytes);
        word(self.taking.unmarked);
        word(self.taking.mark);
        word(u64::from(u16::from_le_bytes(self.taking.firsts)));
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
        let (script, flags) = (rest.word()?, rest.word()?);
        let (pipe, processor) = ((rest.word()?, rest.word()?), (rest.word()?, rest.word()?));
        let saved = rest.word()?;
        let taking = rest.taking()?;
        let held = usize::try_from(rest.word()?).ok()?;
        let count = rest.word()?;
        let mut logs = Vec::new();
        for _ in 0..count {
            logs.push(rest.entry()?);
        }
        let record = Self {
            boot: rest.array()?,
            script,
            pipe,
            taking,
            processor,
            saved,
            plain: flags & 1 != 0,
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

    fn taking(&mut self) -> Option<Taking> {
        let (bytes, unmarked, mark) = (self.word()?, self.word()?, self.word()?);
        let [first, second, ..] = self.word()?.to_le_bytes();
        Some(Taking {
            bytes,
            unmarked,
            mark,
            firsts: [first, second],
        })
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
            pipe: (13, 14),
            processor: (4711, 12),
            taking: Taking {
                bytes: 65_536,
                unmarked: 65_535,
                mark: 5000,
                firsts: *b"a\n",
            },
            saved: 3,
            plain: false,
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
    fn as_many_directories_as_promised_fit_with_the_longest_line() {
        let mut bytes = Vec::new();
        let (logs, held) = (vec![Entry::default(); MOST_LOGS], vec![b'x'; 1000]);
        let record = Record {
            held,
            logs,
            ..example()
        };
        record.encode(&mut bytes);
        assert_eq!(Record::decode(&bytes), Some(record));
    }

    #[test]
    fn all_of_a_block_is_taken_wherever_it_was_interrupted() {
        let long = [b"x\n".repeat(400), b"\n\nxx".to_vec()].concat();
        for block in [
            &long,
            &b"\n".repeat(9000),
            &b"short\n".to_vec(),
            &vec![b'x'; 512],
        ] {
            let taking = Taking::of(block, 5000);
            let (all, unmarked) = (block.len() as u64, taking.unmarked);
            let first = |at: u64| block.get(usize::try_from(at).unwrap()).copied();
            assert_eq!(taking.left(5000, first(0)), (unmarked, all - unmarked));
            assert_eq!(taking.left(5000, first(unmarked)).1, all - unmarked);
            for grown in 1..=all - unmarked {
                // The next block may begin with whatever it likes.
                let left = taking.left(5000 + grown, first(0));
                assert_eq!(left, (0, all - unmarked - grown));
            }
            assert_eq!(taking.left(5000, None), (0, 0));
            assert_eq!(taking.left(5000, Some(b'?')), (0, 0));
        }
        assert_eq!(Taking::of(&long, 0).left(0, Some(b'\n')), (0, 3));
        assert_eq!(Taking::default().left(0, Some(0)), (0, 0));
    }

    #[test]
    fn what_does_not_fit_is_not_written() {
        let mut bytes = Vec::new();
        let logs = vec![Entry::default(); 100];
        Record { logs, ..example() }.encode(&mut bytes);
        assert!(bytes.is_empty());
    }
}
