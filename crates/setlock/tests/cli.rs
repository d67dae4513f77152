//! Usage, messages and exit codes of `setlock`.

use std::os::unix::fs::PermissionsExt;

use dt_testkit::{Outcome, Scratch, Suite};

fn suite() -> Suite {
    Suite::under_test()
}

const USAGE: &str = "setlock: usage: setlock [ -nNxX ] file program [ arg ... ]\n";

#[test]
fn too_few_arguments_are_a_usage_error_even_with_x() {
    for arguments in [
        &[][..],
        &["lock"],
        &["-x"],
        &["-x", "lock"],
        &["--", "lock"],
        &["-"],
    ] {
        assert_eq!(
            suite().run("setlock", arguments, &Scratch::new()),
            Outcome::fails(100, USAGE)
        );
    }
}

#[test]
fn an_unknown_option_is_named_before_the_usage() {
    for (arguments, letter) in [
        (&["-q", "lock", "true"], 'q'),
        (&["-xnq", "lock", "true"], 'q'),
    ] {
        let message = format!("setlock: illegal option -- {letter}\n{USAGE}");
        assert_eq!(
            suite().run("setlock", arguments, &Scratch::new()),
            Outcome::fails(100, message)
        );
    }
}

#[test]
fn a_file_that_cannot_be_opened_is_told_unless_x_is_given() {
    let scratch = Scratch::new();
    scratch.directory("dir");
    assert!(
        std::process::Command::new("mkfifo")
            .arg(scratch.join("fifo"))
            .status()
            .unwrap()
            .success()
    );
    for (file, reason) in [
        ("no/such", "file does not exist"),
        ("dir", "is a directory"),
        ("fifo", "device not configured"),
    ] {
        let message = format!("setlock: fatal: unable to open {file}: {reason}\n");
        let failure = Outcome::fails(111, message);
        assert_eq!(suite().run("setlock", &[file, "true"], &scratch), failure);
        assert_eq!(
            suite().run("setlock", &["-xX", file, "true"], &scratch),
            failure
        );
        let lenient = suite().run("setlock", &["-Xx", file, "echo", "run"], &scratch);
        assert_eq!(lenient, Outcome::gives(""));
    }
}

#[test]
fn a_held_lock_is_told_with_n_and_waited_for_without() {
    let scratch = Scratch::new();
    // Each inner setlock meets the lock that its own ancestor holds.
    let script = "setlock -n lock true; echo $?; setlock -nx lock echo no; echo $?; \
                  setlock -Nn lock true; echo $?; \
                  timeout 0.2 setlock -nN lock true; echo $?";
    let outcome = suite().run("setlock", &["lock", "sh", "-c", script], &scratch);
    let refused = "setlock: fatal: unable to lock lock: temporary failure\n";
    assert_eq!(
        outcome,
        Outcome {
            code: 0,
            stdout: b"111\n0\n111\n124\n".to_vec(),
            stderr: refused.repeat(2).into_bytes(),
        }
    );
    let after = suite().run("setlock", &["-n", "lock", "echo", "free"], &scratch);
    assert_eq!(after, Outcome::gives("free\n"));
}

#[test]
fn the_lock_is_inherited_on_the_lowest_free_number() {
    let scratch = Scratch::new();
    let script = "for f in /proc/$$/fd/*; do [ $f -ef lock ] && echo ${f##*/}; done; exit 0";
    let command = "exec setlock lock sh -c '".to_owned() + script + "' 3<&- 4<&-";
    let mut shell = std::process::Command::new("sh");
    shell
        .args(["-c", &command])
        .current_dir(scratch.path())
        .env("PATH", suite().path());
    assert_eq!(Outcome::of(&mut shell), Outcome::gives("3\n"));
}

#[test]
fn a_grandchild_keeps_the_lock() {
    let scratch = Scratch::new();
    let script = "sleep 1000 >/dev/null 2>&1 & echo $! >pid";
    assert_eq!(
        suite().run("setlock", &["lock", "sh", "-c", script], &scratch),
        Outcome::gives("")
    );
    let refused = Outcome::fails(
        111,
        "setlock: fatal: unable to lock lock: temporary failure\n",
    );
    assert_eq!(
        suite().run("setlock", &["-n", "lock", "true"], &scratch),
        refused
    );
}

#[test]
fn the_file_is_made_private_and_never_emptied() {
    let scratch = Scratch::new();
    let _ = suite().run("setlock", &["new", "true"], &scratch);
    let mode = std::fs::metadata(scratch.join("new"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o7777, 0o600);
    scratch.file("old", "text");
    let _ = suite().run("setlock", &["old", "sh", "-c", "echo more >&3"], &scratch);
    assert_eq!(scratch.read("old"), b"textmore\n");
}

#[test]
fn a_program_that_cannot_be_run_is_told_even_with_x() {
    let message = "setlock: fatal: unable to run no/such: file does not exist\n";
    assert_eq!(
        suite().run("setlock", &["-x", "lock", "no/such"], &Scratch::new()),
        Outcome::fails(111, message)
    );
}

/// With descriptor 2 closed, the original's lock file becomes descriptor 2 and
/// collects the error messages.
#[test]
fn messages_do_not_land_in_the_lock_file() {
    let scratch = Scratch::new();
    let mut shell = std::process::Command::new("sh");
    shell
        .args(["-c", "exec setlock lock no/such 2>&-"])
        .current_dir(scratch.path());
    let outcome = Outcome::of(shell.env("PATH", suite().path()));
    assert_eq!(outcome, Outcome::fails(111, ""));
    let message = b"setlock: fatal: unable to run no/such: file does not exist\n";
    let expected: &[u8] = if suite().is_original() { message } else { b"" };
    assert_eq!(scratch.read("lock"), expected);
}
