//! What is on its way out.

use std::io::{self, Write};

/// Bytes written at once. Lines of 27 bytes and more that get a stamp of 26 fit
/// in; what makes more of a block than this takes further writes.
const SIZE: usize = 2 * crate::BLOCK;

/// Gathers output, for few writes. What has not been flushed is lost.
#[derive(Debug)]
pub struct Output<W> {
    inner: W,
    buffer: Vec<u8>,
    filled: usize,
}

impl<W: Write> Output<W> {
    /// In front of `inner`.
    #[must_use]
    pub fn new(inner: W) -> Self {
        Self {
            inner,
            buffer: vec![0; SIZE],
            filled: 0,
        }
    }

    /// Where more can be put, 64 KiB at the least; see [`Output::advance`].
    pub fn room(&mut self) -> io::Result<&mut [u8]> {
        if self.filled > SIZE / 2 {
            self.flush()?;
        }
        Ok(self.buffer.get_mut(self.filled..).unwrap_or_default())
    }

    /// Adds `bytes`, like `write_all`, and with less ado where there is room.
    #[inline]
    pub fn add(&mut self, bytes: &[u8]) -> io::Result<()> {
        let end = self.filled + bytes.len();
        let Some(place) = self.buffer.get_mut(self.filled..end) else {
            return self.write_all(bytes);
        };
        place.copy_from_slice(bytes);
        self.filled = end;
        Ok(())
    }

    /// The first `count` bytes of the room are output now.
    pub fn advance(&mut self, count: usize) {
        self.filled = (self.filled + count).min(SIZE);
    }
}

impl<W: Write> Write for Output<W> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.filled + bytes.len() > SIZE {
            self.flush()?;
        }
        let room = self.buffer.get_mut(self.filled..).unwrap_or_default();
        let count = bytes.len().min(room.len());
        if let (Some(place), Some(bytes)) = (room.get_mut(..count), bytes.get(..count)) {
            place.copy_from_slice(bytes);
        }
        self.filled += count;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        let filled = std::mem::take(&mut self.filled);
        self.inner
            .write_all(self.buffer.get(..filled).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_and_what_is_written_comes_out_in_order() {
        let mut seen = Vec::new();
        let mut out = Output::new(&mut seen);
        let mut want = Vec::new();
        for length in [5, 70_000, 200_000, 3, 64 * 1024] {
            let text = vec![b'a' + u8::try_from(length % 7).unwrap(); length];
            out.write_all(&text).unwrap();
            let room = out.room().unwrap();
            assert!(room.len() >= 64 * 1024);
            room[..2].copy_from_slice(b"--");
            out.advance(2);
            want.extend_from_slice(&text);
            want.extend_from_slice(b"--");
        }
        out.flush().unwrap();
        assert!(seen == want);
    }
}
