//! The programs that ask and steer, about a service with settings that a real
//! `supervise` looks after.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on panics with the reason"
)]

use dt_testkit::{Outcome, Running, Scratch, Suite, until};

/// Does not run while there is no `ok`; then says so when it is ready.
const RUN: &str = "#!/bin/sh\ntest -e ok || exit 3\necho >&3\nexec sleep 1000\n";

fn run(scratch: &Scratch, program: &str, arguments: &[&str]) -> Outcome {
    Suite::ours().run(program, arguments, scratch)
}

fn text(outcome: &Outcome) -> String {
    String::from_utf8(outcome.stdout.clone()).unwrap()
}

fn start(scratch: &Scratch) -> Running {
    scratch.script("d/run", RUN);
    scratch.file("d/notification-fd", "3\n");
    scratch.file("d/restart-delay", "50ms\n");
    let mut command = Suite::ours().command("supervise", scratch);
    Running::start(command.arg("d"), scratch)
}

fn says(scratch: &Scratch, words: &str) {
    until(&format!("svwhy says {words:?}"), || {
        text(&run(scratch, "svwhy", &["d"])).contains(words)
    });
}

#[test]
fn readiness_is_waited_for_and_shown() {
    let scratch = Scratch::new();
    let mut supervise = start(&scratch);
    let mut waiting = Suite::ours().command("svwait", &scratch);
    let mut waiting = Running::start(waiting.args(["-U", "d"]), &scratch);
    until("a death is on record", || {
        text(&run(&scratch, "svdt", &["d"])).contains(" exitcode 3\n")
    });
    assert_eq!(waiting.ended(), None);
    scratch.file("d/ok", "");
    assert_eq!(waiting.wait(), 0);
    let values = run(&scratch, "svstat", &["-o", "up,ready,state,pid", "d"]);
    assert!(
        text(&values).starts_with("true true running "),
        "{values:?}"
    );
    let long = text(&run(&scratch, "svdt", &["-l", "-n", "1", "d"]));
    assert!(long.contains(" exitcode 3 of run pid "), "{long}");

    // Down, up and ready again, killed and started anew: each is waited for.
    for (letter, goal) in [("-d", "down"), ("-u", "ready"), ("-k", "restart")] {
        let goal = format!("--wait={goal}");
        let outcome = run(&scratch, "svc", &[letter, &goal, "--timeout=1m", "d"]);
        assert_eq!(outcome, Outcome::gives(""), "{letter}");
    }
    let last = text(&run(&scratch, "svdt", &["-n", "1", "d"]));
    assert!(last.ends_with(" signal SIGKILL\n"), "{last}");
    assert_eq!(run(&scratch, "svc", &["-dx", "d"]), Outcome::gives(""));
    assert_eq!(supervise.wait(), 0);
}

#[test]
fn a_service_that_was_given_up_ends_the_wait_and_is_explained() {
    let scratch = Scratch::new();
    scratch.file("d/start-limit", "2 60s\n");
    let _supervise = start(&scratch);
    let outcome = run(&scratch, "svwait", &["-U", "-t", "1m", "d"]);
    let line = "svwait: fatal: some services have been given up, or their supervise has gone\n";
    assert_eq!(outcome, Outcome::fails(1, line));
    says(&scratch, "failed");
    let state = text(&run(
        &scratch,
        "svstat",
        &["-o", "state,reason,exitcode", "d"],
    ));
    assert_eq!(state, "failed start-limit 3\n");
}
