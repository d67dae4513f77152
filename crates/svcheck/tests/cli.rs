//! Usage, output and exit codes of `svcheck`.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[expect(dead_code, reason = "others of these tests use it all")]
mod kit;

use dt_testkit::{Scratch, Suite};
use kit::{LOG, program, service};

const RUN: &str = "#!/bin/sh\nexec 2>&1\nexec prog\n";

/// The exit code, and what it says.
fn svcheck(scratch: &Scratch, arguments: &[&str]) -> (i32, String, String) {
    let outcome = Suite::ours().run("svcheck", arguments, scratch);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (outcome.code, text(&outcome.stdout), text(&outcome.stderr))
}

#[test]
fn without_a_directory_it_says_how_it_is_used() {
    let (code, out, err) = svcheck(&Scratch::new(), &[]);
    assert_eq!((code, out.as_str()), (100, ""));
    assert!(err.contains("Usage: svcheck"), "{err}");
    assert_eq!(svcheck(&Scratch::new(), &["--no-such", "d"]).0, 100);
}

#[test]
fn what_is_right_is_not_spoken_of() {
    let scratch = Scratch::new();
    service(&scratch.path().join("a"), RUN, LOG);
    assert_eq!(svcheck(&scratch, &["a"]), (0, String::new(), String::new()));
    // The scan directory around it.
    assert_eq!(svcheck(&scratch, &["."]), (0, String::new(), String::new()));
}

#[test]
fn the_worst_finding_decides_on_the_exit_code() {
    let scratch = Scratch::new();
    service(&scratch.path().join("a"), "#!/bin/sh\nexec prog\n", LOG);
    assert_eq!(svcheck(&scratch, &["a"]).0, 1);
    program(&scratch.path().join("b/run"), "#!/bin/sh\nexec prog &\n");
    assert_eq!(svcheck(&scratch, &["b"]).0, 2);
    assert_eq!(svcheck(&scratch, &["a", "b"]).0, 2);
}

#[test]
fn a_finding_has_file_line_reason_and_remedy() {
    let scratch = Scratch::new();
    program(
        &scratch.path().join("a/run"),
        "#!/bin/sh\nexec 2>&1\nsshd\n",
    );
    let (_, out, _) = svcheck(&scratch, &["a"]);
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines.len(), 3, "{out}");
    let first = "a/run:3: error: sshd puts itself in the background [background]";
    assert_eq!(lines[0], first);
    assert!(lines[1].starts_with("    why: "));
    assert_eq!(lines[2], "    fix: add -D");
}

#[test]
fn machines_read_json() {
    let scratch = Scratch::new();
    program(
        &scratch.path().join("a/run"),
        "#!/bin/sh\nexec 2>&1\nsshd\n",
    );
    let (code, out, _) = svcheck(&scratch, &["-j", "a"]);
    assert_eq!(code, 2);
    let start = "{\"version\":1,\"services\":1,\"findings\":[\n{\"file\":\"a/run\",\"line\":3,\"level\":\"error\",\"rule\":\"background\",";
    assert!(out.starts_with(start), "{out}");
    assert!(out.ends_with("\"fix\":\"add -D\"}\n]}\n"), "{out}");
}

#[test]
fn what_cannot_be_read_is_trouble() {
    let scratch = Scratch::new();
    let (code, out, err) = svcheck(&scratch, &["no/such"]);
    assert_eq!((code, out.as_str()), (111, ""));
    assert_eq!(
        err,
        "svcheck: fatal: unable to read no/such: file does not exist\n"
    );
}

#[test]
fn an_empty_directory_is_a_service_unless_it_is_said_to_be_none() {
    let scratch = Scratch::new();
    scratch.directory("empty");
    assert_eq!(svcheck(&scratch, &["empty"]).0, 2);
    assert_eq!(svcheck(&scratch, &["--scan", "empty"]).0, 0);
}
