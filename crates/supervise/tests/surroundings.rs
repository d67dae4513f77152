//! Where the kernel or the machine has less to offer than supervise hopes for, as
//! the table in docs/supervision.md has it.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on panics, one that is skipped says so"
)]

#[expect(dead_code, reason = "others of these tests use it all")]
mod kit;

use std::fs::{self, File};
use std::process::Command;

use dt_testkit::{Running, Suite, signal, skipped_without_root, skipped_without_strace, until};
use kit::Service;

const RUN: &str = "echo $$ >> log; exec sleep 1000";

/// `supervise d` behind `words`, a program that becomes what follows it.
fn start(service: &Service, words: &[&str]) -> Running {
    let errors = File::options()
        .append(true)
        .open(service.scratch.join("errors"));
    let (program, arguments) = words.split_first().unwrap();
    let mut command = Command::new(program);
    command
        .args(arguments)
        .arg(Suite::under_test().program("supervise"))
        .arg("d")
        .current_dir(service.scratch.path())
        .stderr(errors.unwrap());
    Running::start(&mut command, &service.scratch)
}

/// In a mount namespace of its own, without /proc.
const WITHOUT_PROC: [&str; 6] = [
    "unshare",
    "-m",
    "sh",
    "-c",
    "umount -l /proc && exec \"$0\" \"$@\"",
    // The shell's words end here; the program follows.
    "env",
];

fn skipped_without_namespaces(test: &str) -> bool {
    if skipped_without_root(test) {
        return true;
    }
    let [program, arguments @ ..] = WITHOUT_PROC;
    let mut command = Command::new(program);
    let works = command.args(arguments).arg("true").status();
    let works = works.is_ok_and(|status| status.success());
    if !works {
        eprintln!("{test}: skipped, no mount namespaces here");
    }
    !works
}

fn until_starts(service: &Service, number: usize) {
    until("it is started as often", || {
        service.words("log").len() == number
    });
}

fn kill(mut running: Running) {
    running.signal("KILL");
    running.wait();
}

/// Linux before 5.3: what is adopted is looked at in /proc.
#[test]
fn without_pidfds_a_service_is_adopted_all_the_same() {
    const NAME: &str = "without_pidfds_a_service_is_adopted_all_the_same";
    if Suite::under_test().is_original() || skipped_without_strace(NAME) {
        return;
    }
    for calls in [
        &["-e", "inject=pidfd_open:error=ENOSYS"][..],
        // A sandbox that allows one and not the other.
        &["-e", "inject=pidfd_send_signal:error=ENOSYS"],
    ] {
        let service = Service::new(RUN);
        let first = service.start();
        let before = service.until_up();
        until_starts(&service, 1);
        kill(first);
        let words = [&["strace", "-D", "-o", "/dev/null"], calls].concat();
        let mut second = start(&service, &words);
        service.until_there();
        assert_eq!(service.status(), before, "{calls:?}");
        service.send("p");
        until("it is paused", || service.status().paused);
        service.send("c");
        signal(before.pid, "KILL");
        until_starts(&service, 2);
        service.send("dx");
        assert_eq!(second.wait(), 0);
    }
}

/// Nothing can be proven then, and nothing is started beside what may be there.
#[test]
fn without_proc_a_service_whose_supervise_was_killed_is_waited_for() {
    const NAME: &str = "without_proc_a_service_whose_supervise_was_killed_is_waited_for";
    if Suite::under_test().is_original() || skipped_without_namespaces(NAME) {
        return;
    }
    let service = Service::new(RUN);
    let first = start(&service, &WITHOUT_PROC);
    let before = service.until_up();
    until_starts(&service, 1);
    kill(first);
    let mut second = start(&service, &WITHOUT_PROC);
    service.until_there();
    assert_eq!(service.status().pid, 0);
    let line = format!(
        "supervise: warning: process {} may still be d/run of an earlier supervise: \
         not starting another\n",
        before.pid
    );
    assert_eq!(service.errors(), line);
    assert!(fs::exists(format!("/proc/{}", before.pid)).unwrap());
    assert_eq!(service.words("log").len(), 1);
    signal(before.pid, "KILL");
    until_starts(&service, 2);
    service.send("dx");
    assert_eq!(second.wait(), 0);
}

/// In a time namespace of its own, in which the machine is 28 hours older.
const OLDER: [&str; 6] = [
    "unshare",
    "-T",
    "--monotonic=100000",
    "--boottime=100000",
    "--fork",
    "--kill-child",
];

/// A process seemed to have started 28 hours later, and so to be another: its service
/// was started a second time.
#[test]
fn a_service_is_adopted_from_another_time_namespace() {
    const NAME: &str = "a_service_is_adopted_from_another_time_namespace";
    if Suite::under_test().is_original() || skipped_without_root(NAME) {
        return;
    }
    let [program, arguments @ ..] = OLDER;
    let mut command = Command::new(program);
    let works = command.args(arguments).arg("true").status();
    if !works.is_ok_and(|status| status.success()) {
        eprintln!("{NAME}: skipped, no time namespaces here");
        return;
    }
    for words in [[&["env"][..], &OLDER], [&OLDER, &["env"]]] {
        let service = Service::new(RUN);
        let first = start(&service, words[0]);
        let before = service.until_up();
        until("it has noted itself", || {
            service.scratch.join("d/log").exists()
        });
        drop(first);
        let suite = Suite::under_test();
        until("none is there", || {
            suite.run("svok", &["d"], &service.scratch).code != 0
        });
        let _second = start(&service, words[1]);
        service.until_there();
        assert_eq!(service.status(), before, "{words:?}");
        service.send("t");
        until("another copy", || {
            ![0, before.pid].contains(&service.status().pid)
        });
        let log = String::from_utf8(service.scratch.read("d/log")).unwrap();
        assert!(log.starts_with(&format!("{}\n", before.pid)), "{log}");
        let line = suite.run("svstat", &["d"], &service.scratch).stdout;
        let line = String::from_utf8(line).unwrap();
        let seconds = line.split(' ').nth(4).unwrap().parse::<u64>().unwrap();
        assert!(seconds < 100, "{line}");
    }
}
