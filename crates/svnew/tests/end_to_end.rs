//! What `svnew` makes is started by svscan, and its log is written.

use std::process::Stdio;

use dt_testkit::{Outcome, Running, Scratch, Suite, is_root, until};

/// Says a line on each of its outputs, with a word that needs quotes, and stays.
const SERVICE: &str = "echo out \"$1\"; echo err \"$1\" >&2; exec sleep 1000";

#[test]
fn a_new_service_runs_and_is_logged() {
    let scratch = Scratch::new();
    let ours = Suite::ours();
    // Where every account can reach them.
    for name in ["svscan", "supervise", "setuidgid", "multilog"] {
        scratch.program(ours.program(name), format!("bin/{name}"));
    }
    for name in ["srv", "logs", "scan"] {
        scratch.directory(name);
    }
    let mut command = ours.command("svnew", &scratch);
    command.args([
        "web",
        "--enable",
        "--dir",
        "srv",
        "--scan",
        "scan",
        "--log-dir",
        "logs/web",
    ]);
    if is_root() {
        command.args(["--user", "nobody", "--log-user", "daemon"]);
    }
    command.args(["--", "sh", "-c", SERVICE, "sh", "it's  \"$HOME\""]);
    assert_eq!(Outcome::of(&mut command).code, 0);

    let path = format!("{}:/usr/bin:/bin", scratch.join("bin").display());
    let mut svscan = ours.command("svscan", &scratch);
    svscan.arg("scan").env("PATH", path).stderr(Stdio::null());
    let _svscan = Running::start(&mut svscan, &scratch);
    until("both lines are in the log", || {
        let log = std::fs::read(scratch.join("logs/web/current")).unwrap_or_default();
        let log = String::from_utf8(log).unwrap();
        // Each begins with a label.
        let words: Vec<&str> = log.lines().filter_map(|line| line.get(26..)).collect();
        words.contains(&"out it's  \"$HOME\"") && words.contains(&"err it's  \"$HOME\"")
    });
    for name in ["scan/web", "scan/web/log"] {
        until("supervise is there", || {
            ours.run("svok", &[name], &scratch).code == 0
        });
    }
    let checked = ours.run("svcheck", &["scan"], &scratch);
    assert_eq!(checked, Outcome::gives(""));
}
