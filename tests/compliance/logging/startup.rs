//! multilog's start: what it refuses, with which words, and that it has then read
//! nothing.

use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;

use dt_testkit::{Outcome, is_root, skipped_without_root};

use super::kit::{Logger, ended, listing, multilog, prepare, run_shell, until_running, words};
use crate::harness::{Case, check};

/// A copy of multilog in the scratch directory.
fn reachable(case: &Case) -> std::path::PathBuf {
    let program = case.scratch.join("multilog");
    if !program.exists() {
        let multilog = case.suite.program("multilog");
        case.scratch.program(multilog, "multilog");
    }
    program
}

/// Runs multilog as an ordinary user, with a copy of the program that such a user
/// can reach.
fn unprivileged(case: &mut Case, directory: &str, script: &[&str]) {
    let mut command = std::process::Command::new(reachable(case));
    command
        .arg0("multilog")
        .args(script)
        .env(dt_testkit::Scratch::MARK, case.scratch.mark())
        .stdin(std::process::Stdio::null())
        .current_dir(case.scratch.join(directory));
    if is_root() {
        command.uid(65534).gid(65534);
    }
    ended(case, &words("multilog", script), &Outcome::of(&mut command));
}

#[test]
fn status_files_that_cannot_be() {
    check("multilog_status_files_that_cannot_be", |case| {
        case.scratch.directory("directory");
        case.scratch.file("file", "");
        symlink("loop", case.scratch.join("loop")).unwrap();
        run_shell(case, "mkfifo fifo");
        let long = format!("={}", "x".repeat(256));
        let names = [
            "=",
            "=directory",
            "=no/such",
            "=file/x",
            "=loop",
            "=fifo",
            "=.",
            &long,
        ];
        for name in names {
            multilog(case, &[name, "./d"], "a\n");
        }
        multilog(case, &["=one", "=no/such", "=two", "./d"], "a\n");
        listing(case, ".");
    });
}

#[test]
fn directories_that_cannot_be() {
    check("multilog_directories_that_cannot_be", |case| {
        case.scratch.file("file", "");
        symlink("loop", case.scratch.join("loop")).unwrap();
        symlink("nowhere", case.scratch.join("dangling")).unwrap();
        let long = format!("./{}", "x".repeat(256));
        for name in [
            "./no/such",
            "./file",
            "./file/d",
            "./loop",
            "./dangling",
            &long,
        ] {
            multilog(case, &[name], "a\n");
        }
        multilog(case, &["/proc/no/such"], "a\n");
        listing(case, ".");
    });
}

#[test]
fn a_directory_may_be_a_link() {
    check("multilog_a_directory_may_be_a_link", |case| {
        case.scratch.directory("real");
        symlink("real", case.scratch.join("link")).unwrap();
        multilog(case, &["./link"], "a\n");
        listing(case, "real");
    });
}

#[test]
fn files_in_the_directory_that_cannot_be_opened() {
    check(
        "multilog_files_in_the_directory_that_cannot_be_opened",
        |case| {
            for name in ["current", "processed"] {
                let directory = case.scratch.directory(format!("loop-{name}"));
                symlink(name, directory.join(name)).unwrap();
                multilog(case, &[format!("./loop-{name}")], "a\n");
            }
            case.scratch.directory("dir-lock/lock");
            multilog(case, &["./dir-lock"], "a\n");
            case.scratch.directory("clean-dir/current");
            case.scratch.mode("clean-dir/current", 0o755);
            multilog(case, &["./clean-dir"], "a\n");
            symlink(
                "no/such",
                case.scratch.directory("dangling").join("current"),
            )
            .unwrap();
            multilog(case, &["./dangling"], "a\n");
        },
    );
}

#[test]
fn what_an_ordinary_user_may_not() {
    check("multilog_what_an_ordinary_user_may_not", |case| {
        prepare(case, "closed", &[]);
        case.scratch.mode("closed", 0);
        prepare(case, "fixed", &[]);
        case.scratch.mode("fixed", 0o555);
        prepare(case, "entered", &[]);
        case.scratch.mode("entered", 0o111);
        case.scratch.file("secret", "");
        case.scratch.mode("secret", 0o400);
        // While it can still be put there.
        reachable(case);
        case.scratch.mode(".", 0o555);
        unprivileged(case, ".", &["./closed"]);
        unprivileged(case, ".", &["./fixed"]);
        unprivileged(case, ".", &["./new"]);
        unprivileged(case, ".", &["=new"]);
        unprivileged(case, ".", &["=secret"]);
        unprivileged(case, "entered", &["./d"]);
        case.scratch.mode(".", 0o755);
    });
}

#[test]
fn what_is_not_its_own() {
    if skipped_without_root("what_is_not_its_own") {
        return;
    }
    check("multilog_what_is_not_its_own", |case| {
        // Everybody may write to the file, but only its owner may set its mode.
        prepare(case, "d", &[("current", 0o777, "a\n"), ("lock", 0o666, "")]);
        case.scratch.mode("d", 0o777);
        unprivileged(case, ".", &["./d"]);
        listing(case, "d");
    });
}

#[test]
fn nothing_is_read_where_it_cannot_start() {
    check("multilog_nothing_is_read_where_it_cannot_start", |case| {
        case.scratch.file("input", "a\nb\n");
        run_shell(case, "{ multilog ./no/such; cat; } < input");
        run_shell(case, "{ multilog =no/such; cat; } < input");
        run_shell(case, "{ multilog ./d ./d; cat; } < input");
    });
}

#[test]
fn a_directory_in_use() {
    check("multilog_a_directory_in_use", |case| {
        let mut first = Logger::start(case, &["./d"]);
        until_running(case, "d");
        first.settle();
        listing(case, "d");
        multilog(case, &["./d"], "b\n");
        multilog(case, &["=status", "./d"], "b\n");
        multilog(case, &["t", "s4096", "./d/"], "b\n");
        listing(case, "d");
        first.write("a\n");
        first.close();
        first.finish(case, "the first");
        listing(case, "d");
    });
}

#[test]
fn a_directory_named_twice() {
    check("multilog_a_directory_named_twice", |case| {
        multilog(case, &["./d", "./d/"], "b\n");
    });
}

#[test]
fn a_lock_that_another_program_holds() {
    check("multilog_a_lock_that_another_program_holds", |case| {
        case.scratch.directory("d");
        run_shell(case, "setlock d/lock multilog ./d");
        run_shell(case, "setlock d/lock sh -c 'multilog ./d 3<&-'");
        listing(case, "d");
    });
}

/// A directory before one that is locked: its state after the failed start.
#[test]
fn directories_before_one_that_is_locked() {
    check("multilog_directories_before_one_that_is_locked", |case| {
        multilog(case, &["./first"], "a\n");
        case.scratch.directory("second");
        run_shell(case, "setlock second/lock multilog ./first ./second");
        listing(case, "first");
        multilog(case, &["./first"], "b\n");
        listing(case, "first");
    });
}

#[test]
fn modes_and_umask() {
    check("multilog_modes_and_umask", |case| {
        for umask in ["000", "022", "027", "077", "777"] {
            let line = format!(
                "umask {umask}; echo a | multilog =s{umask} s4096 ./d{umask} '!umask; cat' ./p{umask}"
            );
            run_shell(case, &line);
        }
        listing(case, ".");
        for umask in ["000", "022", "027", "077", "777"] {
            listing(case, &format!("d{umask}"));
        }
    });
}

#[test]
fn modes_of_what_is_there_already() {
    check("multilog_modes_of_what_is_there_already", |case| {
        prepare(
            case,
            "d",
            &[("lock", 0o644, "old\n"), ("state", 0o600, "kept")],
        );
        case.scratch.mode("d", 0o2750);
        case.scratch
            .file("status", "older and longer\n".repeat(100));
        case.scratch.mode("status", 0o640);
        multilog(case, &["=status", "./d"], "a\n");
        listing(case, "d");
        listing(case, ".");
    });
}

#[test]
fn started_without_standard_descriptors() {
    check("multilog_started_without_standard_descriptors", |case| {
        run_shell(case, "echo a | multilog ./d >&-");
        run_shell(case, "echo a | multilog e ./d 2>/dev/full");
        run_shell(case, "multilog ./no/such 2>/dev/full");
        listing(case, "d");
    });
}

#[test]
fn a_directory_in_the_place_of_the_state() {
    check("multilog_directory_in_the_place_of_the_state", |case| {
        case.scratch.directory("d/state");
        let mut logger = Logger::start(case, &["./d"]);
        logger.hears("\\n");
        let said = logger.said();
        let first = said.split("\\n").next().unwrap().to_owned();
        case.note(first);
        logger.settle_or_end();
        logger.kill();
    });
}

#[test]
fn few_descriptors() {
    check("multilog_few_descriptors", |case| {
        run_shell(case, "ulimit -n 8; echo a | multilog ./d");
        case.note(format!(
            "there: {}",
            case.scratch.join("d/current").exists()
        ));
    });
}

#[test]
fn two_dozen_descriptors() {
    check("multilog_two_dozen_descriptors", |case| {
        let input = super::kit::numbered_lines(20_000);
        case.scratch.file("input", input);
        run_shell(
            case,
            "ulimit -n 24; multilog t s4096 n3 '!cat' ./d <input; ls d | wc -l",
        );
    });
}
