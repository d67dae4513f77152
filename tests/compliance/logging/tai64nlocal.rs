//! tai64nlocal.

use super::kit::words;
use crate::harness::{Case, check};

/// Runs tai64nlocal on `input` with this `TZ` and writes down what came of it.
fn local(case: &mut Case, zone: Option<&str>, input: &[u8]) {
    let mut command = case.suite.command("tai64nlocal", &case.scratch);
    case.scratch.file("input", input);
    command.stdin(std::fs::File::open(case.scratch.join("input")).unwrap());
    match zone {
        Some(zone) => command.env("TZ", zone),
        None => command.env_remove("TZ"),
    };
    let outcome = dt_testkit::Outcome::of(&mut command);
    case.outcome(&format!("TZ={zone:?}"), &outcome);
}

/// Whether a zone file is missing, as those of the right zones are on some systems.
fn skipped_without(zone: &str) -> bool {
    let missing = !std::path::Path::new("/usr/share/zoneinfo")
        .join(zone)
        .exists();
    if missing {
        crate::harness::skip(&format!("there is no zone {zone} here"));
    }
    missing
}

/// The label of a moment in Unix seconds.
fn label(seconds: i64) -> String {
    let seconds = seconds.wrapping_add((1 << 62) + 10);
    format!("@{seconds:016x}00000000")
}

/// A line for each moment.
fn lines(moments: &[i64]) -> String {
    moments.iter().map(|at| label(*at) + " x\n").collect()
}

#[test]
fn labels_become_local_time() {
    if skipped_without("Europe/Berlin") {
        return;
    }
    check("tai64nlocal_labels_become_local_time", |case| {
        let input = b"@4000000037c219bf2ef02e94 line\n@4000000037c219bf2ef02e94\n@4000000037c219bf2ef02e94x\n\n@4000000037c219bf2ef02e94 @4000000037c219bf2ef02e94 y\n";
        local(case, Some("UTC"), input);
        for zone in [
            "America/Los_Angeles",
            "Europe/Berlin",
            "Asia/Kathmandu",
            "Pacific/Apia",
        ] {
            local(case, Some(zone), input);
        }
    });
}

#[test]
fn zones_of_every_kind() {
    if skipped_without("Europe/Berlin") {
        return;
    }
    check("tai64nlocal_zones_of_every_kind", |case| {
        let input = lines(&[0, 935_442_245, 1_000_000_000, 1_720_000_000]);
        let zones = [
            "",
            "UTC",
            "UTC0",
            "GMT",
            "no/such",
            "bad",
            ":UTC",
            ":Europe/Berlin",
            "EST5EDT",
            "EST5",
            "<+03>-3",
            "<-0330>3:30",
            "CET-1CEST,M3.5.0,M10.5.0/3",
            "XXX-24:59:59",
            "A0",
            "NZST-12NZDT,M9.5.0,M4.1.0/3",
            "/usr/share/zoneinfo/Asia/Tokyo",
            "AAA-5:45BBB,J60/0,J300/0",
            "Europe/../Europe/Berlin",
            "Etc/GMT+12",
            "Etc/GMT-14",
            "Africa/Monrovia",
        ];
        for zone in zones {
            local(case, Some(zone), input.as_bytes());
        }
    });
}

#[test]
fn daylight_saving_changes() {
    if skipped_without("Europe/Berlin") {
        return;
    }
    check("tai64nlocal_daylight_saving_changes", |case| {
        // Around the changes of 2024 in Berlin, New York, Sydney and Lord Howe, second by
        // second.
        for (zone, change) in [
            ("Europe/Berlin", 1_711_846_800),
            ("Europe/Berlin", 1_729_990_800),
            ("CET-1CEST,M3.5.0,M10.5.0/3", 1_711_846_800),
            ("America/New_York", 1_710_054_000),
            ("America/New_York", 1_730_613_600),
            ("Australia/Sydney", 1_728_144_000),
            ("Australia/Lord_Howe", 1_712_415_600),
        ] {
            let around = [
                -61, -60, -59, -2, -1, 0, 1, 59, 60, 3599, 3600, -3600, 0, -1, 1,
            ];
            local(
                case,
                Some(zone),
                lines(&around.map(|by| change + by)).as_bytes(),
            );
        }
    });
}

#[test]
fn leap_seconds_of_the_right_zones() {
    if skipped_without("right/America/Los_Angeles") {
        return;
    }
    check("tai64nlocal_leap_seconds_of_the_right_zones", |case| {
        let manual = "@4000000037c219bf2ef02e94 x\n";
        // In 2016 the clock of the right zones is 26 seconds ahead.
        let around = lines(&[1_483_228_824, 1_483_228_825, 1_483_228_826, 1_483_228_827]);
        for zone in ["right/UTC", "right/America/Los_Angeles"] {
            local(case, Some(zone), manual.as_bytes());
            local(case, Some(zone), around.as_bytes());
        }
    });
}

#[test]
fn moments_far_away() {
    if skipped_without("Europe/Berlin") {
        return;
    }
    check("tai64nlocal_moments_far_away", |case| {
        let moments = [
            0,
            -1,
            1,
            59,
            60,
            -60,
            -61,
            86_399,
            86_400,
            i64::from(i32::MAX),
            2_147_483_648,
            i64::from(i32::MIN),
            -2_147_483_649,
            4_294_967_295,
            4_294_967_296,
            253_402_300_799,
            253_402_300_800,
            -62_135_596_800,
            -62_167_219_200,
            -2_208_988_800,
            951_782_400,
            951_868_800,
            4_107_542_400,
            32_503_680_000,
            1_000_000_000_000,
            10_000_000_000_000,
        ];
        for zone in ["UTC", "Europe/Berlin", "America/Los_Angeles", "EST5EDT"] {
            local(case, Some(zone), lines(&moments).as_bytes());
        }
    });
}

#[test]
fn years_before_the_first() {
    check("tai64nlocal_years_before_the_first", |case| {
        local(
            case,
            Some("UTC"),
            lines(&[-62_167_219_201, -100_000_000_000]).as_bytes(),
        );
    });
}

#[test]
fn the_first_and_the_last_year() {
    check("tai64nlocal_the_first_and_the_last_year", |case| {
        // The C library's years are 32 bits.
        let last = 67_768_036_191_676_799;
        local(case, Some("UTC"), lines(&[last]).as_bytes());
    });
}

#[test]
fn nanoseconds_print_as_they_are() {
    check("tai64nlocal_nanoseconds_print_as_they_are", |case| {
        let lines: Vec<_> = [
            "00000000", "00000001", "3b9ac9ff", "3b9aca00", "ffffffff", "000f4240",
        ]
        .iter()
        .map(|digits| format!("@400000000000000a{digits} x\n"))
        .collect();
        local(case, Some("UTC"), lines.concat().as_bytes());
    });
}

#[test]
fn only_the_first_column_counts() {
    check("tai64nlocal_only_the_first_column_counts", |case| {
        let input = [
            &b" @400000000000000a00000000 x\nx@400000000000000a00000000\n\n"[..],
            b"plain\n\0@400000000000000a00000000\n\xff\xfe\0\r\n",
            b"@400000000000000a00000000",
            b"@400000000000000a00000000\n@400000000000000a00000000\0\nlast without newline",
        ];
        local(case, Some("UTC"), &input.concat());
        local(case, Some("UTC"), b"");
        local(case, Some("UTC"), b"\n");
        local(case, Some("UTC"), b"x");
    });
}

#[test]
fn what_follows_the_label_stays() {
    check("tai64nlocal_what_follows_the_label_stays", |case| {
        let mut input = Vec::new();
        for byte in
            (0..=255u8).filter(|byte| !byte.is_ascii_hexdigit() || byte.is_ascii_uppercase())
        {
            input.extend(b"@400000000000000a00000000");
            input.push(byte);
            input.extend(b" tail\n");
        }
        local(case, Some("UTC"), &input);
    });
}

#[test]
fn long_input() {
    check("tai64nlocal_long_input", |case| {
        for filler in [
            0, 1, 60, 8100, 8165, 8166, 8167, 8168, 8190, 8191, 8192, 20_000, 70_000,
        ] {
            let line = "x".repeat(filler);
            let input = format!(
                "{line}\n@400000000000000a00000000 a\n{line}\n@400000000000000a00000001 b\n"
            );
            case.scratch.file("input", &input);
            let mut command = case.suite.command("tai64nlocal", &case.scratch);
            command
                .stdin(std::fs::File::open(case.scratch.join("input")).unwrap())
                .env("TZ", "UTC");
            let outcome = dt_testkit::Outcome::of(&mut command);
            case.note(format!(
                "{filler}: exit {} {}",
                outcome.code,
                super::kit::content(&outcome.stdout)
            ));
        }
    });
}

#[test]
fn arguments_are_ignored() {
    check("tai64nlocal_arguments_are_ignored", |case| {
        let arguments = ["-u", "file", "--help"];
        let outcome = case
            .suite
            .feed("tai64nlocal", &arguments, b"a\n", &case.scratch);
        case.outcome(&words("tai64nlocal", &arguments), &outcome);
    });
}

#[test]
fn more_digits_than_a_label_has() {
    check("tai64nlocal_more_digits_than_a_label_has", |case| {
        local(
            case,
            Some("UTC"),
            b"@00000000400000000000000a00000000 x\n@0400000000000000a00000000 x\n",
        );
    });
}

/// Lines that begin with `@` and are no labels.
fn implausible(case: &mut Case, lines: &[&str]) {
    for line in lines {
        case.note(dt_testkit::show(line.as_bytes()));
        local(
            case,
            Some("UTC"),
            format!("before\n{line}\nafter\n").as_bytes(),
        );
    }
}

#[test]
fn implausible_labels() {
    check("tai64nlocal_implausible_labels", |case| {
        implausible(
            case,
            &[
                "@",
                "@ x",
                "@foo",
                "@@",
                "@@400000000000000a00000000",
                "@4",
                "@40000000",
                "@400000004000000a",
                "@400000000000000a0000000",
                "@400000000000000A0000000B x",
                "@4000000037C219BF2EF02E94",
                "@800000000000000a00000000",
                "@ffffffffffffffffffffffff",
                "@000000000000000000000000",
                "@3000000000000000000000000",
                "@400000000000000a00000000000",
                "@7fffffffffffffff00000000 x",
            ],
        );
    });
}

#[test]
fn a_last_label_without_newline() {
    check("tai64nlocal_a_last_label_without_newline", |case| {
        local(case, Some("UTC"), b"a\n@400000000000000a00000000");
    });
}

#[test]
fn a_last_label_cut_short() {
    check("tai64nlocal_a_last_label_cut_short", |case| {
        local(case, Some("UTC"), b"a\n@400000000000000a0000");
        local(case, Some("UTC"), b"@");
    });
}

#[test]
fn the_zone_file_is_read_where_tz_is_unset() {
    check("tai64nlocal_without_tz", |case| {
        // Whatever the machine's zone is, it is that of no `TZ` and of `:/etc/localtime`.
        let input = lines(&[0, 1_720_000_000]);
        case.scratch.file("input", &input);
        let run = |zone: Option<&str>| {
            let mut command = case.suite.command("tai64nlocal", &case.scratch);
            command.stdin(std::fs::File::open(case.scratch.join("input")).unwrap());
            match zone {
                Some(zone) => command.env("TZ", zone),
                None => command.env_remove("TZ"),
            };
            dt_testkit::Outcome::of(&mut command).stdout
        };
        let same = run(None) == run(Some(":/etc/localtime"));
        case.note(format!("the same: {same}"));
    });
}
