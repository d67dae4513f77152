//! Somebody takes `supervise/`, or the service directory, away from under a living
//! supervise: defect 2 of the original, which then starts a second copy.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[expect(dead_code, reason = "others of these tests use it all")]
mod kit;

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use dt_testkit::{Suite, until};
use kit::Service;

const RUN: &str = "echo $$ >> log; exec sleep 1000";

fn original() -> bool {
    Suite::under_test().is_original()
}

#[test]
fn where_supervise_was_taken_away_no_other_begins_and_the_living_one_makes_it_anew() {
    if original() {
        return;
    }
    let service = Service::new(RUN);
    let mut first = service.start();
    let before = service.until_up();
    until("the service runs", || service.words("log").len() == 1);
    for away in ["removed", "renamed"] {
        let place = service.scratch.join("d/supervise");
        if away == "removed" {
            fs::remove_dir_all(&place).unwrap();
        } else {
            fs::rename(&place, service.scratch.join("d/was")).unwrap();
        }
        let mut second = service.start();
        assert_eq!(second.wait(), 111, "{away}");
        // Any event: here one that means nothing else.
        first.signal("CHLD");
        service.until_there();
        assert_eq!(service.status(), before, "{away}: pid, since when and wish");
        let mut third = service.start();
        assert_eq!(third.wait(), 111, "{away}");
    }
    let line = "supervise: fatal: unable to acquire d/supervise/lock: temporary failure\n";
    assert_eq!(service.errors(), line.repeat(4));
    // What is on record is enough for the next one.
    first.signal("KILL");
    first.wait();
    let mut fourth = service.start();
    service.until_there();
    assert_eq!(service.status(), before);
    service.send("dx");
    assert_eq!(fourth.wait(), 0);
    assert_eq!(service.words("log").len(), 1, "started more than once");
}

/// A child of one that was killed had not got to close its copy in a fifth of a second,
/// on a busy machine, and the next one gave up.
#[test]
fn a_copy_of_the_lock_of_a_dead_supervise_is_waited_for() {
    if original() {
        return;
    }
    let service = Service::new(RUN);
    service.scratch.directory("d/supervise");
    let holds = "exec 9>>d/supervise/lock; flock 9 || exit; sleep 0.6 </dev/null >&9 2>&9 &";
    let mut shell = Command::new("sh");
    shell
        .args(["-c", holds])
        .current_dir(service.scratch.path());
    assert!(shell.status().unwrap().success());
    let mut running = service.start();
    service.until_up();
    service.send("dx");
    assert_eq!(running.wait(), 0);
    assert_eq!(service.errors(), "");
}

#[test]
fn a_supervise_whose_directory_is_gone_ends_with_its_service() {
    if original() {
        return;
    }
    let service = Service::new(RUN);
    let mut running = service.start();
    let before = service.until_up();
    until("the service runs", || service.words("log").len() == 1);
    fs::remove_dir_all(service.scratch.join("d")).unwrap();
    running.signal("CHLD");
    // A second one makes no difference: it is still the service's life that counts.
    running.signal("CHLD");
    assert_eq!(running.ended(), None);
    assert!(Path::new(&format!("/proc/{}", before.pid)).exists());
    dt_testkit::signal(before.pid, "TERM");
    assert_eq!(running.wait(), 0);
}

/// As of a service that runs under `flock .`.
#[test]
fn a_lock_that_others_have_on_the_service_directory_is_no_supervises() {
    let service = Service::new(RUN);
    let directory = File::open(service.scratch.join("d")).unwrap();
    dt_os::file::lock_exclusive(&directory, false).unwrap();
    let mut running = service.start();
    service.until_up();
    service.send("dx");
    assert_eq!(running.wait(), 0);
    assert_eq!(service.errors(), "");
}

#[test]
fn a_directory_that_cannot_be_read_is_supervised_all_the_same() {
    let service = Service::new(RUN);
    service.scratch.mode("d", 0o311);
    let mut running = service.start();
    service.until_up();
    service.send("dx");
    assert_eq!(running.wait(), 0);
    service.scratch.mode("d", 0o755);
}
