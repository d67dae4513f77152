//! What a file says about its variable.

use std::ffi::OsStr;
use std::io::{self, ErrorKind};

use dt_os::descriptor;

/// The value in the file `name`; `None` where the variable is to be removed: the
/// file is empty, or a link to nothing.
///
/// Reads to the first newline. Of a line longer than `longest`, which no program
/// can be given, it reads only as far as that is certain, and gives a value that
/// is too long as well.
pub fn of_file(name: &OsStr, longest: usize) -> io::Result<Option<Vec<u8>>> {
    let file = match crate::open(name) {
        Ok(file) => file,
        Err(why) if why.kind() == ErrorKind::NotFound => return Ok(None),
        Err(why) => return Err(why),
    };
    of_reads(|buffer| descriptor::read(&file, buffer), longest)
}

/// The same of what `read` gives until it gives nothing.
pub fn of_reads(
    mut read: impl FnMut(&mut [u8]) -> io::Result<usize>,
    longest: usize,
) -> io::Result<Option<Vec<u8>>> {
    let mut line = Line::new(longest);
    let mut buffer = [0; 4096];
    let mut empty = true;
    loop {
        let length = read(&mut buffer)?;
        if length == 0 {
            return Ok((!empty).then(|| line.value()));
        }
        empty = false;
        if line.take(buffer.get(..length).unwrap_or_default()) {
            return Ok(Some(line.value()));
        }
    }
}

/// The first line of a file, put together from what is read.
struct Line {
    bytes: Vec<u8>,
    longest: usize,
}

impl Line {
    const fn new(longest: usize) -> Self {
        Self {
            bytes: Vec::new(),
            longest,
        }
    }

    /// Adds `piece` up to the newline; `true` once no more is needed.
    fn take(&mut self, piece: &[u8]) -> bool {
        let line = piece
            .split(|byte| *byte == b'\n')
            .next()
            .unwrap_or_default();
        let full = self.bytes.len() > self.longest;
        // Beyond the limit blanks count for nothing: either they end the line and
        // are removed, or what follows them shows that the value is too long.
        if full && !line.iter().all(|byte| is_blank(*byte)) {
            self.bytes.push(b'x');
            return true;
        }
        if !full {
            self.bytes.extend_from_slice(line);
        }
        line.len() < piece.len()
    }

    /// Trailing blanks go first, and only then do NULs become newlines.
    fn value(mut self) -> Vec<u8> {
        let end = self.bytes.iter().rposition(|byte| !is_blank(*byte));
        self.bytes.truncate(end.map_or(0, |last| last + 1));
        for byte in self.bytes.iter_mut().filter(|byte| **byte == 0) {
            *byte = b'\n';
        }
        self.bytes
    }
}

const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value when the content is read in pieces of this size, no more than 8
    /// bytes of it being of use.
    fn value(content: &[u8], size: usize) -> Vec<u8> {
        let mut line = Line::new(8);
        let _ = content.chunks(size).any(|piece| line.take(piece));
        line.value()
    }

    #[test]
    fn the_value_ends_at_the_first_newline_whatever_the_pieces() {
        for size in 1..8 {
            assert_eq!(value(b"a b \t\nc", size), b"a b");
            assert_eq!(value(b"a\0\0 \n", size), b"a\n\n");
            assert_eq!(value(b"ab \0\nx", size), b"ab \n");
            assert_eq!(value(b"\nx", size), b"");
        }
    }

    #[test]
    fn blanks_beyond_the_limit_still_do_not_count() {
        for size in 1..30 {
            assert_eq!(value(b"ab                       \nc", size), b"ab");
        }
    }

    #[test]
    fn what_is_too_long_stays_too_long() {
        for size in 1..30 {
            assert!(
                value(b"ab                       c\n", size).len() > 8,
                "{size}"
            );
            assert!(value(&[b'a'; 40], size).len() > 8, "{size}");
        }
    }
}
