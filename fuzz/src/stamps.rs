//! Labels and local time.

use std::io::Write;

use dt_os::local_time::LocalTime;
use dt_stream::{Filter, Output};
use tai64nlocal::convert::Converter;
use tai64nlocal::display::Zone;

/// Whatever is taken for a label is written again the same.
pub fn label(data: &[u8], planted: bool) {
    let Some(digits) = data.first_chunk::<24>() else {
        return;
    };
    let hexadecimal = digits
        .iter()
        .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    let parsed = dt_tai::parse(digits);
    assert_eq!(parsed.is_some(), hexadecimal);
    if let Some(instant) = parsed {
        let mut written = dt_tai::label(instant);
        if planted && digits.starts_with(b"fa") {
            written[3] ^= 1;
        }
        assert_eq!(written[1..], digits[..]);
    }
}

/// UTC with a made-up change of the offset, so that minutes are cut.
struct Odd;

impl Zone for Odd {
    fn refresh(&mut self) {}

    fn local(&mut self, unix: i64) -> Option<LocalTime> {
        if !(-100_000_000_000..100_000_000_000).contains(&unix) {
            return None;
        }
        let unix = if unix >= 1_000_000_017 {
            unix + 3607
        } else {
            unix
        };
        let (day, second) = (unix.div_euclid(86_400), unix.rem_euclid(86_400));
        let part = |number: i64| u8::try_from(number).unwrap();
        // Not the calendar's days; one after the other all the same.
        Some(LocalTime {
            year: day.div_euclid(336),
            month: part(day.rem_euclid(336) / 28 + 1),
            day: part(day.rem_euclid(28) + 1),
            hour: part(second / 3600),
            minute: part(second / 60 % 60),
            second: part(second % 60),
        })
    }
}

fn convert(blocks: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut converter = Converter::new(Odd);
    let mut seen = Vec::new();
    let mut out = Output::new(&mut seen);
    let mut kept: Vec<u8> = Vec::new();
    for block in blocks {
        kept.extend(block);
        let done = converter.block(&kept, &mut out).unwrap();
        assert!(kept.len() - done < 64, "too much is kept");
        kept.drain(..done);
    }
    converter.end(&kept, &mut out).unwrap();
    out.flush().unwrap();
    drop(out);
    seen
}

/// However the input comes in, what goes out is the same; and line by line it is
/// what a single conversion gives.
pub fn local(data: &[u8], planted: bool) {
    let Some((cut, input)) = data.split_first() else {
        return;
    };
    let whole = convert(std::iter::once(input.to_vec()));
    let size = usize::from(*cut).max(1);
    let mut pieces = convert(input.chunks(size).map(<[u8]>::to_vec));
    if planted && input.starts_with(b"@4") && size > 3 {
        pieces.push(b'!');
    }
    assert_eq!(whole, pieces, "cut into pieces of {size}");
    let slowly: Vec<u8> = input
        .split_inclusive(|byte| *byte == b'\n')
        .flat_map(one_line)
        .collect();
    assert_eq!(whole, slowly);
}

fn one_line(line: &[u8]) -> Vec<u8> {
    let digits: Vec<u8> = line
        .iter()
        .skip(1)
        .copied()
        .take_while(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
        .collect();
    if line.first() != Some(&b'@') || digits.len() != 24 {
        return line.to_vec();
    }
    let text = std::str::from_utf8(&digits).unwrap();
    let seconds = u64::from_str_radix(&text[..16], 16).unwrap();
    let nanos = u32::from_str_radix(&text[16..], 16).unwrap();
    let unix = seconds.wrapping_sub(dt_tai::EPOCH).cast_signed();
    let Some(local) = Odd.local(unix) else {
        return line.to_vec();
    };
    // As the original shows years: a number of 32 bits, as an unsigned one of 64.
    let wrapped = i64::from(local.year as i32).cast_unsigned();
    let LocalTime {
        year: _,
        month,
        day,
        hour,
        minute,
        second,
    } = local;
    let mut out =
        format!("{wrapped}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{nanos:09}")
            .into_bytes();
    out.extend_from_slice(&line[25..]);
    out
}
