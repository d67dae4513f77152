//! A supervise that has begun asks the kernel for no more memory, whatever becomes of its
//! service: what has none cannot be in want of it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[expect(dead_code, reason = "others of these tests use it all")]
mod kit;

use std::process::{Command, Stdio};

use dt_testkit::{Running, Suite, signal, skipped_without_strace, until};
use kit::Service;

#[test]
fn no_memory_is_asked_for_once_the_service_is_looked_after() {
    const NAME: &str = "no_memory_is_asked_for_once_the_service_is_looked_after";
    if Suite::under_test().is_original() || skipped_without_strace(NAME) {
        return;
    }
    let service = Service::new("echo $$ >> ran; exec sleep 1000");
    let mut command = Command::new("strace");
    command.args([
        "-D",
        "-o",
        "trace",
        "-e",
        "trace=brk,mmap,mremap,ppoll,read",
    ]);
    command
        .arg(Suite::under_test().program("supervise"))
        .arg("d");
    command.current_dir(service.scratch.path());
    let mut supervise = Running::start(command.stdin(Stdio::null()), &service.scratch);
    let ran = || service.words("ran");
    for number in 1..=6 {
        until("it runs", || ran().len() >= number);
        if number % 2 == 0 {
            signal(ran().last().unwrap().parse().unwrap(), "KILL");
        } else {
            service.send("pct");
        }
    }
    until("it runs again", || ran().len() >= 7);
    service.send("d");
    until("it is down", || service.status().pid == 0);
    service.send("x");
    assert_eq!(supervise.wait(), 0);
    let trace = String::from_utf8(service.scratch.read("trace")).unwrap();
    let mut calls = trace.lines().skip_while(|line| !line.starts_with("ppoll("));
    assert!(calls.next().is_some(), "{trace}");
    let asked: Vec<_> = calls
        .filter(|line| {
            ["brk(", "mmap(", "mremap("]
                .iter()
                .any(|call| line.starts_with(call))
        })
        .collect();
    assert_eq!(asked, [""; 0]);
}
