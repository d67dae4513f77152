//! What the bytes of a file mean: a function from bytes to a value for each
//! kind, without any other input.
//!
//! Blanks and newlines before and after a value do not matter, and between words
//! any of them will do.

mod duration;
mod number;
mod restart;
mod signal;

pub use duration::{delay, duration, timeout};
pub use number::{StartLimit, descriptor, start_limit, tally};
pub use restart::{Restart, restart};
pub use signal::{DownSignals, Step, down_signals, signal};

use crate::Fault;

/// The words of a value; there is at least one.
fn words(bytes: &[u8]) -> Result<impl Iterator<Item = &[u8]> + Clone, Fault> {
    let mut words = bytes
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
        .peekable();
    words.peek().ok_or(Fault::Empty)?;
    Ok(words)
}

/// The one word of a value; of another number of them, `fault`.
fn only_word(bytes: &[u8], fault: Fault) -> Result<&[u8], Fault> {
    let mut words = words(bytes)?;
    match (words.next(), words.next()) {
        (Some(word), None) => Ok(word),
        _ => Err(fault),
    }
}

/// A decimal number of nothing but digits. One that has no place in 64 bits is
/// the greatest that has.
fn digits(word: &[u8]) -> Option<u64> {
    if word.is_empty() || !word.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(word.iter().fold(0_u64, |sum, digit| {
        sum.saturating_mul(10)
            .saturating_add(u64::from(digit - b'0'))
    }))
}
