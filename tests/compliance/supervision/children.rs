//! What supervise hands on to its service, and what it does when starting fails.

use dt_testkit::until;

use crate::harness::{Case, check, signals};
use crate::service::{self, Manners, Service, start_quietly};
use crate::supervision::startup::{Prepare, svstat_now};

/// Lets supervise start `d/run` once, under the shell's `parent`, and gives what
/// was said on standard output and standard error.
fn run_once(case: &Case, parent: &str) -> String {
    case.scratch.file("d/down", "");
    let mut command = case.shell_command(parent);
    let mut running = start_quietly(case, &mut command);
    until("supervise can be controlled", || {
        case.suite.run("svok", &["d"], &case.scratch).code == 0
    });
    let sent = case.suite.run("svc", &["-ox", "d"], &case.scratch);
    assert_eq!((sent.code, sent.stderr), (0, Vec::new()));
    assert_eq!(running.wait(), 0);
    String::from_utf8(case.scratch.read("err")).unwrap()
}

/// A parent, how the service's interpreter shows what it was given, and the
/// lines that count.
type Probe = (&'static str, &'static str, &'static [&'static str]);

const SIGNALS: &[&str] = &["SigBlk", "SigIgn"];
const CAT_STATUS: &str = "#!/bin/cat /proc/self/status\n";
const LIST_DESCRIPTORS: &str = "#!/bin/ls /proc/self/fd\n";

const PROBES: &[Probe] = &[
    ("exec env --default-signal supervise d", CAT_STATUS, SIGNALS),
    (
        "exec env --default-signal --ignore-signal=PIPE --ignore-signal=USR1 supervise d",
        CAT_STATUS,
        SIGNALS,
    ),
    (
        "exec env --default-signal --ignore-signal=TERM --ignore-signal=HUP supervise d",
        CAT_STATUS,
        SIGNALS,
    ),
    (
        "exec env --default-signal --block-signal=USR1 --block-signal=PIPE supervise d",
        CAT_STATUS,
        SIGNALS,
    ),
    (
        "exec env --default-signal --ignore-signal=CHLD supervise d",
        CAT_STATUS,
        SIGNALS,
    ),
    (
        "exec env --default-signal --block-signal=CHLD supervise d",
        CAT_STATUS,
        SIGNALS,
    ),
    ("umask 027; exec supervise d", CAT_STATUS, &["Umask"]),
    ("umask 0; exec supervise d", CAT_STATUS, &["Umask"]),
    (
        "exec 3<&- 4<&- 5<&- 6<&- 7<&- 8<&- 9<&- ; exec supervise d",
        LIST_DESCRIPTORS,
        &[""],
    ),
    (
        "exec 3<&- 4<&- 5<&- 6<&- 7<&- 8<&- 9<&- 5</dev/null 8>>other; exec supervise d",
        LIST_DESCRIPTORS,
        &[""],
    ),
    (
        "exec env -i A=1 'B=x y' A=2 \"$BIN/supervise\" d",
        "#!/bin/cat /proc/self/environ\n",
        &[""],
    ),
    (
        "exec \"$BIN/supervise\" d",
        "#!/bin/cat /proc/self/cmdline\n",
        &["/bin/cat"],
    ),
    (
        "exec supervise d",
        "#!/bin/sh\npwd\necho $#\necho \"$0\"\n",
        &[""],
    ),
    (
        "cd d; exec supervise .",
        "#!/bin/sh\npwd\necho $#\necho \"$0\"\n",
        &[""],
    ),
    (
        "ulimit -n 77; exec supervise d",
        "#!/bin/sh\nulimit -n\nulimit -Hn\n",
        &[""],
    ),
];

/// Whether this is a descriptor from 10 on, which can only be one that whoever
/// runs the tests has left open: supervise would take a lower number.
fn is_ours_by_accident(line: &str) -> bool {
    line.parse::<u32>()
        .is_ok_and(|number| (10..77).contains(&number) || number > 77)
}

#[test]
fn what_a_service_inherits() {
    check("what_a_service_inherits", |case| {
        case.side_by_side(PROBES, |case, (parent, run, lines)| {
            case.scratch.script("d/run", run);
            let said = run_once(case, parent);
            case.note(format!("{parent}\n  {}", run.trim_end().escape_debug()));
            for line in said.lines() {
                let counts = lines.iter().any(|start| line.starts_with(start));
                if counts && !is_ours_by_accident(line) {
                    let line = signals(line);
                    case.note(format!("    {}", dt_testkit::show(line.as_bytes())));
                }
            }
        });
    });
}

#[test]
fn a_service_is_in_the_group_and_session_of_supervise() {
    let name = "a_service_is_in_the_group_and_session_of_supervise";
    check(name, |case| {
        let mut service = Service::start(case, Manners::Dies, false);
        let [of_service, of_supervise] = [service.pid(), service.process().pid()].map(|pid| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
            let (_, fields) = stat.rsplit_once(") ").unwrap();
            let words: Vec<_> = fields.split(' ').map(str::to_owned).collect();
            (words[2].clone(), words[3].clone())
        });
        case.note(format!("same group: {}", of_service.0 == of_supervise.0));
        case.note(format!("same session: {}", of_service.1 == of_supervise.1));
    });
}

#[test]
fn what_cannot_be_started() {
    check("what_cannot_be_started", |case| {
        let kinds: [(&str, Prepare); 8] = [
            ("missing", |case| {
                case.scratch.directory("d");
            }),
            ("not executable", |case| {
                case.scratch.file("d/run", "#!/bin/sh\n");
            }),
            ("a directory", |case| {
                case.scratch.directory("d/run");
            }),
            ("without #!", |case| {
                case.scratch.script("d/run", "exit 0\n");
            }),
            ("empty", |case| {
                case.scratch.script("d/run", "");
            }),
            ("without its interpreter", |case| {
                case.scratch.script("d/run", "#!/no/such/thing\n");
            }),
            ("a loop of links", |case| {
                case.scratch.directory("d");
                std::os::unix::fs::symlink("run", case.scratch.join("d/run")).unwrap();
            }),
            ("a program that fails", |case| {
                case.scratch.script("d/run", "#!/bin/sh\nexit 3\n");
            }),
        ];
        case.side_by_side(&kinds, |case, (what, prepare)| {
            prepare(case);
            let said = run_once(case, "exec supervise d");
            case.note(format!("run is {what}: {}", said.trim_end()));
        });
    });
}

/// One that dies at once is started again and again, with a second between the
/// starts.
#[test]
fn a_crash_loop_is_paced() {
    check("a_crash_loop_is_paced", |case| {
        case.scratch
            .script("d/run", "#!/bin/sh\ndate +%s%N >>times\n");
        let _running = start_quietly(
            case,
            case.suite.command("supervise", &case.scratch).arg("d"),
        );
        let times = || {
            let text = std::fs::read_to_string(case.scratch.join("d/times")).unwrap_or_default();
            let lines = text.lines().filter_map(|line| line.parse::<u64>().ok());
            lines.collect::<Vec<_>>()
        };
        until("four starts", || times().len() >= 4);
        let times = times();
        // The shell and date(1) come late by a little, and not always the same.
        let paced = times.windows(2).all(|pair| pair[1] - pair[0] > 700_000_000)
            && times[3] - times[0] > 2_700_000_000;
        case.note(format!("a second between the starts: {paced}"));
    });
}

#[test]
fn signals_that_end_supervise() {
    check("signals_that_end_supervise", |case| {
        let names = ["TERM", "INT", "HUP", "QUIT", "PIPE", "ALRM", "USR1", "USR2"];
        case.side_by_side(&names, |case, name| {
            let mut service = Service::start(case, Manners::Dies, false);
            let pid = service.pid();
            service.process().signal(name);
            let code = service.process().wait();
            let lives = service::state(pid) == Some('S') && service.pid() == pid;
            case.note(format!("{name}: exit {code}, the service lives: {lives}"));
            svstat_now(case, &service);
            case.run("svc", &["-d", "d"]);
        });
    });
}

#[test]
fn states_that_svstat_shows() {
    check("states_that_svstat_shows", |case| {
        let ways: [(&[&str], Manners); 7] = [
            (&[], Manners::Dies),
            (&["p"], Manners::Dies),
            (&["p", "c"], Manners::Dies),
            (&["d"], Manners::Dies),
            (&["d"], Manners::LivesOn),
            (&["d", "p"], Manners::LivesOn),
            (&["o"], Manners::Dies),
        ];
        case.side_by_side(&ways, |case, (bytes, manners)| {
            let mut service = Service::start(case, *manners, false);
            for byte in *bytes {
                service.send(byte.as_bytes());
            }
            case.note(format!("after {bytes:?}, {manners:?}"));
            svstat_now(case, &service);
        });
    });
}

#[test]
fn the_status_file_bit_by_bit() {
    check("the_status_file_bit_by_bit", |case| {
        let before = std::time::SystemTime::now();
        let mut service = Service::start(case, Manners::Dies, false);
        service.send(b"p");
        let status = case.scratch.read("d/supervise/status");
        let stamp = u64::from_be_bytes(status[..8].try_into().unwrap());
        let nanoseconds = u32::from_be_bytes(status[8..12].try_into().unwrap());
        let pid = u32::from_le_bytes(status[12..16].try_into().unwrap());
        let unix = |moment: std::time::SystemTime| {
            let since = moment.duration_since(std::time::UNIX_EPOCH).unwrap();
            (1u64 << 62) + 10 + since.as_secs()
        };
        let timely = (unix(before)..=unix(std::time::SystemTime::now())).contains(&stamp);
        case.note(format!("{} bytes, timely: {timely}", status.len()));
        case.note(format!(
            "nanoseconds in range: {}",
            nanoseconds < 1_000_000_000
        ));
        case.note(format!("nanoseconds end in {}", nanoseconds % 1000));
        case.note(format!(
            "the service's pid: {}",
            pid == service.pid() && service::state(pid) == Some('T')
        ));
        case.note(format!("the rest: {:?}", &status[16..]));
    });
}
