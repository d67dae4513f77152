//! multilog.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use multilog::pattern::matches;
use multilog::record::{Entry, Record, Taking};
use multilog::script::{Action, Script};

use crate::model::Model;
use crate::oracle::Bytes;

/// The documented rule, word for word.
fn slowly(pattern: &[u8], line: &[u8]) -> bool {
    match pattern {
        [] => line.is_empty(),
        [b'*'] => true,
        [b'*', until, ..] => {
            let at = line.iter().position(|byte| byte == until);
            at.is_some_and(|at| slowly(&pattern[1..], &line[at..]))
        }
        [byte, rest @ ..] => line.first() == Some(byte) && slowly(rest, &line[1..]),
    }
}

/// Decimal digits up to the first byte that is none.
fn number(text: &[u8]) -> u64 {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |sum: u64, digit| {
        sum.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'))
    })
}

/// A line and then the words of a script, NUL between them.
pub fn script(data: &[u8], planted: bool) {
    let mut parts = data.split(|byte| *byte == 0);
    let line = parts.next().unwrap_or_default();
    let words: Vec<OsString> = parts
        .map(|word| OsStr::from_bytes(word).to_owned())
        .collect();
    let script = Script::parse(&words);
    assert_eq!(script, Script::parse(&words));
    assert_eq!(script.fingerprint(), script.clone().fingerprint());
    // What is in force where a directory is named is what was said last before it.
    let (mut size, mut count, mut logs) = (99_999, 10, script.logs.iter());
    for word in &words {
        match word.as_bytes().split_first() {
            Some((b's', rest)) => size = number(rest).max(4096),
            Some((b'n', rest)) => count = number(rest).max(2),
            Some((b'.' | b'/', _)) => {
                let log = logs.next().expect("a directory got lost");
                let mut seen = (log.size, log.count);
                if planted && seen.0 == 5555 {
                    seen.0 = 5556;
                }
                assert_eq!(seen, (size, count));
                assert_eq!(&log.name, word);
            }
            _ => {}
        }
    }
    assert!(logs.next().is_none(), "a directory out of nothing");
    for action in &script.actions {
        if let Action::Select { pattern, .. } = action
            && let multilog::pattern::Pattern::Simple(simple) = pattern
        {
            assert_eq!(
                matches(simple, line),
                slowly(simple, line),
                "{simple:?} {line:?}"
            );
        }
    }
}

/// A record reads back as what was written; a damaged one is none.
pub fn record(data: &[u8], planted: bool) {
    let _ = Record::decode(data);
    let mut bytes = Bytes::new(data);
    let mut record = Record {
        boot: bytes.array(),
        script: bytes.u64(),
        pipe: (bytes.u64(), bytes.u64()),
        taking: Taking {
            bytes: bytes.u64(),
            unmarked: bytes.u64(),
            mark: bytes.u64(),
            firsts: bytes.array(),
        },
        saved: bytes.u64(),
        plain: bytes.flag(),
        midst: bytes.flag(),
        stamp: bytes.array(),
        ..Record::default()
    };
    for _ in 0..bytes.byte() % 4 {
        record.logs.push(Entry {
            directory: (bytes.u64(), bytes.u64()),
            current: (bytes.u64(), bytes.u64()),
            size: bytes.u64(),
            skip: bytes.u64(),
            selected: bytes.flag(),
            doubtful: bytes.flag(),
            rotating: bytes.flag(),
        });
    }
    let (place, change) = (bytes.u32() as usize, bytes.byte().max(1));
    record.held = bytes.rest().iter().copied().take(1000).collect();
    let mut written = Vec::new();
    record.encode(&mut written);
    if planted && record.logs.len() == 3 {
        record.saved ^= 1;
    }
    assert_eq!(Record::decode(&written).as_ref(), Some(&record));
    let place = place % written.len();
    written[place] ^= change;
    assert_eq!(Record::decode(&written), None, "damaged at {place}");
}

/// Lines of all lengths; multilog is stopped dead before some of its calls, and in
/// the end everything stands in the log once.
pub fn crash(data: &[u8], planted: bool) {
    const SCRIPTS: [&[&str]; 4] = [
        &["s4096", "n1000", "./d"],
        &["t", "s4096", "n1000", "./d"],
        &["s4096", "n1000", "!processor", "./d"],
        &["s5000", "n1000", "./d"],
    ];
    let mut bytes = Bytes::new(data);
    let words = SCRIPTS[usize::from(bytes.byte()) % SCRIPTS.len()];
    let chunk = usize::from(bytes.byte()) * 8 + 1;
    let stops: Vec<usize> = (0..bytes.byte() % 4)
        .map(|_| usize::from(bytes.byte()) + 256 * usize::from(bytes.byte() % 2))
        .collect();
    let mut input = Vec::new();
    while !bytes.is_empty() && input.len() < 20_000 {
        let [length, byte] = bytes.array();
        let byte = if byte == b'\n' { b'n' } else { byte };
        input.extend(std::iter::repeat_n(byte, usize::from(length) * 3));
        input.push(b'\n');
    }
    let mut model = Model::new(1, &input, chunk);
    for stop in &stops {
        model.stop_at = *stop;
        let _ = model.run(words);
    }
    model.stop_at = usize::MAX;
    model.run_to_the_end(words);
    let files = model.files(0).into_iter();
    let mut seen: Vec<u8> = files.flat_map(|(_, data)| data).collect();
    if words[0] == "t" {
        let lines = seen.split_inclusive(|byte| *byte == b'\n');
        seen = lines.flat_map(|line| line[26..].to_vec()).collect();
    }
    if planted && stops.len() == 2 {
        seen.push(b'\n');
    }
    assert!(
        seen == input,
        "{} bytes instead of {}",
        seen.len(),
        input.len()
    );
    assert!(!model.has_unfinished(), "a kill is not an outage");
}
