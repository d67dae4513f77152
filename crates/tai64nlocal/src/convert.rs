//! Finding labels and copying everything else.

use std::io::{self, Write};

use dt_stream::{Filter, Output};
use dt_tai::{LABEL_LEN, Tai64N};
use memchr::memchr;

use crate::display::{Display, Zone};

/// Turns labels into local time on their way.
///
/// A label is an `@` in the first column, exactly 24 lower-case hexadecimal
/// digits, and then something else or the end. The original takes any number of
/// digits and crashes where they make no plausible time, losing what it had not
/// written yet; as a processor of multilog's it then stops the log for ever.
pub struct Converter<Z> {
    display: Display<Z>,
    /// What the next block begins with is in the first column.
    at_line_start: bool,
}

impl<Z: Zone> Converter<Z> {
    /// At the beginning of the input.
    pub fn new(zone: Z) -> Self {
        Self {
            display: Display::new(zone),
            at_line_start: true,
        }
    }
}

impl<Z: Zone> Filter for Converter<Z> {
    fn block(&mut self, input: &[u8], out: &mut Output<impl Write>) -> io::Result<usize> {
        self.display.refresh_later();
        // All before `line` is looked at; what of that is not in `copy` is written.
        let mut copy = input;
        let mut line = input;
        if !self.at_line_start {
            line = after_newline(line);
        }
        while !line.is_empty() {
            match find_label(line) {
                Found::Label(label, behind) => {
                    if let Some(time) = self.display.show(label) {
                        out.add(up_to(copy, line))?;
                        out.add(time)?;
                        copy = behind;
                    }
                }
                Found::Unfinished => {
                    out.add(up_to(copy, line))?;
                    self.at_line_start = true;
                    return Ok(input.len() - line.len());
                }
                Found::Nothing => {}
            }
            line = after_newline(line);
        }
        out.add(copy)?;
        self.at_line_start = input.ends_with(b"\n");
        Ok(input.len())
    }

    fn end(&mut self, kept: &[u8], out: &mut Output<impl Write>) -> io::Result<()> {
        let digits = kept
            .split_first()
            .and_then(|(_at, rest)| rest.try_into().ok());
        let label = digits.and_then(dt_tai::parse);
        match label.and_then(|label| self.display.show(label)) {
            Some(time) => out.add(time),
            None => out.add(kept),
        }
    }
}

/// What a line begins with.
enum Found<'a> {
    /// A label, with all that is behind it.
    Label(Tai64N, &'a [u8]),
    /// What may become a label with more input.
    Unfinished,
    /// Anything else.
    Nothing,
}

fn find_label(line: &[u8]) -> Found<'_> {
    let Some((b'@', rest)) = line.split_first() else {
        return Found::Nothing;
    };
    match rest.split_first_chunk() {
        Some((digits, behind)) => match (dt_tai::parse(digits), behind.first()) {
            (None, _) => Found::Nothing,
            (Some(_), None) => Found::Unfinished,
            (Some(_), Some(next)) if is_digit(*next) => Found::Nothing,
            (Some(label), Some(_)) => Found::Label(label, behind),
        },
        None if rest.iter().copied().all(is_digit) => Found::Unfinished,
        None => Found::Nothing,
    }
}

// The longest that is kept back is a whole label.
const _: () = assert!(LABEL_LEN < 64);

fn is_digit(byte: u8) -> bool {
    dt_tai::value(byte).is_some()
}

/// What follows the first newline.
fn after_newline(bytes: &[u8]) -> &[u8] {
    memchr(b'\n', bytes)
        .and_then(|at| bytes.get(at + 1..))
        .unwrap_or_default()
}

/// What of `bytes` lies before its end part `tail`.
fn up_to<'a>(bytes: &'a [u8], tail: &[u8]) -> &'a [u8] {
    bytes.get(..bytes.len() - tail.len()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::display::tests::Utc;

    /// What becomes of the blocks, as dt-stream would feed them.
    fn converted(blocks: &[&[u8]]) -> Vec<u8> {
        let mut converter = Converter::new(Utc::default());
        let mut text = Vec::new();
        let mut out = Output::new(&mut text);
        let mut waiting = Vec::new();
        for block in blocks.iter().filter(|block| !block.is_empty()) {
            waiting.extend_from_slice(block);
            let done = converter.block(&waiting, &mut out).unwrap();
            assert!(waiting.len() - done < 64);
            waiting.drain(..done);
        }
        converter.end(&waiting, &mut out).unwrap();
        out.flush().unwrap();
        text
    }

    const LABEL: &str = "@400000000000000a00000007";
    const TIME: &str = "1970-01-01 00:00:00.000000007";

    #[track_caller]
    fn becomes(input: &str, output: &str) {
        let whole = converted(&[input.as_bytes()]);
        assert_eq!(String::from_utf8_lossy(&whole), output, "from {input:?}");
        let bytes: Vec<&[u8]> = input.as_bytes().chunks(1).collect();
        let piecemeal = converted(&bytes);
        assert_eq!(String::from_utf8_lossy(&piecemeal), output, "bytewise");
    }

    #[test]
    fn a_label_in_the_first_column_is_converted_and_no_other() {
        becomes(&format!("{LABEL} a\n"), &format!("{TIME} a\n"));
        becomes(&format!(" {LABEL} a\n"), &format!(" {LABEL} a\n"));
        becomes(&format!("{LABEL}{LABEL}\n"), &format!("{TIME}{LABEL}\n"));
        becomes(&format!("\n\n{LABEL}\nx"), &format!("\n\n{TIME}\nx"));
        becomes(&format!("{LABEL}\n{LABEL}\n"), &format!("{TIME}\n{TIME}\n"));
    }

    #[test]
    fn what_is_no_label_is_copied() {
        for line in [
            "@\n",
            "@foo\n",
            "@ x\n",
            "@@@\n",
            "@4000000\n",
            "@400000000000000a0000000\n",
            "@400000000000000a000000070\n",
            "@00400000000000000a00000007 x\n",
            "@400000000000000A00000007 x\n",
            "@400000000000000a0000000g x\n",
            "@ffffffffffffffff00000000 x\n",
            "@000000000000000000000000 x\n",
            "@",
            "@4000",
            "@400000000000000a0000000",
            "@400000000000000a0000000g",
            "",
            "\0\0\n\0",
        ] {
            becomes(line, line);
        }
    }

    #[test]
    fn a_label_at_the_very_end_is_converted() {
        becomes(LABEL, TIME);
        becomes(&format!("x\n{LABEL}"), &format!("x\n{TIME}"));
    }

    #[test]
    fn any_byte_that_is_no_digit_ends_a_label() {
        for next in ["\n", "\0", "g", "F", "-", "@", "/", ":"] {
            becomes(&format!("{LABEL}{next}1\n"), &format!("{TIME}{next}1\n"));
        }
    }

    #[test]
    fn only_what_may_become_a_label_is_kept_back() {
        let mut converter = Converter::new(Utc::default());
        for (input, done) in [
            ("ab\n@4000", 3),
            ("@4000x", 6),
            ("@4000", 5),
            ("\n@400000000000000a00000007", 1),
            ("@400000000000000a00000007\n@", 26),
        ] {
            assert_eq!(
                converter
                    .block(input.as_bytes(), &mut Output::new(io::sink()))
                    .unwrap(),
                done,
                "of {input:?}"
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn where_the_input_is_cut_makes_no_difference(
            lines in proptest::collection::vec(
                "(@4000000[0-9]{0,18}|@[0-9a-g]{0,26}|[a@]{0,3})?[ \n]", 0..20),
            cuts in proptest::collection::vec(1..40_usize, 1..40),
        ) {
            let input = lines.concat();
            let mut blocks = Vec::new();
            let mut rest = input.as_bytes();
            for cut in cuts {
                let (block, later) = rest.split_at(cut.min(rest.len()));
                blocks.push(block);
                rest = later;
            }
            blocks.push(rest);
            assert_eq!(converted(&blocks), converted(&[input.as_bytes()]));
        }
    }

    #[test]
    fn the_zone_is_looked_at_once_a_block_at_most() {
        let mut converter = Converter::new(Utc::default());
        let mut input = Vec::new();
        for minute in 0..100 {
            let label = dt_tai::label(dt_tai::from_unix(minute * 60, 0));
            input.extend_from_slice(&label);
            input.push(b'\n');
        }
        converter
            .block(&input, &mut Output::new(io::sink()))
            .unwrap();
        assert_eq!(converter.display.zone().refreshed, 1);
        converter
            .block(b"no label\n", &mut Output::new(io::sink()))
            .unwrap();
        assert_eq!(converter.display.zone().refreshed, 1);
        converter
            .block(&input, &mut Output::new(io::sink()))
            .unwrap();
        assert_eq!(converter.display.zone().refreshed, 2);
    }
}
