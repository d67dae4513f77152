//! svscan, with a scan directory of the test's own.
//!
//! The original looks every five seconds, so that each of these takes its time;
//! they run side by side.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

use dt_testkit::{Running, skipped_without_root, until, until_some};

use crate::harness::{Case, check, signals, unprivileged};
use crate::service::{make_fifo, start_quietly, state};

/// A service that writes its process id into `started` and then only waits.
const WAITS: &str = "#!/bin/sh\necho $$ >>started\nexec sleep 1000\n";

/// A service that does what the lines in its FIFO `say` ask for.
const SAYS: &str =
    "#!/bin/sh\necho $$ >>started\nexec 3<>say\nwhile read -r word <&3; do echo \"$word\"; done\n";

/// A log that keeps the lines that it gets.
const KEEPS: &str =
    "#!/bin/sh\necho $$ >>started\nwhile read -r line; do echo \"$line\" >>kept; done\n";

/// A supervise that only shows how it was started.
const SHOWS: &str = concat!(
    "#!/bin/sh\n",
    "kind() { case $(readlink /proc/$$/fd/$1) in pipe:*) echo a pipe;; *) echo inherited;; esac; }\n",
    "echo \"supervise $* ($#) in $(pwd), 0 $(kind 0), 1 $(kind 1)\" >>\"$SHOWN\"\n",
    "exec sleep 1000\n",
);

/// Puts a service where svscan finds it, whole from the first moment on.
fn service(case: &Case, name: &str) {
    let made = case.scratch.script("made/run", WAITS);
    let place = case.scratch.join("service").join(name);
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    fs::rename(made.parent().unwrap(), place).unwrap();
}

fn starts(case: &Case, name: &str) -> usize {
    let path = case.scratch.join("service").join(name).join("started");
    fs::read_to_string(path).unwrap_or_default().lines().count()
}

fn started(case: &Case, name: &str) {
    until(&format!("{name} is started"), || starts(case, name) > 0);
}

/// Waits until svscan has looked at its directory once more.
fn scanned_again(case: &Case, name: &str) {
    service(case, name);
    started(case, name);
}

fn svscan(case: &Case) -> Running {
    case.scratch.directory("service");
    start_quietly(
        case,
        case.suite.command("svscan", &case.scratch).arg("service"),
    )
}

/// What has been said, each line once and in alphabetical order.
fn said(case: &mut Case) {
    let words = fs::read_to_string(case.scratch.join("err")).unwrap();
    let mut lines: Vec<_> = words.lines().collect();
    lines.sort_unstable();
    lines.dedup();
    for line in lines {
        case.note(format!("  said {line}"));
    }
}

fn status(case: &Case, name: &str) -> bool {
    case.suite
        .run("svok", &[format!("service/{name}")], &case.scratch)
        .code
        == 0
}

#[test]
fn svscan_arguments() {
    check("svscan_arguments", |case| {
        case.scratch.file("file", "");
        for name in ["missing", "", "--", "--help", "-x", "file", "a\nb"] {
            case.run("svscan", &[name]);
        }
        case.run("svscan", &["missing", "."]);
        case.run("svscan", &[crate::harness::bytes(b"no\xffutf8")]);
    });
}

fn what_is_a_service(case: &mut Case) {
    case.note("what is a service");
    service(case, "plain");
    service(case, "supervise");
    service(case, "log");
    service(case, "with space");
    service(case, "new\nline");
    service(case, ".hidden");
    service(case, "...");
    case.scratch.script("service/nolog/run", WAITS);
    symlink("nothing", case.scratch.join("service/nolog/log")).unwrap();
    case.scratch.script("service/filelog/run", WAITS);
    case.scratch.file("service/filelog/log", "");
    case.scratch.script("service/looplog/run", WAITS);
    symlink("log", case.scratch.join("service/looplog/log")).unwrap();
    case.scratch.file("service/file", "");
    make_fifo(&case.scratch.join("service/fifo"));
    case.scratch.script("elsewhere/run", WAITS);
    symlink("../elsewhere", case.scratch.join("service/linked")).unwrap();
    symlink("../elsewhere", case.scratch.join("service/again")).unwrap();
    symlink("nothing", case.scratch.join("service/dangling")).unwrap();
    symlink("loop", case.scratch.join("service/loop")).unwrap();
    let _svscan = svscan(case);
    scanned_again(case, "barrier one");
    scanned_again(case, "barrier two");
    let names = [
        "plain",
        "supervise",
        "log",
        "with space",
        "new\nline",
        ".hidden",
        "...",
        "nolog",
        "filelog",
        "looplog",
        "linked",
    ];
    for name in names {
        case.note(format!("  {name:?} started {} times", starts(case, name)));
    }
    said(case);
}

fn how_supervise_is_started(case: &mut Case) {
    case.note("how supervise is started");
    case.scratch.script("bin/supervise", SHOWS);
    service(case, "alone");
    service(case, "logged");
    case.scratch.directory("service/logged/log");
    let svscan = case.suite.program("svscan");
    let mut command = case.shell_command("PATH=$PWD/bin:/usr/bin:/bin; exec \"$0\" service");
    command.arg(svscan).env("SHOWN", case.scratch.join("shown"));
    let _svscan = start_quietly(case, &mut command);
    let shown = case.scratch.join("shown");
    let lines = || fs::read_to_string(&shown).unwrap_or_default();
    until("three are started", || lines().lines().count() >= 3);
    let lines = lines();
    let mut lines: Vec<_> = lines.lines().collect();
    lines.sort_unstable();
    for line in lines {
        case.note(format!("  {line}"));
    }
}

fn what_supervise_inherits(case: &mut Case) {
    case.note("what supervise inherits");
    case.scratch
        .script("bin/supervise", "#!/bin/cat /proc/self/status\n");
    service(case, "one");
    let svscan = case.suite.program("svscan");
    let mut command = case.shell_command(
        "PATH=$PWD/bin:/usr/bin:/bin; umask 013; \
         exec env --default-signal --ignore-signal=PIPE --ignore-signal=HUP --block-signal=USR2 \"$0\" service",
    );
    let _svscan = start_quietly(case, command.arg(svscan));
    for name in ["Umask:", "SigBlk:", "SigIgn:"] {
        let line = until_some("it has shown itself", || {
            let shown = fs::read_to_string(case.scratch.join("err")).ok()?;
            let mut lines = shown.split_inclusive('\n');
            let line = lines.find(|line| line.starts_with(name) && line.ends_with('\n'))?;
            Some(signals(line.trim_end()))
        });
        case.note(format!("  {line}"));
    }
}

fn without_supervise(case: &mut Case) {
    case.note("without a supervise to be found");
    case.scratch.directory("bin");
    service(case, "one");
    case.scratch.directory("service/one/log");
    service(case, "-x");
    let svscan = case.suite.program("svscan");
    let mut command = case.shell_command("PATH=$PWD/bin; exec \"$0\" service");
    let _svscan = start_quietly(case, command.arg(svscan));
    let errors = case.scratch.join("err");
    let said_so = || fs::read_to_string(&errors).unwrap_or_default();
    until("it has said so", || {
        ["-x", "one:", "one/log"]
            .iter()
            .all(|word| said_so().contains(word))
    });
    said(case);
}

fn a_supervise_that_cannot_be_run(case: &mut Case) {
    case.note("with a supervise that cannot be run");
    case.scratch.file("bin/supervise", "");
    service(case, "one");
    let svscan = case.suite.program("svscan");
    let mut command = case.shell_command("PATH=$PWD/bin; exec \"$0\" service");
    let _svscan = start_quietly(case, command.arg(svscan));
    let errors = case.scratch.join("err");
    until("it has said so", || {
        fs::read_to_string(&errors).is_ok_and(|words| words.contains("one"))
    });
    said(case);
}

fn exit_and_come_back(case: &mut Case) {
    case.note("svc -dx without removing the name");
    service(case, "one");
    let _svscan = svscan(case);
    started(case, "one");
    case.run("svc", &["-dx", "service/one"]);
    until("it comes back", || starts(case, "one") == 2);
    case.note("  it comes back");
}

fn the_name_goes(case: &mut Case) {
    case.note("the name goes, then supervise");
    case.scratch.script("kept/run", WAITS);
    symlink("../kept", case.scratch.directory("service").join("one")).unwrap();
    let _svscan = svscan(case);
    started(case, "one");
    fs::remove_file(case.scratch.join("service/one")).unwrap();
    scanned_again(case, "barrier one");
    let pid: u32 = String::from_utf8(case.scratch.read("kept/started"))
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    case.note(format!("  it goes on: {}", state(pid) == Some('S')));
    case.run("svc", &["-dx", "kept"]);
    until("supervise is gone", || {
        case.suite.run("svok", &["kept"], &case.scratch).code == 100
    });
    scanned_again(case, "barrier two");
    scanned_again(case, "barrier three");
    case.note(format!("  it stays away: {}", !status(case, "../kept")));
    symlink("../kept", case.scratch.join("service/other")).unwrap();
    started(case, "other");
    until("it is back", || starts(case, "other") == 2);
    case.note("  it is back under another name");
    said(case);
}

fn a_rename(case: &mut Case) {
    case.note("a directory is renamed, and then hidden");
    service(case, "one");
    let _svscan = svscan(case);
    started(case, "one");
    let name = |name: &str| case.scratch.join("service").join(name);
    fs::rename(name("one"), name("two")).unwrap();
    scanned_again(case, "barrier one");
    let first = starts(case, "two");
    fs::rename(name("two"), name(".two")).unwrap();
    scanned_again(case, "barrier two");
    let second = starts(case, ".two");
    let runs = status(case, ".two");
    case.note(format!("  starts {first}, {second}; it runs: {runs}"));
    said(case);
}

fn a_killed_supervise(case: &mut Case) {
    case.note("a supervise of a service that is down is killed");
    service(case, "one");
    case.scratch.file("service/one/down", "");
    let svscan = svscan(case);
    until("it runs", || status(case, "one"));
    let children = format!("/proc/{0}/task/{0}/children", svscan.pid());
    let child = || fs::read_to_string(&children).unwrap().trim().to_owned();
    let first = child();
    crate::service::signal(first.parse().unwrap(), "KILL");
    until("there is another", || {
        let now = child();
        !now.is_empty() && now != first && status(case, "one")
    });
    case.note("  another takes its place");
    said(case);
}

fn the_pipe_is_kept(case: &mut Case) {
    case.note("the pipe outlives the log");
    case.scratch.script("service/one/run", SAYS);
    make_fifo(&case.scratch.join("service/one/say"));
    case.scratch.script("service/one/log/run", KEEPS);
    let _svscan = svscan(case);
    started(case, "one");
    started(case, "one/log");
    let say = |words: &str| {
        let path = case.scratch.join("service/one/say");
        let mut file = crate::service::open(&path, true).unwrap();
        std::io::Write::write_all(&mut file, words.as_bytes()).unwrap();
    };
    let kept = || fs::read_to_string(case.scratch.join("service/one/log/kept")).unwrap_or_default();
    say("1\n2\n");
    until("two lines are kept", || kept() == "1\n2\n");
    let sent = case
        .suite
        .run("svc", &["-d", "service/one/log"], &case.scratch);
    assert_eq!(sent.code, 0);
    until("the log is down", || {
        let status = case.scratch.read("service/one/log/supervise/status");
        status[12..16] == [0; 4]
    });
    say("3\n4\n");
    let sent = case
        .suite
        .run("svc", &["-u", "service/one/log"], &case.scratch);
    assert_eq!(sent.code, 0);
    until("four lines are kept", || kept() == "1\n2\n3\n4\n");
    let (one, log) = (starts(case, "one"), starts(case, "one/log"));
    case.note(format!("  all kept; starts {one} {log}"));
    said(case);
}

fn svscan_ends(case: &mut Case) {
    case.note("svscan is ended by TERM");
    service(case, "one");
    let mut svscan = svscan(case);
    started(case, "one");
    svscan.signal("TERM");
    case.note(format!("  exit {}", svscan.wait()));
    case.note(format!(
        "  the service is supervised: {}",
        status(case, "one")
    ));
    said(case);
}

fn a_new_svscan(case: &mut Case) {
    service(case, "one");
    service(case, "one/log");
    let mut first = svscan(case);
    started(case, "one");
    started(case, "one/log");
    first.signal("KILL");
    first.wait();
    let _second = svscan(case);
    scanned_again(case, "barrier one");
    scanned_again(case, "barrier two");
    let starts = [starts(case, "one"), starts(case, "one/log")];
    case.note(format!("  starts {starts:?}"));
    said(case);
}

fn in_the_current_directory(case: &mut Case) {
    case.note("in the current directory, and more arguments than one");
    service(case, "one");
    let svscan = case.suite.program("svscan");
    let mut command = case.shell_command("cd service; exec \"$0\"");
    let running = start_quietly(case, command.arg(&svscan));
    started(case, "one");
    drop(running);
    case.run("svc", &["-dx", "service/one"]);
    until("supervise is gone", || !status(case, "one"));
    let mut command = case.suite.command("svscan", &case.scratch);
    let _running = start_quietly(case, command.args(["service", "missing", "-x"]));
    until("it is started again", || starts(case, "one") == 2);
    said(case);
}

#[test]
fn svscan_after_a_killed_one() {
    check("svscan_after_a_killed_one", a_new_svscan);
}

#[test]
fn svscan_scans() {
    let cases: &[fn(&mut Case)] = &[
        what_is_a_service,
        how_supervise_is_started,
        what_supervise_inherits,
        without_supervise,
        a_supervise_that_cannot_be_run,
        exit_and_come_back,
        the_name_goes,
        a_rename,
        a_killed_supervise,
        the_pipe_is_kept,
        svscan_ends,
        in_the_current_directory,
    ];
    check("svscan_scans", |case| {
        case.side_by_side(cases, |case, body| body(case));
    });
}

#[test]
fn svscan_of_an_unreadable_directory() {
    let name = "svscan_of_an_unreadable_directory";
    if skipped_without_root(name) {
        return;
    }
    check(name, |case| {
        service(case, "one");
        case.scratch.mode("service", 0o711);
        let mut command = case.suite.command("svscan", &case.scratch);
        unprivileged(command.arg("service"));
        let _svscan = start_quietly(case, &mut command);
        let errors = case.scratch.join("err");
        until("it has said so", || {
            fs::metadata(&errors).is_ok_and(|file| file.len() > 0)
        });
        case.note(format!("started {} times", starts(case, "one")));
        said(case);
    });
}

/// Where a part of `PATH` is a file the original looks no further.
#[test]
fn svscan_path_with_a_file() {
    check("svscan_path_with_a_file", |case| {
        case.scratch.script("bin/supervise", SHOWS);
        case.scratch.file("file", "");
        service(case, "one");
        let svscan = case.suite.program("svscan");
        let mut command =
            case.shell_command("PATH=$PWD/file:$PWD/bin:/usr/bin:/bin; exec \"$0\" service");
        command.arg(svscan).env("SHOWN", case.scratch.join("shown"));
        let _svscan = start_quietly(case, &mut command);
        let [errors, shown] = ["err", "shown"].map(|name| case.scratch.join(name));
        until("it has been started, or not", || {
            shown.exists() || fs::metadata(&errors).is_ok_and(|file| file.len() > 0)
        });
        case.note(format!("supervise started: {}", shown.exists()));
        said(case);
    });
}

/// Started with CHLD ignored the original never sees a supervise die.
#[test]
fn svscan_with_child_ignored() {
    check("svscan_with_child_ignored", |case| {
        service(case, "one");
        let svscan = case.suite.program("svscan");
        let mut command = case.shell_command("exec env --ignore-signal=CHLD \"$0\" service");
        let _svscan = start_quietly(case, command.arg(svscan));
        started(case, "one");
        case.run("svc", &["-dx", "service/one"]);
        until("supervise is gone", || {
            !status(case, "one") || starts(case, "one") > 1
        });
        // Twice as long as the original takes for its next look.
        let gone = Instant::now();
        until("it is started again, or has been away for long", || {
            starts(case, "one") > 1 || gone.elapsed() > Duration::from_secs(11)
        });
        let again = starts(case, "one") > 1;
        case.note(format!("started again: {again}"));
    });
}

/// A log that is added to a service that svscan knows.
#[test]
fn svscan_and_a_log_that_comes_later() {
    check("svscan_and_a_log_that_comes_later", |case| {
        service(case, "one");
        let _svscan = svscan(case);
        started(case, "one");
        service(case, "one/log");
        scanned_again(case, "barrier one");
        scanned_again(case, "barrier two");
        let of_log = starts(case, "one/log");
        let of_main = starts(case, "one");
        case.note(format!("starts: {of_main}, of the log {of_log}"));
    });
}
