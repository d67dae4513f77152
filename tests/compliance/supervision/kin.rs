//! fghack, pgrphack, readproctitle and svscanboot.

use std::io::Write;
use std::process::Stdio;

use dt_testkit::{Running, show, until, until_some};

use crate::harness::{Case, bytes, check};
use crate::service::{start_quietly, state};

#[test]
fn fghack_runs_a_program_to_its_real_end() {
    check("fghack_runs_a_program_to_its_real_end", |case| {
        case.run("fghack", &[] as &[&str]);
        case.run("fghack", &["true"]);
        case.run("fghack", &["sh", "-c", "exit 7"]);
        case.run("fghack", &["sh", "-c", "exit 255"]);
        case.run("fghack", &["sh", "-c", "kill -9 $$"]);
        case.run("fghack", &["sh", "-c", "kill -TERM $$"]);
        case.run("fghack", &["sh", "-c", "echo out; echo err >&2"]);
        case.run("fghack", &["echo", "-x", "--", ""]);
        case.run("fghack", &["--", "true"]);
        case.run("fghack", &["missing"]);
        case.run("fghack", &["./missing"]);
        case.run("fghack", &["/"]);
        case.run("fghack", &[""]);
        case.run("fghack", &[bytes(b"no\xffutf8")]);
        case.shell("echo in | fghack cat");
        // One that goes to the background keeps fghack waiting.
        case.shell("fghack sh -c '(sleep 1; echo late >>late) >/dev/null 2>&1 & exit 3'; echo $?; cat late");
        // What it writes into the pipe is thrown away.
        case.shell("fghack sh -c 'echo thrown away >&9'");
        // How often the program holds the pipe's end.
        case.shell(
            "fghack sh -c 'for f in /proc/self/fd/*; do readlink $f; done' | \
             grep pipe: | sort | uniq -c | sort -rn | sed -n 's/ *\\([0-9]*\\).*/\\1/;1p'",
        );
        case.shell("ulimit -n 4; fghack true");
        case.shell("env --default-signal fghack sh -c 'grep -E \"^Sig(Blk|Ign)\" /proc/self/status' | sed -E 's/(:.)0000000080/\\10000000000/'");
    });
}

/// Started with CHLD ignored, the kernel throws the child's end away.
#[test]
fn fghack_with_child_ignored() {
    check("fghack_with_child_ignored", |case| {
        case.shell("exec env --ignore-signal=CHLD fghack sh -c 'exit 5'");
    });
}

#[test]
fn fghack_forwards_no_signal() {
    check("fghack_forwards_no_signal", |case| {
        let mut command = case.suite.command("fghack", &case.scratch);
        command.args([
            "sh",
            "-c",
            "echo $$ >pid.new; mv pid.new pid; exec sleep 1000",
        ]);
        let mut fghack = start_quietly(case, &mut command);
        let pid = until_some("it runs", || {
            let text = std::fs::read_to_string(case.scratch.join("pid")).ok()?;
            text.trim().parse::<u32>().ok()
        });
        fghack.signal("TERM");
        case.note(format!("exit {}", fghack.wait()));
        case.note(format!("the program lives: {}", state(pid).is_some()));
    });
}

#[test]
fn pgrphack_starts_a_session() {
    check("pgrphack_starts_a_session", |case| {
        case.run("pgrphack", &[] as &[&str]);
        case.run("pgrphack", &["sh", "-c", "exit 7"]);
        case.run("pgrphack", &["echo", "-x", "--", ""]);
        case.run("pgrphack", &["--", "true"]);
        case.run("pgrphack", &["missing"]);
        case.run("pgrphack", &["/"]);
        case.run("pgrphack", &[""]);
        case.run("pgrphack", &[bytes(b"no\xffutf8")]);
        case.scratch.script(
            "ids",
            "#!/bin/sh\nread -r stat </proc/$$/stat\nset -- $stat\n\
             echo \"group $(($5 == $$)) session $(($6 == $$))\"\n",
        );
        // Started from a group of another's.
        case.shell("pgrphack ./ids; true");
        // It is the leader of its group already.
        case.shell("setsid -w \"$BIN/pgrphack\" ./ids");
        case.shell("umask 031; pgrphack sh -c umask");
        case.shell("exec pgrphack sh -c 'cat; echo ended' </dev/null");
    });
}

/// A readproctitle that is being fed; gives its last argument as ps shows it.
fn title(running: &Running) -> Vec<u8> {
    let line = std::fs::read(format!("/proc/{}/cmdline", running.pid())).unwrap();
    line.strip_suffix(b"\0").unwrap_or(&line).to_vec()
}

fn feed(case: &mut Case, arguments: &[&str], pieces: &[&[u8]]) {
    let mut command = case.suite.command("readproctitle", &case.scratch);
    command.args(arguments).stdin(Stdio::piped());
    let mut running = Running::start(&mut command, &case.scratch);
    let mut pipe = running.child().stdin.take().unwrap();
    case.note(format!("readproctitle {arguments:?}"));
    let dots: Vec<u8> = arguments[..arguments.len() - 1]
        .iter()
        .flat_map(|word| [word.as_bytes(), b"\0"].concat())
        .chain(arguments[arguments.len() - 1].bytes().map(|_| b'.'))
        .collect();
    until("the dots are there", || title(&running).ends_with(&dots));
    case.note(format!("  {}", show(&title(&running))));
    for (index, piece) in pieces.iter().enumerate() {
        pipe.write_all(piece).unwrap();
        // A mark shows that all of it has arrived.
        let mark = [b'A' + u8::try_from(index).unwrap()];
        pipe.write_all(&mark).unwrap();
        until("it has been read", || title(&running).ends_with(&mark));
        let words = if piece.len() > 100 {
            "long"
        } else {
            &show(piece)
        };
        case.note(format!("  {words}: {}", show(&title(&running))));
    }
    drop(pipe);
    case.note(format!("  exit {}", running.wait()));
}

#[test]
fn readproctitle_shows_what_it_reads() {
    check("readproctitle_shows_what_it_reads", |case| {
        feed(
            case,
            &["a", "bc", "XYZW123456"],
            &[b"ab", b"c\0d\n", b"efghijklmnop", b"", b"\0\0", b"\xff\x1b"],
        );
        feed(case, &["....."], &[b"1", b"23", b"456789"]);
        feed(case, &["", "......"], &[b"x"]);
        feed(
            case,
            &["service", "errors:", &".".repeat(400)],
            &[b"one\ntwo\n"],
        );
        let long: Vec<u8> = (b'a'..=b'z').cycle().take(5000).collect();
        feed(case, &["t", &".".repeat(60)], &[&long]);
    });
}

#[test]
fn readproctitle_arguments() {
    check("readproctitle_arguments", |case| {
        for arguments in [
            &[][..],
            &[""],
            &["1234"],
            &["12345"],
            &["a", "b"],
            &["--", "-", "....."],
        ] {
            case.run("readproctitle", arguments);
        }
        case.shell("exec readproctitle ..... <&-");
        case.shell("exec readproctitle ..... </");
        case.shell("echo words | readproctitle .....");
    });
}

/// The programs that it starts are those of a system of its own, which only
/// root can make: a private mount namespace.
#[test]
fn svscanboot_starts_svscan() {
    let name = "svscanboot_starts_svscan";
    if dt_testkit::skipped_without_root(name) {
        return;
    }
    let trial = std::process::Command::new("unshare")
        .args(["-m", "sh", "-c", "mount -t tmpfs tmpfs /mnt"])
        .output();
    if !trial.is_ok_and(|output| output.status.success()) {
        eprintln!("{name}: skipped, mounts are not allowed");
        return;
    }
    check(name, |case| {
        case.scratch.script(
            "programs/svscan",
            "#!/bin/sh\necho \"svscan $* in $PWD\"\nenv | grep -v ^PWD= | sort\nreadlink /proc/$$/fd/0\n",
        );
        case.scratch.script(
            "programs/svc",
            "#!/bin/sh\necho \"svc $*\" >>\"$SHOWN\"\nreadlink /proc/$$/fd/2 >>\"$SHOWN\"\n",
        );
        case.scratch.script(
            "programs/readproctitle",
            "#!/bin/sh\nexec >>/mnt/shown\necho \"readproctitle $# $1 $2 ${#3}\"\nenv | grep -v ^PWD= | sort\ncat\n",
        );
        let script = "mount -t tmpfs tmpfs /mnt && mount -t tmpfs tmpfs /etc && \
            mkdir -p /etc/service/a /etc/service/b/log && mkdir -p /mnt/bin && \
            cp \"$BIN/svscanboot\" /mnt/svscanboot && cp programs/* /mnt/bin && \
            mount --bind /mnt/bin /usr/local/bin && \
            SHOWN=/mnt/shown ODD=1 timeout 20 /mnt/svscanboot ignored words 3<&-; \
            echo exit $?; cat /mnt/shown";
        let mut command = std::process::Command::new("unshare");
        command
            .args(["-m", "sh", "-c", script])
            .current_dir(case.scratch.path())
            .env("BIN", case.suite.directory())
            .env(dt_testkit::Scratch::MARK, case.scratch.mark())
            .stdin(Stdio::null());
        let outcome = dt_testkit::Outcome::of(&mut command);
        case.outcome("svscanboot ignored words", &outcome);
    });
}
