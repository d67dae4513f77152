//! An orderly stop in which what reads a log's last lines is killed: they are read
//! nevertheless.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on panics with the reason"
)]

#[expect(dead_code, reason = "the other tests use the rest")]
mod tree;

use dt_testkit::points::{self, calls_in};
use dt_testkit::{
    Outcome, Suite, descendants_of_scratch, signal, skipped_without_strace, until, until_some,
};
use tree::{Scanner, Tree};

/// Has all to say at once, and as much again on its way out.
const WRITER: &str = "trap 'seq 501 1000; exit' TERM
seq 1 500
while :; do sleep 0.01; done";

/// Reads nothing before it is let.
const LOGGER: &str = "#!/bin/sh
echo $$ >>started
[ -e go ] || exec sleep 1000
exec multilog ./main
";

struct Stopping {
    tree: Tree,
    svscan: Scanner,
}

impl Stopping {
    /// A tree that has been told to stop, with a log that does not read.
    fn begin(writer: &str) -> Self {
        Self::begin_with(Tree::new(), writer)
    }

    /// The same where the log's first `supervise` is traced, by strace(1) with these
    /// options.
    fn begin_traced(options: &str) -> Self {
        let tree = Tree::new();
        let real = tree.suite.program("supervise");
        let (real, here) = (real.display(), tree.scratch.path().display());
        let script = format!(
            "#!/bin/sh\nif [ $1 = log ] && mkdir {here}/traced 2>/dev/null; then\n\
             exec strace -D -o {here}/trace {options} {real} log\nfi\nexec {real} $1\n"
        );
        tree.scratch.script("bin/supervise", script);
        Self::begin_with(tree, WRITER)
    }

    fn begin_with(tree: Tree, writer: &str) -> Self {
        tree.service_with_log("a", writer);
        tree.scratch.script("sc/a/log/run", LOGGER);
        let mut path = tree.scratch.join("bin").into_os_string();
        path.push(":");
        path.push(tree.suite.path());
        let svscan = tree.start_with_path(path);
        tree.one("a");
        tree.one("a/log");
        let all = Self { tree, svscan };
        until("its log sleeps", || {
            let log = all.tree.service_of("a/log");
            all.loggers().last() == Some(&log)
        });
        all.ask("-t");
        all
    }

    fn ask(&self, letters: &str) {
        let mut command = self.tree.suite.command("svscanctl", &self.tree.scratch);
        let outcome = Outcome::of(command.args([letters, "sc"]));
        assert_eq!(outcome, Outcome::gives(""));
    }

    /// All that the log has been so far.
    fn loggers(&self) -> Vec<u32> {
        let started = std::fs::read_to_string(self.tree.scratch.join("sc/a/log/started"));
        let started = started.unwrap_or_default();
        started.lines().map(|pid| pid.parse().unwrap()).collect()
    }

    fn logger(&self) -> u32 {
        *self.loggers().last().unwrap()
    }

    fn until_service_has_gone(&self) {
        until("only the log is left", || {
            self.tree.supervises("a").is_empty()
        });
    }

    fn let_read(&self) {
        self.tree.scratch.file("sc/a/log/go", "");
    }

    /// All that was written is in the log, once and in its order, and nobody is left.
    /// Gives the trace, where there is one.
    #[track_caller]
    fn assert_nothing_is_lost(mut self) -> String {
        assert_eq!(self.svscan.wait(), 0);
        let logged = self.tree.logged("a");
        let wanted: Vec<_> = (1..=1000).map(|number| number.to_string()).collect();
        let (count, said) = (logged.lines().count(), self.tree.said());
        assert!(logged.lines().eq(wanted), "{count} lines of 1000: {said}");
        until("nothing is left", || {
            descendants_of_scratch(self.tree.scratch.path()).is_empty()
        });
        std::fs::read_to_string(self.tree.scratch.join("trace")).unwrap_or_default()
    }
}

fn ours() -> bool {
    !Suite::under_test().is_original()
}

#[test]
fn a_logger_that_is_killed_in_its_last_lines_is_started_once_more() {
    if !ours() {
        return;
    }
    let all = Stopping::begin(WRITER);
    all.until_service_has_gone();
    all.let_read();
    signal(all.logger(), "KILL");
    all.assert_nothing_is_lost();
}

#[test]
fn a_logs_supervise_that_is_killed_in_a_stop_is_followed_by_another() {
    if !ours() {
        return;
    }
    let all = Stopping::begin(WRITER);
    all.until_service_has_gone();
    let first = all.tree.one("a/log");
    signal(first, "KILL");
    let second = until_some("another", || {
        let second = all.tree.supervises("a/log");
        second.first().copied().filter(|pid| *pid != first)
    });
    assert_eq!(all.loggers().len(), 1, "it is taken over");
    assert_ne!(first, second);
    all.let_read();
    signal(all.logger(), "KILL");
    all.assert_nothing_is_lost();
}

#[test]
fn a_logger_that_is_killed_with_its_supervise_in_a_stop_loses_nothing() {
    if !ours() {
        return;
    }
    let all = Stopping::begin(WRITER);
    all.until_service_has_gone();
    let supervise = all.tree.one("a/log");
    all.let_read();
    signal(supervise, "KILL");
    signal(all.logger(), "KILL");
    all.assert_nothing_is_lost();
}

#[test]
fn both_are_killed_while_their_service_still_ends() {
    if !ours() {
        return;
    }
    let slow = "trap 'until [ -e over ]; do sleep 0.01; done; seq 501 1000; exit' TERM
seq 1 500
while :; do sleep 0.01; done";
    let all = Stopping::begin(slow);
    let supervise = all.tree.one("a/log");
    all.let_read();
    signal(supervise, "KILL");
    signal(all.logger(), "KILL");
    until("another logger", || all.loggers().len() == 2);
    all.tree.scratch.file("sc/a/over", "");
    all.assert_nothing_is_lost();
}

/// How many kills the ordinary test makes, at other calls each time.
/// `DAEMONTOOLS_KILL_POINTS=all` kills at each call that there is.
const SOME: usize = 12;

#[test]
fn a_kill_of_the_logs_supervise_at_any_call_up_to_the_end_of_a_stop_loses_nothing() {
    const NAME: &str =
        "a_kill_of_the_logs_supervise_at_any_call_up_to_the_end_of_a_stop_loses_nothing";
    if !ours() || skipped_without_strace(NAME) {
        return;
    }
    // Whose logger is killed makes the most calls.
    let run = |options: &str| {
        let all = Stopping::begin_traced(options);
        all.until_service_has_gone();
        all.let_read();
        signal(all.logger(), "KILL");
        all.assert_nothing_is_lost()
    };
    let points = points::some(calls_in(&run("")), SOME);
    let killed = points::each(&points, |(call, number)| {
        let trace = run(&format!("-e inject={call}:signal=KILL:when={number}"));
        trace.contains("killed by SIGKILL")
    });
    let count = points.len();
    // Not each run makes each call as often.
    assert!(killed * 2 > count, "{killed} kills at {count} points");
}

/// Who tells the log to end as well does not want the rest.
#[test]
fn with_q_a_killed_logger_is_not_started_again() {
    if !ours() {
        return;
    }
    let mut all = Stopping::begin(WRITER);
    all.until_service_has_gone();
    let supervise = all.tree.one("a/log");
    all.let_read();
    signal(supervise, "STOP");
    all.ask("-q");
    signal(all.logger(), "KILL");
    signal(supervise, "CONT");
    assert_eq!(all.svscan.wait(), 0);
    assert_eq!(all.loggers().len(), 1);
}
