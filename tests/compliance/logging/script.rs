//! multilog's script: which words mean what, numbers, and what holds from where on.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use super::kit::{archives, listing, multilog};
use crate::harness::{Case, check};

/// Runs a script whose log directory is `./d` anew and shows the directory.
fn fresh(case: &mut Case, script: &[&str], input: &str) {
    let _ = std::fs::remove_dir_all(case.scratch.join("d"));
    multilog(case, script, input);
    if case.scratch.join("d").exists() {
        listing(case, "d");
    }
}

#[test]
fn stamps_only_where_t_comes_first() {
    check("multilog_stamps_only_where_t_comes_first", |case| {
        fresh(case, &["t", "./d"], "a\n");
        fresh(case, &["tfoo", "./d"], "a\n");
        fresh(case, &["./d", "t"], "a\n");
        fresh(case, &["+*", "t", "./d"], "a\n");
        fresh(case, &["", "t", "./d"], "a\n");
        fresh(case, &["t", "t", "./d"], "a\n");
        fresh(case, &["-t", "./d"], "a\nt\n");
    });
}

#[test]
fn words_it_does_not_know_are_ignored() {
    check("multilog_words_it_does_not_know_are_ignored", |case| {
        for word in [
            "", "logdir", "Fx", "S", "wgz", "T", "?", "~/d", "--", "@x", "d/",
        ] {
            multilog(case, &[word], "a\n");
        }
        multilog(case, &[OsStr::from_bytes(b"\xff\xfe")], "a\n");
        multilog(case, &["logdir", "./d", "more"], "a\n");
        listing(case, ".");
        listing(case, "d");
    });
}

/// `T`, `F` and `w` are words that the original does not know.
#[test]
fn words_that_daemontools_encore_knows() {
    check("multilog_words_that_daemontools_encore_knows", |case| {
        fresh(case, &["F", "-?", "./d"], "a\nab\n");
        fresh(
            case,
            &["w", "s4096", "./d"],
            &format!("{}\n", "x".repeat(2100)),
        );
        multilog(case, &["T", "-1*.*", "./e"], "a\n");
        listing(case, "e");
    });
}

#[test]
fn a_script_that_ends_in_numbers() {
    check("multilog_a_script_that_ends_in_numbers", |case| {
        fresh(case, &["./d", "s4096", "n2", "!false"], "a\n");
        multilog(case, &["s4096", "n2", "!", "!false"], "a\n");
    });
}

/// Where a file without newlines is cut is exactly the size.
fn size(case: &mut Case, script: &[&str], length: usize) {
    let _ = std::fs::remove_dir_all(case.scratch.join("d"));
    multilog(case, script, vec![b'x'; length]);
    let sizes: Vec<_> = archives(case, "d")
        .iter()
        .map(|name| case.scratch.read(format!("d/{name}")).len())
        .collect();
    case.note(format!(
        "  sizes {sizes:?}, current {}",
        case.scratch.read("d/current").len()
    ));
}

#[test]
fn sizes() {
    check("multilog_sizes", |case| {
        size(case, &["./d"], 100_000);
        for word in [
            "s", "s0", "s1", "s4095", "s4096", "s4097", "s5000", "s05000", "s99999",
        ] {
            size(case, &[word, "./d"], 5001);
        }
        size(case, &["s99998", "./d"], 99_999);
        for word in [
            "s100k", "s-1", "s 5000", "s+5000", "s0x2000", "status", "stuff",
        ] {
            size(case, &[word, "./d"], 4097);
        }
        size(case, &["s5000k", "./d"], 5001);
        size(case, &["s5000", "s6000", "./d"], 6001);
    });
}

#[test]
fn sizes_that_wrap() {
    check("multilog_sizes_that_wrap", |case| {
        // 2^64, 2^64 + 5000, 2^65 + 5000.
        size(case, &["s18446744073709551616", "./d"], 5001);
        size(case, &["s18446744073709556616", "./d"], 5001);
        size(case, &["s36893488147419108232", "./d"], 5001);
    });
}

#[test]
fn sizes_up_to_sixteen_megabytes() {
    check("multilog_sizes_up_to_sixteen_megabytes", |case| {
        size(case, &["s16777214", "./d"], 16_777_215);
        size(case, &["s16777215", "./d"], 16_777_216);
    });
}

#[test]
fn sizes_above_sixteen_megabytes() {
    check("multilog_sizes_above_sixteen_megabytes", |case| {
        size(case, &["s16777216", "./d"], 16_777_217);
        size(case, &["s20000000", "./d"], 20_000_001);
    });
}

#[test]
fn sizes_of_four_gigabytes_and_more() {
    check("multilog_sizes_of_four_gigabytes_and_more", |case| {
        // Neither is taken for its low 32 bits.
        size(case, &["s4294967296", "./d"], 5001);
        size(case, &["s18446744073709551615", "./d"], 5001);
    });
}

/// How many old files a rotation leaves of twenty.
fn count(case: &mut Case, words: &[&str]) {
    let _ = std::fs::remove_dir_all(case.scratch.join("d"));
    for number in 10..30 {
        case.scratch.file(
            format!("d/@4000000000000000000000{number}.s"),
            number.to_string(),
        );
    }
    let script: Vec<_> = ["s4096"].iter().chain(words).chain(&["./d"]).collect();
    multilog(case, &script, vec![b'x'; 4097]);
    case.note(format!("  left {}", archives(case, "d").len()));
}

#[test]
fn counts() {
    check("multilog_counts", |case| {
        count(case, &[]);
        for word in ["n", "n0", "n1", "n2", "n3", "n05", "n21", "n22", "n1000000"] {
            count(case, &[word]);
        }
        for word in ["n2x", "n-5", "n 5", "n+5", "name", "n5k"] {
            count(case, &[word]);
        }
        count(case, &["n4", "n6"]);
        // 2^32 + 3, 2^64, 2^64 + 4.
        count(case, &["n4294967299"]);
        count(case, &["n18446744073709551616"]);
        count(case, &["n18446744073709551620"]);
    });
}

#[test]
fn numbers_hold_for_what_is_to_their_right() {
    check("multilog_numbers_hold_for_what_is_to_their_right", |case| {
        let script = [
            "./a", "s5000", "n3", "./b", "!tr x y", "s6000", "./c", "./d", "n2", "./e", "s4096",
        ];
        multilog(case, &script, vec![b'x'; 20_001]);
        for directory in ["a", "b", "c", "d", "e"] {
            listing(case, directory);
        }
    });
}

#[test]
fn names_are_relative_to_where_it_was_started() {
    check(
        "multilog_names_are_relative_to_where_it_was_started",
        |case| {
            let absolute = case.scratch.join("absolute").to_str().unwrap().to_owned();
            let status = format!("={}", case.scratch.join("status2").display());
            let script = [
                "./a", "=status", "./a/b", ".hidden", &absolute, &status, "./c/",
            ];
            multilog(case, &script, "a\n");
            listing(case, ".");
            for directory in ["a", "a/b", ".hidden", "absolute", "c"] {
                listing(case, directory);
            }
        },
    );
}

#[test]
fn dot_and_dot_dot_are_directories_too() {
    check("multilog_dot_and_dot_dot_are_directories_too", |case| {
        case.scratch.directory("in");
        super::kit::run_shell(case, "cd in && echo a | multilog . ..");
        listing(case, ".");
        listing(case, "in");
    });
}

#[test]
fn a_directory_name_is_bytes() {
    check("multilog_a_directory_name_is_bytes", |case| {
        let script = [OsStr::from_bytes(b"./\xff d\n"), OsStr::new("=\u{1}")];
        multilog(case, &script, "a\n");
        super::kit::run_shell(case, "cat */current; ls -a | od -c | head -3");
    });
}

#[test]
fn selection_is_carried_along_the_script() {
    check("multilog_selection_is_carried_along_the_script", |case| {
        let script = [
            "-*a*", "./x", "+*b*", "./y", "-*", "./z", "+*c*", "./w", "e", "=status",
        ];
        multilog(case, &script, "a\nb\nc\nab\nbc\nac\nabc\nd\n\n");
        for directory in ["x", "y", "z", "w"] {
            case.file(format!("{directory}/current"));
        }
        let status = case.scratch.read("status");
        case.note(super::kit::content(&status));
    });
}

#[test]
fn without_a_script_it_reads_to_the_end() {
    check("multilog_without_a_script_reads_to_the_end", |case| {
        multilog(case, &[] as &[&str], "a\nb");
        listing(case, ".");
    });
}
