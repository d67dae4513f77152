//! Usage, messages and exit codes of `setuidgid`.

use std::os::unix::process::CommandExt;
use std::process::Command;

use dt_testkit::{
    Outcome, Scratch, Suite, by_an_ordinary_user, skipped_without_root, with_system_files,
};

fn suite() -> Suite {
    Suite::under_test()
}

const SHOW_IDS: &str = "grep -E '^(Uid|Gid|Groups)' /proc/self/status";

#[test]
fn too_few_arguments_are_a_usage_error() {
    suite().refuses(
        "setuidgid",
        &[&[], &["root"]],
        "setuidgid [-s] account child",
    );
}

#[test]
fn an_account_that_is_not_there_is_unknown() {
    let unknown = |name| (name, format!("unknown account {name}"));
    suite().cannot(
        "setuidgid",
        &["no-such-account", "", "0", "root:x", "+root"].map(unknown),
    );
}

#[test]
fn options_come_before_the_account() {
    let unknown = |name| Outcome::fails(111, format!("setuidgid: fatal: unknown account {name}\n"));
    for (arguments, want) in [
        (&["-s", "no-such", "true"][..], unknown("no-such")),
        (&["--", "-s", "true"], unknown("-s")),
        (&["-", "true"], unknown("-")),
    ] {
        assert_eq!(
            suite().run("setuidgid", arguments, &Scratch::new()),
            want,
            "{arguments:?}"
        );
    }
    let misuse = "setuidgid: illegal option -- x\nsetuidgid: usage: setuidgid [-s] account child\n";
    assert_eq!(
        suite().run("setuidgid", &["-x", "root", "true"], &Scratch::new()),
        Outcome::fails(100, misuse)
    );
}

#[test]
fn an_ordinary_user_cannot_change_the_groups() {
    let scratch = Scratch::new();
    let mut command = by_an_ordinary_user("setuidgid", &scratch);
    assert_eq!(
        Outcome::of(command.args(["nobody", "true"])),
        Outcome::fails(
            111,
            "setuidgid: fatal: unable to setgid: permission denied\n"
        )
    );
}

#[test]
fn a_user_that_may_not_be_changed_is_told() {
    if skipped_without_root("a_user_that_may_not_be_changed_is_told") {
        return;
    }
    let mut command = Command::new("setpriv");
    command.args(["--bounding-set=-setuid", "--inh-caps=-setuid"]);
    command.arg(suite().program("setuidgid"));
    assert_eq!(
        Outcome::of(command.args(["nobody", "true"])),
        Outcome::fails(
            111,
            "setuidgid: fatal: unable to setuid: permission denied\n"
        )
    );
}

#[test]
fn all_ids_change_and_one_group_is_left() {
    if skipped_without_root("all_ids_change_and_one_group_is_left") {
        return;
    }
    let scratch = Scratch::new();
    let mut command = Command::new("setpriv");
    command.args(["--groups", "1,2,3"]);
    command.arg(suite().program("setuidgid"));
    let outcome = Outcome::of(command.args(["nobody", "sh", "-c", SHOW_IDS]));
    let shown = String::from_utf8_lossy(&outcome.stdout).replace(' ', "");
    let expected =
        "Uid:\t65534\t65534\t65534\t65534\nGid:\t65534\t65534\t65534\t65534\nGroups:\t65534\n";
    assert_eq!((outcome.code, shown.as_str()), (0, expected));
    drop(scratch);
}

#[test]
fn the_program_is_looked_for_by_the_new_user() {
    if skipped_without_root("the_program_is_looked_for_by_the_new_user") {
        return;
    }
    let scratch = Scratch::new();
    let closed = scratch.directory("closed");
    scratch.script("closed/prog", "#!/bin/sh\n");
    scratch.mode("closed", 0o700);
    let name = closed.join("prog").into_os_string().into_string().unwrap();
    assert_eq!(
        suite().run("setuidgid", &["root", &name], &scratch),
        Outcome::gives("")
    );
    let message = format!("setuidgid: fatal: unable to run {name}: access denied\n");
    assert_eq!(
        suite().run("setuidgid", &["nobody", &name], &scratch),
        Outcome::fails(111, message)
    );
}

/// Runs the script with these files, and the groups [`GROUP`], in the place of the
/// system's.
fn with_accounts(passwd: &str, nsswitch: &str, script: &str) -> Outcome {
    let files = [
        ("passwd", passwd),
        ("nsswitch.conf", nsswitch),
        ("group", GROUP),
    ];
    with_system_files(&Scratch::new(), &files, script)
}

#[test]
fn accounts_of_other_sources_are_found() {
    if skipped_without_root("accounts_of_other_sources_are_found") {
        return;
    }
    // A static program cannot ask this source itself; it answers for `nobody`
    // without any service running, and `root`.
    if !std::path::Path::new("/lib/x86_64-linux-gnu/libnss_systemd.so.2").exists() {
        eprintln!("accounts_of_other_sources_are_found: skipped, needs libnss-systemd");
        return;
    }
    let script = "setuidgid nobody sh -c 'id -u; id -g; id -G'";
    for order in ["files systemd", "systemd files"] {
        let switch = format!("passwd: {order}\n");
        let outcome = with_accounts("root:x:0:0::/:/bin/sh\n", &switch, script);
        assert_eq!(outcome, Outcome::gives("65534\n65534\n65534\n"), "{order}");
    }
    let outcome = with_accounts("root:x:0:0::/:/bin/sh\n", "passwd: files\n", script);
    assert_eq!(
        outcome,
        Outcome::fails(111, "setuidgid: fatal: unknown account nobody\n")
    );
}

const GROUP: &str = "main:x:7008:\na:x:7001:jo\nb:x:7002:al,jo\nc:x:7003:joe\n";

#[test]
fn all_groups_of_the_account_stay_if_asked_for() {
    if skipped_without_root("all_groups_of_the_account_stay_if_asked_for") {
        return;
    }
    let passwd = "root:x:0:0::/:/bin/sh\njo:x:7007:7008::/:/bin/sh\n";
    // With a second source getent(1) is asked, which reads the file as well.
    for order in ["files", "files systemd"] {
        let switch = format!("passwd: files\ngroup: {order}\n");
        for (options, groups) in [("", "7008"), ("-s", "7001 7002 7008")] {
            let script = format!("setuidgid {options} jo grep ^Groups /proc/self/status");
            let outcome = with_accounts(passwd, &switch, &script);
            let shown = String::from_utf8_lossy(&outcome.stdout);
            assert_eq!(
                shown.trim_end(),
                format!("Groups:\t{groups}"),
                "{order}: {outcome:?}"
            );
        }
    }
}

#[test]
fn ids_beyond_31_bits_work() {
    if skipped_without_root("ids_beyond_31_bits_work") {
        return;
    }
    let passwd = "big:x:4294967294:3000000000::/:/bin/sh\nall:x:4294967295:5::/:/bin/sh\n";
    let script = "setuidgid big sh -c 'id -u; id -g; id -G'";
    assert_eq!(
        with_accounts(passwd, "passwd: files\n", script),
        Outcome::gives("4294967294\n3000000000\n3000000000\n")
    );
    assert_eq!(
        with_accounts(passwd, "passwd: files\n", "setuidgid all true"),
        Outcome::fails(
            111,
            "setuidgid: fatal: unable to setuid: invalid argument\n"
        )
    );
}

#[test]
fn environment_and_name_are_handed_on() {
    if skipped_without_root("environment_and_name_are_handed_on") {
        return;
    }
    let scratch = Scratch::new();
    let mut command = Command::new(suite().program("setuidgid"));
    command.arg0("another-name").current_dir(scratch.path());
    command
        .env_clear()
        .env("HOME", "/here")
        .env("PATH", "/usr/bin:/bin");
    let outcome = Outcome::of(command.args(["nobody", "env"]));
    assert_eq!(outcome, Outcome::gives("HOME=/here\nPATH=/usr/bin:/bin\n"));
}
