//! svscan's second argument, and what it does at TERM.

use std::fs;
use std::process::Command;

use dt_testkit::{Running, descendants_of_scratch, until};

use crate::harness::{Case, check_encore};
use crate::service::start_quietly;

fn start(case: &Case, arguments: &[&str]) -> Running {
    let mut command = Command::new("env");
    command
        .arg("--default-signal")
        .arg(case.suite.program("svscan"))
        .args(arguments)
        .current_dir(case.scratch.path())
        .env("PATH", case.suite.path())
        .env("SUPERVISE_COMPAT", "encore");
    start_quietly(case, &mut command)
}

fn until_line(case: &Case, file: &str, line: &str) {
    until(&format!("{line} is in {file}"), || {
        let text = fs::read_to_string(case.scratch.join(file)).unwrap_or_default();
        text.lines().any(|seen| seen == line)
    });
}

/// The lines of a file, in an order of their own.
fn sorted(case: &mut Case, file: &str) {
    let text = fs::read_to_string(case.scratch.join(file)).unwrap_or_default();
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    case.note(format!("{file}: {}", lines.join(" ")));
}

/// What is left of the tree when svscan has gone.
fn nothing_left(case: &mut Case) {
    until("all has ended", || {
        descendants_of_scratch(case.scratch.path()).is_empty()
    });
}

#[test]
fn svscan_output_service() {
    check_encore("svscan_output_service", |case| {
        for name in ["a", "b"] {
            let run = format!("#!/bin/sh\necho out-{name}; echo err-{name} >&2; exec sleep 1000\n");
            case.scratch.script(format!("sc/{name}/run"), run);
        }
        case.scratch
            .script("logger/run", "#!/bin/sh\nexec cat >>../got\n");
        let mut svscan = start(case, &["sc", "../logger"]);
        for line in ["out-a", "out-b"] {
            until_line(case, "got", line);
        }
        let outcome = case.suite.run("svok", &["logger"], &case.scratch);
        case.note(format!("svok logger: exit {}", outcome.code));
        svscan.signal("TERM");
        case.note(format!("TERM: svscan exits {}", svscan.wait()));
        for name in ["sc/a", "sc/b", "logger"] {
            let outcome = case.suite.run("svok", &[name], &case.scratch);
            case.note(format!("svok {name}: exit {}", outcome.code));
        }
        let _ = case.suite.run("svc", &["-dx", "logger"], &case.scratch);
        nothing_left(case);
        sorted(case, "got");
        sorted(case, "err");
    });
}

#[test]
fn svscan_ordered_stop() {
    check_encore("svscan_ordered_stop", |case| {
        // What it says last, its log has to take.
        case.scratch.script(
            "sc/a/run",
            "#!/bin/sh\ntrap 'echo last; exit' TERM\necho up\nwhile :; do sleep 0.01; done\n",
        );
        case.scratch
            .script("sc/a/log/run", "#!/bin/sh\nexec cat >>../../../got\n");
        case.scratch.script(
            "sc/b/run",
            "#!/bin/sh\necho up >>../../b\nexec sleep 1000\n",
        );
        let mut svscan = start(case, &["sc"]);
        until_line(case, "got", "up");
        // With encore, what is told to end before it has become itself goes on.
        until_line(case, "b", "up");
        svscan.signal("TERM");
        case.note(format!("TERM: svscan exits {}", svscan.wait()));
        nothing_left(case);
        case.file("got");
    });
}
