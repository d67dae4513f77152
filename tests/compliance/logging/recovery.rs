//! What multilog makes of the directory that it finds.

use std::fs;
use std::os::unix::fs::symlink;

use dt_testkit::{skipped_without_root, until};

use super::kit::{Logger, listing, multilog, prepare};
use crate::harness::{Case, check};

/// Starts multilog on a directory with these files and shows what it has made of
/// them.
fn recover(case: &mut Case, script: &[&str], files: &[(&str, u32, &str)]) {
    let _ = fs::remove_dir_all(case.scratch.join("d"));
    prepare(case, "d", files);
    listing(case, "d");
    multilog(case, script, "new\n");
    listing(case, "d");
}

const CURRENT: (&str, u32, &str) = ("current", 0o644, "current\n");
const PREVIOUS: (&str, u32, &str) = ("previous", 0o644, "previous\n");

#[test]
fn a_fresh_start() {
    check("multilog_recovery_fresh_start", |case| {
        recover(case, &["./d"], &[]);
        recover(case, &["./d"], &[("lock", 0o600, "")]);
        recover(
            case,
            &["./d"],
            &[("other", 0o640, "kept"), ("@x", 0o600, "kept")],
        );
    });
}

#[test]
fn a_clean_restart() {
    check("multilog_recovery_clean_restart", |case| {
        let state = ("state", 0o640, "kept");
        recover(case, &["./d"], &[("current", 0o744, "clean\n"), state]);
        recover(case, &["./d"], &[("current", 0o744, ""), state]);
        recover(case, &["./d"], &[("current", 0o744, "half"), state]);
        // Only the owner's bit counts.
        recover(case, &["./d"], &[("current", 0o700, "clean\n"), state]);
        recover(case, &["./d"], &[("current", 0o777, "clean\n"), state]);
    });
}

#[test]
fn files_that_only_root_can_read() {
    if skipped_without_root("files_that_only_root_can_read") {
        return;
    }
    check("multilog_recovery_files_that_only_root_can_read", |case| {
        recover(case, &["./d"], &[("current", 0o100, "clean\n")]);
        recover(case, &["./d"], &[("current", 0o000, "current\n")]);
        recover(case, &["./d"], &[("processed", 0o100, "p"), PREVIOUS]);
    });
}

#[test]
fn a_clean_restart_looks_at_nothing_else() {
    check(
        "multilog_recovery_clean_restart_looks_at_nothing_else",
        |case| {
            let files = [
                ("current", 0o744, "clean\n"),
                ("previous", 0o744, "stale"),
                ("processed", 0o744, "stale"),
                ("newstate", 0o644, "stale"),
                ("state", 0o644, "kept"),
            ];
            recover(case, &["./d"], &files);
            recover(case, &["n2", "!cat", "./d"], &files);
        },
    );
}

#[test]
fn a_clean_restart_without_state() {
    check("multilog_recovery_clean_restart_without_state", |case| {
        recover(case, &["./d"], &[("current", 0o744, "clean\n")]);
    });
}

#[test]
fn an_unfinished_current() {
    check("multilog_recovery_unfinished_current", |case| {
        let others = [("state", 0o644, "lost"), ("newstate", 0o644, "lost")];
        recover(case, &["./d"], &[CURRENT, others[0], others[1]]);
        for mode in [0o600, 0o444, 0o611, 0o655, 0o677] {
            recover(case, &["./d"], &[("current", mode, "current\n")]);
        }
        recover(case, &["./d"], &[("current", 0o644, "without newline")]);
        recover(case, &["!tr a-z A-Z", "./d"], &[CURRENT]);
    });
}

#[test]
fn an_empty_unfinished_current() {
    check("multilog_recovery_empty_unfinished_current", |case| {
        recover(case, &["./d"], &[("current", 0o644, "")]);
    });
}

#[test]
fn a_finished_processed() {
    check("multilog_recovery_finished_processed", |case| {
        let processed = ("processed", 0o744, "processed\n");
        recover(case, &["./d"], &[processed, PREVIOUS, CURRENT]);
        recover(case, &["./d"], &[processed, CURRENT]);
        recover(case, &["./d"], &[processed, PREVIOUS]);
        recover(case, &["./d"], &[processed]);
        recover(case, &["./d"], &[("processed", 0o744, ""), PREVIOUS]);
        let states = [("state", 0o644, "old"), ("newstate", 0o644, "new")];
        recover(
            case,
            &["!cat", "./d"],
            &[processed, PREVIOUS, CURRENT, states[0], states[1]],
        );
        recover(
            case,
            &["!cat", "./d"],
            &[("processed", 0o744, "x\n"), ("previous", 0o744, "y\n")],
        );
    });
}

#[test]
fn an_unfinished_processed() {
    check("multilog_recovery_unfinished_processed", |case| {
        for mode in [0o644, 0o655, 0o600] {
            recover(
                case,
                &["./d"],
                &[("processed", mode, "half"), PREVIOUS, CURRENT],
            );
        }
        recover(
            case,
            &["!cat", "./d"],
            &[("processed", 0o644, "half"), PREVIOUS, CURRENT],
        );
        recover(case, &["./d"], &[("processed", 0o644, "half"), CURRENT]);
        recover(case, &["./d"], &[("processed", 0o644, "half")]);
    });
}

#[test]
fn an_unfinished_previous() {
    check("multilog_recovery_unfinished_previous", |case| {
        recover(case, &["./d"], &[PREVIOUS, CURRENT]);
        recover(case, &["./d"], &[PREVIOUS]);
        recover(
            case,
            &["!cat", "./d"],
            &[PREVIOUS, CURRENT, ("state", 0o644, "lost")],
        );
        // Complete, but not processed yet.
        recover(
            case,
            &["!cat", "./d"],
            &[("previous", 0o744, "previous\n"), CURRENT],
        );
    });
}

#[test]
fn a_finished_previous() {
    check("multilog_recovery_finished_previous", |case| {
        recover(
            case,
            &["./d"],
            &[("previous", 0o744, "previous\n"), CURRENT],
        );
    });
}

#[test]
fn an_empty_previous() {
    check("multilog_recovery_empty_previous", |case| {
        recover(case, &["./d"], &[("previous", 0o644, ""), CURRENT]);
    });
}

/// Links a file of the prepared directory, starts multilog and shows the result.
fn linked(case: &mut Case, files: &[(&str, u32, &str)], from: &str, to: &str) {
    let _ = fs::remove_dir_all(case.scratch.join("d"));
    prepare(case, "d", files);
    let _ = fs::remove_file(case.scratch.join(to));
    fs::hard_link(case.scratch.join(from), case.scratch.join(to)).unwrap();
    listing(case, "d");
    multilog(case, &["./d"], "new\n");
    listing(case, "d");
}

const OLD: &str = "d/@400000004000000040000000";

#[test]
fn archived_but_not_unlinked_yet() {
    check("multilog_recovery_archived_but_not_unlinked_yet", |case| {
        let previous = [("previous", 0o744, "previous\n"), CURRENT];
        linked(case, &previous, "d/previous", &format!("{OLD}.s"));
        linked(case, &previous, "d/previous", &format!("{OLD}.u"));
        let processed = [("processed", 0o744, "processed\n"), CURRENT];
        linked(case, &processed, "d/processed", &format!("{OLD}.s"));
        let both = [("processed", 0o744, "processed\n"), PREVIOUS, CURRENT];
        linked(case, &both, "d/processed", &format!("{OLD}.s"));
        linked(case, &[CURRENT], "d/current", &format!("{OLD}.u"));
    });
}

#[test]
fn a_current_that_has_a_link_elsewhere() {
    check("multilog_recovery_current_with_a_link_elsewhere", |case| {
        linked(case, &[CURRENT], "d/current", "backup");
    });
}

#[test]
fn a_previous_that_has_a_link_elsewhere() {
    check("multilog_recovery_previous_with_a_link_elsewhere", |case| {
        linked(case, &[PREVIOUS, CURRENT], "d/previous", "backup");
    });
}

#[test]
fn a_clean_current_that_has_a_link_elsewhere() {
    check(
        "multilog_recovery_clean_current_with_a_link_elsewhere",
        |case| {
            linked(
                case,
                &[("current", 0o744, "clean\n")],
                "d/current",
                "backup",
            );
        },
    );
}

#[test]
fn recovery_prunes_at_each_step() {
    check("multilog_recovery_prunes_at_each_step", |case| {
        let old = ("@400000000000000000000001.s", 0o744, "old");
        for count in ["n2", "n3", "n4"] {
            recover(case, &[count, "./d"], &[old, PREVIOUS, CURRENT]);
        }
        recover(case, &["./d", "n2"], &[old, PREVIOUS, CURRENT]);
        let processed = ("processed", 0o744, "processed\n");
        recover(case, &["n2", "./d"], &[old, processed, PREVIOUS, CURRENT]);
        recover(case, &["n2", "./d"], &[old]);
    });
}

#[test]
fn a_current_that_is_a_link() {
    check("multilog_recovery_current_that_is_a_link", |case| {
        for mode in [0o744, 0o644] {
            let _ = fs::remove_dir_all(case.scratch.join("d"));
            prepare(case, "d", &[]);
            case.scratch.file("target", "there\n");
            case.scratch.mode("target", mode);
            symlink("../target", case.scratch.join("d/current")).unwrap();
            listing(case, "d");
            multilog(case, &["./d"], "new\n");
            listing(case, "d");
            listing(case, ".");
        }
    });
}

/// A directory in the place of a file: whether multilog warns and waits or goes on.
fn obstacle(case: &mut Case, name: &str) {
    prepare(case, "d", &[CURRENT]);
    let _ = fs::remove_file(case.scratch.join("d").join(name));
    case.scratch.directory(format!("d/{name}"));
    case.scratch.mode(format!("d/{name}"), 0o644);
    let mut logger = Logger::start(case, &["./d"]);
    logger.write("new\n");
    until("it warns or goes on", || {
        !logger.said().is_empty()
            || fs::read(case.scratch.join("d/current")).is_ok_and(|content| content == b"new\n")
    });
    let said = logger.said();
    case.note(format!("d/{name} is a directory\n  {said}"));
    logger.close();
    if said.is_empty() {
        logger.finish(case, "it goes on");
        listing(case, "d");
    } else {
        logger.kill();
    }
}

#[test]
fn a_directory_in_the_place_of_current() {
    check(
        "multilog_recovery_directory_in_the_place_of_current",
        |case| {
            obstacle(case, "current");
        },
    );
}

#[test]
fn a_directory_in_the_place_of_previous() {
    check(
        "multilog_recovery_directory_in_the_place_of_previous",
        |case| {
            obstacle(case, "previous");
        },
    );
}

#[test]
fn a_directory_in_the_place_of_processed() {
    check(
        "multilog_recovery_directory_in_the_place_of_processed",
        |case| {
            obstacle(case, "processed");
        },
    );
}

#[test]
fn several_directories_are_recovered_each() {
    check("multilog_recovery_of_several_directories", |case| {
        prepare(case, "a", &[CURRENT]);
        prepare(case, "b", &[("current", 0o744, "clean\n")]);
        prepare(case, "c", &[PREVIOUS]);
        multilog(case, &["./a", "./b", "./c"], "new\n");
        for directory in ["a", "b", "c"] {
            listing(case, directory);
        }
    });
}
