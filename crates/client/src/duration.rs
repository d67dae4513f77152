use std::time::Duration;

/// `500` and `500ms`, `5s`, `2m`, `1h`: a number alone is milliseconds. `None` for
/// anything else, and for more than 2^32 - 1 milliseconds.
#[must_use]
pub fn duration(word: &[u8]) -> Option<Duration> {
    let end = word.iter().position(|byte| !byte.is_ascii_digit());
    let (number, unit) = word.split_at(end.unwrap_or(word.len()));
    let number: u64 = str::from_utf8(number).ok()?.parse().ok()?;
    let milliseconds = number.checked_mul(match unit {
        b"" | b"ms" => 1,
        b"s" => 1000,
        b"m" => 60_000,
        b"h" => 3_600_000,
        _ => return None,
    })?;
    let milliseconds = u32::try_from(milliseconds).ok()?;
    Some(Duration::from_millis(milliseconds.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_number_is_milliseconds() {
        for (word, milliseconds) in [
            ("0", 0),
            ("5000", 5000),
            ("7ms", 7),
            ("30s", 30_000),
            ("2m", 120_000),
            ("1h", 3_600_000),
            ("4294967295", 4_294_967_295),
        ] {
            let expected = Some(Duration::from_millis(milliseconds));
            assert_eq!(duration(word.as_bytes()), expected, "{word}");
        }
    }

    #[test]
    fn what_is_no_duration_is_none() {
        for word in [
            "",
            "s",
            "-1",
            "+1",
            "1.5s",
            "1d",
            "1 s",
            "4294967296",
            "99999999999999999999",
            "18446744073709551615h",
        ] {
            assert_eq!(duration(word.as_bytes()), None, "{word}");
        }
    }
}
