//! `flag-notify-socket`: what a service says to systemd it says to supervise.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[expect(dead_code, reason = "others of these tests use it all")]
mod kit;

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::process::Command;

use dt_service::deaths::{self, Ending};
use dt_service::details::{Details, Reason, State};
use dt_testkit::{Running, is_root, until};
use kit::Service;

/// `say WORDS` says them, as a child of the service; each line of `lines` is said
/// when it comes.
const SAYS: &str = r#"say() { perl -e '
    use Socket; socket(S, PF_UNIX, SOCK_DGRAM, 0) or exit 1;
    send(S, $ARGV[0], 0, pack_sockaddr_un($ENV{NOTIFY_SOCKET})) or exit 2;' "$1"; }
echo "$NOTIFY_SOCKET $WATCHDOG_USEC" > environment
echo run >> events
exec 3<>lines
while read -r line <&3; do say "$line"; done"#;

#[expect(clippy::print_stdout, reason = "where it can be read why")]
fn speaking(test: &str) -> Option<Service> {
    let perl = Command::new("perl").args(["-e", "use Socket"]).status();
    if !perl.is_ok_and(|status| status.success()) {
        println!("skipped: {test} needs perl");
        return None;
    }
    let service = Service::new(SAYS);
    service.scratch.file("d/flag-notify-socket", "");
    dt_os::file::make_fifo(service.scratch.join("d/lines"), 0o666).unwrap();
    Some(service)
}

impl Service {
    fn has_say(&self, line: &str) {
        fs::write(self.scratch.join("d/lines"), format!("{line}\n")).unwrap();
    }

    fn details(&self) -> Option<Details> {
        Details::decode(&fs::read(self.scratch.join("d/supervise/details")).ok()?)
    }

    #[track_caller]
    fn until_detail(&self, state: State, ready: bool, words: &str) {
        let mut seen = None;
        until(&format!("it is {state:?}, ready {ready}, {words}"), || {
            seen = self.details();
            seen.is_some_and(|seen| {
                (seen.state, seen.ready.is_some(), seen.words.as_bytes())
                    == (state, ready, words.as_bytes())
            })
        });
    }

    fn ends(&self) -> Vec<Ending> {
        let file = fs::read(self.scratch.join("d/supervise/deaths")).unwrap_or_default();
        let deaths = deaths::read(&file).into_iter();
        deaths.map(|(_, death)| death.ending).collect()
    }
}

fn kill(running: &mut Running) {
    running.signal("KILL");
    running.wait();
}

#[test]
fn a_service_says_that_it_is_ready_reloads_or_stops_and_what_it_does() {
    let name = "a_service_says_that_it_is_ready_reloads_or_stops_and_what_it_does";
    let Some(service) = speaking(name) else {
        return;
    };
    let _running = service.start();
    service.until_detail(State::Starting, false, "");
    service.has_say("STATUS=warming up");
    service.until_detail(State::Starting, false, "warming up");
    service.has_say("READY=1");
    service.until_detail(State::Running, true, "warming up");
    service.has_say("RELOADING=1");
    service.until_detail(State::Starting, false, "warming up");
    service.has_say("READY=1");
    service.until_detail(State::Running, true, "warming up");
    service.has_say("STOPPING=1");
    service.until_detail(State::Stopping, false, "warming up");
    let socket = service.scratch.join("d/supervise/notify");
    assert_eq!(service.words("environment"), [socket.to_str().unwrap()]);
    // What one has said is not what the next one says.
    service.send("k");
    service.until_detail(State::Starting, false, "");
}

#[test]
fn what_is_said_is_heard_by_a_supervise_that_takes_over_and_not_forgotten() {
    let name = "what_is_said_is_heard_by_a_supervise_that_takes_over_and_not_forgotten";
    let Some(service) = speaking(name) else {
        return;
    };
    let mut first = service.start();
    service.until_detail(State::Starting, false, "");
    kill(&mut first);
    let mut second = service.start();
    service.until_there();
    service.has_say("READY=1");
    service.until_detail(State::Running, true, "");
    kill(&mut second);
    let third = service.start();
    service.until_there();
    assert!(service.details().unwrap().ready.is_some(), "forgets it");
    // The program that is installed now goes on with the socket itself.
    service.send("^");
    let cmdline = format!("/proc/{}/cmdline", third.pid());
    until("it is replaced", || {
        String::from_utf8_lossy(&fs::read(&cmdline).unwrap()).contains("--takes-over=")
    });
    service.has_say("STOPPING=1");
    service.until_detail(State::Stopping, false, "");
    assert_eq!(service.words("events"), ["run"]);
    assert_eq!(service.errors(), "");
}

#[test]
fn a_service_that_falls_silent_is_killed_and_started_again() {
    let name = "a_service_that_falls_silent_is_killed_and_started_again";
    let Some(service) = speaking(name) else {
        return;
    };
    service.scratch.file("d/timeout-watchdog", "1500ms");
    let mut first = service.start();
    service.until_detail(State::Starting, false, "");
    until("it is told the time", || {
        service
            .words("environment")
            .get(1)
            .is_some_and(|time| time == "1500000")
    });
    service.has_say("READY=1");
    service.until_detail(State::Running, true, "");
    assert!(service.details().unwrap().until.is_some());
    // Nor does it live on without a supervise.
    kill(&mut first);
    let _second = service.start();
    service.until_there();
    until("it is killed", || service.ends() == [Ending::Signal(6)]);
    until("another is started", || service.words("events").len() == 2);
    service.has_say("WATCHDOG=trigger");
    until("that too", || service.ends().len() == 2);
}

/// ABRT can be ignored; KILL cannot.
#[test]
fn a_silent_service_that_ignores_abrt_is_killed() {
    let name = "a_silent_service_that_ignores_abrt_is_killed";
    let Some(service) = speaking(name) else {
        return;
    };
    let run = format!("#!/bin/sh\ntrap '' ABRT\n{SAYS}\n");
    service.scratch.script("d/run", run);
    service.scratch.file("d/timeout-kill", "300ms");
    let _running = service.start();
    service.until_detail(State::Starting, false, "");
    service.has_say("WATCHDOG=trigger");
    until("the details say why", || {
        service.details().is_some_and(|details| {
            (details.state, details.reason) == (State::Stopping, Reason::Watchdog)
        })
    });
    until("it is killed", || service.ends() == [Ending::Signal(9)]);
}

/// Whoever is not of the service, or says what is too long or means nothing, says
/// nothing; and there may be much of it.
#[test]
fn strangers_are_not_believed_and_a_flood_makes_nobody_deaf() {
    let name = "strangers_are_not_believed_and_a_flood_makes_nobody_deaf";
    let Some(service) = speaking(name) else {
        return;
    };
    let mut running = service.start();
    service.until_detail(State::Starting, false, "");
    let name = service.scratch.join("d/supervise/notify");
    let stranger = UnixDatagram::unbound().unwrap();
    stranger.connect(&name).unwrap();
    for _ in 0..2000 {
        stranger.send(b"READY=1\nSTATUS=believe me").unwrap();
    }
    if is_root() {
        let mode =
            std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&name).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o666, "closed to services of others");
    }
    service.has_say(&format!("STATUS={}", "x".repeat(3000)));
    service.has_say("nonsense");
    service.has_say("STATUS=still here");
    service.until_detail(State::Starting, false, "still here");
    service.send("dx");
    assert_eq!(running.wait(), 0);
}

#[test]
fn a_name_too_long_for_a_socket_is_told_and_the_service_runs_without() {
    let service = Service::new("echo \"run $NOTIFY_SOCKET\" >> events; exec sleep 1000");
    let long = "d".repeat(100);
    fs::rename(service.scratch.join("d"), service.scratch.join(&long)).unwrap();
    std::os::unix::fs::symlink(&long, service.scratch.join("d")).unwrap();
    service.scratch.file("d/flag-notify-socket", "");
    let _running = service.start();
    until("it runs", || service.words("events") == ["run"]);
    let said = service.errors();
    let expected = "supervise: warning: unable to make d/supervise/notify: ";
    assert!(said.starts_with(expected), "{said}");
}

#[test]
fn a_watchdog_time_without_sense_is_told_and_none_is_in_force() {
    let Some(service) = speaking("a_watchdog_time_without_sense") else {
        return;
    };
    service.scratch.file("d/timeout-watchdog", "often");
    let _running = service.start();
    service.until_detail(State::Starting, false, "");
    service.has_say("READY=1");
    service.until_detail(State::Running, true, "");
    assert_eq!(service.details().unwrap().until, None);
    assert!(
        service.errors().contains("d/timeout-watchdog: "),
        "{}",
        service.errors()
    );
}
