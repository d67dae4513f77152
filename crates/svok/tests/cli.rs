//! Usage, messages and exit codes of `svok`. `DAEMONTOOLS_UNDER_TEST=/usr/bin`
//! runs the original.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use dt_os::file::{How, make_fifo};
use dt_testkit::{Outcome, Scratch, Suite};

fn run(scratch: &Scratch, arguments: &[&str]) -> Outcome {
    Suite::under_test().run("svok", arguments, scratch)
}

fn says_no() -> Outcome {
    Outcome::fails(100, "")
}

#[test]
fn without_a_directory_it_says_how_it_is_used() {
    let usage = Outcome::fails(100, "svok: usage: svok dir\n");
    assert_eq!(run(&Scratch::new(), &[]), usage);
}

#[test]
fn a_directory_is_supervised_exactly_while_ok_has_a_reader() {
    let scratch = Scratch::new();
    let ok = scratch.directory("d/supervise").join("ok");
    assert_eq!(run(&scratch, &["d"]), says_no(), "no such FIFO");
    make_fifo(&ok, 0o600).unwrap();
    assert_eq!(run(&scratch, &["d"]), says_no(), "no reader");
    let reader = How::READ.open(&ok).unwrap();
    assert_eq!(run(&scratch, &["d"]), Outcome::gives(""));
    assert_eq!(run(&scratch, &["d", "ignored"]), Outcome::gives(""));
    drop(reader);
    assert_eq!(run(&scratch, &["d"]), says_no(), "no reader any more");
}

#[test]
fn a_directory_that_was_never_supervised_is_not() {
    let scratch = Scratch::new();
    scratch.directory("d");
    assert_eq!(run(&scratch, &["d"]), says_no());
}

#[test]
fn what_cannot_be_entered_or_opened_is_an_error() {
    let scratch = Scratch::new();
    scratch.file("file", "");
    scratch.directory("d/supervise/ok");
    for (name, what) in [
        ("no/such", "chdir to no/such: file does not exist"),
        ("", "chdir to : file does not exist"),
        ("--", "chdir to --: file does not exist"),
        ("file", "chdir to file: not a directory"),
        ("d/", "open d//supervise/ok: is a directory"),
    ] {
        let line = format!("svok: fatal: unable to {what}\n");
        assert_eq!(run(&scratch, &[name]), Outcome::fails(111, line));
    }
}

#[test]
fn a_name_is_printed_byte_for_byte() {
    let name = OsString::from_vec(b"\xff\n".to_vec());
    let outcome = Suite::under_test().run("svok", &[name], &Scratch::new());
    let line = b"svok: fatal: unable to chdir to \xff\n: file does not exist\n";
    assert_eq!(outcome, Outcome::fails(111, line));
}
