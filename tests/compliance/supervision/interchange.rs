//! One suite's svc, svok and svstat steer the other's supervise, and one's svscan
//! starts the other's supervise, in both directions.

use dt_testkit::{Suite, until, until_some};

use crate::harness::{Case, check};
use crate::service::{Manners, Service, start_quietly, write_run};
use crate::supervision::startup::without_seconds;

/// Runs `body` twice, with the suite under test and the original in both roles;
/// both must come to what the original comes to with itself.
#[track_caller]
fn both_ways(name: &str, body: impl Fn(&mut Case, &Suite, &Suite) + Sync) {
    let Some(original) = Suite::original_for(name) else {
        return;
    };
    check(name, |case| {
        let tested = case.suite.clone();
        let roles = [(&tested, &original), (&original, &tested)];
        case.side_by_side(&roles, |case, (one, other)| body(case, one, other));
    });
}

fn svstat(case: &mut Case, suite: &Suite, service: &Service) {
    let outcome = suite.run("svstat", &["d"], &case.scratch);
    let line = String::from_utf8(outcome.stdout).unwrap();
    let line = line.replace(&format!("pid {}", service.pid()), "pid P");
    case.note(format!("  {}", without_seconds(line.trim_end())));
}

#[test]
fn clients_steer_the_other_supervise() {
    let name = "clients_steer_the_other_supervise";
    both_ways(name, |case, daemon, clients| {
        write_run(case, Manners::Dies);
        let mut service = Service::supervise(case, daemon);
        case.note(format!(
            "{}",
            clients.run("svok", &["d"], &case.scratch).code
        ));
        svstat(case, clients, &service);
        for letters in [
            "-h", "-a", "-i", "-p", "-t", "-c", "-k", "-d", "-o", "-u", "-z", "-pd", "-u", "-x",
        ] {
            let outcome = clients.run("svc", &[letters, "d"], &case.scratch);
            service.rest();
            let seen = service.look();
            case.note(format!("{letters}: exit {}; {seen}", outcome.code));
            svstat(case, clients, &service);
        }
        let outcome = clients.run("svc", &["-d", "d"], &case.scratch);
        case.note(format!(
            "-d: exit {}, {}",
            outcome.code,
            service.process().wait()
        ));
        svstat(case, clients, &service);
        case.note(format!(
            "{}",
            clients.run("svok", &["d"], &case.scratch).code
        ));
        let again = clients.run("svc", &["-u", "d"], &case.scratch);
        case.outcome("svc -u d", &again);
    });
}

#[test]
fn one_supervise_keeps_the_other_out() {
    let name = "one_supervise_keeps_the_other_out";
    both_ways(name, |case, first, second| {
        write_run(case, Manners::Dies);
        let mut service = Service::supervise(case, first);
        let refused = second.run("supervise", &["d"], &case.scratch);
        case.outcome("the second", &refused);
        service.send(b"dx");
        assert_eq!(service.process().wait(), 0);
        // What one has left behind, the other goes on with.
        let mut again = Service::supervise(case, second);
        case.note(format!("later: {}", again.look()));
        let refused = first.run("supervise", &["d"], &case.scratch);
        case.outcome("the first again", &refused);
    });
}

#[test]
fn svscan_starts_the_other_supervise() {
    let name = "svscan_starts_the_other_supervise";
    both_ways(name, |case, scanner, other| {
        let run = "#!/bin/sh\necho one line\nexec sleep 1000\n";
        let log = "#!/bin/sh\nread -r line\necho \"$line\" >kept\nexec sleep 1000\n";
        case.scratch.script("service/one/run", run);
        case.scratch.script("service/one/log/run", log);
        let mut command = scanner.command("svscan", &case.scratch);
        let svscan = start_quietly(case, command.arg("service").env("PATH", other.path()));
        let kept = case.scratch.join("service/one/log/kept");
        until("the line is kept", || {
            std::fs::read(&kept).is_ok_and(|line| line == b"one line\n")
        });
        let children = format!("/proc/{0}/task/{0}/children", svscan.pid());
        let children = std::fs::read_to_string(children).unwrap();
        let others = children.split_whitespace().all(|pid| {
            let exe = std::fs::read_link(format!("/proc/{pid}/exe")).unwrap();
            exe == other.program("supervise").canonicalize().unwrap()
        });
        case.note(format!("the other's supervise runs: {others}"));
        let down = |suite: &Suite| {
            let directories = ["-dx", "service/one", "service/one/log"];
            let outcome = suite.run("svc", &directories, &case.scratch);
            assert_eq!((outcome.code, outcome.stderr), (0, Vec::new()));
        };
        let pid = || {
            let status = case.scratch.read("service/one/supervise/status");
            let pid = u32::from_le_bytes(status[12..16].try_into().unwrap());
            (pid != 0).then_some(pid)
        };
        let first = until_some("the service is up", pid);
        down(scanner);
        let second = until_some("it is started again", || {
            pid().filter(|second| *second != first)
        });
        case.note(format!("started again: {}", first != second));
    });
}
