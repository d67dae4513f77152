//! What multilog's patterns match.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use dt_testkit::show;

use super::kit::{content, feed, multilog};
use crate::harness::{Case, check};

const LINES: &[u8] = b"\na\nb\nab\nacb\nabb\naab\nxab\naxx\naxbxx\nxx\nxxx\nx\n*\n**\na*b\n*a\na*\n \na b\n?\n[a]\n\\*\n\\\naccb\nabab\nabcab\nhello: world: x\nhello: x\nstatus: ok\n";

/// Which lines a pattern selects out of nothing, and which it takes out of all.
fn selects(case: &mut Case, pattern: &[u8]) {
    let [plus, minus] = [b"+", b"-"].map(|sign: &[u8; 1]| [sign, pattern].concat());
    let script = ["-*".as_ref(), OsStr::from_bytes(&plus), "./d".as_ref()];
    let _ = std::fs::remove_dir_all(case.scratch.join("d"));
    let outcome = feed(case, &script, LINES);
    assert_eq!(outcome.code, 0);
    let selected = case.scratch.read("d/current");
    case.note(format!("{}: {}", show(pattern), show(&selected)));
    let script = [OsStr::from_bytes(&minus), "./d".as_ref()];
    std::fs::remove_dir_all(case.scratch.join("d")).unwrap();
    let outcome = feed(case, &script, LINES);
    assert_eq!(outcome.code, 0);
    let rest = case.scratch.read("d/current");
    case.note(format!(
        "  rest {}",
        rest.len() + selected.len() == LINES.len()
    ));
}

#[test]
fn patterns() {
    check("multilog_patterns", |case| {
        let patterns: [&[u8]; 30] = [
            b"",
            b"*",
            b"**",
            b"***",
            b"a",
            b"ab",
            b"a*",
            b"*a",
            b"*b",
            b"a*b",
            b"*ab",
            b"ab*",
            b"*xx",
            b"*x*",
            b"x*x",
            b"*x*x",
            b"a*b*",
            b"*a*b*",
            b"*bc*",
            b"?",
            b"[a]",
            b"\\*",
            b"*: *",
            b"hello: *",
            b"*: x",
            b"a**",
            b"**b",
            b" ",
            b"* *",
            b"*ok",
        ];
        for pattern in patterns {
            selects(case, pattern);
        }
    });
}

#[test]
fn patterns_of_unusual_bytes() {
    check("multilog_patterns_of_unusual_bytes", |case| {
        let input = b"\xff\n\xfe\xff\n\0\na\0b\na\n\r\n";
        for pattern in [
            &b"+\xff"[..],
            b"+*\xff",
            b"+\xfe*",
            b"+a*b",
            b"+a",
            b"+\r",
            b"+a*",
        ] {
            let script = ["-*".as_ref(), OsStr::from_bytes(pattern), "./d".as_ref()];
            let _ = std::fs::remove_dir_all(case.scratch.join("d"));
            multilog(case, &script, input);
            let selected = case.scratch.read("d/current");
            case.note(show(&selected));
        }
    });
}

/// Whether a pattern selects a single line, by the length of what is logged.
fn selects_line(case: &mut Case, stamped: bool, pattern: &str, line: &str) {
    let _ = std::fs::remove_dir_all(case.scratch.join("d"));
    let script = ["-*", pattern, "./d"];
    let stamp = ["t"];
    let script = if stamped {
        [&stamp[..], &script].concat()
    } else {
        script.to_vec()
    };
    multilog(case, &script, format!("{line}\n"));
    let log = case.scratch.read("d/current");
    case.note(format!("  line of {}: {}", line.len(), content(&log)));
}

#[test]
fn patterns_see_a_thousand_bytes() {
    check("multilog_patterns_see_a_thousand_bytes", |case| {
        let x = |count| "x".repeat(count);
        for length in [999, 1000, 1001, 1002, 2000] {
            // All of it, as far as it is seen.
            selects_line(case, false, &format!("+{}", x(1000)), &x(length));
            selects_line(case, false, &format!("+{}", x(1001)), &x(length));
        }
        for length in [998, 999, 1000, 1001] {
            selects_line(case, false, "+*y", &format!("{}y", x(length)));
            selects_line(case, false, "+*y*", &format!("{}yz", x(length)));
            selects_line(case, false, "-*y", &format!("{}y", x(length)));
        }
        selects_line(case, false, "+x*", &x(100_000));
    });
}

#[test]
fn patterns_see_the_stamp() {
    check("multilog_patterns_see_the_stamp", |case| {
        let x = |count| "x".repeat(count);
        for pattern in ["+", "+@*", "+* a", "+a", "+*", "+* *", "+@4*"] {
            selects_line(case, true, pattern, "a");
        }
        selects_line(case, true, "+* ", "");
        for length in [972, 973, 974, 975, 976] {
            selects_line(case, true, "+*y", &format!("{}y", x(length)));
            selects_line(case, true, &format!("+* {}", x(974)), &x(length));
        }
    });
}

#[test]
fn the_rest_of_a_long_line_follows_its_beginning() {
    check(
        "multilog_the_rest_of_a_long_line_follows_its_beginning",
        |case| {
            let line = |first: &str| format!("{first}{}", "-".repeat(70_000));
            let input = [line("a"), line("b"), "b".into(), "a".into(), line("a")].join("\n");
            multilog(case, &["-*", "+a*", "./a", "-*", "+b*", "./b"], input);
            for directory in ["a", "b"] {
                let log = case.scratch.read(format!("{directory}/current"));
                case.note(content(&log));
            }
        },
    );
}

#[test]
fn stars_do_not_go_back() {
    check("multilog_stars_do_not_go_back", |case| {
        for (pattern, line) in [
            ("+*aab", "aaab"),
            ("+*aab", "aab"),
            ("+*a*a*a", "aaa"),
            ("+*a*a*a", "aaaa"),
            ("+* b", "a b b"),
            ("+*/*/x", "a/b/x"),
            ("+*/x", "a/b/x"),
            ("+*[*]: *", "sshd[12]: x"),
            ("+***", "**"),
            ("+**a", "x*a"),
        ] {
            selects_line(case, false, pattern, line);
        }
    });
}
