//! `svscanctl` against a FIFO that the test itself reads.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on panics with the reason"
)]

use std::io::Read;

use dt_os::file::{How, make_fifo};
use dt_testkit::{Outcome, Scratch, Suite};

/// What `svscanctl` writes.
fn written(arguments: &[&str]) -> (Outcome, String) {
    let scratch = Scratch::new();
    let control = scratch.directory("sc/.svscan").join("control");
    make_fifo(&control, 0o600).unwrap();
    let mut reader = How::READ.open(&control).unwrap();
    let outcome = Suite::ours().run("svscanctl", arguments, &scratch);
    let mut bytes = String::new();
    reader.read_to_string(&mut bytes).unwrap();
    (outcome, bytes)
}

#[test]
fn the_letters_are_sent_in_their_order() {
    assert_eq!(
        written(&["-tq", "-b", "sc"]),
        (Outcome::gives(""), "tqb".to_owned())
    );
    assert_eq!(
        written(&["-h", "sc"]),
        (Outcome::gives(""), "an".to_owned())
    );
    assert_eq!(written(&["sc"]), (Outcome::gives(""), String::new()));
}

#[test]
fn who_is_not_there_cannot_be_asked() {
    let scratch = Scratch::new();
    let suite = Suite::ours();
    let line = "svscanctl: fatal: unable to control sc: svscan not running\n";
    assert_eq!(
        suite.run("svscanctl", &["-a", "sc"], &scratch),
        Outcome::fails(100, line)
    );
    let control = scratch.directory("sc/.svscan").join("control");
    make_fifo(&control, 0o600).unwrap();
    assert_eq!(
        suite.run("svscanctl", &["-a", "sc"], &scratch),
        Outcome::fails(100, line)
    );
    std::fs::remove_file(&control).unwrap();
    scratch.file("sc/.svscan/control", "plain");
    let outcome = suite.run("svscanctl", &["-a", "sc"], &scratch);
    let line = "svscanctl: fatal: unable to control sc: not a stream device\n";
    assert_eq!(outcome, Outcome::fails(111, line));
    assert_eq!(scratch.read("sc/.svscan/control"), b"plain");
}

#[test]
fn a_wrong_command_line_is_refused() {
    let (outcome, bytes) = written(&["-z", "sc"]);
    assert_eq!((outcome.code, bytes.as_str()), (100, ""));
    let line = "svscanctl: usage: svscanctl [-abhnqt] dir, or svscanctl --upgrade dir\n";
    for arguments in [&["-a"][..], &["-a", "sc", "sd"], &["--upgrade"]] {
        assert_eq!(written(arguments).0, Outcome::fails(100, line));
    }
}
