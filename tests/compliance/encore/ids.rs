//! setuidgid's option, and setuser.

use dt_testkit::{Outcome, skipped_without_root};

use crate::harness::{Case, bytes, check_encore, unprivileged};

#[test]
fn setuidgid_usage() {
    check_encore("setuidgid_usage", |case| {
        for arguments in [
            &[][..],
            &["root"],
            &["-s"],
            &["-s", "root"],
            &["--"],
            &["--", "root"],
            &["-x", "root", "true"],
            &["-sx", "root", "true"],
            &["-s-", "root", "true"],
            &["-s", "no-such-account", "true"],
            &["-ss", "no-such-account", "true"],
            &["--", "no-such-account", "true"],
            &["-s", "--", "-s", "true"],
            &["-", "true"],
        ] {
            case.run("setuidgid", arguments);
        }
    });
}

#[test]
fn setuser_usage() {
    check_encore("setuser_usage", |case| {
        for arguments in [
            &[][..],
            &["root"],
            &["no-such-account", "true"],
            &["", "true"],
            &["0", "true"],
            &["-s", "true"],
            &["--", "true"],
        ] {
            case.run("setuser", arguments);
        }
        case.run("setuser", &[bytes(b"no\xffutf8"), bytes(b"true")]);
    });
}

const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\njo:x:7007:7008:Jo:SCRATCH/home:/bin/dash\n\
    al:x:7009:7008::SCRATCH/none:/bin/sh\nbo:x:7010:7010::SCRATCH/closed:\n";

const GROUP: &str = "root:x:0:\nmain:x:7008:jo\na:x:7001:jo\nb:x:7002:al,jo\nc:x:7003:joe\n";

/// Runs a line of shell with accounts and groups of our own in the place of the
/// system's.
fn with_accounts(case: &mut Case, line: &str) {
    let own = case.scratch.path().to_str().unwrap().to_owned();
    case.scratch.file("passwd", PASSWD.replace("SCRATCH", &own));
    case.scratch.file("group", GROUP);
    case.scratch
        .file("nsswitch.conf", "passwd: files\ngroup: files\n");
    let mounts = "mount --bind passwd /etc/passwd && mount --bind group /etc/group && \
        mount --bind nsswitch.conf /etc/nsswitch.conf";
    let outcome = Outcome::of(
        &mut case.shell_command(&format!("exec unshare -m sh -c '{mounts} && {line}'")),
    );
    case.outcome(&format!("sh: {line}"), &outcome);
}

#[test]
fn setuidgid_all_groups() {
    if skipped_without_root("setuidgid_all_groups") {
        return;
    }
    check_encore("setuidgid_all_groups", |case| {
        for options in ["", "-s ", "-s -- "] {
            let line =
                format!("setuidgid {options}jo grep -E \"^(Uid|Gid|Groups)\" /proc/self/status");
            with_accounts(case, &line);
        }
        with_accounts(
            case,
            "setuidgid -s bo grep -E \"^(Uid|Gid|Groups)\" /proc/self/status",
        );
        with_accounts(case, "cd /; setuidgid -s jo pwd");
        with_accounts(case, "setuidgid -s jo missing");
    });
}

#[test]
fn setuidgid_all_groups_needs_root() {
    if skipped_without_root("setuidgid_all_groups_needs_root") {
        return;
    }
    check_encore("setuidgid_all_groups_needs_root", |case| {
        for account in ["nobody", "root"] {
            let arguments = ["-s", account, "true"];
            case.run_with("as nobody", "setuidgid", &arguments, unprivileged);
        }
        case.shell(
            "setpriv --bounding-set -setuid --inh-caps -all \"$BIN/setuidgid\" -s daemon true",
        );
    });
}

#[test]
fn setuser_becomes_the_account() {
    if skipped_without_root("setuser_becomes_the_account") {
        return;
    }
    check_encore("setuser_becomes_the_account", |case| {
        case.scratch.directory("home");
        with_accounts(
            case,
            "setuser jo grep -E \"^(Uid|Gid|Groups)\" /proc/self/status",
        );
        with_accounts(case, "cd /; setuser jo pwd");
        with_accounts(case, "setuser al true");
        with_accounts(case, "setuser jo missing");
        // Not the new user's to enter, and entered all the same.
        case.scratch.directory("closed");
        case.scratch.mode("closed", 0o700);
        with_accounts(case, "setuser bo pwd -P");
        with_accounts(case, "umask 023; setuser jo sh -c umask");
    });
}

#[test]
fn setuser_needs_root() {
    if skipped_without_root("setuser_needs_root") {
        return;
    }
    check_encore("setuser_needs_root", |case| {
        case.run_with("as nobody", "setuser", &["daemon", "true"], unprivileged);
        case.shell("setpriv --bounding-set -setuid --inh-caps -all \"$BIN/setuser\" daemon true");
        case.shell("setpriv --bounding-set -setgid --inh-caps -all \"$BIN/setuser\" daemon true");
    });
}

#[test]
fn setuser_sets_variables() {
    if skipped_without_root("setuser_sets_variables") {
        return;
    }
    check_encore("setuser_sets_variables", |case| {
        case.scratch.directory("home");
        case.scratch.directory("closed");
        for account in ["jo", "bo"] {
            let before = "env -i PATH=\"$PATH\" HOME=/x SHELL=/y USER=z LOGNAME=w UID=1 A=stays";
            with_accounts(
                case,
                &format!("{before} setuser {account} env | grep -v ^PATH= | sort"),
            );
        }
    });
}
