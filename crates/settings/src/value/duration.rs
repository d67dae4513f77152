use std::time::Duration;

use super::{digits, only_word};
use crate::Fault;

/// No delay between starts is shorter, or a service that dies at once would
/// keep a processor busy.
const SHORTEST_DELAY: Duration = Duration::from_millis(10);

/// `500` and `500ms`, `5s`, `2m`, `1h`: up to 2^32 - 1 milliseconds, as s6 has
/// it.
pub fn duration(bytes: &[u8]) -> Result<Duration, Fault> {
    only_word(bytes, Fault::NoDuration).and_then(of_word)
}

/// A duration where none at all, which is `0` in the file as with s6, is for
/// ever.
pub fn timeout(bytes: &[u8]) -> Result<Option<Duration>, Fault> {
    Ok(Some(duration(bytes)?).filter(|found| !found.is_zero()))
}

/// A duration between starts.
pub fn delay(bytes: &[u8]) -> Result<Duration, Fault> {
    let found = duration(bytes)?;
    if found < SHORTEST_DELAY {
        return Err(Fault::TooShort);
    }
    Ok(found)
}

/// The same of one word.
pub(super) fn of_word(word: &[u8]) -> Result<Duration, Fault> {
    let end = word
        .iter()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(word.len());
    let (number, unit) = word.split_at(end);
    let number = digits(number).ok_or(Fault::NoDuration)?;
    let milliseconds = number.saturating_mul(match unit {
        b"" | b"ms" => 1,
        b"s" => 1000,
        b"m" => 60_000,
        b"h" => 3_600_000,
        _ => return Err(Fault::NoDuration),
    });
    let milliseconds = u32::try_from(milliseconds).map_err(|_| Fault::TooLong)?;
    Ok(Duration::from_millis(milliseconds.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_number_is_milliseconds() {
        for (bytes, milliseconds) in [
            ("5000", 5000),
            ("5000\n", 5000),
            (" 7ms\r\n", 7),
            ("30s", 30_000),
            ("2m", 120_000),
            ("1h\n\n", 3_600_000),
            ("0", 0),
            ("4294967295", 4_294_967_295),
        ] {
            let found = duration(bytes.as_bytes());
            assert_eq!(found, Ok(Duration::from_millis(milliseconds)), "{bytes:?}");
        }
    }

    #[test]
    fn what_is_no_duration_is_told_apart() {
        for (bytes, fault) in [
            ("", Fault::Empty),
            (" \n", Fault::Empty),
            ("s", Fault::NoDuration),
            ("-1", Fault::NoDuration),
            ("+1", Fault::NoDuration),
            ("1.5s", Fault::NoDuration),
            ("1d", Fault::NoDuration),
            ("1S", Fault::NoDuration),
            ("1 s", Fault::NoDuration),
            ("5s 5s", Fault::NoDuration),
            ("5\0", Fault::NoDuration),
            ("5s # five", Fault::NoDuration),
            ("4294967296", Fault::TooLong),
            ("99999999999999999999999", Fault::TooLong),
            ("18446744073709551615h", Fault::TooLong),
        ] {
            assert_eq!(duration(bytes.as_bytes()), Err(fault), "{bytes:?}");
        }
    }

    #[test]
    fn no_time_at_all_is_for_ever() {
        assert_eq!(timeout(b"0\n"), Ok(None));
        assert_eq!(timeout(b"1s"), Ok(Some(Duration::from_secs(1))));
    }

    #[test]
    fn a_delay_is_never_so_short_that_a_processor_is_kept_busy() {
        assert_eq!(delay(b"0"), Err(Fault::TooShort));
        assert_eq!(delay(b"10"), Ok(Duration::from_millis(10)));
    }
}
