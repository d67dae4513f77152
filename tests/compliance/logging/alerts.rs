//! multilog's `e` and `=`.

use std::os::unix::fs::symlink;

use super::kit::{Logger, content, listing, multilog, run_shell, until_holds};
use crate::harness::{Case, check};

#[test]
fn alerts_of_any_length() {
    check("multilog_alerts_of_any_length", |case| {
        let digits = "0123456789".repeat(600);
        for length in [
            0, 1, 173, 174, 175, 199, 200, 201, 202, 999, 1000, 1001, 5000,
        ] {
            multilog(case, &["e"], format!("{}\n", &digits[..length]));
            multilog(case, &["t", "e"], format!("{}\n", &digits[..length]));
        }
        multilog(case, &["e"], "without newline");
        multilog(case, &["e"], b"\0\xff\r\n");
        multilog(case, &["e"], "");
    });
}

#[test]
fn alerts_follow_the_script() {
    check("multilog_alerts_follow_the_script", |case| {
        multilog(case, &["e", "-a", "extra", "-*", "e", "./d"], "a\nb\n");
        multilog(case, &["e", "e"], "a\nb\n");
    });
}

#[test]
fn an_alert_that_cannot_be_written_is_dropped() {
    check(
        "multilog_an_alert_that_cannot_be_written_is_dropped",
        |case| {
            run_shell(case, "printf 'a\\nb\\n' | multilog e ./d e 2>/dev/full");
            run_shell(case, "printf 'a\\nb\\n' | multilog e ./d e 2</dev/null");
            listing(case, "d");
        },
    );
}

/// Each line's place in the file: 1001 bytes, padded with newlines.
fn status(case: &mut Case, script: &[&str], input: &str) {
    multilog(case, script, input);
    let status = case.scratch.read("status");
    let text = status
        .iter()
        .rposition(|byte| *byte != b'\n')
        .map_or(0, |last| last + 1);
    case.note(format!(
        "  status {} bytes, of text {}",
        status.len(),
        content(&status[..text])
    ));
}

#[test]
fn a_status_file_is_1001_bytes() {
    check("multilog_a_status_file_is_1001_bytes", |case| {
        status(case, &["=status"], "");
        listing(case, ".");
        status(case, &["=status"], "first\n");
        status(case, &["=status"], "x\n");
        status(case, &["=status"], "\n");
        status(case, &["=status"], "first\nsecond\nthird");
        status(case, &["t", "=status"], "first\nsecond\n");
        let digits = "0123456789".repeat(600);
        for length in [973, 974, 975, 998, 999, 1000, 1001, 1002, 5000] {
            status(case, &["=status"], &format!("{}\n", &digits[..length]));
            status(
                case,
                &["=status"],
                &format!("{}\nshort\n", &digits[..length]),
            );
            status(case, &["t", "=status"], &format!("{}\n", &digits[..length]));
        }
        listing(case, ".");
    });
}

#[test]
fn a_status_file_follows_the_script() {
    check("multilog_a_status_file_follows_the_script", |case| {
        multilog(
            case,
            &["-*", "+ok*", "=good", "+*", "-ok*", "=bad"],
            "ok 1\nno 2\nok 3\nno 4\n",
        );
        case.file("good");
        case.file("bad");
        status(case, &["-*", "=status"], "a\n");
    });
}

#[test]
fn a_longer_status_file_keeps_its_tail() {
    check("multilog_a_longer_status_file_keeps_its_tail", |case| {
        case.scratch.file("status", [b'o'; 1010]);
        case.scratch.mode("status", 0o644);
        multilog(case, &["=status"], "a\n");
        case.file("status");
        listing(case, ".");
    });
}

#[test]
fn a_status_file_behind_a_link() {
    check("multilog_a_status_file_behind_a_link", |case| {
        case.scratch.directory("elsewhere");
        symlink("elsewhere/file", case.scratch.join("status")).unwrap();
        multilog(case, &["=status", "=status"], "a\n");
        listing(case, ".");
        listing(case, "elsewhere");
    });
}

#[test]
fn a_status_file_that_cannot_be_rewound() {
    check("multilog_a_status_file_that_cannot_be_rewound", |case| {
        run_shell(case, "mkfifo fifo");
        let path = case.scratch.join("fifo");
        let reader = std::fs::File::options()
            .read(true)
            .write(true)
            .open(path)
            .unwrap();
        let mut logger = Logger::start(case, &["./before", "=fifo", "./after"]);
        logger.write("a\n");
        logger.hears("\\n");
        let said = logger.said();
        case.note(said);
        logger.kill();
        drop(reader);
    });
}

#[test]
fn a_status_device_takes_every_line() {
    check("multilog_a_status_device_takes_every_line", |case| {
        multilog(case, &["=/dev/null", "./d"], "a\nb\n");
        listing(case, "d");
    });
}

#[test]
fn a_status_file_is_there_before_the_next_read() {
    check(
        "multilog_a_status_file_is_there_before_the_next_read",
        |case| {
            let mut logger = Logger::start(case, &["=status"]);
            for text in ["a", "bcd", "e"] {
                logger.write(format!("{text}\n"));
                let mut whole = text.as_bytes().to_vec();
                whole.resize(1001, b'\n');
                until_holds(case, "status", &whole);
                case.note(text);
            }
            logger.close();
            logger.finish(case, "multilog =status");
        },
    );
}

#[test]
fn a_full_device_for_a_status_file() {
    check("multilog_a_full_device_for_a_status_file", |case| {
        let mut logger = Logger::start(case, &["=/dev/full"]);
        logger.write("a\n");
        logger.hears("\\n");
        let said = logger.said();
        case.note(said);
        logger.kill();
    });
}
