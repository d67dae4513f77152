//! multilog on a file system without room, and on one that it may not write to.
//!
//! The small file systems are mounted in a mount namespace of the multilog under
//! test, so that they are gone with it; only root can make one.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use dt_testkit::{skipped_without_root, until};

use super::kit::{Logger, labels, numbered_lines, shell, unstamped};
use crate::harness::{Case, check, skip};

/// Whether a private file system cannot be had here.
fn skipped(test: &str) -> bool {
    if skipped_without_root(test) {
        return true;
    }
    let can = Command::new("unshare")
        .args(["-m", "sh", "-c", "mount -t tmpfs -o size=64k tmpfs /mnt"])
        .output()
        .is_ok_and(|outcome| outcome.status.success());
    if !can {
        skip(&format!(
            "{test}: cannot mount a tmpfs in a namespace of its own"
        ));
    }
    !can
}

/// Starts multilog with a tmpfs of these options mounted on `mnt`, a file `filler`
/// of so many kilobytes in it.
fn start(case: &Case, options: &str, filler: u32, script: &str) -> Logger {
    case.scratch.directory("mnt");
    let line = format!(
        "exec unshare -m sh -c 'mount -t tmpfs -o {options} tmpfs mnt && mkdir mnt/d && \
         head -c {filler}k /dev/zero >mnt/filler; exec multilog {script}'"
    );
    Logger::spawn(case, shell(case, &line))
}

/// A name on the file system of that multilog, as seen from here.
fn inside(case: &Case, logger: &Logger, name: &str) -> PathBuf {
    let scratch = case.scratch.path().strip_prefix("/").unwrap();
    PathBuf::from(format!("/proc/{}/root", logger.running.pid()))
        .join(scratch)
        .join("mnt")
        .join(name)
}

/// All of a log directory in there: archives and then `current`.
fn all_in(directory: &PathBuf) -> Vec<u8> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
    names.retain(|name| name.as_encoded_bytes().starts_with(b"@") || name == "current");
    names.sort();
    names
        .iter()
        .flat_map(|name| fs::read(directory.join(name)).unwrap())
        .collect()
}

/// The first warning, labels as `TS`.
fn warning(case: &mut Case, logger: &Logger) {
    logger.hears("\\n");
    let said = logger.said();
    let first = said.split("\\n").next().unwrap().to_owned();
    case.note(first);
}

/// Frees the space, waits until all of the input is logged, and compares.
fn goes_on(case: &mut Case, mut logger: Logger, input: &[u8]) {
    fs::remove_file(inside(case, &logger, "filler")).unwrap();
    let directory = inside(case, &logger, "d");
    until("all is logged", || unstamped(&all_in(&directory)) == input);
    case.note("then all of the input, once");
    logger.settle();
    logger.running.signal("TERM");
    // The file system goes with the process, so it is looked at before.
    let code = logger.running.wait();
    case.note(format!("exit {code}"));
}

#[test]
fn a_full_disk_and_then_room() {
    if skipped("a_full_disk_and_then_room") {
        return;
    }
    check("multilog_full_disk_and_then_room", |case| {
        let mut logger = start(case, "size=128k", 96, "./mnt/d");
        let input = numbered_lines(60_000);
        logger.write(&input);
        warning(case, &logger);
        let so_far = all_in(&inside(case, &logger, "d"));
        case.note(format!(
            "a beginning of the input: {}",
            input.starts_with(&so_far)
        ));
        goes_on(case, logger, &input);
    });
}

#[test]
fn a_full_disk_with_stamps() {
    if skipped("a_full_disk_with_stamps") {
        return;
    }
    check("multilog_full_disk_with_stamps", |case| {
        let mut logger = start(case, "size=128k", 96, "t s8192 n100 ./mnt/d");
        let input = numbered_lines(40_000);
        logger.write(&input);
        logger.hears("\\n");
        goes_on(case, logger, &input);
    });
}

#[test]
fn no_more_files_and_then_room() {
    if skipped("no_more_files_and_then_room") {
        return;
    }
    check("multilog_no_more_files_and_then_room", |case| {
        // Files: the root, d, filler, lock, state, current; then no more.
        let mut logger = start(case, "size=1m,nr_inodes=6", 1, "s4096 n100 ./mnt/d");
        let input = numbered_lines(10_000);
        logger.write(&input);
        warning(case, &logger);
        logger.kill();
    });
}

#[test]
fn a_status_file_on_a_full_disk() {
    if skipped("a_status_file_on_a_full_disk") {
        return;
    }
    check("multilog_status_file_on_a_full_disk", |case| {
        let mut logger = start(case, "size=64k", 64, "=mnt/status");
        logger.write("a line\n");
        warning(case, &logger);
        fs::remove_file(inside(case, &logger, "filler")).unwrap();
        let status = inside(case, &logger, "status");
        until("the status is written", || {
            fs::read(&status).is_ok_and(|status| status.len() == 1001)
        });
        case.note(dt_testkit::show(&labels(&fs::read(&status).unwrap()[..8])));
        logger.kill();
    });
}

#[test]
fn a_processor_on_a_full_disk() {
    if skipped("a_processor_on_a_full_disk") {
        return;
    }
    check("multilog_processor_on_a_full_disk", |case| {
        let mut logger = start(
            case,
            "size=64k",
            44,
            "s4096 n100 \"!until test -e ../../go; do sleep 0.02; done; head -c 30000 /dev/zero 2>&1\" ./mnt/d",
        );
        logger.write("x".repeat(4095) + "\n");
        // Who reads on beside the processor has trouble too, and may say so first.
        let newstate = inside(case, &logger, "d/newstate");
        until("the processor runs", || newstate.exists());
        logger.settle();
        case.scratch.file("go", "gone on\n");
        warning(case, &logger);
        logger.kill();
    });
}

#[test]
fn a_read_only_file_system() {
    if skipped("a_read_only_file_system") {
        return;
    }
    check("multilog_read_only_file_system", |case| {
        case.scratch.directory("mnt");
        let mount = "mount -t tmpfs -o size=64k tmpfs mnt && mkdir mnt/d && : >mnt/s && mount -o remount,ro mnt";
        for script in ["./mnt/d", "./mnt/new", "=mnt/s", "=mnt/new"] {
            let line = format!("unshare -m sh -c '{mount} && multilog {script} </dev/null'");
            let outcome = dt_testkit::Outcome::of(&mut shell(case, &line));
            case.outcome(script, &outcome);
        }
    });
}

#[test]
fn term_on_a_full_disk() {
    if skipped("term_on_a_full_disk") {
        return;
    }
    check("multilog_term_on_a_full_disk", |case| {
        let mut logger = start(case, "size=64k", 56, "./mnt/d");
        logger.write(numbered_lines(30_000));
        logger.hears("\\n");
        logger.running.signal("TERM");
        // The original goes on trying for ever: that is shown by its next warning.
        until("it ends or tries again", || {
            logger.running.ended().is_some() || logger.said().matches("\\n").count() > 1
        });
        case.note(format!("ended: {}", logger.running.ended().is_some()));
        logger.kill();
    });
}
