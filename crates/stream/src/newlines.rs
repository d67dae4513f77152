//! Where lines end.
//!
//! Short lines make a search for each next newline dear: beginning costs more than
//! looking. So 64 bytes are looked at together, whatever is in them, and give a
//! word with a bit for each newline.

use dt_os::places::{TOGETHER, places};

/// The places right behind the newlines of a text, in order.
#[derive(Debug)]
pub struct LineEnds<'a> {
    text: &'a [u8],
    /// Where the bytes begin that `found` is about.
    at: usize,
    /// A bit for each newline that has not been given yet.
    found: u64,
}

impl<'a> LineEnds<'a> {
    /// Those of `text`.
    #[must_use]
    pub fn of(text: &'a [u8]) -> Self {
        Self {
            text,
            at: 0,
            found: newlines_at(text, 0),
        }
    }
}

impl Iterator for LineEnds<'_> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        while self.found == 0 {
            self.at += TOGETHER;
            if self.at >= self.text.len() {
                self.at = self.text.len();
                return None;
            }
            self.found = newlines_at(self.text, self.at);
        }
        let bit = self.found.trailing_zeros();
        self.found &= self.found - 1;
        Some(self.at + bit as usize + 1)
    }
}

/// A bit for each newline among the next bytes from `at` on.
#[inline]
fn newlines_at(text: &[u8], at: usize) -> u64 {
    let rest = text.get(at..).unwrap_or_default();
    if let Some(bytes) = rest.first_chunk() {
        return places(b'\n', bytes);
    }
    let mut padded = [0; TOGETHER];
    for (place, byte) in padded.iter_mut().zip(rest) {
        *place = *byte;
    }
    places(b'\n', &padded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_line_ends_are_found_and_nothing_else() {
        let mut state = 1_u64;
        for length in 0..300 {
            let text: Vec<u8> = (0..length)
                .map(|_| {
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    [b'\n', b'\n', 0x0b, 0x8a, 0, b'x', 0xff, 0x09][(state >> 40) as usize % 8]
                })
                .collect();
            let want: Vec<usize> = (1..=text.len())
                .filter(|end| text[end - 1] == b'\n')
                .collect();
            assert_eq!(LineEnds::of(&text).collect::<Vec<_>>(), want);
        }
    }
}
