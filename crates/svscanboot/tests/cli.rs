//! What `svscanboot` starts, and with what.
//!
//! It uses fixed places, so every test gives it a file system of its own: root
//! only. There `svc`, `svscan` and `readproctitle` are scripts that write down
//! what they were given.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::process::Command;

use dt_testkit::{Outcome, Running, Scratch, Suite, skipped_without_root, until};

const PATH: &str =
    "/command:/usr/local/bin:/usr/local/sbin:/bin:/sbin:/usr/bin:/usr/sbin:/usr/X11R6/bin";

/// The programs that it finds, each in its file below `bin/`.
fn record(scratch: &Scratch, program: &str, then: &str) {
    let place = scratch.path().display();
    let script = format!(
        "#!/bin/sh\n\
         tr '\\0' '\\n' </proc/$$/environ | sort >{place}/{program}.environ\n\
         readlink /proc/$$/fd/0 /proc/$$/fd/1 /proc/$$/fd/2 | cat >{place}/{program}.descriptors\n\
         for word; do echo \"$word\"; done >{place}/{program}.words\n\
         {then}\n"
    );
    scratch.script(format!("bin/{program}"), script);
}

fn prepared() -> Scratch {
    let scratch = Scratch::new();
    scratch.directory("etc/service");
    record(&scratch, "svc", "");
    record(&scratch, "svscan", "echo out; echo err >&2");
    record(
        &scratch,
        "readproctitle",
        &format!("cat >{}/title", scratch.path().display()),
    );
    scratch
}

/// `svscanboot` with the scratch's `bin` and `etc` in the places it looks in.
fn command(scratch: &Scratch) -> Command {
    // The original is a script; both are copied in to be out of the way of mounts.
    scratch.program(Suite::under_test().program("svscanboot"), "svscanboot");
    let script =
        "mount --bind bin /usr/local/bin && mount --bind etc /etc && exec ./svscanboot \"$@\"";
    let mut command = Command::new("unshare");
    command
        .args(["-m", "sh", "-c", script, "sh"])
        .arg(Suite::under_test().program("svscanboot"))
        .args(["these", "mean", "nothing"])
        .current_dir(scratch.path())
        .env("OTHER", "variable");
    command
}

fn lines(scratch: &Scratch, name: &str) -> Vec<String> {
    let text = String::from_utf8(scratch.read(name)).unwrap();
    text.lines().map(String::from).collect()
}

#[test]
fn leftovers_are_stopped_and_then_everything_is_scanned() {
    if skipped_without_root("leftovers_are_stopped_and_then_everything_is_scanned") {
        return;
    }
    let scratch = prepared();
    for name in ["b", "a/log", ".hidden/log"] {
        scratch.directory(format!("etc/service/{name}"));
    }
    assert_eq!(Outcome::of(&mut command(&scratch)), Outcome::gives(""));
    assert_eq!(
        lines(&scratch, "svc.words"),
        [
            "-dx",
            "/etc/service/a",
            "/etc/service/b",
            "/etc/service/a/log"
        ]
    );
    assert_eq!(lines(&scratch, "svc.descriptors"), ["/dev/null"; 3]);
    assert!(lines(&scratch, "svc.environ").contains(&"OTHER=variable".to_owned()));
    assert_eq!(lines(&scratch, "svscan.words"), ["/etc/service"]);
    let dots = ".".repeat(400);
    assert_eq!(
        lines(&scratch, "readproctitle.words"),
        ["service", "errors:", &dots]
    );
    assert_eq!(scratch.read("title"), b"out\nerr\n");
}

#[test]
fn scanner_and_title_get_path_alone_and_the_pipe() {
    if skipped_without_root("scanner_and_title_get_path_alone_and_the_pipe") {
        return;
    }
    let scratch = prepared();
    assert_eq!(Outcome::of(&mut command(&scratch)), Outcome::gives(""));
    for program in ["svscan", "readproctitle"] {
        let environ = format!("{program}.environ");
        assert_eq!(lines(&scratch, &environ), [format!("PATH={PATH}")]);
    }
    let scanner = lines(&scratch, "svscan.descriptors");
    let title = lines(&scratch, "readproctitle.descriptors");
    let pipe = title[0].as_str();
    assert!(pipe.starts_with("pipe:"), "{pipe}");
    assert_eq!(scanner, ["/dev/null", pipe, pipe]);
    assert_eq!(title, [pipe, "/dev/null", "/dev/null"]);
}

#[test]
fn patterns_that_match_nothing_are_passed_on() {
    if skipped_without_root("patterns_that_match_nothing_are_passed_on") {
        return;
    }
    let scratch = prepared();
    assert_eq!(Outcome::of(&mut command(&scratch)), Outcome::gives(""));
    assert_eq!(
        lines(&scratch, "svc.words"),
        ["-dx", "/etc/service/*", "/etc/service/*/log"]
    );
}

#[test]
fn a_failing_svc_stops_nothing_and_the_title_has_the_last_word() {
    if skipped_without_root("a_failing_svc_stops_nothing_and_the_title_has_the_last_word") {
        return;
    }
    let scratch = prepared();
    record(&scratch, "svc", "exit 111");
    record(&scratch, "svscan", "exit 100");
    record(&scratch, "readproctitle", "cat >/dev/null; exit 5");
    assert_eq!(Outcome::of(&mut command(&scratch)).code, 5);
    record(&scratch, "readproctitle", "cat >/dev/null; kill -9 $$");
    assert_eq!(Outcome::of(&mut command(&scratch)).code, 128 + 9);
}

/// As the services hold the pipe, it stays although `svscan` has died.
#[test]
fn it_stays_as_long_as_something_holds_the_pipe() {
    if skipped_without_root("it_stays_as_long_as_something_holds_the_pipe") {
        return;
    }
    let scratch = prepared();
    let place = scratch.path().display();
    let service =
        format!("(until [ -e {place}/go ]; do sleep 0.01; done; echo bye) & echo $$ >{place}/pid");
    record(&scratch, "svscan", &service);
    let mut running = Running::start(&mut command(&scratch), &scratch);
    until("svscan has ended", || {
        let pid = std::fs::read_to_string(scratch.join("pid")).unwrap_or_default();
        let stat = format!("/proc/{}/stat", pid.trim());
        !pid.trim().is_empty()
            && std::fs::read_to_string(stat).map_or(true, |stat| stat.contains(") Z "))
    });
    assert_eq!(running.ended(), None);
    scratch.file("go", "");
    assert_eq!(running.wait(), 0);
    assert_eq!(scratch.read("title"), b"bye\n");
}
