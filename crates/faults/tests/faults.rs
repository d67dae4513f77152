//! The short form of each scenario: what ought to be nought is nought.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on panics with the reason"
)]

use std::process::Command;

use dt_os::signals::{Signal, is_ignored};
use dt_testkit::{Running, Scratch, Suite, descendants_of_scratch, signal, until};

fn harness() -> Command {
    let suite = Suite::ours();
    for program in [
        "svscan",
        "supervise",
        "multilog",
        "svc",
        "svstat",
        "svscanctl",
        "fghack",
        "envdir",
        "setuidgid",
        "envuidgid",
        "softlimit",
        "setlock",
        "pgrphack",
        "setuser",
        "envini",
    ] {
        let _built = suite.program(program);
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_dt-faults"));
    command.env("RUST_BACKTRACE", "0");
    command
}

/// Runs scenarios by parts of their names; gives the table.
fn table(scenarios: &[&str], check: bool) -> String {
    let suite = Suite::ours();
    let mut command = harness();
    command.arg("--programs").arg(suite.directory());
    command.args(check.then_some("--check")).args(scenarios);
    let answer = command.output().unwrap();
    let table = String::from_utf8_lossy(&answer.stdout).into_owned();
    let said = String::from_utf8_lossy(&answer.stderr);
    assert!(answer.status.success(), "{table}\n{said}");
    table
}

#[test]
fn kills_duplicate_no_service() {
    table(&["kill-sv", "kill-supervise"], true);
}

#[test]
fn kills_lose_no_line() {
    table(&["kill-multilog"], true);
}

#[test]
fn a_kill_at_any_call_leaves_supervise_s_service_once_and_steered() {
    table(&["kill-points-supervise"], true);
}

#[test]
fn a_kill_at_any_call_leaves_svscan_s_services_once_and_logged() {
    table(&["kill-points-svscan"], true);
}

#[test]
fn a_kill_at_any_call_of_a_logger_loses_no_line() {
    table(&["kill-points-log"], true);
}

#[test]
fn a_failing_call_leaves_supervise_in_charge() {
    table(&["inject-supervise"], true);
}

#[test]
fn a_failing_call_leaves_svscan_in_charge() {
    table(&["inject-svscan"], true);
}

#[test]
fn a_failing_call_loses_no_line() {
    table(&["inject-log"], true);
}

#[test]
fn a_failing_call_makes_no_program_run_with_less_than_was_asked_for() {
    table(&["inject-chains"], true);
}

#[test]
fn a_program_that_goes_on_with_less_is_found() {
    let name = "a_program_that_goes_on_with_less_is_found";
    if dt_testkit::skipped_without_strace(name) || dt_testkit::skipped_without_root(name) {
        return;
    }
    let scratch = Scratch::new();
    // It does not look whether it could read.
    let script = "#!/bin/sh\nshift\nread -r ONE < env/ONE\nexport ONE\nexec \"$@\"\n";
    scratch.script("programs/envdir", script);
    let mut command = harness();
    command.arg("--programs").arg(scratch.join("programs"));
    let outcome = command
        .args(["--check", "--long", "inject-chains"])
        .output();
    let outcome = outcome.unwrap();
    let table = String::from_utf8_lossy(&outcome.stdout);
    assert_eq!(outcome.status.code(), Some(1), "{table}");
    assert!(table.contains("ran with less**"), "{table}");
}

#[test]
fn want_of_memory_loses_nothing() {
    table(&["memory"], true);
}

#[test]
fn little_memory_is_enough_and_less_is_said() {
    table(&["limits"], true);
}

#[test]
fn two_failing_calls_lose_nothing() {
    table(&["pairs"], true);
}

#[test]
fn shortage_ends_when_it_ends() {
    table(
        &["fork-failure", "fd-exhaustion", "disk-full", "read-only"],
        true,
    );
}

#[test]
fn floods_and_stops_are_borne() {
    table(&["control", "log-stopped", "clock-step"], true);
}

#[test]
fn planted_links_do_no_harm() {
    table(&["symlink-attack"], true);
}

#[test]
fn daemons_are_named_held_and_ended() {
    table(&["daemonizing"], true);
}

#[test]
fn a_big_environment_is_read_at_once() {
    table(&["envdir-big"], true);
}

#[test]
fn many_services_cost_nothing_and_outlive_the_scanner() {
    table(&["many"], true);
}

#[test]
fn the_undisturbed_are_paced_and_clean() {
    table(&["pacing", "identity"], true);
}

#[test]
fn no_status_crashes_or_holds_up_svstat() {
    let table = table(&["status-reads"], true);
    let counts = "34 files, 0 crashes, 0 hangs, 0 invented pids, 0 of 2 dead";
    assert!(table.contains(counts), "{table}");
}

#[test]
fn a_short_soak_loses_nothing() {
    let mut command = harness();
    command.args(["soak", "--services", "30", "--minutes", "0.3"]);
    command.arg("--programs").arg(Suite::ours().directory());
    let answer = command.output().unwrap();
    let report = String::from_utf8_lossy(&answer.stdout);
    let said = String::from_utf8_lossy(&answer.stderr);
    assert!(answer.status.success(), "{report}\n{said}");
}

/// The soak's scanner, and all that it had started, once ran on for ever.
#[test]
fn a_soak_that_is_stopped_leaves_nothing() {
    let scratch = Scratch::new();
    let mut command = harness();
    command.args(["soak", "--services", "5", "--minutes", "10"]);
    command.arg("--programs").arg(Suite::ours().directory());
    // So that its own directories are here.
    command.env("TMPDIR", scratch.path());
    // The last is not told to the harness, but kills what does its work.
    let ends = [
        Signal::SIGINT,
        Signal::SIGTERM,
        Signal::SIGHUP,
        Signal::SIGKILL,
    ];
    // Some are, in the background or by nohup.
    for end in ends.into_iter().filter(|signal| !is_ignored(*signal)) {
        let said = std::fs::File::create(scratch.join("said")).unwrap();
        let mut soak = Running::start(command.stderr(said), &scratch);
        let services = || {
            let all = descendants_of_scratch(scratch.path()).into_iter();
            let of = |pid: &u32| std::fs::read_to_string(format!("/proc/{pid}/comm"));
            all.filter(|pid| of(pid).is_ok_and(|name| name.trim() == "multilog"))
                .count()
        };
        until("the services run", || services() >= 5);
        let whom = if end == Signal::SIGKILL {
            let children = format!("/proc/{0}/task/{0}/children", soak.pid());
            let children = std::fs::read_to_string(children).unwrap();
            children.trim().parse().unwrap()
        } else {
            soak.pid()
        };
        signal(whom, end.as_str().trim_start_matches("SIG"));
        assert_eq!(soak.wait(), 128 + 9, "its worker was killed");
        assert_eq!(descendants_of_scratch(scratch.path()), []);
        assert_eq!(scratch.names("."), ["said"]);
    }
}
