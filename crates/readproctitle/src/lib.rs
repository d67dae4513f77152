//! Shows what it reads in its own entry of the process list:
//! `readproctitle words... dots`.
//!
//! The last argument is written over where it lies in memory, and that memory is
//! what ps(1) shows.
#![forbid(unsafe_code)]

use std::ffi::OsString;

use dt_cli::{Exit, Fatal};
use dt_os::{descriptor, startup};

/// How much of the title stays dots, so that a reader sees that there was more.
const ALWAYS_DOTS: usize = 3;
/// A shorter title would have no room for text.
const SHORTEST: usize = 5;

/// Runs the program with its arguments, argv\[0\] left out.
pub fn run(_args: &[OsString]) -> Result<Exit, Fatal> {
    let title = startup::last_argument().filter(|title| title.len() >= SHORTEST);
    let Some(title) = title else {
        return Err(Fatal::silent(Exit::PERMANENT));
    };
    title.fill(b'.');
    if !startup::standard_was_open(0) {
        return Err(Fatal::silent(Exit::TEMPORARY));
    }
    let text = title.get_mut(ALWAYS_DOTS..).unwrap_or_default();
    let mut buffer = [0; 4096];
    loop {
        let length = descriptor::read(descriptor::stdin(), &mut buffer)
            .map_err(|_| Fatal::silent(Exit::TEMPORARY))?;
        if length == 0 {
            return Ok(Exit::OK);
        }
        push(text, buffer.get(..length).unwrap_or_default());
    }
}

/// Moves `news` into `text` from the right; what is pushed out on the left is
/// gone. NULs are left out, as one would end what ps(1) shows.
fn push(text: &mut [u8], news: &[u8]) {
    let fresh = news.iter().filter(|byte| **byte != 0);
    let count = fresh.clone().count().min(text.len());
    text.copy_within(count.., 0);
    for (place, byte) in text.iter_mut().rev().zip(fresh.rev()) {
        *place = *byte;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pushed(pieces: &[&[u8]]) -> Vec<u8> {
        let mut text = b".....".to_vec();
        for piece in pieces {
            push(&mut text, piece);
        }
        text
    }

    #[test]
    fn text_comes_in_from_the_right() {
        assert_eq!(pushed(&[b"ab"]), b"...ab");
        assert_eq!(pushed(&[b"ab", b"cde"]), b"abcde");
        assert_eq!(pushed(&[b"ab", b"cdefghijk"]), b"ghijk");
    }

    #[test]
    fn blocks_give_the_same_as_single_bytes() {
        let news = b"a\0bc\nd\0\0efghi\0";
        let single: Vec<&[u8]> = news.chunks(1).collect();
        for size in 1..news.len() {
            let blocks: Vec<&[u8]> = news.chunks(size).collect();
            assert_eq!(pushed(&blocks), pushed(&single), "{size}");
        }
    }
}
