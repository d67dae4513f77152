//! `svscan` with real processes: messages, what the children are given, and what
//! changes in the scan directory do.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on panics with the reason"
)]

mod support;

use std::os::unix::fs::symlink;
use std::path::Path;

use dt_testkit::{Outcome, Scratch, Suite, until, until_some};
use support::{Scan, is_alive, pipes, signal};

#[test]
fn a_directory_that_cannot_be_entered_ends_it() {
    let (suite, scratch) = (Suite::under_test(), Scratch::new());
    for name in ["no/such", "--help", "--", ""] {
        let line = format!("svscan: fatal: unable to chdir to {name}: file does not exist\n");
        assert_eq!(
            suite.run("svscan", &[name, "more"], &scratch),
            Outcome::fails(111, line)
        );
    }
    scratch.file("file", "");
    let line = "svscan: fatal: unable to chdir to file: not a directory\n";
    assert_eq!(
        suite.run("svscan", &["file"], &scratch),
        Outcome::fails(111, line)
    );
}

#[test]
fn every_directory_gets_a_supervise_and_its_log_another() {
    let scan = Scan::new();
    scan.service("plain", false);
    scan.service("with log", true);
    scan.service(".hidden", false);
    scan.service("log", false);
    scan.scratch.file("sc/file", "");
    let _svscan = scan.start();

    let plain = scan.one("plain", "");
    assert_eq!(
        (plain.count.as_str(), plain.input.as_str()),
        ("1", "/dev/null")
    );
    assert_eq!(Path::new(&plain.output), scan.scratch.join("out"));

    let (main, log) = (scan.one("with log", ""), scan.one("log", "with log"));
    assert_eq!(main.input, "/dev/null");
    assert!(main.output.starts_with("pipe:"), "{}", main.output);
    assert_eq!(log.input, main.output);
    assert_eq!(Path::new(&log.output), scan.scratch.join("out"));
    scan.one("log", "");
    assert_eq!(scan.starts().len(), 4);
    assert_eq!(scan.said(), "");
}

/// `supervise` is sleep(1) here, and the service is called 1000: a shell would
/// have changed its own signals before they could be looked at.
#[test]
fn children_are_given_what_svscan_was_given() {
    let scan = Scan::new();
    std::fs::remove_file(scan.scratch.join("bin/supervise")).unwrap();
    symlink("/bin/sleep", scan.scratch.join("bin/supervise")).unwrap();
    scan.service("1000", false);
    let ignore = "exec env --ignore-signal=USR1 --ignore-signal=CHLD";
    let svscan = scan.start_after(&format!("umask 27; ulimit -Sn 100; {ignore}"));
    let pid = until_some("supervise 1000", || {
        child_of(svscan.pid(), b"supervise\x001000\0")
    });

    assert_eq!(field(pid, "status", "Umask:"), "0027");
    assert_eq!(field(pid, "status", "SigBlk:"), "0000000000000000");
    let ignored = u64::from_str_radix(&field(pid, "status", "SigIgn:"), 16).unwrap();
    let signals = [10, 17, 13].map(|number| ignored >> (number - 1) & 1);
    // svscan itself ignores PIPE, but no child may see that.
    assert_eq!(signals, [1, 1, 0], "USR1, CHLD and PIPE");
    let soft = field(pid, "limits", "Max open files");
    assert_eq!(soft.split_whitespace().next(), Some("100"));
    // While it is being loaded it has the libraries open.
    until("it has no descriptor that it was not given", || {
        let entries = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
        let names = entries.flatten().map(|entry| entry.file_name());
        let mut numbers = names.map(|name| name.to_str().unwrap().parse().unwrap());
        numbers.all(|number: u32| number <= 2 || inherited(number))
    });
}

/// The child that has these arguments.
fn child_of(parent: u32, arguments: &[u8]) -> Option<u32> {
    let children = format!("/proc/{parent}/task/{parent}/children");
    let children = std::fs::read_to_string(children).unwrap();
    let mut pids = children.split_whitespace().map(|pid| pid.parse().unwrap());
    pids.find(|pid| std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|is| is == arguments))
}

/// What follows a word at the beginning of a line of /proc/PID/FILE.
fn field(pid: u32, file: &str, word: &str) -> String {
    let text = std::fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap();
    let mut lines = text.lines();
    let value = lines.find_map(|line| line.strip_prefix(word));
    value.unwrap().trim().to_owned()
}

/// Whether this test itself was started with that descriptor, and hands it on.
fn inherited(number: u32) -> bool {
    let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{number}"));
    info.is_ok_and(|info| {
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
        let flags = u32::from_str_radix(flags.unwrap_or_default().trim(), 8).unwrap_or(0);
        flags & 0o2_000_000 == 0
    })
}

/// Defect 13 of the original: with CHLD ignored it never notices a death.
#[test]
fn a_dead_supervise_comes_back_although_sigchld_was_ignored() {
    let scan = Scan::new();
    if scan.suite.is_original() {
        return;
    }
    scan.service("a", false);
    let _svscan = scan.start_after("exec env --ignore-signal=CHLD");
    let first = scan.one("a", "");
    signal(first.pid, "KILL");
    until("another supervise", || scan.one("a", "").pid != first.pid);
}

#[test]
fn both_halves_come_back_to_the_same_pipe() {
    let scan = Scan::new();
    scan.service("a", true);
    let mut svscan = scan.start();
    let (main, log) = (scan.one("a", ""), scan.one("log", "a"));
    let held = pipes(svscan.pid());
    let held = held.iter().filter(|pipe| **pipe == main.output).count();
    // One that is both ends is enough.
    assert_eq!(held, if scan.suite.is_original() { 2 } else { 1 });
    for half in [&main, &log] {
        signal(half.pid, "KILL");
    }
    until("both are back", || {
        let (now, logging) = (scan.alive("a", ""), scan.alive("log", "a"));
        let new = |starts: &[support::Start], old| starts.len() == 1 && starts[0].pid != old;
        new(&now, main.pid) && new(&logging, log.pid)
    });
    assert_eq!(scan.one("a", "").output, main.output);
    assert_eq!(scan.one("log", "a").input, main.output);
    assert_eq!(scan.said(), "");
    assert_eq!(svscan.ended(), None);
}

#[test]
fn a_service_without_a_name_is_not_restarted_and_its_pipe_goes_with_its_last_process() {
    let scan = Scan::new();
    scan.service("a", true);
    let svscan = scan.start();
    let (main, log) = (scan.one("a", ""), scan.one("log", "a"));
    std::fs::rename(scan.scratch.join("sc/a"), scan.scratch.join("sc/.a")).unwrap();
    // A later service is up, so the scan that found the name gone is over.
    scan.service("b", false);
    scan.one("b", "");
    assert!(is_alive(main.pid) && is_alive(log.pid));

    signal(main.pid, "KILL");
    scan.service("c", false);
    scan.one("c", "");
    assert!(pipes(svscan.pid()).contains(&main.output));
    signal(log.pid, "KILL");
    until("the pipe is closed", || {
        !pipes(svscan.pid()).contains(&main.output)
    });
    assert_eq!(scan.starts().len(), 4, "{:#?}", scan.starts());
}

#[test]
fn the_directory_counts_and_not_its_name() {
    let scan = Scan::new();
    for name in ["one", "two"] {
        scan.scratch.file(format!("real/{name}/run"), "");
    }
    let link = |target: &str, name: &str| {
        let temporary = scan.scratch.join("link");
        symlink(format!("../real/{target}"), &temporary).unwrap();
        std::fs::rename(temporary, scan.scratch.join("sc").join(name)).unwrap();
    };
    link("one", "a");
    link("one", "b");
    let _svscan = scan.start();
    until("one supervise for both names", || scan.starts().len() == 1);
    let first = scan.starts().remove(0);

    // Pointed elsewhere: a new one, and the old one runs on.
    link("two", "a");
    link("two", "b");
    until("another supervise", || scan.starts().len() == 2);
    assert!(is_alive(first.pid));

    // Renamed: the same one.
    let sc = scan.scratch.join("sc");
    std::fs::rename(sc.join("a"), sc.join("c")).unwrap();
    scan.service("d", false);
    scan.one("d", "");
    assert_eq!(scan.starts().len(), 3);
    assert_eq!(scan.said(), "");
}

#[test]
fn a_change_on_the_way_of_a_link_is_noticed() {
    let scan = Scan::new();
    for release in ["1", "2", "3"] {
        scan.scratch.file(format!("releases/{release}/sv/run"), "");
    }
    let point = |release: &str| {
        let temporary = scan.scratch.join("link");
        symlink(format!("releases/{release}"), &temporary).unwrap();
        std::fs::rename(temporary, scan.scratch.join("current")).unwrap();
    };
    point("1");
    symlink("../current/sv", scan.scratch.join("sc/a")).unwrap();
    let _svscan = scan.start();
    until("the first", || scan.starts().len() == 1);
    point("2");
    until("the second", || scan.starts().len() == 2);
    // The directory itself goes, and another comes.
    let sv = scan.scratch.join("releases/2/sv");
    std::fs::rename(&sv, scan.scratch.join("releases/2/old")).unwrap();
    std::fs::rename(scan.scratch.join("releases/3/sv"), sv).unwrap();
    until("the third", || scan.starts().len() == 3);
}

/// Defect 12 of the original: the number of the inode is given out again at once.
#[test]
fn a_directory_that_is_made_again_is_not_taken_for_the_old_one() {
    let scan = Scan::new();
    if scan.suite.is_original() {
        return;
    }
    scan.service("a", false);
    let svscan = scan.start();
    let old = scan.one("a", "");
    svscan.signal("STOP");
    signal(old.pid, "KILL");
    std::fs::remove_dir_all(scan.scratch.join("sc/a")).unwrap();
    scan.service("a", true);
    svscan.signal("CONT");
    let log = scan.one("log", "a");
    assert_eq!(scan.one("a", "").output, log.input);
}

#[test]
fn a_directory_in_the_making_is_not_asked_for_its_log_too_early() {
    let scan = Scan::new();
    if scan.suite.is_original() {
        return;
    }
    scan.service("other", false);
    let _svscan = scan.start();
    scan.one("other", "");
    scan.scratch.directory("sc/a");
    // The directory has been seen, as this later one is up.
    scan.service("later", false);
    scan.one("later", "");
    scan.scratch.directory("sc/a/log");
    scan.scratch.file("sc/a/run", "");
    let log = scan.one("log", "a");
    assert_eq!(scan.one("a", "").output, log.input);
    assert_eq!(scan.starts().len(), 4);
}

#[test]
fn without_run_a_new_directory_gets_its_supervise_all_the_same() {
    let scan = Scan::new();
    let _svscan = scan.start();
    scan.scratch.directory("sc/a");
    scan.one("a", "");
}

#[test]
fn names_that_lead_nowhere_are_complained_about_and_tried_again() {
    let scan = Scan::new();
    symlink("../late", scan.scratch.join("sc/a")).unwrap();
    symlink("b", scan.scratch.join("sc/b")).unwrap();
    let _svscan = scan.start();
    let lines = [
        "svscan: warning: unable to stat a: file does not exist\n",
        "svscan: warning: unable to stat b: symbolic link loop\n",
    ];
    until("both complaints", || {
        lines.iter().all(|line| scan.said().contains(line))
    });
    scan.scratch.file("late/run", "");
    scan.one("a", "");
}

#[test]
fn a_log_that_cannot_be_looked_at_keeps_the_service_from_starting() {
    let scan = Scan::new();
    scan.service("a", false);
    symlink("log", scan.scratch.join("sc/a/log")).unwrap();
    scan.service("b", false);
    let _svscan = scan.start();
    scan.one("b", "");
    let line = "svscan: warning: unable to stat a/log: symbolic link loop\n";
    until("the complaint", || scan.said().contains(line));
    assert_eq!(scan.starts().len(), 1);
    std::fs::remove_file(scan.scratch.join("sc/a/log")).unwrap();
    scan.one("a", "");
}

#[test]
fn what_the_children_cannot_do_they_say() {
    let scan = Scan::new();
    scan.service("a", true);
    std::fs::remove_dir(scan.scratch.join("sc/a/log")).unwrap();
    scan.scratch.file("sc/a/log", "");
    scan.scratch.mode("bin/supervise", 0o644);
    let program = scan.suite.program("svscan");
    let mut command = std::process::Command::new(program);
    command
        .arg("sc")
        .current_dir(scan.scratch.path())
        .env("PATH", scan.scratch.join("bin"))
        .stderr(std::fs::File::create(scan.scratch.join("err")).unwrap());
    let _svscan = dt_testkit::Running::start(&mut command, &scan.scratch);
    for name in ["a", "a/log"] {
        let line = format!("svscan: warning: unable to start supervise {name}: access denied\n");
        until(&line, || scan.said().contains(&line));
    }
}

/// Defect 9 of the original: two descriptors for each log, and a limit.
#[test]
fn the_soft_limit_on_descriptors_is_not_svscans() {
    let scan = Scan::new();
    if scan.suite.is_original() {
        return;
    }
    for number in 0..15 {
        scan.service(&format!("s{number}"), true);
    }
    let _svscan = scan.start_after("ulimit -Sn 20; exec");
    for number in 0..15 {
        let main = scan.one(&format!("s{number}"), "");
        let log = scan.one("log", &format!("s{number}"));
        assert_eq!(main.output, log.input);
    }
    assert_eq!(scan.said(), "");
}

/// svscan held both ends of each pipe, and ran 5 services with logs where the
/// original runs 9.
#[test]
fn of_24_descriptors_as_many_services_run_as_with_the_original() {
    let scan = Scan::new();
    for number in 0..15 {
        scan.service(&format!("s{number}"), true);
    }
    let _svscan = scan.start_after("exec 5>&- 6>&- 7>&- 8>&- 9>&-; ulimit -n 24; exec");
    until("a complaint", || {
        scan.said().contains(": process cannot open more files\n")
    });
    let logged = |start: &support::Start| start.argument == "log" && is_alive(start.pid);
    until("nine have their logs", || {
        scan.starts().iter().filter(|start| logged(start)).count() >= 9
    });
}

#[test]
fn out_of_descriptors_what_fits_runs_and_a_dead_one_comes_back() {
    let scan = Scan::new();
    for number in 0..15 {
        scan.service(&format!("s{number}"), true);
    }
    let _svscan = scan.start_after("ulimit -n 20; exec");
    until("a complaint", || {
        scan.said().contains(": process cannot open more files\n")
    });
    let main = |start: &support::Start| start.argument != "log" && is_alive(start.pid);
    let victim = until_some("one is up", || scan.starts().into_iter().find(main));
    signal(victim.pid, "KILL");
    let back = scan.one(&victim.argument, "");
    assert_eq!(back.output, victim.output);
    let only = "svscan: warning: unable to create pipe for s";
    if !scan.suite.is_original() {
        assert!(
            scan.said().lines().all(|line| line.starts_with(only)),
            "{}",
            scan.said()
        );
    }
}

#[test]
fn a_scan_directory_that_is_gone_is_an_empty_one() {
    let scan = Scan::new();
    scan.service("a", false);
    let mut svscan = scan.start();
    let supervise = scan.one("a", "");
    std::fs::remove_dir_all(scan.scratch.join("sc")).unwrap();
    signal(supervise.pid, "KILL");
    until("it is reaped", || {
        !Path::new(&format!("/proc/{}", supervise.pid)).exists()
    });
    assert_eq!((svscan.ended(), scan.said()), (None, String::new()));
    assert_eq!(scan.starts().len(), 1);
}

#[test]
fn a_scan_directory_that_cannot_be_read_is_tried_again() {
    if dt_testkit::is_root() {
        eprintln!("a_scan_directory_that_cannot_be_read_is_tried_again: skipped, root reads all");
        return;
    }
    let scan = Scan::new();
    scan.service("a", false);
    scan.scratch.mode("sc", 0o311);
    let _svscan = scan.start();
    let line = "svscan: warning: unable to read directory: access denied\n";
    until("the complaint", || scan.said().contains(line));
    assert!(scan.starts().is_empty());
    scan.scratch.mode("sc", 0o755);
    scan.one("a", "");
}

/// With everything watched it waits without an end; /proc says so.
#[test]
fn nothing_wakes_it_while_nothing_happens() {
    let scan = Scan::new();
    if scan.suite.is_original() {
        return;
    }
    scan.service("a", true);
    scan.scratch.file("real/b/run", "");
    symlink("../real/b", scan.scratch.join("sc/b")).unwrap();
    let svscan = scan.start();
    for (argument, directory) in [("a", ""), ("log", "a"), ("b", "")] {
        scan.one(argument, directory);
    }
    if !dt_os::watch::sees_all_changes(scan.scratch.path()) {
        eprintln!("nothing_wakes_it_while_nothing_happens: skipped, not a local file system");
        return;
    }
    let file = format!("/proc/{}/syscall", svscan.pid());
    if std::fs::read(&file).is_err() {
        eprintln!("nothing_wakes_it_while_nothing_happens: skipped, cannot read {file}");
        return;
    }
    until("a wait without a time-out", || {
        let call = std::fs::read_to_string(&file).unwrap_or_default();
        let words: Vec<_> = call.split(' ').collect();
        // The number of the call, the descriptors, their count, the time-out.
        matches!(words.as_slice(), [number, _, "0x7", "0x0", ..] if *number != "running")
    });
}

#[test]
fn a_supervise_that_refuses_is_not_asked_over_and_over() {
    let scan = Scan::new();
    scan.service("a", false);
    scan.scratch.file("refuse", "");
    let _svscan = scan.start();
    until("the second try", || scan.starts().len() >= 2);
    let made = |pid: u32| {
        let file = scan.scratch.join(format!("record/{pid}"));
        file.metadata().unwrap().modified().unwrap()
    };
    let mut times: Vec<_> = scan.starts().iter().map(|start| made(start.pid)).collect();
    times.sort();
    let apart = times[1].duration_since(times[0]).unwrap();
    assert!(apart.as_secs_f64() > 4.0, "{apart:?}");
}

#[test]
fn a_signal_ends_it_and_the_services_go_on() {
    let scan = Scan::new();
    scan.service("a", true);
    let mut svscan = scan.start();
    let (main, log) = (scan.one("a", ""), scan.one("log", "a"));
    svscan.signal("TERM");
    assert_eq!(svscan.wait(), 128 + 15);
    assert!(is_alive(main.pid) && is_alive(log.pid));
}

/// Interchange: the original's `supervise` under whichever `svscan` this is.
#[test]
fn the_originals_supervise_runs_under_it() {
    let scan = Scan::new();
    if !Path::new("/usr/bin/supervise").is_file() {
        eprintln!("the_originals_supervise_runs_under_it: skipped, it is not installed");
        return;
    }
    std::fs::remove_file(scan.scratch.join("bin/supervise")).unwrap();
    scan.service("a", true);
    scan.scratch
        .script("sc/a/run", "#!/bin/sh\necho one line\nexec sleep 1000\n");
    scan.scratch
        .script("sc/a/log/run", "#!/bin/sh\nexec cat > got\n");
    let _svscan = scan.start();
    let got = scan.scratch.join("sc/a/log/got");
    until("the line is in the log", || {
        std::fs::read(&got).is_ok_and(|lines| lines == b"one line\n")
    });
    assert!(scan.scratch.join("sc/a/supervise/status").is_file());
    assert_eq!(scan.said(), "");
}
