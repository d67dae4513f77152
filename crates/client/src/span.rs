/// Seconds as people read them, in the two largest units: `3d 4h`, `5m 6s`.
#[must_use]
pub fn span(seconds: u64) -> String {
    let parts = [
        (seconds / 86400, "d"),
        (seconds / 3600 % 24, "h"),
        (seconds / 60 % 60, "m"),
        (seconds % 60, "s"),
    ];
    let first = parts.iter().position(|(count, _)| *count > 0).unwrap_or(3);
    let parts = parts.iter().skip(first).take(2);
    let parts: Vec<_> = parts
        .map(|(count, unit)| format!("{count}{unit}"))
        .collect();
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_two_units() {
        for (seconds, text) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m 0s"),
            (3661, "1h 1m"),
            (90_000, "1d 1h"),
            (864_000, "10d 0h"),
        ] {
            assert_eq!(span(seconds), text);
        }
    }
}
