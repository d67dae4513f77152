//! What `tai64nlocal` does with labels, zones, pipes and errors.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on panics, one that is skipped says so"
)]

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

use dt_os::descriptor::set_nonblocking;
use dt_testkit::{Outcome, Piped, Running, Scratch, Suite, filled_pipe, until};

const NAME: &str = "tai64nlocal";

/// The label of a Unix time and nanoseconds.
fn label(unix: i64, nanos: u32) -> String {
    String::from_utf8(dt_tai::label(dt_tai::from_unix(unix, nanos)).to_vec()).unwrap()
}

#[track_caller]
fn converted(zone: &str, input: &str) -> String {
    let (suite, scratch) = (Suite::under_test(), Scratch::new());
    let input = scratch.file("input", input);
    let mut command = suite.command(NAME, &scratch);
    command.args(["ignored", "-x"]).env("TZ", zone);
    let outcome = Outcome::of(command.stdin(File::open(input).unwrap()));
    assert_eq!((outcome.code, &*outcome.stderr), (0, &b""[..]));
    String::from_utf8(outcome.stdout).unwrap()
}

/// Labels in a zone, one after the other in one run.
#[track_caller]
fn shows(zone: &str, times: &[(i64, u32, &str)]) {
    let labels = times
        .iter()
        .map(|(unix, nanos, _)| label(*unix, *nanos) + " x\n");
    let expected = times.iter().map(|(_, _, text)| format!("{text} x\n"));
    assert_eq!(
        converted(zone, &labels.collect::<String>()),
        expected.collect::<String>(),
        "in {zone:?}"
    );
}

/// Whether the system has a zone's file.
fn has_zone(zone: &str) -> bool {
    let there = Path::new("/usr/share/zoneinfo").join(zone).is_file();
    if !there {
        eprintln!("skipped: no zone {zone} here");
    }
    there
}

#[test]
fn the_example_of_the_manual() {
    let line = "@4000000037c219bf2ef02e94 mark\n";
    if has_zone("America/Los_Angeles") {
        assert_eq!(
            converted("America/Los_Angeles", line),
            "1999-08-23 21:04:05.787492500 mark\n"
        );
    }
    if has_zone("right/America/Los_Angeles") {
        assert_eq!(
            converted("right/America/Los_Angeles", line),
            "1999-08-23 21:03:43.787492500 mark\n"
        );
    }
}

#[test]
fn universal_time_from_the_first_year_to_the_last() {
    shows(
        "UTC0",
        &[
            (0, 0, "1970-01-01 00:00:00.000000000"),
            (-1, 999_999_999, "1969-12-31 23:59:59.999999999"),
            (951_782_399, 500, "2000-02-28 23:59:59.000000500"),
            (951_782_400, 500, "2000-02-29 00:00:00.000000500"),
            (-30_000_000_000, 5, "1019-05-04 18:40:00.000000005"),
            (-61_000_000_000, 5, "36-12-26 11:33:20.000000005"),
            (-62_167_219_200, 5, "0-01-01 00:00:00.000000005"),
            (
                -62_167_219_201,
                5,
                "18446744073709551615-12-31 23:59:59.000000005",
            ),
            (2_147_483_647, 5, "2038-01-19 03:14:07.000000005"),
            (2_147_483_648, 5, "2038-01-19 03:14:08.000000005"),
            (4_294_967_295, 5, "2106-02-07 06:28:15.000000005"),
            (4_294_967_296, 5, "2106-02-07 06:28:16.000000005"),
            (253_402_300_799, 5, "9999-12-31 23:59:59.000000005"),
            (253_402_300_800, 5, "10000-01-01 00:00:00.000000005"),
            (
                67_767_976_233_532_799,
                5,
                "2147483647-12-31 23:59:59.000000005",
            ),
            (
                67_767_976_233_532_800,
                5,
                "18446744071562067968-01-01 00:00:00.000000005",
            ),
            (
                67_768_036_191_676_799,
                5,
                "18446744071562069867-12-31 23:59:59.000000005",
            ),
            (
                -67_768_040_609_740_800,
                5,
                "18446744071562069868-01-01 00:00:00.000000005",
            ),
        ],
    );
}

#[test]
fn nanoseconds_of_a_second_and_more_print_as_they_are() {
    shows(
        "UTC0",
        &[
            (0, 1_000_000_000, "1970-01-01 00:00:00.1000000000"),
            (0, 7, "1970-01-01 00:00:00.000000007"),
            (0, u32::MAX, "1970-01-01 00:00:00.4294967295"),
        ],
    );
}

#[test]
fn daylight_saving_begins_and_ends() {
    let rules = ["CET-1CEST,M3.5.0,M10.5.0/3", "Europe/Berlin"];
    for zone in rules
        .into_iter()
        .filter(|zone| zone.contains(',') || has_zone(zone))
    {
        shows(
            zone,
            &[
                (1_711_846_799, 0, "2024-03-31 01:59:59.000000000"),
                (1_711_846_800, 0, "2024-03-31 03:00:00.000000000"),
                (1_729_990_799, 0, "2024-10-27 02:59:59.000000000"),
                (1_729_990_800, 0, "2024-10-27 02:00:00.000000000"),
            ],
        );
    }
}

#[test]
fn an_offset_may_be_any_number_of_seconds_and_change_within_a_minute() {
    shows(
        "ODD+4:56:02ODE+3:56:01,M3.2.0/2:00:30,M11.1.0/2:00:30",
        &[
            (0, 0, "1969-12-31 19:03:58.000000000"),
            (1, 0, "1969-12-31 19:03:59.000000000"),
            (2, 0, "1969-12-31 19:04:00.000000000"),
            (61, 0, "1969-12-31 19:04:59.000000000"),
            (1_710_053_762, 0, "2024-03-10 02:00:00.000000000"),
            (1_710_053_791, 0, "2024-03-10 02:00:29.000000000"),
            (1_710_053_792, 0, "2024-03-10 03:00:31.000000000"),
            (1_710_053_820, 0, "2024-03-10 03:00:59.000000000"),
            (1_710_053_821, 0, "2024-03-10 03:01:00.000000000"),
        ],
    );
}

#[test]
fn leap_seconds_are_shown_where_the_zone_counts_them() {
    if has_zone("right/UTC") {
        shows(
            "right/UTC",
            &[
                (1_483_228_825, 0, "2016-12-31 23:59:59.000000000"),
                (1_483_228_826, 0, "2016-12-31 23:59:60.000000000"),
                (1_483_228_827, 0, "2017-01-01 00:00:00.000000000"),
                (1_483_228_826, 9, "2016-12-31 23:59:60.000000009"),
                (1_483_228_825, 9, "2016-12-31 23:59:59.000000009"),
            ],
        );
    }
}

#[test]
fn an_empty_bad_or_unknown_zone_is_universal_time() {
    for zone in ["", ":", "no/such/zone", "???", "/etc/passwd"] {
        shows(zone, &[(0, 0, "1970-01-01 00:00:00.000000000")]);
    }
}

#[test]
fn lines_without_a_label_are_copied() {
    let input = " @4000000037c219bf2ef02e94\n\n\0\n4000000037c219bf2ef02e94\nx";
    assert_eq!(converted("UTC0", input), input);
}

/// The original crashes on each of these and loses the lines before it.
#[test]
fn a_line_that_begins_like_a_label_and_is_none_is_copied() {
    if Suite::under_test().is_original() {
        return;
    }
    for line in [
        "@",
        "@\n",
        "@foo\n",
        "@ x\n",
        "@@4000000037c219bf2ef02e94\n",
        "@4000000037c219bf\n",
        "@4000000037c219bf2ef02e9\n",
        "@4000000037c219bf2ef02e944 x\n",
        "@004000000037c219bf2ef02e94 x\n",
        "@4000000037C219BF2EF02E94 x\n",
        "@00f0c41000cd3e8a00000000 year out of range\n",
        "@ffffffffffffffffffffffff\n",
    ] {
        let input = format!("before\n{line}");
        assert_eq!(converted("UTC0", &input), input);
    }
}

/// The original drops it.
#[test]
fn a_label_at_the_very_end_is_converted() {
    let expected = if Suite::under_test().is_original() {
        "x\n"
    } else {
        "x\n1970-01-01 00:00:00.000000007"
    };
    assert_eq!(converted("UTC0", &format!("x\n{}", label(0, 7))), expected);
}

#[test]
fn a_line_appears_at_once_in_a_pipe_and_so_does_a_part_of_one() {
    let (suite, scratch) = (Suite::under_test(), Scratch::new());
    let mut command = suite.command(NAME, &scratch);
    let mut filter = Piped::start(command.env("TZ", "UTC0"), &scratch);
    filter.send(label(0, 7) + " a\n");
    assert_eq!(filter.receive(32), b"1970-01-01 00:00:00.000000007 a\n");
    filter.send("part");
    assert_eq!(filter.receive(4), b"part");
    filter.send(" of a line\n@40");
    assert_eq!(filter.receive(11), b" of a line\n");
    filter.send(&label(60, 0)[3..]);
    filter.send(" ");
    assert_eq!(filter.receive(30), b"1970-01-01 00:01:00.000000000 ");
    assert_eq!(filter.finish(), (Vec::new(), 0));
}

#[test]
fn memory_does_not_grow_with_the_digits() {
    let (suite, scratch) = (Suite::under_test(), Scratch::new());
    if suite.is_original() {
        return; // So many digits are no plausible label.
    }
    let mut filter = Piped::start(&mut suite.command(NAME, &scratch), &scratch);
    filter.send("@");
    for _ in 0..160 {
        filter.send(vec![b'4'; 100_000]);
    }
    filter.receive(16_000_001);
    let status = std::fs::read_to_string(format!("/proc/{}/status", filter.process.pid()));
    let peak = status.unwrap().lines().find_map(|line| {
        let peak = line.strip_prefix("VmHWM:")?;
        peak.split_whitespace().next()?.parse::<u64>().ok()
    });
    assert!(peak.unwrap() < 8192, "{peak:?} kB");
    assert_eq!(filter.finish().1, 0);
}

#[test]
fn errors_of_reading_and_writing_are_111_without_a_word() {
    let (suite, scratch) = (Suite::under_test(), Scratch::new());
    for (line, code) in [
        ("tai64nlocal <&-", 111),
        ("tai64nlocal </", 111),
        ("echo a | tai64nlocal >&-", 111),
        ("echo a | tai64nlocal >/dev/full", 111),
        ("tai64nlocal >&-", 0),
    ] {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", line]).env("PATH", suite.path());
        command.current_dir(scratch.path()).stdin(Stdio::null());
        assert_eq!(
            Outcome::of(&mut command),
            Outcome::fails(code, ""),
            "{line}"
        );
    }
}

#[test]
fn an_input_that_would_block_is_waited_for() {
    let (suite, scratch) = (Suite::under_test(), Scratch::new());
    let (reader, writer) = filled_pipe(b"");
    set_nonblocking(&reader, true).unwrap();
    let output = scratch.file("output", "");
    let mut command = suite.command(NAME, &scratch);
    command.stdin(reader).stdout(File::create(output).unwrap());
    let mut process = Running::start(&mut command, &scratch);
    if suite.is_original() {
        assert_eq!(process.wait(), 111);
        return;
    }
    std::io::Write::write_all(&mut &writer, b"line\n").unwrap();
    until("it is there", || scratch.read("output") == b"line\n");
    drop((command, writer));
    assert_eq!(process.wait(), 0);
}

#[test]
fn a_changed_etc_localtime_is_followed_by_a_process_that_lives_on() {
    let name = "a_changed_etc_localtime_is_followed";
    if dt_testkit::skipped_without_root(name) || !has_zone("Asia/Tokyo") {
        return;
    }
    // In a mount namespace of its own, where the file can be covered.
    let script = format!(
        "mount --bind /usr/share/zoneinfo/Etc/UTC /etc/localtime || exit 99
         (
             echo '{}'
             tries=3000 # half a minute
             until [ -s output ] || [ $((tries -= 1)) = 0 ]; do sleep 0.01; done
             mount --bind /usr/share/zoneinfo/Asia/Tokyo /etc/localtime || exit 99
             echo '{}'
         ) | tai64nlocal >output && cat output",
        label(0, 0),
        label(60, 0)
    );
    let (suite, scratch) = (Suite::under_test(), Scratch::new());
    let mut command = Command::new("unshare");
    command.args(["--mount", "/bin/sh", "-c", &script]);
    command.env("PATH", suite.path()).env_remove("TZ");
    let outcome = Outcome::of(command.current_dir(scratch.path()).stdin(Stdio::null()));
    if outcome.code != 0 {
        eprintln!("{name}: skipped, no mount namespace here: {outcome:?}");
        return;
    }
    assert_eq!(
        outcome,
        Outcome::gives("1970-01-01 00:00:00.000000000\n1970-01-01 09:01:00.000000000\n")
    );
}
