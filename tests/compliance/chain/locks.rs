//! setlock.

use std::process::Stdio;

use dt_testkit::{Running, skipped_without_root, until};

use crate::harness::{Case, bytes, check, unprivileged};
use crate::service::{make_fifo, state};

/// Lets somebody hold the lock on `file` until dropped.
fn hold(case: &Case, file: &str) -> Running {
    let mut command = case.suite.command("setlock", &case.scratch);
    command.args([file, "sh", "-c", "echo >held; exec sleep 1000"]);
    let running = Running::start(command.stdout(Stdio::null()), &case.scratch);
    until("the lock is held", || case.scratch.join("held").exists());
    std::fs::remove_file(case.scratch.join("held")).unwrap();
    running
}

#[test]
fn setlock_command_line() {
    check("setlock_command_line", |case| {
        for arguments in [
            &[][..],
            &["lock"],
            &["-n"],
            &["-n", "lock"],
            &["-z", "lock", "true"],
            &["-nz", "lock", "true"],
            &["-x", "-z", "lock", "true"],
            &["-x"],
            &["--", "lock", "true"],
            &["--help", "lock", "true"],
            &["-n", "--", "-x", "true"],
            &["-", "true"],
            &["lock", "true", "-z"],
            &["lock", "-z", "true"],
            &["-nNxX", "lock", "echo", "all"],
            &["-n1", "lock", "true"],
        ] {
            case.run("setlock", arguments);
        }
        case.run_with("called /a/b/other", "setlock", &["-z"], |command| {
            std::os::unix::process::CommandExt::arg0(command, "/a/b/other");
        });
        case.run("setlock", &[bytes(b"-\xc3\xa9"), bytes(b"lock")]);
        case.note(format!("{:?}", case.scratch.names(".")));
    });
}

#[test]
fn setlock_of_a_held_lock() {
    check("setlock_of_a_held_lock", |case| {
        let _held = hold(case, "lock");
        for flags in ["-n", "-nX", "-nx", "-xn", "-xXn", "-Xxn", "-nNn"] {
            case.run("setlock", &[flags, "lock", "echo", "never"]);
        }
        case.run("setlock", &["-nx", "lock", "missing"]);
        case.run("setlock", &["-n", "lock"]);
        case.run("setlock", &["-n", "other", "echo", "another file"]);
    });
}

#[test]
fn setlock_waits() {
    check("setlock_waits", |case| {
        for flags in [&[][..], &["-N"], &["-nN"], &["-x"], &["-NX"]] {
            let mut held = hold(case, "lock");
            let mut command = case.suite.command("setlock", &case.scratch);
            command.args(flags).args(["lock", "sh", "-c", "exit 5"]);
            let mut waits = Running::start(&mut command, &case.scratch);
            until("it waits", || {
                std::fs::read_to_string(format!("/proc/{}/wchan", waits.pid())).map_or_else(
                    |_| state(waits.pid()) == Some('S'),
                    |place| {
                        place.contains("lock") || place == "0" && state(waits.pid()) == Some('S')
                    },
                )
            });
            assert_eq!(waits.ended(), None);
            held.signal("KILL");
            held.wait();
            case.note(format!("{flags:?}: exit {}", waits.wait()));
        }
        let _held = hold(case, "lock");
        let mut command = case.suite.command("setlock", &case.scratch);
        let mut waits = Running::start(command.args(["lock", "true"]), &case.scratch);
        until("it waits", || state(waits.pid()) == Some('S'));
        waits.signal("TERM");
        case.note(format!("a wait ended by TERM: {}", waits.wait()));
    });
}

#[test]
fn setlock_files() {
    check("setlock_files", |case| {
        case.shell("umask 022; setlock a true; umask 0; setlock b true; umask 277; setlock c true; stat -c '%n %a %s' a b c");
        case.scratch.file("full", "content");
        case.scratch.mode("full", 0o644);
        case.shell("setlock full true; stat -c '%n %a %s' full");
        case.scratch.directory("directory");
        make_fifo(&case.scratch.join("fifo"));
        std::os::unix::fs::symlink("loop", case.scratch.join("loop")).unwrap();
        std::os::unix::fs::symlink("made", case.scratch.join("link")).unwrap();
        for file in ["directory", "fifo", "loop", "missing/x", "", "a\nb/c"] {
            case.run("setlock", &[file, "true"]);
            case.run("setlock", &["-x", file, "true"]);
            case.run("setlock", &["-xX", file, "true"]);
        }
        case.run("setlock", &["link", "echo", "by a link"]);
        case.note(format!("{:?}", case.scratch.names(".")));
        case.run("setlock", &["a", "missing"]);
        case.run("setlock", &["-x", "a", "missing"]);
        case.run("setlock", &["-x", "a", ""]);
        case.run("setlock", &[bytes(b"no\xffutf8/x"), bytes(b"true")]);
    });
}

#[test]
fn setlock_without_permissions() {
    let name = "setlock_without_permissions";
    if skipped_without_root(name) {
        return;
    }
    check(name, |case| {
        case.scratch.file("readable", "");
        case.scratch.mode("readable", 0o644);
        for file in ["readable", "new"] {
            case.run_with("as nobody", "setlock", &[file, "true"], unprivileged);
            case.run_with("as nobody", "setlock", &["-x", file, "true"], unprivileged);
        }
    });
}

#[test]
fn setlock_hands_the_lock_on() {
    check("setlock_hands_the_lock_on", |case| {
        case.shell("exec 3<&- 4<&-; setlock lock sh -c 'setlock -n lock echo never; echo $?'");
        case.shell("exec 3<&-; setlock lock readlink /proc/self/fd/3");
        case.shell("exec 3<&-; setlock lock sh -c 'exec 3<&-; setlock -n lock echo let go'");
        case.shell("setlock lock setlock other setlock -n lock echo never");
        // A grandchild keeps it after the program's end.
        case.shell("setlock lock sh -c 'sleep 1000 >/dev/null 2>&1 & echo $! >pid'; setlock -n lock echo never; kill $(cat pid); setlock lock echo free");
        // Locks of the other kind are no obstacle, and shared ones are.
        case.shell("exec 5>>lock; flock -s 5; setlock -n lock echo never");
    });
}

/// Started without standard error the original opens the lock in its place, and
/// writes what it says there.
#[test]
fn setlock_without_standard_error() {
    check("setlock_without_standard_error", |case| {
        case.shell("setlock lock missing 2>&-");
        case.file("lock");
    });
}
