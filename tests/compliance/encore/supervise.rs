//! supervise with what encore's service directories have beside `run`.
//!
//! Ours does all of it only where a directory or its environment asks for that.

use std::fs;
use std::path::Path;
use std::process::Command;

use dt_testkit::{Running, Suite, descendants_of_scratch, show, until};

use crate::harness::{Case, check_encore};
use crate::service::{make_fifo, start_quietly};

/// The bytes of a status's state.
const STOPPED: u8 = 0;
const STARTING: u8 = 1;
const STARTED: u8 = 2;
const RUNNING: u8 = 3;
const FAILED: u8 = 5;

const NAMES: [&str; 6] = [
    "stopped", "starting", "started", "running", "stopping", "failed",
];

/// Notes itself and stays.
const RUN: &str = "echo run >>events; exec sleep 1000";

/// A service directory `d` and the supervise on it.
struct Service {
    supervise: Running,
}

/// Writes a script of the service directory.
fn script(case: &Case, name: &str, content: &str) {
    let content = format!("#!/bin/sh\n{content}\n");
    case.scratch.script(format!("d/{name}"), content);
}

impl Service {
    fn start(case: &Case) -> Self {
        let mut command = Command::new("env");
        command
            .arg("--default-signal")
            .arg(case.suite.program("supervise"))
            .arg("d")
            .current_dir(case.scratch.path())
            .env("PATH", case.suite.path())
            .env("SUPERVISE_COMPAT", "encore");
        let supervise = start_quietly(case, &mut command);
        Self { supervise }
    }

    /// Writes down how supervise exits.
    fn ends(&mut self, case: &mut Case, why: &str) {
        let code = self.supervise.wait();
        case.note(format!("{why}: supervise exits {code}"));
        until("what it has started has ended", || {
            descendants_of_scratch(case.scratch.path()).is_empty()
        });
        look(case, "after that");
        events(case);
    }
}

fn status(case: &Case) -> Vec<u8> {
    fs::read(case.scratch.join("d/supervise/status")).unwrap_or_default()
}

/// The process id in the block of the main service, or of the log.
fn pid(case: &Case, log: bool) -> u32 {
    let at = if log { 32 } else { 12 };
    let bytes = status(case);
    let pid = bytes.get(at..at + 4).map(|pid| pid.try_into().unwrap());
    pid.map_or(0, u32::from_le_bytes)
}

/// Waits for a state, with a process or without.
fn until_state(case: &Case, state: u8, process: bool) {
    let what = format!("{}, process {process}", NAMES[usize::from(state)]);
    until(&what, || {
        status(case).get(18) == Some(&state) && (pid(case, false) != 0) == process
    });
}

fn until_events(case: &Case, count: usize) {
    until(&format!("there are {count} events"), || {
        lines(case, "d/events").len() == count
    });
}

fn lines(case: &Case, name: &str) -> Vec<String> {
    let text = fs::read_to_string(case.scratch.join(name)).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

fn events(case: &mut Case) {
    let all = lines(case, "d/events").join(" ");
    case.note(format!("  events: {all}"));
}

/// Writes down what the status file says, without times and numbers; byte 19,
/// which encore does not use, is left out.
fn look(case: &mut Case, what: &str) {
    let bytes = status(case);
    let blocks = bytes.chunks(20).map(|block| {
        let process = block[12..16] != [0; 4];
        let state = block
            .get(18)
            .map_or("?", |state| NAMES[usize::from(*state)]);
        format!(
            "process {process}, paused {}, want {}, {state}",
            block[16],
            show(&block[17..18])
        )
    });
    let blocks: Vec<_> = blocks.collect();
    case.note(format!(
        "{what}: {} bytes: {}",
        bytes.len(),
        blocks.join("; ")
    ));
}

/// What a client that reads the status says, without times and numbers.
fn told(case: &mut Case, program: &str, arguments: &[&str]) {
    let outcome = case.suite.run(program, arguments, &case.scratch);
    let said = String::from_utf8([outcome.stdout, outcome.stderr].concat()).unwrap();
    let words = said.split(' ').map(|word| {
        let bare = word.trim_end_matches(')');
        if !bare.is_empty() && bare.bytes().all(|byte| byte.is_ascii_digit()) {
            word.replace(bare, "N")
        } else {
            word.to_owned()
        }
    });
    let said = words.collect::<Vec<_>>().join(" ");
    let arguments = arguments.join(" ");
    case.note(format!("{program} {arguments}: exit {}", outcome.code));
    for line in said.lines() {
        case.note(format!("  {line}"));
    }
}

/// Has the control FIFO's reader obey.
fn svc(case: &Case, arguments: &[&str]) {
    let arguments = [arguments, &["d"]].concat();
    let outcome = case.suite.run("svc", &arguments, &case.scratch);
    assert_eq!(outcome.code, 0, "svc {arguments:?}");
}

/// Lets a script go on that waits for a line from `gate`.
fn open_gate(case: &Case) {
    fs::write(case.scratch.join("d/gate"), "\n").unwrap();
}

#[test]
fn supervise_start_and_stop() {
    check_encore("supervise_start_and_stop", |case| {
        script(case, "start", "echo start-$# >>events");
        script(case, "stop", "echo stop-$# >>events");
        script(case, "run", RUN);
        let mut service = Service::start(case);
        until_state(case, RUNNING, true);
        until_events(case, 2);
        look(case, "at first");
        // One death of `run` is not the end.
        svc(case, &["-k"]);
        until_events(case, 3);
        until_state(case, RUNNING, true);
        look(case, "after -k");
        svc(case, &["-d"]);
        until_events(case, 4);
        until_state(case, STOPPED, false);
        look(case, "after -d");
        svc(case, &["-u"]);
        until_events(case, 6);
        until_state(case, RUNNING, true);
        look(case, "after -u");
        svc(case, &["-dx"]);
        service.ends(case, "-dx");
    });
}

#[test]
fn supervise_once() {
    check_encore("supervise_once", |case| {
        script(case, "start", "echo start >>events");
        script(case, "stop", "echo stop >>events");
        script(case, "run", RUN);
        case.scratch.file("d/down", "");
        let mut service = Service::start(case);
        until_state(case, STOPPED, false);
        look(case, "with down");
        svc(case, &["-o"]);
        until_events(case, 2);
        until_state(case, RUNNING, true);
        look(case, "after -o");
        svc(case, &["-k"]);
        until_events(case, 3);
        until_state(case, STOPPED, false);
        look(case, "after -k");
        svc(case, &["-x"]);
        service.ends(case, "-x");
    });
}

#[test]
fn supervise_a_start_that_fails() {
    check_encore("supervise_a_start_that_fails", |case| {
        let rows = ["exit 3", "exit 100", "kill -9 $$"];
        case.side_by_side(&rows, |case, row| {
            script(case, "start", &format!("echo start >>events; {row}"));
            script(case, "stop", "echo stop >>events");
            script(case, "run", RUN);
            let mut service = Service::start(case);
            until_state(case, FAILED, false);
            look(case, row);
            told(case, "svstat", &["d"]);
            told(case, "svup", &["d"]);
            svc(case, &["-u"]);
            until_events(case, 2);
            until_state(case, FAILED, false);
            look(case, "after -u");
            svc(case, &["-x"]);
            service.ends(case, "-x");
        });
    });
}

#[test]
fn supervise_without_run() {
    check_encore("supervise_without_run", |case| {
        script(case, "start", "echo start >>events");
        script(case, "stop", "echo stop >>events");
        let mut service = Service::start(case);
        until_state(case, STARTED, false);
        look(case, "started");
        told(case, "svstat", &["d"]);
        told(case, "svup", &["d"]);
        svc(case, &["-d"]);
        until_events(case, 2);
        until_state(case, STOPPED, false);
        look(case, "after -d");
        told(case, "svup", &["d"]);
        svc(case, &["-u"]);
        until_events(case, 3);
        until_state(case, STARTED, false);
        look(case, "after -u");
        svc(case, &["-dx"]);
        service.ends(case, "-dx");
    });
}

/// `start` waits for one gate and `run` for the next, so that only one event can
/// come at a time.
#[test]
fn supervise_notify() {
    check_encore("supervise_notify", |case| {
        for name in ["start", "stop"] {
            script(case, name, "echo $$ >>pids; read line <gate; exit 7");
        }
        script(case, "start", "echo $$ >>pids; read line <gate");
        script(case, "run", "echo $$ >>pids; exec sleep 1000");
        script(
            case,
            "notify",
            "echo \"$#:$1:$2:$4:$(cat pids 2>/dev/null | grep -nx \"$3\" | cut -d: -f1)\" >>said",
        );
        make_fifo(&case.scratch.join("d/gate"));
        let said = |count: usize| {
            until(&format!("{count} were told"), || {
                lines(case, "d/said").len() == count
            });
        };
        let mut service = Service::start(case);
        said(1);
        open_gate(case);
        said(3);
        until("run is there", || lines(case, "d/pids").len() == 2);
        svc(case, &["-t"]);
        said(5);
        until("run is there again", || lines(case, "d/pids").len() == 3);
        svc(case, &["-d"]);
        said(7);
        open_gate(case);
        said(8);
        svc(case, &["-x"]);
        assert_eq!(service.supervise.wait(), 0);
        // Two that are told at the same moment have no order between them, and
        // whoever has just come may not have written its number down.
        let mut all = lines(case, "d/said");
        for pair in [1..3, 3..5, 5..7] {
            all[pair].sort_unstable();
        }
        for line in all {
            let (what, which) = line.rsplit_once(':').unwrap();
            let which = if what.contains(":start:") { "" } else { which };
            case.note(format!("{what}:{which}"));
        }
    });
}

#[test]
fn supervise_exit_100() {
    check_encore("supervise_exit_100", |case| {
        let rows = [
            ("run", "echo run >>events; exit 100"),
            ("run", "echo run >>events; exit 99"),
            ("stop", "echo stop >>events; exit 100"),
            ("stop", "echo stop >>events; exit 1"),
        ];
        case.side_by_side(&rows, |case, (name, content)| {
            script(case, "run", RUN);
            script(case, "stop", "echo stop >>events");
            script(case, name, content);
            let mut service = Service::start(case);
            case.note(format!("{name}: {content}"));
            match (*name, content.ends_with("100")) {
                ("run", true) => until_state(case, FAILED, false),
                ("run", false) => until_events(case, 2),
                (_, gives_up) => {
                    until_events(case, 1);
                    svc(case, &["-d"]);
                    until_events(case, 2);
                    until_state(case, if gives_up { FAILED } else { STOPPED }, false);
                }
            }
            if status(case).get(18) == Some(&FAILED) || *name == "stop" {
                look(case, "then");
                events(case);
                svc(case, &["-x"]);
                service.ends(case, "-x");
            } else {
                case.note("is started again");
            }
        });
    });
}

/// Session and group of the service, compared with its own number and supervise's.
#[test]
fn supervise_sessions() {
    check_encore("supervise_sessions", |case| {
        for without in [false, true] {
            script(case, "run", RUN);
            if without {
                case.scratch.file("d/no-setsid", "");
            }
            let service = Service::start(case);
            until_state(case, RUNNING, true);
            until("run has come so far", || {
                !lines(case, "d/events").is_empty()
            });
            let of = |pid: u32| {
                let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
                let after = stat.rsplit_once(") ").unwrap().1.to_owned();
                let field = |index| after.split(' ').nth(index).unwrap().to_owned();
                [field(2), field(3)]
            };
            let own = pid(case, false);
            let theirs = of(service.supervise.pid());
            let whose = of(own).map(|number| {
                if number == own.to_string() {
                    "its own"
                } else if theirs.contains(&number) {
                    "supervise's"
                } else {
                    "another's"
                }
            });
            case.note(format!("no-setsid {without}: group and session {whose:?}"));
            drop(service);
            Command::new("kill").arg(own.to_string()).status().unwrap();
            fs::remove_dir_all(case.scratch.join("d")).unwrap();
        }
    });
}

#[test]
fn supervise_takes_signals() {
    check_encore("supervise_takes_signals", |case| {
        case.side_by_side(&["TERM", "INT"], |case, name| {
            script(case, "run", RUN);
            script(case, "stop", "echo stop >>events");
            let mut service = Service::start(case);
            until_state(case, RUNNING, true);
            until_events(case, 1);
            service.supervise.signal("TSTP");
            until("it is paused", || status(case)[16] != 0);
            look(case, "TSTP");
            service.supervise.signal("CONT");
            until("it goes on", || status(case)[16] == 0);
            look(case, "CONT");
            service.supervise.signal(name);
            service.ends(case, name);
        });
    });
}

#[test]
fn supervise_status_while_scripts_run() {
    check_encore("supervise_status_while_scripts_run", |case| {
        for name in ["start", "stop"] {
            script(case, name, "read line <gate");
        }
        script(case, "run", RUN);
        make_fifo(&case.scratch.join("d/gate"));
        let mut service = Service::start(case);
        let all = |case: &mut Case, what: &str| {
            look(case, what);
            told(case, "svstat", &["d"]);
            told(case, "svup", &["d"]);
        };
        until_state(case, STARTING, true);
        all(case, "start");
        open_gate(case);
        until_state(case, RUNNING, true);
        all(case, "run");
        until_events(case, 1);
        let run = pid(case, false);
        svc(case, &["-d"]);
        until("stop runs", || {
            let now = pid(case, false);
            now != run && now != 0
        });
        all(case, "stop");
        open_gate(case);
        until_state(case, STOPPED, false);
        all(case, "down");
        svc(case, &["-x"]);
        service.ends(case, "-x");
    });
}

/// `log` is a program: the same supervise runs it.
#[test]
fn supervise_log() {
    check_encore("supervise_log", |case| {
        script(case, "run", "echo first; echo error >&2; exec sleep 1000");
        script(case, "log", "echo log-$# >>events; exec cat >>lines");
        let mut service = Service::start(case);
        until("both are up", || {
            pid(case, true) != 0 && pid(case, false) != 0
        });
        until_events(case, 1);
        until("its line is there", || !lines(case, "d/lines").is_empty());
        look(case, "both up");
        for arguments in [&["d"][..], &["-l", "d"], &["-L", "d"]] {
            told(case, "svstat", arguments);
            told(case, "svup", arguments);
        }
        let before = pid(case, true);
        svc(case, &["-Lk"]);
        until("another log is up", || {
            let now = pid(case, true);
            now != 0 && now != before
        });
        until_events(case, 2);
        look(case, "after -Lk");
        svc(case, &["-Ld"]);
        until("the log is down", || pid(case, true) == 0);
        look(case, "after -Ld");
        told(case, "svstat", &["d"]);
        told(case, "svup", &["d"]);
        svc(case, &["-Lu"]);
        until("the log is up", || pid(case, true) != 0);
        until_events(case, 3);
        look(case, "after -Lu");
        svc(case, &["-d"]);
        until("the service is down", || pid(case, false) == 0);
        look(case, "after -d");
        svc(case, &["-x"]);
        service.ends(case, "-x");
        let said = lines(case, "d/lines").join(" ");
        case.note(format!("  lines: {said}"));
    });
}

#[test]
fn supervise_log_that_is_no_program() {
    check_encore("supervise_log_that_is_no_program", |case| {
        let rows = [
            ("a file that cannot be executed", false),
            ("a directory", true),
        ];
        case.side_by_side(&rows, |case, (what, directory)| {
            script(case, "run", RUN);
            if *directory {
                script(case, "log/run", "exec cat");
            } else {
                case.scratch.file("d/log", "#!/bin/sh\nexec cat\n");
            }
            let mut service = Service::start(case);
            until_state(case, RUNNING, true);
            until_events(case, 1);
            look(case, what);
            svc(case, &["-dx"]);
            service.ends(case, "-dx");
        });
    });
}

/// What a script finds: arguments, directory, descriptors, standard input.
#[test]
fn supervise_scripts_surroundings() {
    check_encore("supervise_scripts_surroundings", |case| {
        // Only what a script has beside its standard streams.
        let seen = |name: &str| {
            format!(
                "echo {name} $# ${{PWD##*/}} $(ls -l /proc/$$/fd | grep -c supervise) \
                 $(readlink /proc/$$/fd/0) >>seen.{name}"
            )
        };
        for name in ["start", "stop"] {
            script(case, name, &seen(name));
        }
        script(case, "run", &format!("{}; exec sleep 1000", seen("run")));
        script(case, "notify", &seen("notify"));
        let mut service = Service::start(case);
        until_state(case, RUNNING, true);
        until("run has come so far", || {
            !lines(case, "d/seen.run").is_empty()
        });
        svc(case, &["-d"]);
        until_state(case, STOPPED, false);
        until("all is told", || lines(case, "d/seen.notify").len() == 6);
        svc(case, &["-x"]);
        assert_eq!(service.supervise.wait(), 0);
        for name in ["start", "run", "stop", "notify"] {
            for line in lines(case, &format!("d/seen.{name}")) {
                case.note(line);
            }
        }
    });
}

#[test]
fn supervise_in_supervisedir() {
    check_encore("supervise_in_supervisedir", |case| {
        script(case, "run", RUN);
        case.scratch.directory("base");
        let own = case.scratch.path().to_str().unwrap().to_owned();
        for value in ["other".to_owned(), format!("{own}/base")] {
            let suite: &Suite = &case.suite;
            let mut command = suite.command("supervise", &case.scratch);
            command.arg("d").env("SUPERVISEDIR", &value);
            let running = start_quietly(case, &mut command);
            let inner = format!("{own}/d").trim_start_matches('/').replace('/', ":");
            let place = if value == "other" {
                case.scratch.join("d/other")
            } else {
                Path::new(&value).join(inner)
            };
            until("it is up", || {
                fs::read(place.join("status"))
                    .is_ok_and(|bytes| bytes.get(12..16).is_some_and(|pid| pid != [0; 4]))
            });
            let mut names: Vec<_> = fs::read_dir(&place)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .filter(|name| ["status", "control", "ok", "lock"].contains(&name.as_str()))
                .collect();
            names.sort_unstable();
            case.note(format!("SUPERVISEDIR={value}: {}", names.join(" ")));
            let there = case.scratch.join("d/supervise").exists();
            case.note(format!("  d/supervise is there: {there}"));
            let mut command = case.suite.command("svc", &case.scratch);
            command.args(["-dx", "d"]).env("SUPERVISEDIR", &value);
            assert!(command.status().unwrap().success());
            let mut running = running;
            case.note(format!("  supervise exits {}", running.wait()));
        }
    });
}
