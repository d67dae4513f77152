//! Random input against an obvious reference, under several zones.
//!
//! The zone belongs to the process: the reference is run where `TZ` already has
//! its value, by this test program starting itself once more for each.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::process::Command;

use dt_os::local_time::{local_time, refresh_zone};
use dt_testkit::{Scratch, Suite, show};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

/// What a line becomes; slow and plain.
fn reference(line: &[u8]) -> Vec<u8> {
    convert(line).unwrap_or_else(|| line.to_vec())
}

fn convert(line: &[u8]) -> Option<Vec<u8>> {
    let rest = line.strip_prefix(b"@")?;
    let is_digit = |byte: &&u8| b"0123456789abcdef".contains(byte);
    let digits = rest.iter().take_while(is_digit).count();
    if digits != 24 {
        return None;
    }
    let number = |part: &[u8]| u64::from_str_radix(std::str::from_utf8(part).unwrap(), 16).unwrap();
    let unix = number(&rest[..16])
        .wrapping_sub((1 << 62) + 10)
        .cast_signed();
    let local = local_time(unix)?;
    let year = i64::from(1900_i32.wrapping_add(i32::try_from(local.year - 1900).unwrap()));
    let mut text = format!(
        "{}-{:02}-{:02} {:02}:{:02}:{:02}.{:09}",
        year.cast_unsigned(),
        local.month,
        local.day,
        local.hour,
        local.minute,
        local.second,
        number(&rest[16..24])
    )
    .into_bytes();
    text.extend_from_slice(&rest[24..]);
    Some(text)
}

/// Unix times: near changes of some zones, leap seconds, this century, any at all.
fn unix_times() -> impl Strategy<Value = i64> {
    prop_oneof![
        4 => (
            prop::sample::select(vec![
                0_i64,
                1_711_846_800, 1_729_990_800, 1_710_053_852, 1_483_228_826, 78_796_800,
                -2_840_140_800, -2_717_650_800, 2_147_483_648, 4_294_967_296, 951_782_400,
            ]),
            -130..130_i64,
        ).prop_map(|(near, by)| near + by),
        3 => 0..4_102_444_800_i64,
        2 => -100_000_000_000..400_000_000_000_i64,
        1 => prop::sample::select(vec![67_768_036_191_676_799_i64, -67_768_040_609_740_800])
            .prop_flat_map(|edge| edge - 100_000..edge + 100_000),
        1 => any::<i64>(),
    ]
}

fn labels() -> impl Strategy<Value = String> {
    let nanos = prop_oneof![0..1_000_000_000_u32, any::<u32>()];
    (unix_times(), nanos).prop_map(|(unix, nanos)| {
        let label = dt_tai::label(dt_tai::from_unix(unix, nanos));
        String::from_utf8(label.to_vec()).unwrap()
    })
}

/// A label, sometimes with one byte changed, taken out or added.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    (labels(), 0..25_usize, 0..4, any::<u8>()).prop_map(|(label, at, how, byte)| {
        let mut label = label.into_bytes();
        match how {
            0 => label[at] = byte,
            1 => drop(label.remove(at)),
            2 => label.insert(at, byte),
            _ => label.truncate(at),
        }
        label
    })
}

fn lines() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let tail = prop::collection::vec(any::<u8>(), 0..20);
    let line = prop_oneof![
        6 => (labels(), tail.clone()).prop_map(|(label, tail)| [label.into_bytes(), tail].concat()),
        2 => (mutated(), tail.clone()).prop_map(|(label, tail)| [label, tail].concat()),
        2 => tail,
    ];
    // A byte may be a newline, so a "line" may be several.
    let split = |line: Vec<u8>| {
        line.split(|byte| *byte == b'\n')
            .map(<[u8]>::to_vec)
            .collect()
    };
    prop::collection::vec(line.prop_map(split), 0..80)
        .prop_map(|lines: Vec<Vec<Vec<u8>>>| lines.into_iter().flatten().collect())
}

/// The original crashes on what is no plausible label.
fn plausible(line: &[u8]) -> bool {
    !line.starts_with(b"@") || convert(line).is_some()
}

#[test]
fn agrees_with_the_reference() {
    let (suite, scratch) = (Suite::under_test(), Scratch::new());
    refresh_zone();
    let mut config = Config::with_cases(40);
    config.failure_persistence = None;
    let outcome = TestRunner::new(config).run(&(lines(), any::<bool>()), |(mut lines, ended)| {
        if suite.is_original() {
            lines.retain(|line| plausible(line));
        }
        let mut expected: Vec<Vec<u8>> = lines.iter().map(|line| reference(line)).collect();
        if ended || suite.is_original() {
            lines.push(Vec::new());
            expected.push(Vec::new());
        }
        let input = lines.join(&b'\n');
        let outcome = suite.feed("tai64nlocal", &[] as &[&str], &input, &scratch);
        prop_assert_eq!(outcome.code, 0);
        prop_assert_eq!(show(&outcome.stdout), show(&expected.join(&b'\n')));
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

#[test]
fn agrees_with_the_reference_in_every_zone() {
    for zone in [
        "UTC0",
        "America/Los_Angeles",
        "Europe/Berlin",
        "Asia/Kolkata",
        "Australia/Lord_Howe",
        "Africa/Monrovia",
        "Antarctica/Troll",
        "right/UTC",
        "right/Europe/Dublin",
        "CET-1CEST,M3.5.0,M10.5.0/3",
        "ODD+4:56:02ODE+3:56:01,M3.2.0/2:00:30,M11.1.0/2:00:30",
        "",
    ] {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "agrees_with_the_reference"])
            .env("TZ", zone);
        let output = command.output().unwrap();
        assert!(
            output.status.success(),
            "in {zone:?}:\n{}",
            String::from_utf8_lossy(&output.stdout)
        );
    }
}
