//! Exit codes of `readproctitle`, and the title it shows.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::io::Write;
use std::process::{Command, Stdio};

use dt_testkit::{Outcome, Running, Scratch, Suite, until_some};

fn suite() -> Suite {
    Suite::under_test()
}

#[test]
fn a_title_without_room_is_refused_in_silence() {
    for arguments in [
        &[][..],
        &["abcd"],
        &["words", "...."],
        &["....................", ""],
    ] {
        assert_eq!(
            suite().run("readproctitle", arguments, &Scratch::new()),
            Outcome::fails(100, "")
        );
    }
}

#[test]
fn the_end_of_the_input_is_success() {
    let scratch = Scratch::new();
    assert_eq!(
        suite().run("readproctitle", &["....."], &scratch),
        Outcome::gives("")
    );
    let fed = suite().feed("readproctitle", &["a", "....."], b"text\n", &scratch);
    assert_eq!(fed, Outcome::gives(""));
}

#[test]
fn an_input_that_cannot_be_read_is_a_failure() {
    for redirection in ["<&-", "</"] {
        let mut shell = Command::new("sh");
        let script = format!("exec readproctitle ..... {redirection}");
        shell.args(["-c", &script]).env("PATH", suite().path());
        assert_eq!(
            Outcome::of(&mut shell),
            Outcome::fails(111, ""),
            "{redirection}"
        );
    }
}

/// What ps(1) would show, the arguments separated by NULs.
fn title(running: &Running) -> Vec<u8> {
    std::fs::read(format!("/proc/{}/cmdline", running.pid())).unwrap()
}

#[track_caller]
fn until_title(running: &Running, expected: &[u8]) {
    let mut last = Vec::new();
    let reached = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        until_some("the title", || {
            last = title(running);
            (last == expected).then_some(())
        });
    }));
    assert!(reached.is_ok(), "{}", dt_testkit::show(&last));
}

#[test]
fn the_last_argument_shows_the_newest_text() {
    let scratch = Scratch::new();
    let mut command = suite().command("readproctitle", &scratch);
    command
        .args(["a", "bc", "XYZW123456"])
        .stdin(Stdio::piped());
    let mut running = Running::start(&mut command, &scratch);
    until_title(&running, b"readproctitle\0a\0bc\0..........\0");
    let mut input = running.child().stdin.take().unwrap();
    let steps: [(&[u8], &[u8]); 4] = [
        (b"ab", b"readproctitle\0a\0bc\0........ab\0"),
        (b"c\0d\n", b"readproctitle\0a\0bc\0.....abcd\n\0"),
        (b"efghijklmnop", b"readproctitle\0a\0bc\0...jklmnop\0"),
        (b"\0\0\xff", b"readproctitle\0a\0bc\0...klmnop\xff\0"),
    ];
    for (text, expected) in steps {
        input.write_all(text).unwrap();
        until_title(&running, expected);
    }
    drop(input);
    assert_eq!(running.wait(), 0);
}

#[test]
fn a_flood_leaves_its_end() {
    let scratch = Scratch::new();
    let mut command = suite().command("readproctitle", &scratch);
    command.args(["...................."]).stdin(Stdio::piped());
    let mut running = Running::start(&mut command, &scratch);
    let mut input = running.child().stdin.take().unwrap();
    let flood: Vec<u8> = (0..20_000)
        .flat_map(|number| format!("{number}\n").into_bytes())
        .collect();
    input.write_all(&flood).unwrap();
    until_title(&running, b"readproctitle\0...9997\n19998\n19999\n\0");
}
