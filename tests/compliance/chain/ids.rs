//! setuidgid.

use dt_testkit::skipped_without_root;

use crate::harness::{bytes, check, unprivileged};

#[test]
fn setuidgid_errors() {
    check("setuidgid_errors", |case| {
        case.run("setuidgid", &[] as &[&str]);
        case.run("setuidgid", &["root"]);
        for account in ["no-such-account", "0", "65534", "", "-s", "--", "root "] {
            case.run("setuidgid", &[account, "true"]);
        }
        case.run("setuidgid", &[bytes(b"no\xffutf8"), bytes(b"true")]);
        case.run("setuidgid", &["-s", "no-such-account", "true"]);
    });
}

#[test]
fn setuidgid_becomes_the_account() {
    let name = "setuidgid_becomes_the_account";
    if skipped_without_root(name) {
        return;
    }
    check(name, |case| {
        for account in ["root", "daemon", "nobody"] {
            case.shell(&format!(
                "setuidgid {account} grep -E '^(Uid|Gid|Groups)' /proc/self/status"
            ));
        }
        case.shell(
            "setpriv --groups 1,2,3 \"$BIN/setuidgid\" daemon grep Groups /proc/self/status",
        );
        case.shell("env -i A=b PATH=/usr/bin:/bin HOME=/x USER=y LOGNAME=z \"$BIN/setuidgid\" daemon env | sort");
        case.shell("umask 023; setuidgid daemon sh -c 'umask; pwd'");
        case.run("setuidgid", &["daemon", "missing"]);
        case.run("setuidgid", &["daemon", ""]);
        case.scratch
            .script("closed/hello", "#!/bin/sh\necho hello\n");
        case.scratch.mode("closed", 0o700);
        case.run("setuidgid", &["daemon", "closed/hello"]);
        case.shell("PATH=$PWD/closed:$PATH; setuidgid root hello");
    });
}

#[test]
fn setuidgid_needs_root() {
    let name = "setuidgid_needs_root";
    if skipped_without_root(name) {
        return;
    }
    check(name, |case| {
        for account in ["nobody", "daemon", "root", "no-such-account"] {
            case.run_with("as nobody", "setuidgid", &[account, "true"], unprivileged);
        }
        case.shell("setpriv --bounding-set -setuid --inh-caps -all \"$BIN/setuidgid\" daemon true");
        case.shell("setpriv --bounding-set -setgid --inh-caps -all \"$BIN/setuidgid\" daemon true");
        case.run_with(
            "as nobody",
            "envuidgid",
            &["daemon", "sh", "-c", "echo $UID $GID; id -u"],
            unprivileged,
        );
    });
}
