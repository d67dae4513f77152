//! When multilog starts a new file, what it keeps of the old ones, and what a file
//! holds.

use super::kit::{
    STAMP, all_of, archives, content, listing, multilog, numbered_lines, prepare, unstamped,
};
use crate::harness::{Case, check};

const STATE: (&str, u32, &str) = ("state", 0o644, "");

/// Which of the newlines within the last 2000 bytes ends a file is free, so what is
/// written down is what must hold for any choice.
fn invariants(case: &mut Case, directory: &str, size: usize, input: &[u8]) {
    let names = archives(case, directory);
    let files: Vec<_> = names
        .iter()
        .map(|name| case.scratch.read(format!("{directory}/{name}")))
        .collect();
    let all = all_of(case, directory);
    let fits = |file: &Vec<u8>| (size - 2000..=size).contains(&file.len());
    let whole = |file: &Vec<u8>| file.ends_with(b"\n") || file.len() == size;
    let current = case.scratch.read(format!("{directory}/current"));
    case.note(format!("{directory}:"));
    case.note(format!(
        "  all finished: {}",
        names.iter().all(|name| &name[25..] == ".s")
    ));
    case.note(format!("  sizes in range: {}", files.iter().all(fits)));
    case.note(format!(
        "  cut at a newline or at the size: {}",
        files.iter().all(whole)
    ));
    case.note(format!("  current no larger: {}", current.len() <= size));
    case.note(format!(
        "  together the input: {}",
        unstamped(&all) == input
    ));
}

#[test]
fn files_are_no_larger_than_the_size() {
    check("multilog_files_are_no_larger_than_the_size", |case| {
        let input = numbered_lines(200_000);
        let script = [
            "n1000", "s4096", "./a", "s5000", "./b", "s6001", "./c", "s99999", "./d", "s150000",
            "./e",
        ];
        multilog(case, &script, &input);
        for (directory, size) in [
            ("a", 4096),
            ("b", 5000),
            ("c", 6001),
            ("d", 99_999),
            ("e", 150_000),
        ] {
            invariants(case, directory, size, &input);
        }
    });
}

#[test]
fn stamps_count() {
    check("multilog_stamps_count", |case| {
        let input = numbered_lines(60_000);
        multilog(
            case,
            &["t", "n1000", "s4096", "./a", "s9000", "./b"],
            &input,
        );
        invariants(case, "a", 4096, &input);
        invariants(case, "b", 9000, &input);
        // One line of 975 bytes a time: with its stamp and newline more than 1000.
        let lines = format!("{}\n", "x".repeat(975)).repeat(20);
        multilog(case, &["t", "n1000", "s4096", "./c"], &lines);
        invariants(case, "c", 4096, lines.as_bytes());
    });
}

#[test]
fn lines_longer_than_the_window_are_split() {
    check("multilog_lines_longer_than_the_window_are_split", |case| {
        let line = |byte: &str, length| byte.repeat(length) + "\n";
        // No newline within the last 2000 bytes, so every choice is the same.
        multilog(case, &["s4096", "./a"], line("x", 10_000));
        listing(case, "a");
        multilog(case, &["t", "s4096", "./b"], line("x", 10_000));
        listing(case, "b");
        multilog(
            case,
            &["s4096", "./c"],
            line("a", 2000) + &line("b", 2500) + &line("c", 100),
        );
        listing(case, "c");
        multilog(
            case,
            &["t", "s5000", "./d"],
            line("a", 100) + &line("b", 5000) + &line("c", 2),
        );
        listing(case, "d");
    });
}

#[test]
fn a_split_line_gets_no_second_stamp() {
    check("multilog_a_split_line_gets_no_second_stamp", |case| {
        multilog(case, &["t", "s4096", "./d"], "y".repeat(9000) + "\nnext\n");
        for name in archives(case, "d") {
            let file = case.scratch.read(format!("d/{name}"));
            case.note(content(&file));
        }
        let current = case.scratch.read("d/current");
        case.note(content(&current));
        case.note(format!(
            "{}",
            current.len() == 9000 + STAMP + 1 - 8192 + STAMP + 5
        ));
    });
}

#[test]
fn one_long_line_of_exactly_the_size() {
    check("multilog_one_long_line_of_exactly_the_size", |case| {
        for length in [4094, 4095, 4096, 4097] {
            let directory = format!("./d{length}");
            multilog(case, &["s4096", &directory], "x".repeat(length) + "\n");
            listing(case, &directory);
        }
    });
}

#[test]
fn a_file_at_the_size_waits_for_more() {
    check("multilog_a_file_at_the_size_waits_for_more", |case| {
        prepare(case, "d", &[("current", 0o744, &"x".repeat(4096)), STATE]);
        multilog(case, &["s4096", "./d"], "");
        listing(case, "d");
        multilog(case, &["s4096", "./d"], "y\n");
        listing(case, "d");
    });
}

#[test]
fn size_at_restart_counts() {
    check("multilog_size_at_restart_counts", |case| {
        for length in [2095, 2096, 3000, 4093, 4094, 4095, 4096, 4097, 5000, 9000] {
            let directory = format!("d{length}");
            prepare(
                case,
                &directory,
                &[("current", 0o744, &"x".repeat(length)), STATE],
            );
            multilog(case, &["s4096", &format!("./{directory}")], "hi\n");
            listing(case, &directory);
        }
    });
}

#[test]
fn size_at_restart_counts_with_a_newline_at_its_end() {
    check(
        "multilog_size_at_restart_counts_with_a_newline_at_its_end",
        |case| {
            for length in [2095, 2096, 3000, 4093, 4095, 4096, 4097, 5000] {
                let directory = format!("d{length}");
                let text = "x".repeat(length - 1) + "\n";
                prepare(case, &directory, &[("current", 0o744, &text), STATE]);
                multilog(case, &["s4096", &format!("./{directory}")], "hi\n");
                listing(case, &directory);
            }
        },
    );
}

#[test]
fn a_restart_with_another_size() {
    check("multilog_a_restart_with_another_size", |case| {
        let text = "x\n".repeat(4000);
        multilog(case, &["s99999", "./d"], &text);
        multilog(case, &["s4096", "./d"], "");
        listing(case, "d");
        multilog(case, &["s4096", "./d"], "y\n");
        listing(case, "d");
    });
}

const OLD: &str = "@40000000000000000000000";

/// Rotates a directory with these old files once and shows what is left.
fn prune(case: &mut Case, count: &str, names: &[&str]) {
    let _ = std::fs::remove_dir_all(case.scratch.join("d"));
    let files: Vec<_> = names.iter().map(|name| (*name, 0o744, "old")).collect();
    prepare(case, "d", &files);
    multilog(case, &["s4096", count, "./d"], "x".repeat(4097));
    let shown: Vec<_> = case
        .scratch
        .names("d")
        .into_iter()
        .filter(|name| names.contains(&name.as_str()) || name.starts_with('@'))
        .map(|name| {
            if names.contains(&name.as_str()) {
                name
            } else {
                "NEW".to_owned()
            }
        })
        .collect();
    case.note(format!("  {shown:?}"));
}

#[test]
fn the_smallest_names_go_first() {
    check("multilog_the_smallest_names_go_first", |case| {
        let [a, b, c] = ["1.s", "2.s", "3.s"].map(|end| format!("{OLD}{end}"));
        prune(case, "n10", &[&a, &b, &c]);
        prune(case, "n5", &[&a, &b, &c]);
        prune(case, "n4", &[&a, &b, &c]);
        prune(case, "n3", &[&a, &b, &c]);
        prune(case, "n2", &[&a, &b, &c]);
    });
}

#[test]
fn what_counts_as_an_old_file() {
    check("multilog_what_counts_as_an_old_file", |case| {
        let a = format!("{OLD}1");
        for suffix in ["", ".s", ".u", ".gz", ".s.gz", "x", "~", "/../.."] {
            if !suffix.contains('/') {
                prune(case, "n2", &[&format!("{a}{suffix}")]);
            }
        }
        // One byte too short; other first bytes; no digits; upper case.
        prune(case, "n2", &[&OLD[..24]]);
        prune(case, "n2", &[&format!("@{}", "0".repeat(23))]);
        prune(
            case,
            "n2",
            &[&"4".repeat(30), &format!("x{a}.s"), "keep", ".hidden"],
        );
        prune(case, "n3", &[&format!("{a}.u"), &format!("{OLD}2.s")]);
    });
}

#[test]
fn a_name_that_is_no_label() {
    check("multilog_a_name_that_is_no_label", |case| {
        prune(case, "n2", &[&format!("@{}", " ".repeat(24))]);
        prune(case, "n2", &[&format!("@3{}", "z".repeat(23))]);
    });
}

#[test]
fn old_files_from_the_future() {
    check("multilog_old_files_from_the_future", |case| {
        prune(case, "n2", &[&format!("@5{}.s", "0".repeat(23))]);
        prune(
            case,
            "n3",
            &[
                &format!("@5{}.s", "0".repeat(23)),
                &format!("@50{}.s", "1".repeat(22)),
            ],
        );
    });
}

#[test]
fn a_name_that_is_no_label_and_sorts_last() {
    check("multilog_a_name_that_is_no_label_and_sorts_last", |case| {
        prune(case, "n2", &[&format!("@zz{}.s", "g".repeat(22))]);
        prune(case, "n2", &[&format!("@4{}.s", "A".repeat(23))]);
    });
}

#[test]
fn a_directory_named_like_an_old_file() {
    check("multilog_a_directory_named_like_an_old_file", |case| {
        case.scratch.directory(format!("d/{OLD}1.s"));
        let mut logger = super::kit::Logger::start(case, &["s4096", "n2", "./d"]);
        logger.write("x".repeat(4096) + "y\n");
        logger.close();
        dt_testkit::until("it stops or ends", || {
            logger.said().contains("\\n") || logger.running.ended().is_some()
        });
        let said = logger.said();
        case.note(said);
        logger.kill();
    });
}

#[test]
fn age_is_judged_by_the_name() {
    check("multilog_age_is_judged_by_the_name", |case| {
        let (old, new) = (format!("{OLD}1.s"), format!("{OLD}2.s"));
        prepare(case, "d", &[(&new, 0o744, ""), (&old, 0o744, "")]);
        super::kit::run_shell(case, &format!("touch -d 2001-01-01 d/{new}"));
        multilog(case, &["s4096", "n3", "./d"], "x".repeat(4097));
        listing(case, "d");
        case.note(format!("{}", case.scratch.join("d").join(&new).exists()));
    });
}

#[test]
fn a_restart_with_a_smaller_count_removes_nothing_yet() {
    check(
        "multilog_a_restart_with_a_smaller_count_removes_nothing_yet",
        |case| {
            let names: Vec<_> = (1..6).map(|number| format!("{OLD}{number}.s")).collect();
            let mut files: Vec<_> = names
                .iter()
                .map(|name| (name.as_str(), 0o744, "old"))
                .collect();
            files.extend([("current", 0o744, "a\n"), STATE]);
            prepare(case, "d", &files);
            multilog(case, &["n3", "./d"], "b\n");
            listing(case, "d");
            multilog(case, &["n3", "s4096", "./d"], "x".repeat(4097));
            listing(case, "d");
        },
    );
}

#[test]
fn many_rotations_keep_the_newest() {
    check("multilog_many_rotations_keep_the_newest", |case| {
        let input = numbered_lines(300_000);
        multilog(case, &["s4096", "n4", "./d"], &input);
        let all = all_of(case, "d");
        case.note(format!("kept {}", archives(case, "d").len()));
        case.note(format!("the end of the input: {}", input.ends_with(&all)));
        case.note(format!("at least three files: {}", all.len() >= 3 * 2096));
    });
}

#[test]
fn an_archive_is_named_after_the_moment_of_the_rotation() {
    check(
        "multilog_an_archive_is_named_after_the_moment_of_the_rotation",
        |case| {
            let start = super::kit::now();
            multilog(case, &["s4096", "n100", "./d"], numbered_lines(30_000));
            let end = super::kit::now();
            let moments: Vec<_> = archives(case, "d")
                .iter()
                .map(|name| super::kit::moment(name.as_bytes()))
                .collect();
            let within = |at: &u128| *at + 1000 > start && *at < end + 1000;
            case.note(format!("within the run: {}", moments.iter().all(within)));
            case.note(format!(
                "different: {}",
                moments.windows(2).all(|pair| pair[0] < pair[1])
            ));
        },
    );
}

#[test]
fn empty_lines_and_short_lines_rotate_too() {
    check("multilog_empty_lines_and_short_lines_rotate_too", |case| {
        let input = vec![b'\n'; 20_000];
        multilog(case, &["s4096", "n100", "./d"], &input);
        invariants(case, "d", 4096, &input);
        multilog(case, &["t", "s4096", "n1000", "./e"], &input);
        invariants(case, "e", 4096, &input);
    });
}
