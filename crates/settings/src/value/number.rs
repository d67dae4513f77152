use std::time::Duration;

use super::{digits, duration, only_word, words};
use crate::Fault;

/// How many starts within how long are too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StartLimit {
    /// That many are allowed; at least one.
    pub starts: u32,
    /// Within that time; more than none.
    pub within: Duration,
}

/// `5 60s`.
pub fn start_limit(bytes: &[u8]) -> Result<StartLimit, Fault> {
    let mut words = words(bytes)?;
    let (Some(starts), Some(within), None) = (words.next(), words.next(), words.next()) else {
        return Err(Fault::NoLimit);
    };
    let starts = digits(starts).and_then(|starts| u32::try_from(starts).ok());
    let within = duration::of_word(within).map_err(|fault| match fault {
        Fault::NoDuration => Fault::NoLimit,
        other => other,
    })?;
    match starts {
        Some(starts) if starts > 0 && !within.is_zero() => Ok(StartLimit { starts, within }),
        _ => Err(Fault::NoLimit),
    }
}

/// How many deaths to remember: 0 to 4096, as s6 has it.
pub fn tally(bytes: &[u8]) -> Result<u16, Fault> {
    let number = digits(only_word(bytes, Fault::NoCount)?);
    match number.map(u16::try_from) {
        Some(Ok(number)) if number <= 4096 => Ok(number),
        _ => Err(Fault::NoCount),
    }
}

/// A descriptor that a service may write to: not 0, and below the least limit on
/// open files that is usual.
pub fn descriptor(bytes: &[u8]) -> Result<i32, Fault> {
    let number = digits(only_word(bytes, Fault::NoDescriptor)?);
    match number.map(i32::try_from) {
        Some(Ok(number)) if (1..1024).contains(&number) => Ok(number),
        _ => Err(Fault::NoDescriptor),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_number_of_starts_and_a_duration() {
        let limit = |starts, seconds| StartLimit {
            starts,
            within: Duration::from_secs(seconds),
        };
        assert_eq!(start_limit(b"5 60s\n"), Ok(limit(5, 60)));
        assert_eq!(start_limit(b"1\t1000"), Ok(limit(1, 1)));
    }

    #[test]
    fn other_limits_are_refused() {
        for (bytes, fault) in [
            ("", Fault::Empty),
            ("5", Fault::NoLimit),
            ("60s 5", Fault::NoLimit),
            ("5/60s", Fault::NoLimit),
            ("0 60s", Fault::NoLimit),
            ("5 0s", Fault::NoLimit),
            ("5 60s 1", Fault::NoLimit),
            ("4294967296 1s", Fault::NoLimit),
            ("5 9999h", Fault::TooLong),
        ] {
            assert_eq!(start_limit(bytes.as_bytes()), Err(fault), "{bytes:?}");
        }
    }

    #[test]
    fn a_tally_is_a_number_up_to_4096() {
        assert_eq!(tally(b"0"), Ok(0));
        assert_eq!(tally(b"4096\n"), Ok(4096));
        for bytes in ["4097", "65536", "-1", "a", "1 2", "99999999999999999999"] {
            assert_eq!(tally(bytes.as_bytes()), Err(Fault::NoCount), "{bytes:?}");
        }
    }

    #[test]
    fn a_descriptor_is_a_number_that_may_be_written_to() {
        assert_eq!(descriptor(b"3\n"), Ok(3));
        assert_eq!(descriptor(b"1023"), Ok(1023));
        for bytes in ["0", "1024", "-1", "stdout", "3 4", "0x3"] {
            let found = descriptor(bytes.as_bytes());
            assert_eq!(found, Err(Fault::NoDescriptor), "{bytes:?}");
        }
    }
}
