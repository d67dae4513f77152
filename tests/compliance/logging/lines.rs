//! Lines through multilog: any bytes, any length, however they arrive.

use super::kit::{
    Logger, STAMP, content, feed, is_label, labels, listing, moment, multilog, now, unstamped,
    until_holds, until_running, words,
};
use crate::harness::{Case, check};

/// The same input with and without stamps.
fn both(case: &mut Case, what: &str, input: &[u8]) {
    let _ = std::fs::remove_dir_all(case.scratch.join("plain"));
    let _ = std::fs::remove_dir_all(case.scratch.join("stamped"));
    case.note(what);
    multilog(case, &["t", "./stamped"], input);
    multilog(case, &["./plain"], input);
    for file in ["stamped/current", "plain/current"] {
        let bytes = case.scratch.read(file);
        case.note(format!("{file}: {}", content(&bytes)));
    }
}

#[test]
fn lines_are_any_bytes() {
    check("multilog_lines_are_any_bytes", |case| {
        both(case, "no input", b"");
        both(case, "one empty line", b"\n");
        both(case, "empty lines", b"\n\n\n");
        both(case, "a last line without newline", b"a\nb");
        both(case, "only a line without newline", b"a");
        both(case, "NUL bytes", b"\0\n\0\0a\0\n\0");
        both(case, "carriage returns", b"a\r\n\r\n\r");
        let all: Vec<u8> = (0..=255).rev().collect();
        both(case, "every byte", &all);
        both(case, "labels", b"@400000000000000a00000000 x\n@\n@zz\n");
    });
}

#[test]
fn lines_of_any_length() {
    check("multilog_lines_of_any_length", |case| {
        for length in [
            510, 511, 512, 513, 973, 974, 975, 999, 1000, 1001, 1023, 1024, 1025, 2000, 4096,
            65_535, 65_536, 65_537, 90_000,
        ] {
            let line = "0123456789".repeat(length / 10 + 1);
            let input = [
                &line.as_bytes()[..length],
                b"\nnext\n",
                &line.as_bytes()[..length],
            ];
            both(case, &format!("{length} bytes"), &input.concat());
        }
    });
}

#[test]
fn a_stamp_is_of_the_moment_and_well_formed() {
    check(
        "multilog_a_stamp_is_of_the_moment_and_well_formed",
        |case| {
            let start = now();
            multilog(case, &["t", "./d"], "a\nb\nc\n");
            let end = now();
            let log = case.scratch.read("d/current");
            let stamps: Vec<_> = log
                .split_inclusive(|byte| *byte == b'\n')
                .map(moment)
                .collect();
            // The original's clock has microseconds only, and half of one is added.
            case.note(format!(
                "not before: {}",
                stamps.iter().all(|at| at + 1000 > start)
            ));
            case.note(format!(
                "not after: {}",
                stamps.iter().all(|at| *at < end + 1000)
            ));
            case.note(format!("in order: {}", stamps.is_sorted()));
            case.note(format!("as bytes: {}", is_label(&log) && log[25] == b' '));
        },
    );
}

#[test]
fn a_stamp_is_of_the_first_byte() {
    check("multilog_a_stamp_is_of_the_first_byte", |case| {
        let mut logger = Logger::start(case, &["t", "./d"]);
        logger.write("first\nsec");
        dt_testkit::until("the first line", || case.scratch.join("d/current").exists());
        dt_testkit::until("the first line", || {
            case.scratch.read("d/current").len() == STAMP + 6
        });
        let later = now();
        logger.write("ond\n");
        logger.close();
        logger.finish(case, "multilog t ./d < a line in two pieces");
        let log = case.scratch.read("d/current");
        case.note(content(&log));
        case.note(format!(
            "stamped before its end: {}",
            moment(&log[STAMP + 6..]) < later
        ));
    });
}

#[test]
fn a_complete_line_is_there_at_once() {
    check("multilog_a_complete_line_is_there_at_once", |case| {
        let mut logger = Logger::start(case, &["./d", "+*", "./e"]);
        let mut all = String::new();
        for line in ["a\n", "bc\n", "\n", "d\ne\n"] {
            logger.write(line);
            all += line;
            until_holds(case, "d/current", all.as_bytes());
            until_holds(case, "e/current", all.as_bytes());
            case.note(format!("{} is there", dt_testkit::show(line.as_bytes())));
        }
        logger.close();
        logger.finish(case, "multilog ./d +* ./e");
    });
}

#[test]
fn a_line_that_arrives_byte_by_byte_gets_one_stamp() {
    check(
        "multilog_a_line_that_arrives_byte_by_byte_gets_one_stamp",
        |case| {
            let mut logger = Logger::start(case, &["t", "./d"]);
            until_running(case, "d");
            for byte in b"one line\n\nand another" {
                logger.write([*byte]);
                logger.settle();
            }
            logger.close();
            logger.finish(case, "multilog t ./d");
            listing(case, "d");
        },
    );
}

#[test]
fn a_long_line_that_arrives_in_pieces_gets_one_stamp() {
    check(
        "multilog_a_long_line_that_arrives_in_pieces_gets_one_stamp",
        |case| {
            let mut logger = Logger::start(case, &["t", "-*b*", "./d", "+*", "./e"]);
            until_running(case, "e");
            for piece in [
                "a".repeat(900),
                "a".repeat(200),
                "b".repeat(3000),
                "\nb\na\n".into(),
            ] {
                logger.write(piece);
                logger.settle();
            }
            logger.close();
            logger.finish(case, "multilog t -*b* ./d +* ./e");
            listing(case, "d");
            listing(case, "e");
        },
    );
}

#[test]
fn a_megabyte_of_lines() {
    check("multilog_a_megabyte_of_lines", |case| {
        let input = super::kit::numbered_lines(1 << 20);
        for script in [&["t", "s10485760", "./d"][..], &["s10485760", "./e"]] {
            let outcome = feed(case, script, &input);
            super::kit::ended(case, &words("multilog", script), &outcome);
        }
        let (stamped, plain) = (
            case.scratch.read("d/current"),
            case.scratch.read("e/current"),
        );
        case.note(format!("plain is the input: {}", plain == input));
        case.note(format!(
            "stamped is the input: {}",
            unstamped(&stamped) == input
        ));
        let lines = stamped.split_inclusive(|byte| *byte == b'\n');
        case.note(format!(
            "every line has a stamp: {}",
            lines.clone().all(is_label)
        ));
        let moments: Vec<_> = lines.map(moment).collect();
        case.note(format!("in order: {}", moments.is_sorted()));
        case.note(format!("without labels: {}", content(&labels(&stamped))));
    });
}

#[test]
fn several_directories_and_no_selection() {
    check("multilog_several_directories_and_no_selection", |case| {
        let input = super::kit::numbered_lines(90_000);
        multilog(
            case,
            &["-*", "./none", "+line 1*", "./some", "+*", "./all"],
            &input,
        );
        for directory in ["none", "some", "all"] {
            listing(case, directory);
        }
    });
}
