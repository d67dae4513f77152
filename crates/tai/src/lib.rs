//! TAI64N labels.
//!
//! daemontools has no leap-second table: a label is the Unix clock plus a
//! constant ten seconds, offset by 2^62. The `tai64` crate's own clock functions
//! use 37 seconds, so a label made with `Tai64N::now` would read 27 seconds into
//! the future to every existing reader. Labels are therefore built here from the
//! raw clock, and nowhere else.
#![forbid(unsafe_code)]

pub use tai64::{Tai64, Tai64N};

/// What a label's seconds are for the Unix time 0: 2^62 + 10.
pub const EPOCH: u64 = (1 << 62) + 10;

/// Bytes in a label: `@` and 24 hexadecimal digits.
pub const LABEL_LEN: usize = 25;

/// The instant `secs`.`nanos` of the Unix clock.
#[must_use]
pub const fn from_unix(secs: i64, nanos: u32) -> Tai64N {
    Tai64N(Tai64(EPOCH.wrapping_add_signed(secs)), nanos)
}

/// The Unix seconds of an instant; wraps for what no clock shows.
#[must_use]
pub const fn unix_seconds(instant: Tai64N) -> i64 {
    instant.0.0.wrapping_sub(EPOCH).cast_signed()
}

/// `nanos` as the original has it, whose clock shows microseconds: the middle
/// of the microsecond that it lies in.
#[must_use]
pub const fn half_microsecond(nanos: u32) -> u32 {
    nanos / 1000 * 1000 + 500
}

/// The label of an instant: `@` and 24 lower-case hexadecimal digits.
#[must_use]
pub fn label(instant: Tai64N) -> [u8; LABEL_LEN] {
    let mut text = [b'@'; LABEL_LEN];
    let seconds = instant.0.0.to_be_bytes();
    let nanos = instant.1.to_be_bytes();
    let pairs = text.iter_mut().skip(1);
    let digits = seconds
        .iter()
        .chain(&nanos)
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
    pairs.zip(digits).for_each(|(place, digit)| *place = digit);
    text
}

const fn digit(value: u8) -> u8 {
    match value {
        0..=9 => b'0' + value,
        _ => b'a' - 10 + value,
    }
}

/// The instant that the 24 digits after a label's `@` name; `None` for anything
/// but lower-case hexadecimal digits.
///
/// Nanoseconds are taken as they stand, those of a thousand million and more
/// included, as tai64nlocal shows them.
#[must_use]
pub fn parse(digits: &[u8; LABEL_LEN - 1]) -> Option<Tai64N> {
    let (high, rest) = digits.split_first_chunk()?;
    let (low, rest) = rest.split_first_chunk()?;
    let seconds = u64::from(number(*high)?) << 32 | u64::from(number(*low)?);
    Some(Tai64N(Tai64(seconds), number(*rest.first_chunk()?)?))
}

/// Eight digits at once, a byte of a word for each: this is what a converter of
/// labels spends its time on.
const fn number(digits: [u8; 8]) -> Option<u32> {
    const ONES: u64 = u64::from_be_bytes([1; 8]);
    const TOP: u64 = ONES << 7;
    let text = u64::from_be_bytes(digits);
    // Without a top bit no sum below carries into the next byte; with one, whatever
    // they are, it is refused. A sum has the top bit where its byte is above 9, not
    // below 1 and above 6, in turn.
    let decimal = text ^ (ONES * 0x30);
    let letter = text ^ (ONES * 0x60);
    let no_decimal = decimal.wrapping_add(ONES * (0x7f - 9));
    let no_letter = letter.wrapping_add(ONES * (0x7f - 6)) | !letter.wrapping_add(ONES * 0x7f);
    if (text | (no_decimal & no_letter)) & TOP != 0 {
        return None;
    }
    // Letters have bit 6 set.
    let values = (text & (ONES * 0x0f)) + ((text >> 6) & ONES) * 9;
    let pairs = (values | (values >> 4)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs | (pairs >> 8)) & 0x0000_ffff_0000_ffff;
    let [.., a, b, c, d] = (fours | (fours >> 16)).to_be_bytes();
    Some(u32::from_be_bytes([a, b, c, d]))
}

/// What a lower-case hexadecimal digit stands for.
#[must_use]
pub const fn value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unix_epoch_is_ten_seconds_in() {
        assert_eq!(&label(from_unix(0, 0)), b"@400000000000000a00000000");
        assert_eq!(&label(from_unix(-1, 0)), b"@400000000000000900000000");
        assert_eq!(&label(from_unix(1 << 32, 0)), b"@400000010000000a00000000");
    }

    /// The ends of 31 and 32 bits of seconds.
    #[test]
    fn nothing_ends_in_2038_or_in_2106() {
        for (last, before, after) in [
            (
                i64::from(i32::MAX),
                b"@4000000080000009",
                b"@400000008000000a",
            ),
            (
                i64::from(u32::MAX),
                b"@4000000100000009",
                b"@400000010000000a",
            ),
        ] {
            assert_eq!(&label(from_unix(last, 0))[..17], before);
            assert_eq!(&label(from_unix(last + 1, 0))[..17], after);
            assert_eq!(unix_seconds(from_unix(last + 1, 0)), last + 1);
        }
    }

    #[test]
    fn a_label_reads_back_as_what_was_written() {
        for instant in [
            from_unix(935_467_445, 787_492_500),
            from_unix(i64::MIN, u32::MAX),
        ] {
            let text = label(instant);
            let digits = text.last_chunk().unwrap();
            assert_eq!(parse(digits), Some(instant));
            assert_eq!(unix_seconds(parse(digits).unwrap()), unix_seconds(instant));
        }
    }

    #[test]
    fn one_wrong_byte_anywhere_is_no_label() {
        let good = *b"4000000037c219bf2ef02e94";
        assert!(parse(&good).is_some());
        for at in 0..good.len() {
            for wrong in (0..=u8::MAX).filter(|byte| value(*byte).is_none()) {
                let mut digits = good;
                digits[at] = wrong;
                assert_eq!(parse(&digits), None, "byte {wrong} at {at}");
            }
        }
    }

    #[test]
    fn upper_case_digits_are_not_a_label() {
        assert_eq!(parse(b"4000000037C219BF2EF02E94"), None);
    }
}
