//! A stamp in front of each line.

use crate::newlines::LineEnds;

/// The most that a prefix can be.
const LONGEST: usize = 32;

/// What is put in front of lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    padded: [u8; LONGEST],
    length: usize,
}

/// What was copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// Bytes of the input.
    pub read: usize,
    /// Bytes of the output.
    pub written: usize,
}

/// So many bytes are copied of each line that has fewer. A copy whose length is
/// known beforehand costs next to nothing; what is too much is written over.
const SHORT: usize = 32;

/// See [`SHORT`].
const MIDDLE: usize = 128;

impl Prefix {
    /// The first 32 bytes of `text`.
    #[must_use]
    pub fn new(text: &[u8]) -> Self {
        let mut padded = [0; LONGEST];
        let length = text.len().min(LONGEST);
        for (place, byte) in padded.iter_mut().zip(text) {
            *place = *byte;
        }
        Self { padded, length }
    }

    /// The text.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.padded.get(..self.length).unwrap_or(&self.padded)
    }

    /// Copies whole lines, each with this in front of it, as long as there is
    /// room.
    ///
    /// What is left may be an unfinished line, or lines that `room` is too small
    /// for; `room` may hold anything behind what was written.
    #[must_use]
    pub fn copy_lines(&self, input: &[u8], room: &mut [u8]) -> Copied {
        let mut done = Copied::default();
        for end in LineEnds::of(input) {
            let (Some(rest), Some(room)) = (input.get(done.read..), room.get_mut(done.written..))
            else {
                break;
            };
            let length = end - done.read;
            if self.copy_more(rest, length, room).is_none()
                && self
                    .copy(rest.get(..length).unwrap_or_default(), room)
                    .is_none()
            {
                break;
            }
            done.read = end;
            done.written += self.length + length;
        }
        done
    }

    /// Copies more than the line is long, unless it is long or there is not that
    /// much of both.
    #[inline]
    fn copy_more(&self, rest: &[u8], length: usize, room: &mut [u8]) -> Option<()> {
        let line: &[u8; MIDDLE] = rest.first_chunk()?;
        let place: &mut [u8; LONGEST + MIDDLE] = room.first_chunk_mut()?;
        if length > MIDDLE {
            return None;
        }
        *place.first_chunk_mut()? = self.padded;
        let place = place.get_mut(self.length..)?;
        if length <= SHORT {
            *place.first_chunk_mut()? = *line.first_chunk::<SHORT>()?;
        } else {
            *place.first_chunk_mut()? = *line;
        }
        Some(())
    }

    fn copy(&self, line: &[u8], room: &mut [u8]) -> Option<()> {
        let (place, room) = room.split_at_mut_checked(self.length)?;
        let room = room.get_mut(..line.len())?;
        place.copy_from_slice(self.bytes());
        room.copy_from_slice(line);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines of all lengths up to some that are copied byte by byte.
    fn text() -> Vec<u8> {
        let lengths = (0..40).chain([126, 127, 128, 129, 400, 0, 3]);
        lengths
            .flat_map(|length| [vec![b'x'; length], b"\n".to_vec()].concat())
            .collect()
    }

    #[test]
    fn every_whole_line_gets_its_prefix_whatever_room_there_is() {
        let input = [text(), b"unfinished".to_vec()].concat();
        for prefix in [&b"@ "[..], b"a longer one, of all there is   "] {
            let prefix = Prefix::new(prefix);
            let want: Vec<u8> = text()
                .split_inclusive(|byte| *byte == b'\n')
                .flat_map(|line| [prefix.bytes(), line].concat())
                .collect();
            for room in (0..3000).step_by(7).chain([9000]) {
                let mut room = vec![0; room];
                let (mut read, mut seen) = (0, Vec::new());
                loop {
                    let copied = prefix.copy_lines(&input[read..], &mut room);
                    seen.extend_from_slice(&room[..copied.written]);
                    read += copied.read;
                    if copied.read == 0 {
                        break;
                    }
                }
                assert!(want.starts_with(&seen));
                let longest = 401 + prefix.bytes().len();
                assert!(seen.len() == want.len() || room.len() < longest);
            }
        }
    }
}
