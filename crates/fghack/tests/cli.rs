//! Usage, messages and exit codes of `fghack`.

use std::path::Path;
use std::process::{Command, Stdio};

use dt_testkit::{Outcome, Running, Scratch, Suite, signal, until};

fn suite() -> Suite {
    Suite::under_test()
}

#[test]
fn no_argument_is_a_usage_error() {
    suite().refuses("fghack", &[&[]], "fghack child");
}

#[test]
fn a_program_that_cannot_be_run_is_told() {
    let cases = [
        ("no/such", "file does not exist"),
        // An empty component is the scratch directory, which may be searched.
        ("", "access denied"),
        ("--", "file does not exist"),
    ];
    let why = |(name, reason)| (name, format!("unable to run {name}: {reason}"));
    suite().cannot("fghack", &cases.map(why));
}

#[test]
fn the_exit_code_is_the_childs() {
    for code in [0, 1, 7, 100, 255] {
        let script = format!("echo out; exit {code}");
        let outcome = suite().run("fghack", &["sh", "-c", &script], &Scratch::new());
        assert_eq!(
            (outcome.code, outcome.stdout.as_slice()),
            (code, &b"out\n"[..])
        );
    }
}

#[test]
fn a_killed_child_has_crashed() {
    assert_eq!(
        suite().run("fghack", &["sh", "-c", "kill -9 $$"], &Scratch::new()),
        Outcome::fails(111, "fghack: fatal: child crashed\n")
    );
}

#[test]
fn it_stays_until_the_background_has_ended() {
    let scratch = Scratch::new();
    let script = "echo $$ >child
        sh -c 'until [ -e go ]; do sleep 0.01; done; echo ended >log' & exit 3";
    let mut command = suite().command("fghack", &scratch);
    let mut running = Running::start(command.args(["sh", "-c", script]), &scratch);
    // Its child has ended, and it has not.
    until("the child is a zombie or reaped", || {
        let child = std::fs::read_to_string(scratch.join("child"));
        child.is_ok_and(|child| child.ends_with('\n') && !lives(child.trim_end()))
    });
    assert_eq!(running.ended(), None);
    scratch.file("go", "");
    assert_eq!(running.wait(), 3);
    assert_eq!(scratch.read("log"), b"ended\n");
}

/// Whether there is such a process, zombies left out.
fn lives(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}

#[test]
fn the_program_holds_the_pipe_31_times() {
    let script = "p=$(readlink /proc/$$/fd/4); \
                  for f in /proc/$$/fd/*; do [ \"$(readlink $f)\" = \"$p\" ] && echo ${f##*/}; done; \
                  exit 0";
    let scratch = Scratch::new();
    let command = format!("exec fghack sh -c '{script}' 3<&- 4<&-");
    let mut shell = Command::new("sh");
    shell.args(["-c", &command]).current_dir(scratch.path());
    let outcome = Outcome::of(shell.env("PATH", suite().path()));
    let shown = String::from_utf8(outcome.stdout).unwrap();
    let numbers: Vec<u32> = shown.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(numbers.len(), 31, "{shown}");
    assert!(numbers.contains(&3), "{shown}");
}

/// The original takes all descriptors there are, so that a dynamic program finds
/// none to load its libraries with.
#[test]
fn with_few_descriptors_it_holds_fewer() {
    let script = "ulimit -n 20; exec fghack echo run";
    let mut shell = Command::new("sh");
    shell.args(["-c", script]).env("PATH", suite().path());
    let expected = if suite().is_original() { 127 } else { 0 };
    assert_eq!(Outcome::of(&mut shell).code, expected);
}

/// The original does not notice the end of a child whose signal its own parent
/// had it ignore.
#[test]
fn a_child_is_waited_for_although_its_signal_was_ignored() {
    let scratch = Scratch::new();
    let mut command = Command::new("perl");
    let script = "$SIG{CHLD} = 'IGNORE'; exec @ARGV";
    command.args(["-e", script]).arg(suite().program("fghack"));
    command
        .args(["sh", "-c", "exit 7"])
        .current_dir(scratch.path());
    let expected = if suite().is_original() {
        Outcome::fails(111, "fghack: fatal: wait failed: no child processes\n")
    } else {
        Outcome {
            code: 7,
            ..Outcome::gives("")
        }
    };
    assert_eq!(Outcome::of(&mut command), expected);
}

#[test]
fn an_ignored_signal_is_handed_on_as_it_was() {
    const CHILD: u64 = 1 << 16;
    for (disposition, ignored) in [("IGNORE", CHILD), ("DEFAULT", 0)] {
        let mut command = Command::new("perl");
        command.args(["-e", "$SIG{CHLD} = shift; exec @ARGV", disposition]);
        command.arg(suite().program("fghack"));
        let outcome = Outcome::of(command.args(["grep", "SigIgn", "/proc/self/status"]));
        let shown = String::from_utf8(outcome.stdout).unwrap();
        let signals = shown.split_whitespace().last().unwrap();
        let signals = u64::from_str_radix(signals, 16).unwrap();
        assert_eq!(signals & CHILD, ignored, "{disposition}");
    }
}

/// A program of ours is also ended by it, which the original leaves alone.
#[test]
fn term_ends_it_and_all_that_it_holds() {
    let scratch = Scratch::new();
    let mut command = suite().command("fghack", &scratch);
    command.args([
        "sh",
        "-c",
        "echo $$ >pid; until [ -e go ]; do sleep 0.01; done; echo on >log",
    ]);
    let mut running = Running::start(command.stdout(Stdio::null()), &scratch);
    until("the child runs", || scratch.join("pid").exists());
    running.signal("TERM");
    assert_eq!(running.wait(), 143);
    if suite().is_original() {
        scratch.file("go", "");
        until("the child goes on", || scratch.join("log").exists());
    } else {
        let pid = String::from_utf8(scratch.read("pid")).unwrap();
        assert!(!Path::new(&format!("/proc/{}", pid.trim())).exists());
    }
}

/// A daemon as they are: two forks, a session of its own, and nothing left open.
const DAEMON: &str = "use POSIX;
fork and exit 3; POSIX::setsid(); fork and POSIX::_exit(0);
POSIX::close($_) for 0..200;
open my $file, '>', 'daemon.new'; print $file $$; close $file;
rename 'daemon.new', 'daemon'; sleep 1000";

/// The original takes its pipe for the only sign of life.
#[test]
fn a_daemon_that_closes_everything_is_held_and_ended() {
    if suite().is_original() {
        return;
    }
    let scratch = Scratch::new();
    let start = || {
        let mut command = suite().command("fghack", &scratch);
        command.args(["perl", "-e", DAEMON]).stdout(Stdio::null());
        let running = Running::start(&mut command, &scratch);
        until("the daemon is there", || scratch.join("daemon").exists());
        let daemon = String::from_utf8(scratch.read("daemon")).unwrap();
        std::fs::remove_file(scratch.join("daemon")).unwrap();
        (running, daemon.parse::<u32>().unwrap())
    };
    let lives = |pid: u32| Path::new(&format!("/proc/{pid}")).exists();
    let (mut running, daemon) = start();
    until("it is a child of fghack's", || {
        let fields = std::fs::read_to_string(format!("/proc/{daemon}/stat")).unwrap();
        let (_, rest) = fields.rsplit_once(") ").unwrap();
        rest.split(' ').nth(1).unwrap() == running.pid().to_string()
    });
    assert_eq!(running.ended(), None);
    signal(daemon, "KILL");
    assert_eq!(running.wait(), 3, "the child's exit code");
    let (mut running, daemon) = start();
    running.signal("TERM");
    assert_eq!(running.wait(), 143);
    assert!(!lives(daemon));
}

#[test]
fn a_term_that_was_ignored_is_ignored_by_all() {
    let scratch = Scratch::new();
    let mut command = Command::new("perl");
    command.args(["-e", "$SIG{TERM} = 'IGNORE'; exec @ARGV"]);
    command.arg(suite().program("fghack"));
    command.args([
        "sh",
        "-c",
        "touch up; until [ -e go ]; do sleep 0.01; done; exit 4",
    ]);
    let mut running = Running::start(command.current_dir(scratch.path()), &scratch);
    until("the child runs", || scratch.join("up").exists());
    running.signal("TERM");
    scratch.file("go", "");
    assert_eq!(running.wait(), 4);
}
