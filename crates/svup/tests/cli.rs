//! Exit codes and messages of `svup`.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::fs::File;

use dt_os::file::{How, make_fifo};
use dt_service::{Block, State, Status, Want};
use dt_testkit::{Outcome, Scratch, Suite};

fn run(scratch: &Scratch, arguments: &[&str]) -> Outcome {
    Suite::ours().run("svup", arguments, scratch)
}

fn supervised(scratch: &Scratch, name: &str) -> File {
    let ok = scratch.directory(format!("{name}/supervise")).join("ok");
    make_fifo(&ok, 0o600).unwrap();
    How::READ.open(ok).unwrap()
}

fn block(pid: u32, state: State) -> Block {
    let status = Status {
        seconds: 1 << 62,
        nanos: 0,
        pid,
        paused: false,
        want: Want::Up,
    };
    Block { status, state }
}

const UP: Outcome = Outcome {
    code: 0,
    stdout: Vec::new(),
    stderr: Vec::new(),
};

#[test]
fn the_service_the_log_or_both() {
    let scratch = Scratch::new();
    let _ok = supervised(&scratch, "d");
    let up = block(7, State::Running);
    let down = block(0, State::Stopped);
    let answers = |scratch: &Scratch| {
        let codes = [&["d"][..], &["-l", "d"], &["-L", "d"]];
        codes.map(|arguments| run(scratch, arguments).code)
    };
    scratch.file("d/supervise/status", up.status.encode());
    assert_eq!(answers(&scratch), [0, 0, 100]);
    scratch.file("d/supervise/status", down.status.encode());
    assert_eq!(answers(&scratch), [100, 100, 100]);
    scratch.file("d/supervise/status", up.encode_with_log(&down));
    assert_eq!(answers(&scratch), [100, 0, 100]);
    // The last one counts, as with encore.
    assert_eq!(run(&scratch, &["-L", "-l", "d"]).code, 0);
    assert_eq!(run(&scratch, &["-lL", "d"]).code, 100);
    scratch.file("d/supervise/status", down.encode_with_log(&up));
    assert_eq!(answers(&scratch), [100, 100, 0]);
    scratch.file("d/supervise/status", block(0, State::Started).encode());
    assert_eq!(answers(&scratch), [0, 0, 100]);
    assert_eq!(run(&scratch, &["d", "ignored"]), UP);
}

#[test]
fn nobody_there_is_down() {
    let scratch = Scratch::new();
    scratch.directory("never");
    drop(supervised(&scratch, "dead"));
    for name in ["never", "dead"] {
        assert_eq!(run(&scratch, &[name]), Outcome::fails(100, ""));
    }
}

#[test]
fn what_cannot_be_told_is_said() {
    let scratch = Scratch::new();
    let _ok = supervised(&scratch, "d");
    scratch.file("d/supervise/status", "short");
    let line = "svup: fatal: d: unable to read supervise/status: bad format\n";
    assert_eq!(run(&scratch, &["d"]), Outcome::fails(111, line));
    let line = "svup: fatal: unable to chdir to no: file does not exist\n";
    assert_eq!(run(&scratch, &["no"]), Outcome::fails(111, line));
    let line = "svup: usage: svup [-L] [-l] dir\n";
    assert_eq!(run(&scratch, &[]), Outcome::fails(100, line));
    let lines = format!("svup: illegal option -- z\n{line}");
    assert_eq!(run(&scratch, &["-z", "d"]), Outcome::fails(100, lines));
}

/// The files can be elsewhere, by daemontools-encore's rule.
#[test]
fn the_files_are_where_the_variable_says() {
    let scratch = Scratch::new();
    let path = scratch.path().to_str().unwrap().to_owned();
    let name = format!("{path}/d")[1..].replace('/', ":");
    let base = scratch.directory("var");
    scratch.directory("d");
    let files = scratch.directory(format!("var/{name}"));
    make_fifo(files.join("ok"), 0o600).unwrap();
    let _ok = How::READ.open(files.join("ok")).unwrap();
    std::fs::write(files.join("status"), block(7, State::Running).encode()).unwrap();
    let outcome = |variable: &str| {
        let mut command = Suite::ours().command("svup", &scratch);
        Outcome::of(command.env("SUPERVISEDIR", variable).arg("d"))
    };
    assert_eq!(outcome(base.to_str().unwrap()), UP);
    assert_eq!(outcome(&format!("../var/{name}")), UP);
    assert_eq!(outcome("supervise").code, 100);
}
