//! A stamp in front of each line.

use dt_os::places::{TOGETHER, places};

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
        let mut done = self.copy_most(input, room);
        let begin = done.read;
        for end in LineEnds::of(input.get(begin..).unwrap_or_default()) {
            let line = input.get(done.read..begin + end).unwrap_or_default();
            let place = room.get_mut(done.written..).unwrap_or_default();
            if self.copy(line, place).is_none() {
                break;
            }
            done.read += line.len();
            done.written += self.length + line.len();
        }
        done
    }

    /// The same as long as there is more of both than a line needs.
    fn copy_most(&self, input: &[u8], room: &mut [u8]) -> Copied {
        let mut done = Copied::default();
        let Some(place) = room.first_chunk_mut() else {
            return done;
        };
        *place = self.padded;
        let (mut at, mut to) = (0, self.length);
        while let Some(bytes) = input.get(at..).and_then(<[u8]>::first_chunk) {
            let bytes: &[u8; 2 * TOGETHER] = bytes;
            let mut found = bytes.first_chunk().map_or(0, |first| places(b'\n', first));
            let mut from = 0;
            while found != 0 {
                let end = found.trailing_zeros() as usize + 1;
                found &= found - 1;
                if self.copy_piece(bytes, from, end, room, to).is_none() {
                    return done;
                }
                to += end - from;
                done = Copied {
                    read: at + end,
                    written: to,
                };
                to += self.length;
                from = end;
            }
            if self.copy_piece(bytes, from, TOGETHER, room, to).is_none() {
                return done;
            }
            to += TOGETHER - from;
            at += TOGETHER;
        }
        done
    }

    /// Copies a line, or a piece of one, and puts what may be the next one's prefix
    /// behind it.
    ///
    /// It is always 64 bytes that are copied: a copy whose length is known beforehand
    /// costs next to nothing, and what was too much is written over.
    #[inline]
    fn copy_piece(
        &self,
        bytes: &[u8; 2 * TOGETHER],
        from: usize,
        end: usize,
        room: &mut [u8],
        to: usize,
    ) -> Option<()> {
        let place: &mut [u8; TOGETHER + LONGEST] = room.get_mut(to..)?.first_chunk_mut()?;
        let piece: &[u8; TOGETHER] = bytes.get(from..)?.first_chunk()?;
        *place.first_chunk_mut()? = *piece;
        *place.get_mut(end - from..)?.first_chunk_mut()? = self.padded;
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
