//! What can be wrong with directories: names, links, logs, settings, neighbours.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod kit;

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;

use dt_os::identity::effective_user;
use dt_testkit::Scratch;
use kit::{LOG, found, program, service, told};

const RUN: &str = "#!/bin/sh\nexec 2>&1\nexec prog\n";

fn scan(path: &Path) -> Vec<String> {
    let mut findings = Vec::new();
    svcheck::check_scan(path, &mut findings).unwrap();
    told(path, &findings)
}

/// As in the tutorial that made many choose daemontools: standard error is joined
/// in the wrong script, and nobody has made the directory of the log.
#[test]
fn the_tutorials_two_mistakes_are_found() {
    if Path::new("/var/log/trycode").exists() {
        return eprintln!("skipped: /var/log/trycode exists");
    }
    let scratch = Scratch::new();
    let run = "#!/bin/sh\nexec setuidgid nobody trycode 127.0.0.1:8080\n";
    let log = "#!/bin/sh\nexec 2>&1\nexec setuidgid nobody multilog t s10485760 n5 '!tai64nlocal' /var/log/trycode\n";
    service(scratch.path(), run, log);
    let expected = ["log/run:3 log-directory-missing", "log/run:2 stderr-in-log"];
    assert_eq!(found(scratch.path()), expected);

    let mut findings = Vec::new();
    svcheck::check_service(scratch.path(), &mut findings);
    let message = "/var/log/trycode does not exist, and nobody cannot make it in /var/log";
    assert_eq!(String::from_utf8_lossy(&findings[0].message), message);
    let fix = "mkdir -p /var/log/trycode && chown nobody /var/log/trycode";
    assert_eq!(String::from_utf8_lossy(&findings[0].fix), fix);

    let log = "#!/bin/sh\nexec 2>&1\ncd /var/log/trycode || exit 111\nexec setuidgid nobody multilog t ./main\n";
    service(scratch.path(), run, log);
    assert_eq!(found(scratch.path())[0], "log/run:3 log-directory-missing");
}

#[test]
fn run_has_to_be_there_and_to_be_a_program() {
    let scratch = Scratch::new();
    assert_eq!(found(scratch.path()), ["run run-missing"]);
    let run = scratch.path().join("run");
    symlink("/no/such/run", &run).unwrap();
    assert_eq!(found(scratch.path()), ["run dangling-link"]);
    fs::remove_file(&run).unwrap();
    fs::write(&run, "#!/bin/sh\nexec prog\n").unwrap();
    assert_eq!(found(scratch.path()), ["run not-executable"]);
    fs::remove_file(&run).unwrap();
    fs::create_dir(&run).unwrap();
    assert_eq!(found(scratch.path()), ["run not-executable"]);
}

#[test]
fn a_binary_and_a_link_are_programs() {
    let scratch = Scratch::new();
    let run = scratch.path().join("run");
    symlink(std::env::current_exe().unwrap(), &run).unwrap();
    service_log(scratch.path(), LOG);
    assert_eq!(found(scratch.path()), [""; 0]);
}

fn service_log(path: &Path, log: &str) {
    program(&path.join("log/run"), log);
}

#[test]
fn a_fifo_holds_nobody_up() {
    let scratch = Scratch::new();
    dt_os::file::make_fifo(scratch.path().join("run"), 0o755).unwrap();
    dt_os::file::make_fifo(scratch.path().join("timeout-kill"), 0o755).unwrap();
    assert_eq!(
        found(scratch.path()),
        ["timeout-kill:1 setting", "run not-executable"]
    );
}

#[test]
fn a_log_has_a_run_too() {
    let scratch = Scratch::new();
    program(&scratch.path().join("run"), RUN);
    fs::create_dir(scratch.path().join("log")).unwrap();
    assert_eq!(found(scratch.path()), ["log/run log-run-missing"]);
    fs::remove_dir(scratch.path().join("log")).unwrap();
    fs::write(scratch.path().join("log"), "").unwrap();
    assert_eq!(found(scratch.path()), ["log log-useless"]);
}

#[test]
fn a_logs_script_is_read_like_any() {
    let scratch = Scratch::new();
    service(scratch.path(), RUN, "#!/bin/sh\nmultilog t ./main\n");
    assert_eq!(found(scratch.path()), ["log/run:2 no-exec"]);
    service(
        scratch.path(),
        RUN,
        "#!/bin/sh\nexec setuidgid no-such-account multilog t ./main\n",
    );
    assert_eq!(found(scratch.path())[0], "log/run:2 user-unknown");
}

/// An account that we are not.
fn stranger() -> &'static str {
    let nobody = dt_account::find("nobody".as_ref()).unwrap();
    if nobody.user == effective_user() {
        "daemon"
    } else {
        "nobody"
    }
}

#[test]
fn a_logger_needs_a_directory_that_it_may_write_to() {
    let scratch = Scratch::new();
    let path = scratch.path().display();
    let log = |script: &str| {
        let script = format!(
            "#!/bin/sh\nexec setuidgid {} multilog t {script}\n",
            stranger()
        );
        service(&scratch.path().join("sv"), RUN, &script);
        found(&scratch.path().join("sv"))
    };
    fs::create_dir(scratch.path().join("ours")).unwrap();
    fs::set_permissions(
        scratch.path().join("ours"),
        fs::Permissions::from_mode(0o755),
    )
    .unwrap();
    assert_eq!(
        log(&format!("{path}/ours")),
        ["log/run:2 log-directory-unwritable"]
    );
    assert_eq!(
        log(&format!("{path}/no/main")),
        ["log/run:2 log-directory-missing"]
    );
    assert_eq!(
        log(&format!("{path}/ours/main")),
        ["log/run:2 log-directory-missing"]
    );
    assert_eq!(log("./main"), ["log/run:2 log-directory-missing"]);
    fs::set_permissions(
        scratch.path().join("ours"),
        fs::Permissions::from_mode(0o777),
    )
    .unwrap();
    assert_eq!(log(&format!("{path}/ours")), [""; 0]);
    assert_eq!(log(&format!("{path}/ours/main")), [""; 0]);
    // On the way there.
    fs::create_dir(scratch.path().join("ours/main")).unwrap();
    fs::set_permissions(
        scratch.path().join("ours/main"),
        fs::Permissions::from_mode(0o777),
    )
    .unwrap();
    fs::set_permissions(
        scratch.path().join("ours"),
        fs::Permissions::from_mode(0o700),
    )
    .unwrap();
    assert_eq!(
        log(&format!("{path}/ours/main")),
        ["log/run:2 log-directory-unwritable"]
    );
    // What cannot be known is not told.
    assert_eq!(log("\"$DIR\""), [""; 0]);
}

#[test]
fn a_directory_of_the_loggers_own_is_right() {
    if effective_user() != 0 {
        return eprintln!("skipped: only root gives directories away");
    }
    let scratch = Scratch::new();
    let main = scratch.path().join("log/main");
    fs::create_dir_all(&main).unwrap();
    let nobody = dt_account::find("nobody".as_ref()).unwrap();
    chown(&main, Some(nobody.user), Some(nobody.group)).unwrap();
    service(
        scratch.path(),
        RUN,
        "#!/bin/sh\nexec setuidgid nobody multilog t ./main\n",
    );
    assert_eq!(found(scratch.path()), [""; 0]);
    // A file of root's from an earlier time.
    fs::write(main.join("current"), "").unwrap();
    assert_eq!(
        found(scratch.path()),
        ["log/run:2 log-directory-unwritable"]
    );
}

#[test]
fn what_the_script_makes_itself_is_not_missing() {
    let scratch = Scratch::new();
    let log = "#!/bin/sh\nmkdir -p /var/log/no-such\nchown nobody /var/log/no-such\nexec setuidgid nobody multilog t /var/log/no-such\n";
    service(scratch.path(), RUN, log);
    assert_eq!(found(scratch.path()), [""; 0]);
}

#[test]
fn settings_are_read_as_supervise_reads_them() {
    let scratch = Scratch::new();
    service(scratch.path(), RUN, LOG);
    for (name, content) in [
        ("timeout-kill", "soon"),
        ("restart-delay", "5s"),
        ("timeout_up", "5s"),
        ("flag-newpidns", ""),
        ("finish", "#!/bin/sh\n"),
        ("log/notification-fd", "x"),
    ] {
        fs::write(scratch.path().join(name), content).unwrap();
    }
    program(&scratch.path().join("check"), "#!/no/such\n");
    fs::create_dir(scratch.path().join("control")).unwrap();
    fs::write(scratch.path().join("control/t"), "").unwrap();
    let expected = [
        "timeout-kill:1 setting",
        "control/t setting",
        "finish setting",
        "check:1 interpreter-missing",
        "flag-newpidns name-unknown",
        "timeout_up name-unknown",
        "log/notification-fd:1 setting",
    ];
    let mut found = found(scratch.path());
    let mut expected = expected.to_vec();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn a_setting_that_needs_another_is_of_no_use_alone() {
    let scratch = Scratch::new();
    service(scratch.path(), RUN, LOG);
    fs::write(scratch.path().join("timeout-up"), "10s").unwrap();
    fs::write(scratch.path().join("stable-after"), "10s").unwrap();
    let expected = ["stable-after no-effect", "timeout-up no-effect"];
    assert_eq!(found(scratch.path()), expected);
    fs::write(scratch.path().join("restart-delay-max"), "10s").unwrap();
    fs::write(scratch.path().join("notification-fd"), "3").unwrap();
    assert_eq!(found(scratch.path()), [""; 0]);
}

#[test]
fn a_scan_directory_is_checked_as_svscan_sees_it() {
    let scratch = Scratch::new();
    let path = scratch.path();
    program(&path.join("good/run"), RUN);
    program(&path.join(".hidden/run"), RUN);
    fs::create_dir_all(path.join(".svscan")).unwrap();
    fs::create_dir_all(path.join(".git")).unwrap();
    fs::write(path.join("README"), "").unwrap();
    symlink("good", path.join("same")).unwrap();
    symlink("/no/such", path.join("lost")).unwrap();
    let expected = [
        ".hidden name-skipped",
        "README not-a-directory",
        "lost dangling-link",
        "same twice",
    ];
    assert_eq!(scan(path), expected);
}

#[test]
fn who_waits_for_whom_is_followed() {
    let scratch = Scratch::new();
    let path = scratch.path();
    for name in ["a", "b", "c"] {
        program(&path.join(name).join("run"), RUN);
        fs::create_dir_all(path.join(name).join("dependencies.d")).unwrap();
    }
    fs::write(path.join("a/dependencies.d/b"), "").unwrap();
    fs::create_dir(path.join("c/waits-for.d")).unwrap();
    fs::write(path.join("c/waits-for.d/gone"), "").unwrap();
    assert_eq!(scan(path), ["c/waits-for.d/gone dependency-missing"]);
    fs::write(path.join("b/dependencies.d/a"), "").unwrap();
    let mut findings = Vec::new();
    svcheck::check_scan(path, &mut findings).unwrap();
    assert_eq!(
        told(path, &findings)[1],
        "a/dependencies.d/b dependency-ring"
    );
    assert_eq!(findings[1].message, b"a waits for b waits for a");
}

#[test]
fn a_daemons_configuration_is_found_where_it_runs() {
    let scratch = Scratch::new();
    let run = "#!/bin/sh\nexec 2>&1\nexec redis-server ./redis.conf\n";
    service(scratch.path(), run, LOG);
    fs::write(scratch.path().join("redis.conf"), "# no\ndaemonize no\n").unwrap();
    assert_eq!(found(scratch.path()), [""; 0]);
    fs::write(scratch.path().join("redis.conf"), "port 0\ndaemonize yes\n").unwrap();
    assert_eq!(found(scratch.path()), ["run:3 background"]);

    let run = "#!/bin/sh\nexec 2>&1\nexec php-fpm8.2 -y ./fpm.conf\n";
    service(scratch.path(), run, LOG);
    fs::write(scratch.path().join("fpm.conf"), "[global]\ndaemonize=no\n").unwrap();
    assert_eq!(found(scratch.path()), [""; 0]);
    fs::write(
        scratch.path().join("fpm.conf"),
        "[global]\n;daemonize = no\ndaemonize = yes\n",
    )
    .unwrap();
    assert_eq!(found(scratch.path()), ["run:3 background"]);
}

#[test]
fn the_examples_are_right() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    for scan in ["service", "redis"].map(|name| examples.join(name)) {
        let mut findings = Vec::new();
        svcheck::check_scan(&scan, &mut findings).unwrap();
        let mut findings = told(&scan, &findings);
        // Accounts and directories of the examples that this machine has not, and
        // what is beside the services.
        let elsewhere = ["user-unknown", "log-directory-missing", "not-a-directory"];
        findings.retain(|found| !elsewhere.iter().any(|rule| found.ends_with(rule)));
        assert_eq!(findings, [""; 0], "{}", scan.display());
    }
}
