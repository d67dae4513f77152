//! What `svnew` writes, and what it refuses.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use dt_os::identity::effective_user;
use dt_testkit::{Outcome, Scratch, Suite, skipped_without_strace};

/// A scratch directory with all that svnew writes to below it.
struct Place(Scratch);

impl Place {
    fn new() -> Self {
        let scratch = Scratch::new();
        for name in ["srv", "logs", "scan"] {
            scratch.directory(name);
        }
        Self(scratch)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn svnew(&self, arguments: &[&str]) -> Outcome {
        let name = arguments.first().unwrap();
        let log = format!("logs/{name}");
        let places = ["--dir", "srv", "--scan", "scan", "--log-dir", log.as_str()];
        let users: &[&str] = if effective_user() == 0 {
            &["--user", "nobody"]
        } else {
            &[]
        };
        let words = [&places, users, arguments].concat();
        Suite::ours().run("svnew", &words, &self.0)
    }

    /// svnew that is killed at that call of its kind.
    fn killed(&self, call: &str, when: u32) -> Command {
        let svnew = Suite::ours().program("svnew");
        let path = Suite::ours().path();
        let mut command = Command::new("strace");
        let inject = format!("inject={call}:signal=KILL:when={when}");
        command.args(["-o", "/dev/null", "-e", &inject]).arg(svnew);
        command.args([
            "--dir",
            "srv",
            "--scan",
            "scan",
            "--log-dir",
            "logs/web",
            "--enable",
        ]);
        if effective_user() == 0 {
            command.args(["--user", "nobody"]);
        }
        command.args(["web", "--", "sleep", "5"]);
        command.current_dir(self.0.path()).env("PATH", path);
        command
    }

    /// All that there is below the directory, sorted.
    fn all(&self) -> Vec<String> {
        let mut found = Vec::new();
        collect(self.0.path(), &mut found);
        let mut names: Vec<String> = found
            .iter()
            .map(|path| {
                path.strip_prefix(self.0.path())
                    .unwrap()
                    .display()
                    .to_string()
            })
            .collect();
        names.sort_unstable();
        names
    }
}

fn collect(path: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(path).unwrap() {
        let entry = entry.unwrap();
        found.push(entry.path());
        if entry.file_type().unwrap().is_dir() {
            collect(&entry.path(), found);
        }
    }
}

fn fatal(code: i32, what: &str) -> Outcome {
    Outcome::fails(code, format!("svnew: fatal: {what}\n"))
}

const EMPTY: [&str; 3] = ["logs", "scan", "srv"];

#[test]
fn a_service_with_its_log_is_made_and_is_right() {
    let place = Place::new();
    let outcome = place.svnew(&["web", "--enable", "--", "sleep", "it's 5"]);
    let root = place.0.path().display();
    let told = format!("{root}/srv/web\n{root}/logs/web\n{root}/scan/web -> {root}/srv/web\n");
    assert_eq!(outcome, Outcome::gives(told));
    let expected = [
        "logs",
        "logs/web",
        "scan",
        "scan/web",
        "srv",
        "srv/web",
        "srv/web/log",
        "srv/web/log/run",
        "srv/web/run",
    ];
    assert_eq!(place.all(), expected);

    let change = if effective_user() == 0 {
        "setuidgid nobody "
    } else {
        ""
    };
    let run = format!("#!/bin/sh\nexec 2>&1\nexec {change}sleep 'it'\\''s 5'\n");
    assert_eq!(fs::read_to_string(place.at("srv/web/run")).unwrap(), run);
    let log = format!("#!/bin/sh\nexec {change}multilog t s10485760 n5 {root}/logs/web\n");
    assert_eq!(
        fs::read_to_string(place.at("srv/web/log/run")).unwrap(),
        log
    );
    for name in ["srv/web", "srv/web/log", "srv/web/run", "srv/web/log/run"] {
        assert_eq!(
            fs::metadata(place.at(name)).unwrap().permissions().mode() & 0o7777,
            0o755
        );
    }
    let log = fs::metadata(place.at("logs/web")).unwrap();
    assert_eq!(log.permissions().mode() & 0o7777, 0o750);
    if effective_user() == 0 {
        assert_eq!(log.uid(), dt_account::find("nobody".as_ref()).unwrap().user);
    }
    let mut findings = Vec::new();
    svcheck::check_scan(&place.at("scan"), &mut findings).unwrap();
    assert_eq!(findings, []);
}

#[test]
fn nothing_is_ever_written_over() {
    let place = Place::new();
    fs::create_dir(place.at("srv/web")).unwrap();
    let root = place.0.path().display();
    let exists = |what: &str| fatal(100, &format!("{root}/{what} exists"));
    assert_eq!(place.svnew(&["web", "--", "sleep", "5"]), exists("srv/web"));
    fs::remove_dir(place.at("srv/web")).unwrap();
    symlink("/no/such", place.at("srv/web")).unwrap();
    assert_eq!(place.svnew(&["web", "--", "sleep", "5"]), exists("srv/web"));
    fs::remove_file(place.at("srv/web")).unwrap();
    symlink("/no/such", place.at("scan/web")).unwrap();
    assert_eq!(
        place.svnew(&["web", "--enable", "--", "sleep", "5"]),
        exists("scan/web")
    );
    fs::remove_file(place.at("scan/web")).unwrap();
    fs::write(place.at("logs/web"), "").unwrap();
    let refused = fatal(
        100,
        &format!("{root}/logs/web exists, and is no directory of the log's account"),
    );
    assert_eq!(
        place.svnew(&["web", "--enable", "--", "sleep", "5"]),
        refused
    );
    fs::remove_file(place.at("logs/web")).unwrap();
    assert_eq!(place.all(), EMPTY);
}

#[test]
fn a_log_directory_that_is_the_accounts_already_is_used() {
    let place = Place::new();
    assert_eq!(place.svnew(&["web", "--", "sleep", "5"]).code, 0);
    fs::write(place.at("logs/web/current"), "old\n").unwrap();
    fs::remove_dir_all(place.at("srv/web")).unwrap();
    let told = format!("{}\n", place.at("srv/web").display());
    assert_eq!(
        place.svnew(&["web", "--", "sleep", "5"]),
        Outcome::gives(told)
    );
    assert_eq!(
        fs::read_to_string(place.at("logs/web/current")).unwrap(),
        "old\n"
    );
}

#[test]
fn what_cannot_be_finished_leaves_nothing_behind() {
    let place = Place::new();
    fs::remove_dir(place.at("logs")).unwrap();
    assert_eq!(place.svnew(&["web", "--", "sleep", "5"]).code, 111);
    assert_eq!(place.all(), ["scan", "srv"]);
    fs::create_dir(place.at("logs")).unwrap();
    fs::remove_dir(place.at("scan")).unwrap();
    assert_eq!(
        place.svnew(&["web", "--enable", "--", "sleep", "5"]).code,
        111
    );
    assert_eq!(place.all(), ["logs", "srv"]);
}

#[test]
fn names_programs_and_accounts_are_looked_at_first() {
    let place = Place::new();
    for name in ["", ".hidden", "a/b", ".."] {
        let what = ": a service's name is not empty, begins with no dot and has no slash in it";
        assert_eq!(
            place.svnew(&[name, "--", "sleep", "5"]),
            fatal(100, &format!("{name}{what}"))
        );
    }
    for program in ["/no/such", "no-such-program", "/etc"] {
        let refused = fatal(100, &format!("there is no program {program}"));
        assert_eq!(place.svnew(&["web", "--", program]), refused);
    }
    let what = "./run: a program is named by its absolute path or by its name alone";
    assert_eq!(place.svnew(&["web", "--", "./run"]), fatal(100, what));
    if effective_user() == 0 {
        let outcome = place.svnew(&["web", "--log-user", "no-such-account", "--", "sleep", "5"]);
        assert_eq!(outcome, fatal(100, "there is no account no-such-account"));
        let outcome = Suite::ours().run("svnew", &["web", "--dir", "srv", "--", "sleep"], &place.0);
        assert_eq!(outcome, fatal(100, "--user is needed, as you are root"));
    } else {
        let outcome = place.svnew(&["web", "--user", "nobody", "--", "sleep", "5"]);
        assert_eq!(
            outcome,
            fatal(100, "--user is of no use, as you are not root")
        );
    }
    assert_eq!(place.all(), EMPTY);
}

#[test]
fn without_a_command_it_says_how_it_is_used() {
    let place = Place::new();
    let outcome = place.svnew(&["web"]);
    assert_eq!(outcome.code, 100);
    assert!(
        String::from_utf8(outcome.stderr)
            .unwrap()
            .contains("Usage: svnew")
    );
    assert_eq!(place.all(), EMPTY);
}

#[test]
fn of_two_at_once_one_makes_it() {
    let place = Place::new();
    let codes: Vec<i32> = thread::scope(|scope| {
        let make = || place.svnew(&["web", "--", "sleep", "5"]).code;
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(make)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert_eq!(
        codes.iter().filter(|code| **code == 0).count(),
        1,
        "{codes:?}"
    );
    let expected = [
        "logs",
        "logs/web",
        "scan",
        "srv",
        "srv/web",
        "srv/web/log",
        "srv/web/log/run",
        "srv/web/run",
    ];
    assert_eq!(place.all(), expected);
}

/// Whatever it is killed at, the service is there and whole, or not there.
#[test]
fn killed_at_any_call_it_leaves_no_half_of_a_service() {
    if skipped_without_strace("killed_at_any_call_it_leaves_no_half_of_a_service") {
        return;
    }
    let mut kills = 0;
    for call in [
        "mkdir",
        "chmod",
        "openat",
        "write",
        "fchmod",
        "fsync",
        "chown",
        "renameat2",
        "symlink",
    ] {
        for when in 1..100 {
            let place = Place::new();
            let outcome = Outcome::of(&mut place.killed(call, when));
            let names = place.all();
            let whole = ["srv/web/log", "srv/web/log/run", "srv/web/run"];
            let there = |name: &&str| names.iter().any(|found| found == name);
            if names.iter().any(|name| name == "srv/web") {
                assert!(whole.iter().all(there), "{call} {when}: {names:?}");
                assert_ne!(
                    fs::read(place.at("srv/web/log/run")).unwrap(),
                    b"",
                    "{call} {when}"
                );
            } else {
                assert!(!there(&"scan/web"), "{call} {when}: a link to nothing");
            }
            if outcome.code == 0 {
                break;
            }
            kills += 1;
            // What is left over is in nobody's way.
            fs::remove_file(place.at("scan/web")).ok();
            fs::remove_dir_all(place.at("srv/web")).ok();
            assert_eq!(
                place.svnew(&["web", "--enable", "--", "sleep", "5"]).code,
                0,
                "{call} {when}"
            );
        }
    }
    assert!(kills > 10, "{kills}");
}
