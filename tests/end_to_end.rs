//! The built programs together, on the example service: from the first start to
//! a shutdown that leaves nothing behind.
//!
//! `DAEMONTOOLS_UNDER_TEST` runs the same against the original.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on panics with the reason"
)]

#[allow(
    dead_code,
    clippy::allow_attributes,
    reason = "shared; each test uses its part"
)]
mod common;

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use common::Site;
use dt_testkit::{Scratch, Suite, get, is_root, signal, until};

#[test]
fn a_killed_service_is_back_and_obeys() {
    let site = Site::new(Suite::under_test());
    site.link();
    let svscan = site.svscan();

    let first = site.until_another_answers(None);
    site.until_state("trycode.io", "up (pid N) N seconds");
    site.until_state("trycode.io/log", "up (pid N) N seconds");
    if is_root() {
        let owner = fs::metadata(format!("/proc/{first}")).unwrap().uid();
        assert_ne!(owner, 0, "the service has not dropped its privileges");
    }

    signal(first, "KILL");
    let second = site.until_another_answers(Some(first));
    site.svc("-t", "trycode.io");
    let third = site.until_another_answers(Some(second));
    let page = get(site.address, "/crash").unwrap();
    assert_eq!(page, format!("trycode.io: process {third} crashes\n"));
    let fourth = site.until_another_answers(Some(third));
    let all = HashSet::from([first, second, third, fourth]);
    assert_eq!(all.len(), 4, "each start is a new process");

    site.svc("-d", "trycode.io");
    site.until_state("trycode.io", "down N seconds, normally up");
    assert_eq!(site.answering(), None);
    site.svc("-u", "trycode.io");
    site.until_another_answers(Some(fourth));
    site.shut_down(svscan);
    assert_eq!(site.scratch.read("svscan.errors"), b"");
}

#[test]
fn svstat_tells_each_state() {
    let site = Site::new(Suite::under_test());
    site.link();
    let svscan = site.svscan();
    site.until_another_answers(None);

    site.until_state("trycode.io", "up (pid N) N seconds");
    site.svc("-p", "trycode.io");
    site.until_state("trycode.io", "up (pid N) N seconds, paused");
    site.svc("-c", "trycode.io");
    site.until_state("trycode.io", "up (pid N) N seconds");
    let down = site.scratch.file("srv/trycode.io/down", "");
    site.until_state("trycode.io", "up (pid N) N seconds, normally down");
    site.svc("-d", "trycode.io");
    site.until_state("trycode.io", "down N seconds");
    fs::remove_file(down).unwrap();
    site.until_state("trycode.io", "down N seconds, normally up");
    site.svc("-o", "trycode.io");
    site.until_state("trycode.io", "up (pid N) N seconds");
    site.svc("-k", "trycode.io");
    site.until_state("trycode.io", "down N seconds, normally up");

    // A service that does not care for TERM.
    let stubborn = "#!/bin/sh\ntrap '' TERM\nexec sleep 1000\n";
    site.scratch.script("srv/stubborn/run", stubborn);
    let linked = site.scratch.join("etc/service/stubborn");
    std::os::unix::fs::symlink("../../srv/stubborn", &linked).unwrap();
    site.until_state("stubborn", "up (pid N) N seconds");
    until("it has set its trap", || {
        let said = site.suite.run(
            "svstat",
            &[site.scratch.join("srv/stubborn")],
            &site.scratch,
        );
        let said = String::from_utf8(said.stdout).unwrap();
        let pid = said
            .split("(pid ")
            .nth(1)
            .and_then(|rest| rest.split(')').next());
        let running = pid.and_then(|pid| fs::read(format!("/proc/{pid}/cmdline")).ok());
        running.is_some_and(|words| words.starts_with(b"sleep\0"))
    });
    site.svc("-d", "stubborn");
    site.until_state("stubborn", "up (pid N) N seconds, want down");
    site.svc("-k", "stubborn");
    site.until_state("stubborn", "down N seconds, normally up");
    fs::remove_file(linked).unwrap();
    site.svc("-x", "stubborn");
    site.until_state("stubborn", "supervise not running");
    site.shut_down(svscan);
}

/// The bytes of a log line of the service, without the stamp.
const LINE: usize = "process 12345 line 000000001 of a log that is to be kept whole\n".len();
/// Enough for 30 MB.
const LINES: usize = 30_000_000 / LINE + 1;

#[test]
fn of_thirty_megabytes_of_log_every_line_is_kept_once_and_in_order() {
    let site = Site::new(Suite::under_test());
    site.link();
    let svscan = site.svscan();
    site.until_another_answers(None);
    let asked = format!("/log?lines={LINES}");
    get(site.address, &asked).unwrap();
    site.shut_down(svscan);

    let log = "var/log/trycode/main";
    let (archives, others): (Vec<_>, Vec<_>) = site
        .scratch
        .names(log)
        .into_iter()
        .partition(|name| name.starts_with('@'));
    assert_eq!(others, ["current", "lock", "state"]);
    assert!(
        archives.len() >= 3,
        "rotated at ten million bytes: {archives:?}"
    );
    let mut numbers = Vec::new();
    for archive in &archives {
        let safe = archive.strip_suffix(".s").is_some();
        assert!(safe, "not safely on disk: {archive}");
        // The processor has turned each stamp into local time.
        numbers.append(&mut numbers_of(
            &site.scratch,
            &format!("{log}/{archive}"),
            b"2",
        ));
    }
    let current = format!("{log}/current");
    numbers.append(&mut numbers_of(&site.scratch, &current, b"@4"));
    let whole = numbers.len() == LINES && (1..).zip(&numbers).all(|(want, seen)| want == *seen);
    assert!(whole, "{}", first_flaw(&numbers));
    let state = fs::metadata(site.scratch.join(current)).unwrap();
    assert!(state.len() <= 10_485_760);
    assert_eq!(state.permissions().mode() & 0o777, 0o744, "a clean exit");
}

/// The numbers of the numbered lines of a log file, whose every line begins so.
fn numbers_of(scratch: &Scratch, file: &str, beginning: &[u8]) -> Vec<usize> {
    let content = scratch.read(file);
    assert!(content.ends_with(b"\n"));
    let lines = content.split_inclusive(|byte| *byte == b'\n');
    lines
        .filter_map(|line| {
            let line = std::str::from_utf8(line).unwrap();
            assert!(line.as_bytes().starts_with(beginning), "{file}: {line}");
            let (_, rest) = line.split_once(" line ")?;
            let (number, rest) = rest.split_once(' ')?;
            assert_eq!(
                rest, "of a log that is to be kept whole\n",
                "{file}: {line}"
            );
            number.parse().ok()
        })
        .collect()
}

fn first_flaw(numbers: &[usize]) -> String {
    let at = (1..).zip(numbers).find(|(want, seen)| want != *seen);
    let count = numbers.len();
    format!("{count} of {LINES} lines; the first (expected, seen) that is wrong: {at:?}")
}
