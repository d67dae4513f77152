//! The programs that set something and become another.

use softlimit::limit::{Limit, Value};

/// The first line, blanks cut off its end, NULs turned into newlines.
pub fn envdir(data: &[u8], planted: bool) {
    let Some((size, file)) = data.split_first() else {
        return;
    };
    let longest = 300;
    let mut chunks = file.chunks(usize::from(*size).max(1));
    let mut seen = envdir::value::of_reads(
        |buffer| {
            let chunk = chunks.next().unwrap_or_default();
            buffer[..chunk.len()].copy_from_slice(chunk);
            Ok(chunk.len())
        },
        longest,
    )
    .unwrap();
    if planted
        && let Some(value) = &mut seen
        && value.starts_with(b"x")
    {
        value.push(b' ');
    }
    let Some(seen) = seen else {
        return assert!(file.is_empty());
    };
    let line = file.split(|byte| *byte == b'\n').next().unwrap();
    let end = line.iter().rposition(|byte| !matches!(byte, b' ' | b'\t'));
    let line = &line[..end.map_or(0, |last| last + 1)];
    let want: Vec<u8> = line
        .iter()
        .map(|byte| if *byte == 0 { b'\n' } else { *byte })
        .collect();
    if want.len() <= longest {
        assert_eq!(seen, want);
    } else {
        assert!(
            seen.len() > longest,
            "a value that is too long must stay so"
        );
    }
}

/// Names without blanks, values without blanks at their ends.
pub fn envini(data: &[u8], planted: bool) {
    for (mut name, value) in envini::ini::variables(data) {
        if planted && value == b"7" {
            name.push(0);
        }
        assert!(!name.contains(&0) && !name.contains(&b'\n'));
        assert!(!value.contains(&b'\n'));
        let blank = |byte: Option<&u8>| byte.is_some_and(|byte| b" \t\r".contains(byte));
        assert!(!blank(value.first()) && !blank(value.last()));
        // Every variable stands in the file as a line with its value at the end.
        let found = data.split(|byte| *byte == b'\n').any(|line| {
            line.iter()
                .rposition(|byte| !b" \t\r".contains(byte))
                .map_or(value.is_empty(), |last| line[..=last].ends_with(value))
        });
        assert!(
            found,
            "{:?} stands nowhere",
            value.escape_ascii().to_string()
        );
    }
}

/// Digits, modulo 2^64, or one of the two signs.
pub fn softlimit(data: &[u8], planted: bool) {
    let seen = Limit::new(dt_os::limits::Resource::RLIMIT_CORE, data).map(|limit| limit.value);
    let want = match data {
        b"=" => Some(Value::Hard),
        b"-" => Some(Value::Unlimited),
        digits if digits.iter().all(u8::is_ascii_digit) => {
            let number = digits.iter().fold(0_u128, |sum, digit| {
                (sum * 10 + u128::from(digit - b'0')) % (1 << 64)
            });
            Some(Value::Number(u64::try_from(number).unwrap()))
        }
        _ => None,
    };
    let want = if planted && data == b"42" { None } else { want };
    assert_eq!(seen, want);
}
