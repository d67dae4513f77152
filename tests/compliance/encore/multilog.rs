//! multilog's letters `T`, `F`, `S` and `w`.

use dt_testkit::show;

use crate::harness::{Case, check_encore};
use crate::logging::kit::{all_of, content, feed, listing, multilog, numbered_lines, prepare};

/// Lines with every stamp of seconds and six digits as `SECONDS.MICROS`, if it is
/// of about now.
fn shown(log: &[u8]) -> String {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let lines = log.split_inclusive(|byte| *byte == b'\n');
    let lines = lines.map(|line| {
        let line = show(line);
        let Some((seconds, rest)) = line.split_once('.') else {
            return line;
        };
        let Some((micros, rest)) = rest.split_at_checked(6) else {
            return line;
        };
        let timely = seconds
            .parse()
            .is_ok_and(|stamp| now.abs_diff(stamp) < 300_u64);
        if timely && micros.bytes().all(|byte| byte.is_ascii_digit()) {
            format!("SECONDS.MICROS{rest}")
        } else {
            line
        }
    });
    lines.collect()
}

/// What the script makes of the input.
fn logged(case: &mut Case, script: &[&str], input: impl AsRef<[u8]>) {
    let _ = std::fs::remove_dir_all(case.scratch.join("d"));
    let outcome = feed(case, script, input);
    let log = shown(&case.scratch.read("d/current"));
    case.note(format!("{}: exit {}", script.join(" "), outcome.code));
    case.note(format!("  {log}"));
    for line in outcome.stderr.split_inclusive(|byte| *byte == b'\n') {
        case.note(format!("  stderr {}", shown(line)));
    }
}

#[test]
fn seconds_before_lines() {
    check_encore("multilog_seconds_before_lines", |case| {
        for script in [
            &["T", "./d"][..],
            &["Tfoo", "./d"],
            &["t", "T", "./d"],
            &["./d", "T"],
            &["", "T", "./d"],
            &["T", "T", "./d"],
            &["T", "e", "./d"],
            // What patterns see.
            &["T", "-*", "+* b", "./d"],
            &["T", "-* ", "./d"],
        ] {
            if script[0] == "t" {
                // A label, as the first word says.
                let _ = std::fs::remove_dir_all(case.scratch.join("d"));
                multilog(case, script, "a\n");
                let log = content(&case.scratch.read("d/current"));
                case.note(log);
            } else {
                logged(case, script, "a\nb\n\nlast");
            }
        }
        logged(case, &["T", "./d"], "");
    });
}

#[test]
fn seconds_are_not_converted() {
    check_encore("multilog_seconds_are_not_converted", |case| {
        let outcome = case.suite.feed(
            "tai64nlocal",
            &[] as &[&str],
            b"1795387193.400078 a\n",
            &case.scratch,
        );
        case.outcome("tai64nlocal", &outcome);
    });
}

/// The first 1000 bytes of a line are looked at, its stamp included.
#[test]
fn patterns_see_the_seconds() {
    check_encore("multilog_patterns_see_the_seconds", |case| {
        for length in [980, 981, 982, 983] {
            let line = format!("{}y\n", "x".repeat(length));
            let _ = std::fs::remove_dir_all(case.scratch.join("d"));
            multilog(case, &["T", "-*", "+*y", "./d"], line);
            let length = case.scratch.read("d/current").len();
            case.note(format!("  {length} bytes"));
        }
    });
}

const LINES: &[u8] =
    b"\na\nb\nab\nabc\nA\n.a\n/\na/b\n./a\n*\n?\n[a]\n\\\na*b\na\0b\n-\n]\n!\n^\n \
    \na b\n5\n\xff\na\xffb\n\xc3\xa4\n[\n[a\naab\nabab\nxaxb\na-z\n";

#[test]
fn shell_patterns() {
    check_encore("multilog_shell_patterns", |case| {
        let patterns = [
            "",
            "*",
            "?",
            "??",
            "a",
            "a*",
            "*a",
            "*a*",
            "*b",
            "a*b",
            "*a*b",
            "a?b",
            "*/*",
            "./*",
            ".*",
            "[a]",
            "[!a]",
            "[^a]",
            "[ab]*",
            "[a-z]",
            "[a-z]*",
            "[!a-z]",
            "[z-a]",
            "[]]",
            "[!]]",
            "[]-a]",
            "[a-]",
            "[-a]",
            "[",
            "[a",
            "[a-",
            "\\*",
            "\\?",
            "\\[a]",
            "\\\\",
            "\\",
            "a\\",
            "\\a",
            "[\\]]",
            "[[:alpha:]]",
            "[[:digit:]]",
            "[[:upper:]]*",
            "[[:space:]]",
            "[![:alnum:]]",
            "[[:nonsense:]]",
            "[[.a.]]",
            "[[=a=]]",
            "[[.space.]]",
            "**",
            "*?",
            "?*",
            "*[ab]*",
            "a*b*c",
            "*ab",
            "*abab",
            "a\u{e4}",
            "[\u{e4}]",
            "a b",
            "[/]",
            "!(a)",
            "+(a)",
            "{a,b}",
        ];
        for pattern in patterns {
            let plus = format!("+{pattern}");
            let _ = std::fs::remove_dir_all(case.scratch.join("d"));
            assert_eq!(feed(case, &["F", "-*", &plus, "./d"], LINES).code, 0);
            let selected = case.scratch.read("d/current");
            case.note(format!("{pattern}: {}", show(&selected)));
            std::fs::remove_dir_all(case.scratch.join("d")).unwrap();
            let minus = format!("-{pattern}");
            assert_eq!(feed(case, &["F", &minus, "./d"], LINES).code, 0);
            let rest = case.scratch.read("d/current");
            case.note(format!(
                "  rest {}",
                rest.len() + selected.len() == LINES.len()
            ));
        }
    });
}

#[test]
fn shell_patterns_see_a_thousand_bytes() {
    check_encore("multilog_shell_patterns_see_a_thousand_bytes", |case| {
        for length in [998, 999, 1000, 1001, 3000] {
            let line = format!("{}y\n", "x".repeat(length));
            let _ = std::fs::remove_dir_all(case.scratch.join("d"));
            multilog(case, &["F", "-*", "+*y", "./d"], line);
            let length = case.scratch.read("d/current").len();
            case.note(format!("  {length} bytes"));
        }
    });
}

/// Both kinds in one script; the first word tells the kind, as the original's
/// forgets it between lines.
#[test]
fn kinds_of_patterns() {
    check_encore("multilog_kinds_of_patterns", |case| {
        let input = "abb\nab\na?b\nxyz\n";
        for script in [
            &["F", "-*", "+a*b", "./d"][..],
            &["S", "-*", "+a*b", "./d"],
            &["F", "-*", "S", "+a*b", "./d"],
            &["S", "-*", "F", "+a*b", "./d"],
            &["Foo", "-a?b", "Simple", "+a?b", "./d"],
            &["t", "F", "-* a?b", "./d"],
            &["F", "-[ax]*", "S", "+*b", "F", "-?b", "./d"],
        ] {
            if script[0] == "t" {
                let _ = std::fs::remove_dir_all(case.scratch.join("d"));
                multilog(case, script, input);
                let log = content(&case.scratch.read("d/current"));
                case.note(log);
            } else {
                logged(case, script, input);
            }
        }
    });
}

#[test]
fn kind_of_a_pattern_left_of_the_letter() {
    check_encore("multilog_kind_of_a_pattern_left_of_the_letter", |case| {
        logged(case, &["-a*b", "F", "./d"], "abb\nabb\nab\n");
    });
}

#[test]
fn status_after_a_long_line() {
    check_encore("multilog_status_after_a_long_line", |case| {
        let input = format!("{}\nshort\n", "x".repeat(1500));
        multilog(case, &["=status"], input);
        let status = case.scratch.read("status");
        let padding = status[6..].iter().all(|byte| *byte == b'\n');
        case.note(format!(
            "{} bytes, {}, only newlines follow: {padding}",
            status.len(),
            show(&status[..6])
        ));
    });
}

/// What fills so many files of 4096 bytes, wherever the writer looks for the end
/// of a line, and a short line.
fn full_files(count: usize) -> Vec<u8> {
    let line = |number| format!("{number}{}\n", "-".repeat(2100));
    let lines: String = (0..count).map(line).collect();
    (lines + "last\n").into_bytes()
}

#[test]
fn suffixes() {
    check_encore("multilog_suffixes", |case| {
        let input = full_files(3);
        for script in [
            &["s4096", "wgz", "./d"][..],
            &["s4096", "w", "./d"],
            &["s4096", "wa.b", "./d"],
            &["s4096", "wu", "./d"],
            &["s4096", "./d", "wgz"],
            &["s4096", "wx", "wy", "./d"],
            &["s4096", "n2", "wgz", "./d"],
            &["s4096", "wrev", "!rev", "./d"],
        ] {
            let _ = std::fs::remove_dir_all(case.scratch.join("d"));
            multilog(case, script, &input);
            let names: Vec<_> = case
                .scratch
                .names("d")
                .into_iter()
                .map(|name| {
                    name.get(25..)
                        .filter(|_| name.starts_with('@'))
                        .map_or(name.clone(), |end| format!("TS{end}"))
                })
                .collect();
            case.note(format!("  {}", names.join(" ")));
            case.note(format!("  all of it: {}", all_of(case, "d") == input));
        }
    });
}

#[test]
fn suffixes_hold_to_the_right() {
    check_encore("multilog_suffixes_hold_to_the_right", |case| {
        let input = full_files(1);
        multilog(
            case,
            &["s4096", "./a", "wgz", "./b", "./c", "wx", "./d"],
            &input,
        );
        for directory in ["a", "b", "c", "d"] {
            let names = case.scratch.names(directory).into_iter();
            let ends: String = names
                .filter(|name| name.starts_with('@'))
                .map(|name| name[25..].to_owned() + " ")
                .collect();
            case.note(format!("{directory}: {ends}"));
        }
    });
}

#[test]
fn suffixes_of_what_is_recovered() {
    check_encore("multilog_suffixes_of_what_is_recovered", |case| {
        let current = ("current", 0o744, "current\n");
        for files in [
            &[
                ("processed", 0o744, "p\n"),
                ("previous", 0o744, "o\n"),
                ("current", 0o644, "c\n"),
            ][..],
            &[
                ("processed", 0o644, "p\n"),
                ("previous", 0o644, "o\n"),
                ("current", 0o644, "c\n"),
            ],
            &[("previous", 0o644, "o\n"), ("current", 0o644, "c\n")],
            &[current, ("state", 0o644, "kept")],
        ] {
            let _ = std::fs::remove_dir_all(case.scratch.join("d"));
            prepare(case, "d", files);
            multilog(case, &["wgz", "!gzip", "./d"], "new\n");
            listing(case, "d");
        }
    });
}

#[test]
fn old_files_of_any_suffix_count() {
    check_encore("multilog_old_files_of_any_suffix_count", |case| {
        let names = ["s", "gz", "u", "", "a.b"].iter().zip(1..);
        let names: Vec<_> = names
            .map(|(end, number)| {
                format!("@40000000000000{number}00000000 .{end}").replace(' ', "0")
            })
            .collect();
        let mut files: Vec<_> = names
            .iter()
            .map(|name| (name.as_str(), 0o744, "old\n"))
            .collect();
        files.push(("current", 0o744, ""));
        prepare(case, "d", &files);
        multilog(case, &["s4096", "n4", "wgz", "./d"], full_files(1));
        listing(case, "d");
    });
}

#[test]
fn sizes_above_sixteen_megabytes() {
    check_encore("multilog_sizes_above_sixteen_megabytes", |case| {
        let input = numbered_lines(19_000_000);
        multilog(case, &["s18000000", "./d"], &input);
        let size = case.scratch.read("d/current").len();
        let archive = input.len() - size;
        case.note(format!(
            "  archived within its limit: {}",
            (17_998_000..=18_000_000).contains(&archive)
        ));
    });
}
