//! From standard input to standard output, in blocks but never late.
//!
//! A block is what one read gives, up to 64 KiB. All that a filter makes of it
//! is written before the next read, so nothing that could be shown stays behind
//! while more is waited for; and a flood costs one read and, as a rule, one
//! write a block.
#![forbid(unsafe_code)]

use std::io::{self, ErrorKind, Write};
use std::os::fd::BorrowedFd;

use dt_os::{descriptor, wait};

pub mod newlines;
mod output;
pub mod prefix;

pub use output::Output;

/// Bytes asked for in one read: what a pipe holds.
const BLOCK: usize = 64 * 1024;

/// What happens to the bytes on their way.
pub trait Filter {
    /// Takes `input` and writes what becomes of it.
    ///
    /// Gives how many bytes are done with. The others, less than 64 of them, are
    /// those that more input has to explain; they come again in front of it.
    fn block(&mut self, input: &[u8], out: &mut Output<impl Write>) -> io::Result<usize>;

    /// Writes what becomes of the bytes that were kept, now that nothing follows.
    fn end(&mut self, kept: &[u8], out: &mut Output<impl Write>) -> io::Result<()>;
}

/// Runs `filter` until the input ends.
///
/// A descriptor that would block is waited for; every other error of reading or
/// writing ends the run, one that our parent left closed (`EBADF`) among them.
pub fn run(filter: &mut impl Filter) -> io::Result<()> {
    let input = descriptor::given_stdin()?;
    copy(|buffer| read(input, buffer), StandardOutput, filter)
}

fn copy(
    mut read: impl FnMut(&mut [u8]) -> io::Result<usize>,
    output: impl Write,
    filter: &mut impl Filter,
) -> io::Result<()> {
    let mut out = Output::new(output);
    let mut buffer = vec![0; BLOCK];
    let mut kept = 0;
    loop {
        let more = read(buffer.get_mut(kept..).unwrap_or_default())?;
        let filled = buffer.get(..kept + more).unwrap_or_default();
        if more == 0 {
            filter.end(filled, &mut out)?;
            return out.flush();
        }
        let done = filter.block(filled, &mut out)?;
        out.flush()?;
        let end = filled.len();
        kept = end - done;
        buffer.copy_within(done..end, 0);
    }
}

fn read(input: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match descriptor::read(input, buffer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                wait::until_readable([input], None)?;
            }
            other => return other,
        }
    }
}

/// Standard output; a missing one is noticed by the first write.
struct StandardOutput;

impl Write for StandardOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let output = descriptor::given_stdout()?;
        loop {
            match descriptor::write(output, bytes) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    wait::until_writable(output)?;
                }
                other => return other,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keeps the last byte of every block.
    struct Hesitant;

    impl Filter for Hesitant {
        fn block(&mut self, input: &[u8], out: &mut Output<impl Write>) -> io::Result<usize> {
            let (_, sure) = input.split_last().unwrap();
            out.write_all(sure)?;
            Ok(sure.len())
        }

        fn end(&mut self, kept: &[u8], out: &mut Output<impl Write>) -> io::Result<()> {
            out.write_all(b"|")?;
            out.write_all(kept)
        }
    }

    /// Notes each write.
    #[derive(Default)]
    struct Writes(Vec<Vec<u8>>);

    impl Write for &mut Writes {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.push(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn copied(blocks: &[&[u8]]) -> Writes {
        let mut writes = Writes::default();
        let mut blocks = blocks.iter();
        let read = |buffer: &mut [u8]| {
            let block = blocks.next().copied().unwrap_or_default();
            buffer[..block.len()].copy_from_slice(block);
            Ok(block.len())
        };
        copy(read, &mut writes, &mut Hesitant).unwrap();
        writes
    }

    #[test]
    fn what_is_kept_comes_again_before_the_next_block() {
        assert_eq!(copied(&[b"abc", b"d", b"ef"]).0.concat(), b"abcde|f");
    }

    #[test]
    fn each_block_is_written_at_once_in_one_write() {
        assert_eq!(
            copied(&[b"abc", b"def"]).0,
            [&b"ab"[..], &b"cde"[..], &b"|f"[..]]
        );
    }

    #[test]
    fn nothing_in_nothing_out_but_the_end() {
        assert_eq!(copied(&[]).0.concat(), b"|");
    }
}
