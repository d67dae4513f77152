//! `tai64n`: copies its input, each line with a label of the time in front.
//!
//! Its arguments mean nothing, and it says nothing: whatever keeps it from
//! reading or writing ends it with 111.
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::io::{self, Write};

use dt_cli::{Exit, Fatal};
use dt_os::clock::UnixTime;
use dt_stream::prefix::Prefix;
use dt_stream::{Filter, Output};
use memchr::memchr;

/// Runs the program with its arguments, argv\[0\] left out.
pub fn run(_args: &[OsString]) -> Result<Exit, Fatal> {
    match dt_stream::run(&mut Stamper::new(UnixTime::now)) {
        Ok(()) => Ok(Exit::OK),
        Err(_) => Err(Fatal::silent(Exit::TEMPORARY)),
    }
}

/// A label and the space behind it.
type Stamp = [u8; dt_tai::LABEL_LEN + 1];

/// Puts a stamp before each line's first byte.
struct Stamper<Clock> {
    clock: Clock,
    /// The latest time that was used.
    latest: UnixTime,
    at_line_start: bool,
}

impl<Clock: FnMut() -> UnixTime> Stamper<Clock> {
    fn new(clock: Clock) -> Self {
        Self {
            clock,
            latest: UnixTime {
                secs: i64::MIN,
                nanos: 0,
            },
            at_line_start: true,
        }
    }

    /// Never earlier than the last one: where the clock was set back, the time
    /// stands still until the clock has caught up.
    fn stamp(&mut self) -> Stamp {
        self.latest = self.latest.max((self.clock)());
        let nanos = dt_tai::half_microsecond(self.latest.nanos);
        let label = dt_tai::label(dt_tai::from_unix(self.latest.secs, nanos));
        let mut stamp = [b' '; dt_tai::LABEL_LEN + 1];
        stamp
            .iter_mut()
            .zip(label)
            .for_each(|(place, byte)| *place = byte);
        stamp
    }
}

impl<Clock: FnMut() -> UnixTime> Filter for Stamper<Clock> {
    /// The lines that begin in one block share one reading of the clock.
    fn block(&mut self, input: &[u8], out: &mut Output<impl Write>) -> io::Result<usize> {
        let stamp = Prefix::new(&self.stamp());
        let mut rest = input;
        while !rest.is_empty() {
            if self.at_line_start {
                let copied = stamp.copy_lines(rest, out.room()?);
                out.advance(copied.written);
                if copied.read > 0 {
                    rest = rest.get(copied.read..).unwrap_or_default();
                    continue;
                }
                out.write_all(stamp.bytes())?;
            }
            let newline = memchr(b'\n', rest);
            let (line, later) = rest.split_at(newline.map_or(rest.len(), |at| at + 1));
            out.write_all(line)?;
            self.at_line_start = newline.is_some();
            rest = later;
        }
        Ok(input.len())
    }

    fn end(&mut self, _kept: &[u8], _out: &mut Output<impl Write>) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of the blocks, each of which comes at its time.
    fn stamped(blocks: &[(&str, i64, u32)]) -> String {
        let times = blocks.iter().map(|(_, secs, nanos)| UnixTime {
            secs: *secs,
            nanos: *nanos,
        });
        let mut times = times.collect::<Vec<_>>().into_iter();
        let mut stamper = Stamper::new(|| times.next().unwrap());
        let mut text = Vec::new();
        let mut out = Output::new(&mut text);
        for (block, ..) in blocks {
            assert_eq!(
                stamper.block(block.as_bytes(), &mut out).unwrap(),
                block.len()
            );
        }
        stamper.end(b"", &mut out).unwrap();
        out.flush().unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn every_line_gets_a_stamp_an_empty_one_too() {
        let stamp = "@400000000000000a000001f4 ";
        assert_eq!(
            stamped(&[("a\n\nb\n", 0, 0)]),
            format!("{stamp}a\n{stamp}\n{stamp}b\n")
        );
    }

    #[test]
    fn a_line_in_pieces_has_the_time_of_its_first_byte() {
        assert_eq!(
            stamped(&[("a", 0, 1000), ("b\n", 1, 0), ("c", 2, 0)]),
            "@400000000000000a000005dc ab\n@400000000000000c000001f4 c"
        );
    }

    #[test]
    fn no_newline_is_added() {
        assert_eq!(stamped(&[("a", 0, 0)]), "@400000000000000a000001f4 a");
    }

    #[test]
    fn stamps_stand_still_while_the_clock_is_behind() {
        assert_eq!(
            stamped(&[("a\n", 5, 999), ("b\n", 3, 5000), ("c\n", 5, 7000)]),
            "@400000000000000f000001f4 a\n\
             @400000000000000f000001f4 b\n\
             @400000000000000f00001d4c c\n"
        );
    }
}
