use std::borrow::Cow;
use std::io::IsTerminal;

/// Whether standard output is a terminal.
#[must_use]
pub fn is_terminal() -> bool {
    std::io::stdout().is_terminal()
}

/// Text as it can be shown on a terminal: its control bytes as `\xNN`, so that the
/// name of a directory moves no cursor and changes no title. What is above 127 is
/// left alone, but for the two-byte forms of control characters in UTF-8.
#[must_use]
pub fn escaped(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.iter().enumerate().any(|(at, _)| is_control(text, at)) {
        return Cow::Borrowed(text);
    }
    let mut shown = Vec::with_capacity(text.len() + 8);
    for (at, byte) in text.iter().enumerate() {
        if is_control(text, at) {
            shown.extend_from_slice(format!("\\x{byte:02x}").as_bytes());
        } else {
            shown.push(*byte);
        }
    }
    Cow::Owned(shown)
}

/// Whether there is a control byte at that place, or one of the two bytes that
/// are U+0080 to U+009F.
fn is_control(text: &[u8], at: usize) -> bool {
    let byte = |at: usize| text.get(at).copied().unwrap_or(0);
    let second = |at: usize| matches!(byte(at), 0x80..=0x9f);
    match byte(at) {
        0..=0x1f | 0x7f => true,
        0xc2 => second(at + 1),
        0x80..=0x9f => at > 0 && byte(at - 1) == 0xc2,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_bytes_are_spelt_out_and_nothing_else() {
        for (text, shown) in [
            (&b"plain name"[..], &b"plain name"[..]),
            (b"a\nb\x1b[2J\x7f", b"a\\x0ab\\x1b[2J\\x7f"),
            ("gr\u{fc}n".as_bytes(), "gr\u{fc}n".as_bytes()),
            (b"\xc2\x9bm", b"\\xc2\\x9bm"),
            (b"\xc3\x9b", b"\xc3\x9b"),
            (b"\xff", b"\xff"),
        ] {
            assert_eq!(escaped(text), shown, "{}", text.escape_ascii());
        }
    }
}
