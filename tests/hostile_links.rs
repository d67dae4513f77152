//! Links planted, by the owner of a directory, under every name that a program
//! opens or makes there: nothing outside the directory is written to, emptied,
//! given another mode or made.
//!
//! The original does harm in several of these cases; that is why these tests are
//! no part of the compliance suite.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on panics with the reason"
)]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use dt_testkit::{Running, Scratch, Suite, until};

/// What a victim holds.
const PRECIOUS: &str = "precious\n";

/// A file elsewhere, and a name elsewhere that is free.
struct Victims {
    file: PathBuf,
    free: PathBuf,
}

impl Victims {
    fn new(scratch: &Scratch) -> Self {
        let file = scratch.file("elsewhere/victim", PRECIOUS);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        let free = scratch.join("elsewhere/free");
        Self { file, free }
    }

    /// Puts a link to one of them at `place`.
    fn plant(&self, place: &Path, dangling: bool) {
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        let target = if dangling { &self.free } else { &self.file };
        symlink(target, place).unwrap();
    }

    #[track_caller]
    fn are_unharmed(&self, what: &str) {
        let content = fs::read_to_string(&self.file).unwrap_or_default();
        assert_eq!(content, PRECIOUS, "{what}: written to");
        let mode = self.file.metadata().unwrap().mode() & 0o7777;
        assert_eq!(mode, 0o640, "{what}: another mode");
        assert!(self.free.symlink_metadata().is_err(), "{what}: made");
    }
}

/// Does `act` for each name, with a link to a file there and one to nothing.
fn for_each(names: &[&str], act: impl Fn(&Scratch, &Victims, &str)) {
    for name in names {
        for dangling in [false, true] {
            let scratch = Scratch::new();
            let victims = Victims::new(&scratch);
            victims.plant(&scratch.join(name), dangling);
            act(&scratch, &victims, &format!("{name}, dangling: {dangling}"));
            victims.are_unharmed(&format!("{name}, dangling: {dangling}"));
        }
    }
}

const MULTILOG: &[&str] = &[
    "d/current",
    "d/lock",
    "d/state",
    "d/newstate",
    "d/previous",
    "d/processed",
    "d/@400000006b03223b2aea7d04.s",
];

#[test]
fn multilog_follows_no_link_in_its_directory() {
    let suite = Suite::under_test();
    let lines = b"a line of some length, so that there are several files\n".repeat(400);
    for_each(MULTILOG, |scratch, _, _| {
        let words = ["t", "s4096", "n3", "!cat", "./d"];
        let mut command = suite.command("multilog", scratch);
        command
            .args(words)
            .stdin(Stdio::piped())
            .stderr(Stdio::null());
        let mut multilog = Running::start(&mut command, scratch);
        // It may refuse to start, or wait for somebody to mend the directory.
        if let Some(mut input) = multilog.child().stdin.take() {
            let _ = std::io::Write::write_all(&mut input, &lines);
        }
        let mut looks = 0;
        until("multilog ends or waits", || {
            looks += 1;
            multilog.ended().is_some() || looks > 60
        });
    });
}

const SUPERVISE: &[&str] = &[
    "s/supervise/status",
    "s/supervise/status.new",
    "s/supervise/lock",
    "s/supervise/control",
    "s/supervise/ok",
    "s/supervise/record",
    "s/supervise/details",
    "s/supervise/details.new",
    "s/supervise/deaths",
    "s/supervise/deaths.new",
];

#[test]
fn supervise_follows_no_link_in_its_directory() {
    let suite = Suite::under_test();
    for_each(SUPERVISE, |scratch, _, _| {
        // It dies and comes back: every file is written more than once.
        scratch.script("s/run", "#!/bin/sh\necho >>runs\nsleep 0.01\n");
        scratch.file("s/restart-delay", "1000\n");
        let mut command = suite.command("supervise", scratch);
        command.arg("s").stdout(Stdio::null()).stderr(Stdio::null());
        let mut supervise = Running::start(&mut command, scratch);
        until("the service is started twice, or not at all", || {
            let runs = fs::read(scratch.join("s/runs")).unwrap_or_default();
            runs.len() >= 2 || supervise.ended().is_some()
        });
        if supervise.ended().is_none() {
            let _ = suite.run("svc", &["-dx", "s"], scratch);
            until("supervise ends", || {
                // Where `control` is a link it cannot be told to.
                if scratch.join("s/supervise/control").is_symlink() {
                    return true;
                }
                supervise.ended().is_some()
            });
        }
    });
}

#[test]
fn svscan_follows_no_link_in_its_directory() {
    let suite = Suite::under_test();
    let names = ["t/.svscan/lock", "t/.svscan/control", "t/.svscan/version"];
    for_each(&names, |scratch, _, _| {
        scratch.script("t/s/run", "#!/bin/sh\ntouch up\nexec sleep 1000\n");
        let mut command = suite.command("svscan", scratch);
        command.arg("t").stdout(Stdio::null()).stderr(Stdio::null());
        let mut svscan = Running::start(&mut command, scratch);
        until("the service is up", || scratch.join("t/s/up").exists());
        svscan.signal("KILL");
        svscan.wait();
        let _ = suite.run("svc", &["-dx", "t/s"], scratch);
        until("supervise ends", || {
            suite.run("svok", &["t/s"], scratch).code == 100
        });
    });
}

#[test]
fn clients_write_through_no_link() {
    let suite = Suite::under_test();
    for_each(&["s/supervise/control"], |scratch, _, _| {
        fs::create_dir_all(scratch.join("s/supervise")).unwrap();
        let _ = suite.run("svc", &["-dutk", "s"], scratch);
    });
    for_each(
        &["s/supervise/status", "s/supervise/details"],
        |scratch, _, _| {
            let _ = suite.run("svstat", &["s"], scratch);
            let _ = suite.run("svok", &["s"], scratch);
        },
    );
}

#[test]
fn setlock_and_status_files_are_named_by_who_runs_them_and_may_be_links() {
    let suite = Suite::under_test();
    let scratch = Scratch::new();
    scratch.file("elsewhere/lock", "");
    symlink(scratch.join("elsewhere/lock"), scratch.join("lock")).unwrap();
    let outcome = suite.run("setlock", &["lock", "echo", "held"], &scratch);
    assert_eq!((outcome.code, &outcome.stdout[..]), (0, &b"held\n"[..]));
}
