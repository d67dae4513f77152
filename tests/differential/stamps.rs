//! tai64nlocal on labels, whole and mutated, and tai64n on random lines.

use std::fmt::Write;

use dt_testkit::{Outcome, Scratch, Suite};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// One line of input, and whether a label is to be converted in it.
#[derive(Clone, Debug)]
struct Line {
    bytes: Vec<u8>,
    converted: bool,
}

/// A label of a moment that every C library knows.
fn label() -> impl Strategy<Value = String> {
    let moment = prop_oneof![
        4 => 0..4_000_000_000_i64,
        2 => -10_000_000_000..100_000_000_000_i64,
        1 => -60_000_000_000_000_i64..60_000_000_000_000_000,
    ];
    (moment, any::<u32>()).prop_map(|(at, nanoseconds)| {
        let seconds = at + (1 << 62) + 10;
        format!("@{seconds:016x}{nanoseconds:08x}")
    })
}

/// What a label is followed by: nothing that could be one of its digits.
fn tail() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(b" line".to_vec()),
        Just(Vec::new()),
        vec(select(&b" @xyzABC\0\xff-:."[..]), 0..6),
    ]
}

fn good() -> impl Strategy<Value = Line> {
    (label(), tail()).prop_map(|(label, tail)| Line {
        bytes: [label.as_bytes(), &tail].concat(),
        converted: true,
    })
}

/// A label that is none any more.
fn mutated() -> impl Strategy<Value = Line> {
    let at = 0..25usize;
    let byte = select(&b"gxABCDEF @-\0\xff"[..]);
    let mutation = (0..5u8, at, byte);
    (label(), mutation, tail()).prop_map(|(label, (kind, at, byte), tail)| {
        let mut bytes = label.into_bytes();
        match kind {
            // Too short, too long, no digit, out of every range, only a beginning.
            0 => drop(bytes.remove(1 + at % 24)),
            1 => bytes.insert(1 + at % 24, b'7'),
            2 => bytes[1 + at % 24] = byte,
            3 => bytes[1] = b"01289abcdef"[at % 11],
            _ => bytes.truncate(1 + at % 24),
        }
        bytes.extend(tail);
        Line {
            bytes,
            converted: false,
        }
    })
}

fn plain() -> impl Strategy<Value = Line> {
    vec(select(&b"abc @0123456789\0\xff"[..]), 0..40).prop_map(|bytes| {
        let bytes = if bytes.first() == Some(&b'@') {
            bytes[..1].repeat(0)
        } else {
            bytes
        };
        Line {
            bytes,
            converted: false,
        }
    })
}

const ZONES: [&str; 9] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "EST5EDT",
    "CET-1CEST,M3.5.0,M10.5.0/3",
    "<-0330>3:30<-0230>,M3.2.0,M11.1.0",
    "",
];

fn local(suite: &Suite, zone: &str, input: &[u8]) -> Outcome {
    let scratch = Scratch::new();
    let mut command = suite.command("tai64nlocal", &scratch);
    let file = scratch.file("input", input);
    command
        .stdin(std::fs::File::open(file).unwrap())
        .env("TZ", zone);
    Outcome::of(&mut command)
}

fn joined(lines: &[Line]) -> Vec<u8> {
    lines
        .iter()
        .flat_map(|line| [line.bytes.as_slice(), b"\n"].concat())
        .collect()
}

/// What is expected: the original's conversion where there is one, all else as it
/// is. The original itself may die of what is not to be converted.
fn expected(original: &Suite, zone: &str, lines: &[Line]) -> Vec<u8> {
    let good: Vec<_> = lines
        .iter()
        .filter(|line| line.converted)
        .cloned()
        .collect();
    let outcome = local(original, zone, &joined(&good));
    assert_eq!(outcome.code, 0, "{good:?}");
    let mut converted = outcome.stdout.split_inclusive(|byte| *byte == b'\n');
    lines
        .iter()
        .flat_map(|line| {
            if line.converted {
                converted.next().unwrap().to_vec()
            } else {
                [line.bytes.as_slice(), b"\n"].concat()
            }
        })
        .collect()
}

#[test]
fn labels_become_the_same_local_time() {
    let line = prop_oneof![6 => good(), 2 => mutated(), 2 => plain()];
    let values = (vec(line, 0..60), select(&ZONES[..]));
    crate::property("labels", 150, &values, |ours, original, (lines, zone)| {
        let seen = local(ours, zone, &joined(&lines));
        let expected = expected(original, zone, &lines);
        if ours.is_original()
            && lines
                .iter()
                .any(|line| line.bytes.starts_with(b"@") && !line.converted)
        {
            return Ok(());
        }
        prop_assert_eq!(seen.code, 0);
        prop_assert_eq!(
            seen.stdout.escape_ascii().to_string(),
            expected.escape_ascii().to_string()
        );
        Ok(())
    });
}

#[test]
fn the_same_minute_over_and_over() {
    // Moments close together, as a log has them, and around whole minutes.
    let start = select(
        &[
            1_711_846_800_i64,
            1_729_990_800,
            0,
            59,
            1_483_228_800,
            4_102_444_800,
        ][..],
    );
    let steps = vec((-90..90i64, 0..1_000_000_000_u32), 1..80);
    let values = (start, steps, select(&ZONES[..]));
    crate::property(
        "minutes",
        100,
        &values,
        |ours, original, (start, steps, zone)| {
            let mut input = String::new();
            let mut at = start;
            for (step, nanoseconds) in steps {
                at += step;
                let seconds = at + (1 << 62) + 10;
                writeln!(input, "@{seconds:016x}{nanoseconds:08x} x").unwrap();
            }
            let [seen, expected] =
                [ours, original].map(|suite| local(suite, zone, input.as_bytes()));
            prop_assert_eq!(seen, expected);
            Ok(())
        },
    );
}

#[test]
fn stamps_leave_the_lines_alone() {
    let input = vec(select(&b"a@0\0\xff\n\n"[..]), 0..5000);
    crate::property("tai64n", 40, &input, |ours, original, input| {
        let [seen, expected] = [ours, original].map(|suite| {
            let outcome = suite.feed("tai64n", &[""; 0], &input, &Scratch::new());
            (
                outcome.code,
                crate::streams::without_labels(&outcome.stdout),
            )
        });
        prop_assert_eq!(seen, expected);
        Ok(())
    });
}
