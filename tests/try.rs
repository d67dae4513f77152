//! `daemontools try`, from its first word to the last process gone.
#![cfg(feature = "try")]
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on panics with the reason"
)]

use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use dt_testkit::{
    Outcome, Port, Running, Scratch, descendants_of_scratch, get, is_root, until, until_some,
};

const FRONT: &str = env!("CARGO_BIN_EXE_daemontools");

/// `daemontools try` as it runs in a place that is its test's own.
struct Trial {
    scratch: Scratch,
    place: PathBuf,
    port: Port,
    running: Running,
}

impl Trial {
    /// Starts it, as the account with this number if there is one, and waits until
    /// it has said what can be done.
    fn start(account: Option<u32>) -> Self {
        let scratch = Scratch::new();
        // Whoever it runs as can get at the program and write here.
        let program = scratch.program(FRONT, "daemontools");
        scratch.directory("above");
        scratch.mode("above", 0o777);
        let place = scratch.join("above/a place");
        let port = Port::free();
        let mut command = Command::new(program);
        command
            .args(["try", "--port", &number(&port), "--directory"])
            .arg(&place)
            .current_dir(scratch.path())
            .stdout(File::create(scratch.join("said")).unwrap())
            .stderr(File::create(scratch.join("errors")).unwrap());
        if let Some(account) = account {
            command.uid(account).gid(account);
        }
        let running = Running::start(&mut command, &scratch);
        let mut trial = Self {
            scratch,
            place,
            port,
            running,
        };
        until("it says what can be done", || {
            let ended = trial.running.ended();
            assert_eq!(ended, None, "{}", trial.errors());
            trial.said().contains("Ctrl-C here stops")
        });
        trial
    }

    fn said(&self) -> String {
        String::from_utf8(self.scratch.read("said")).unwrap()
    }

    fn errors(&self) -> String {
        String::from_utf8(self.scratch.read("errors")).unwrap()
    }

    fn answering(&self) -> Option<String> {
        let page = get(self.port.address, "/").ok()?;
        let (process, _request) = page.split_once(',')?;
        Some(process.to_owned())
    }

    /// The command that it printed below this heading, run as printed.
    fn do_as_told(&self, heading: &str) -> String {
        let said = self.said();
        let mut lines = said.lines().map(str::trim);
        lines.find(|line| *line == format!("# {heading}")).unwrap();
        let outcome = Outcome::of(Command::new("sh").args(["-c", lines.next().unwrap()]));
        assert_eq!((outcome.code, &outcome.stderr[..]), (0, &b""[..]));
        String::from_utf8(outcome.stdout).unwrap()
    }

    /// Whatever it started has ended and whatever it made is gone.
    fn assert_nothing_is_left(&self) {
        let left = || descendants_of_scratch(self.scratch.path());
        until("nothing is left running", || left().is_empty());
        assert!(!self.place.exists(), "{} is left", self.place.display());
    }

    /// Sends a signal to the process that was started with these words.
    fn signal(&self, words: &[u8], name: &str) {
        let all = descendants_of_scratch(self.scratch.path());
        let started_so =
            |pid: &u32| fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|own| own == words);
        dt_testkit::signal(all.into_iter().find(started_so).unwrap(), name);
    }
}

/// As it is given on the command line.
fn number(port: &Port) -> String {
    port.address.port().to_string()
}

fn walk_through(account: Option<u32>) {
    let mut trial = Trial::start(account);
    let first = until_some("the service answers", || trial.answering());
    let state = trial.do_as_told("look at it and at its log");
    assert_eq!(state.matches(": up (pid ").count(), 2, "{state}");

    get(trial.port.address, "/crash").unwrap();
    let is_another = |process: &String| *process != first;
    until_some("another process answers", || {
        trial.answering().filter(is_another)
    });
    trial.do_as_told("take it down");
    until("nobody answers", || trial.answering().is_none());
    trial.do_as_told("bring it up again");
    until("somebody answers", || trial.answering().is_some());
    let crashed = "crashes, as asked";
    until("the log has it, in local time", || {
        let log = trial.do_as_told("read its log in local time");
        log.starts_with('2') && log.contains(crashed)
    });

    trial.running.signal("INT");
    assert_eq!(trial.running.wait(), 0, "{}", trial.errors());
    assert_eq!(trial.errors(), "");
    trial.assert_nothing_is_left();
}

#[test]
fn all_that_it_says_can_be_done_and_ctrl_c_leaves_nothing() {
    walk_through(None);
}

#[test]
fn it_works_without_root() {
    const NOBODY: u32 = 65534;
    if is_root() {
        walk_through(Some(NOBODY));
    }
    // Where the tests do not run as root, the other test shows it.
}

#[test]
fn as_root_the_service_and_its_log_are_nobodys() {
    if dt_testkit::skipped_without_root("as_root_the_service_and_its_log_are_nobodys") {
        return;
    }
    let mut trial = Trial::start(None);
    let all = descendants_of_scratch(trial.scratch.path());
    let mut dropped: Vec<String> = all
        .into_iter()
        .filter(|pid| fs::metadata(format!("/proc/{pid}")).is_ok_and(|own| own.uid() != 0))
        .map(|pid| fs::read_to_string(format!("/proc/{pid}/comm")).unwrap())
        .collect();
    dropped.sort();
    assert_eq!(dropped, ["multilog\n", "trycode\n"]);
    trial.running.signal("TERM");
    assert_eq!(trial.running.wait(), 0, "{}", trial.errors());
    trial.assert_nothing_is_left();
}

#[test]
fn a_second_signal_kills_what_does_not_listen() {
    let mut trial = Trial::start(None);
    trial.signal(b"supervise\0trycode.io\0", "STOP");
    trial.running.signal("INT");
    let link = trial.place.join("etc/service/trycode.io");
    until("it has begun to stop", || !link.is_symlink());
    trial.running.signal("INT");
    assert_eq!(trial.running.wait(), 0, "{}", trial.errors());
    trial.assert_nothing_is_left();
}

#[test]
fn the_death_of_svscan_is_told_and_the_end() {
    let mut trial = Trial::start(None);
    let scanned = trial.place.join("etc/service");
    let words = format!("svscan\0{}\0", scanned.display());
    trial.signal(words.as_bytes(), "KILL");
    assert_eq!(trial.running.wait(), 111);
    assert_eq!(trial.errors(), "daemontools: fatal: svscan has died\n");
    trial.assert_nothing_is_left();
}

#[test]
fn a_port_that_is_taken_is_an_error_and_nothing_is_made() {
    let scratch = Scratch::new();
    let port = Port::free();
    let _taken = TcpListener::bind(port.address).unwrap();
    let words = ["try", "--directory", "x", "--port", &number(&port)];
    let outcome = Outcome::of(Command::new(FRONT).args(words).current_dir(scratch.path()));
    let want = format!(
        "daemontools: fatal: unable to listen at {}: address already used\n",
        port.address
    );
    assert_eq!(outcome, Outcome::fails(111, want));
    assert_eq!(scratch.names("."), [""; 0]);
}

#[test]
fn a_directory_that_is_there_is_left_alone() {
    let scratch = Scratch::new();
    scratch.file("x/precious", "");
    let words = ["try", "--directory", "x"];
    let outcome = Outcome::of(Command::new(FRONT).args(words).current_dir(scratch.path()));
    let want = "daemontools: fatal: unable to create x: file already exists\n";
    assert_eq!(outcome, Outcome::fails(111, want));
    assert_eq!(scratch.names("x"), ["precious"]);
}

#[test]
fn a_service_that_cannot_start_is_named_with_its_last_words() {
    if dt_testkit::skipped_without_root("a_service_that_cannot_start_is_named_with_its_last_words")
    {
        return;
    }
    let scratch = Scratch::new();
    scratch.directory("above");
    // Nobody is not let in, neither to the service nor to its log.
    scratch.mode("above", 0o700);
    let port = Port::free();
    let words = ["try", "--directory", "above/x", "--port", &number(&port)];
    let outcome = Outcome::of(Command::new(FRONT).args(words).current_dir(scratch.path()));
    let said = String::from_utf8(outcome.stderr).unwrap();
    assert_eq!(outcome.code, 111, "{said}");
    assert!(said.contains("setuidgid: fatal: unable to run "), "{said}");
    let own = "daemontools: fatal: the service does not answer; its log is ";
    assert!(said.contains(own), "{said}");
    assert_eq!(scratch.names("above"), [""; 0]);
}
