//! How the chain-loading programs find and run their child, which they all do
//! alike.

use std::process::Command;

use dt_testkit::skipped_without_root;

use crate::harness::{Case, NOBODY, bytes, check, signals};

/// Every program that becomes another, with the words that come before it.
const PROGRAMS: &[(&str, &[&str])] = &[
    ("envdir", &["empty"]),
    ("envuidgid", &["root"]),
    ("fghack", &[]),
    ("pgrphack", &[]),
    ("setlock", &["lock"]),
    ("softlimit", &[]),
];

fn prepare(case: &Case) {
    case.scratch.directory("empty");
    case.scratch
        .script("bin/hello", "#!/bin/sh\necho hello \"$0\" \"$@\"\n");
    case.scratch.script("two/hello", "#!/bin/sh\necho two\n");
    case.scratch.script("hello", "#!/bin/sh\necho here\n");
    case.scratch.script("bin/plain", "echo never\n");
    case.scratch.script("bin/empty", "");
    case.scratch.script("bin/lost", "#!/no/such/interpreter\n");
    case.scratch.file("bin/closed", "#!/bin/sh\n");
    case.scratch.directory("bin/directory");
    case.scratch
        .file("blocked/hello", "#!/bin/sh\necho never\n");
    case.scratch.file("file", "");
    std::os::unix::fs::symlink("loop", case.scratch.join("loop")).unwrap();
}

/// Runs every program with `words`, `PATH` being as given (`.` standing for the
/// scratch directory), and writes down what they say once where they agree.
fn everywhere(case: &mut Case, path: Option<&str>, words: &[&[u8]]) {
    let mut seen: Vec<(Vec<&str>, String)> = Vec::new();
    for (program, before) in PROGRAMS {
        let mut command = case.suite.command(program, &case.scratch);
        command
            .args(*before)
            .args(words.iter().map(|word| bytes(word)));
        let here = case.scratch.path().to_str().unwrap();
        match path {
            None => command.env_remove("PATH"),
            Some(path) => command.env("PATH", path.replace('@', here)),
        };
        let outcome = dt_testkit::Outcome::of(&mut command);
        let said = format!("{outcome:?}").replace(program, "PROGRAM");
        match seen.iter_mut().find(|(_, same)| *same == said) {
            Some((programs, _)) => programs.push(program),
            None => seen.push((vec![program], said)),
        }
    }
    let shown: Vec<_> = words
        .iter()
        .map(|word| word.escape_ascii().to_string())
        .collect();
    case.note(format!("PATH {path:?}: {shown:?}"));
    for (programs, said) in seen {
        case.note(format!("  {}", programs.join(" ")));
        for line in said.lines().filter(|line| !line.ends_with(": ")) {
            case.note(format!("    {line}"));
        }
    }
}

#[test]
fn how_the_child_is_found() {
    check("how_the_child_is_found", |case| {
        prepare(case);
        let rows: &[(Option<&str>, &[&[u8]])] = &[
            (
                Some("@/bin"),
                &[b"hello", b"-x", b"--", b"", b"a b", b"\xff\n"],
            ),
            (Some("@/bin:@/two"), &[b"hello"]),
            (Some("@/two:@/bin"), &[b"hello"]),
            (Some("@/nothing:@/bin"), &[b"hello"]),
            (Some("@/bin"), &[b"./hello"]),
            (Some("@/bin"), &[b"two/hello"]),
            (Some("@/bin"), &[b"/bin/echo", b"absolute"]),
            (Some(""), &[b"hello"]),
            (Some("@/two:"), &[b"plain"]),
            (Some(":@/two"), &[b"hello"]),
            (Some("@/nothing::@/two"), &[b"hello"]),
            (None, &[b"echo", b"without PATH"]),
            (None, &[b"hello"]),
            (Some("@/bin"), &[b"missing"]),
            (Some("@/bin"), &[b"no\xffutf8"]),
            (Some("@/bin"), &[b"new\nline"]),
            (Some("@/bin"), &[b"./missing"]),
            (Some("@/bin"), &[b"/no/such/thing"]),
            (Some("@/bin"), &[b""]),
            (Some("@/bin"), &[b"plain"]),
            (Some("@/bin"), &[b"empty"]),
            (Some("@/bin"), &[b"lost"]),
            (Some("@/bin"), &[b"closed"]),
            (Some("@/bin"), &[b"directory"]),
            (Some("@/bin"), &[b"."]),
            (Some("@/bin"), &[b"/"]),
            (Some("@/bin"), &[b"file/x"]),
            (Some("@/bin"), &[b"./loop"]),
            (Some("@/blocked:@/two"), &[b"hello"]),
            (Some("@/blocked:@/nothing"), &[b"hello"]),
            (Some("@/blocked"), &[b"missing"]),
            (Some("@/nothing"), &[b"echo"]),
            (Some("@/loop"), &[b"hello"]),
            (Some("@/bin"), &[b"--"]),
        ];
        for (path, words) in rows {
            everywhere(case, *path, words);
        }
        let long = vec![b'x'; 300];
        everywhere(case, Some("@/bin"), &[&long]);
    });
}

/// The original looks no further than a part of `PATH` that is a file.
#[test]
fn path_with_a_file() {
    check("path_with_a_file", |case| {
        prepare(case);
        everywhere(case, Some("@/file:@/two"), &[b"hello"]);
        everywhere(case, Some("@/file"), &[b"hello"]);
    });
}

/// What was not found in one place is `access denied`, where another place could
/// not be looked at.
#[test]
fn path_with_an_unsearchable_directory() {
    let name = "path_with_an_unsearchable_directory";
    if skipped_without_root(name) {
        return;
    }
    check(name, |case| {
        prepare(case);
        case.scratch.mode("two", 0o700);
        let line = "PATH=$PWD/bin:$PWD/two:$PWD/nothing; \
                    exec /usr/bin/setpriv --reuid 65534 --regid 65534 --clear-groups \"$0\" \"$@\"";
        for words in [&["missing"][..], &["hello"]] {
            let program = case.suite.program("pgrphack");
            let mut command = case.shell_command(line);
            let outcome = dt_testkit::Outcome::of(command.arg(program).args(words));
            case.outcome(&format!("pgrphack {words:?} as {NOBODY}"), &outcome);
        }
    });
}

/// Descriptors, signals, umask, directory and argv\[0\] pass through.
#[test]
fn what_a_child_inherits() {
    check("what_a_child_inherits", |case| {
        case.scratch.directory("empty");
        case.scratch.script(
            "show",
            "#!/bin/sh\necho \"$0 $#\"; pwd; umask; ls /proc/self/fd | grep -v '..' | tr '\\n' ' '; echo\n",
        );
        for (program, before) in PROGRAMS {
            if *program == "fghack" {
                continue;
            }
            let words = before.join(" ");
            case.shell(&format!("umask 035; exec 3<&- 4<&- 5<&- 6<&- 7</dev/null 8<&- 9<&-; {program} {words} ./show a"));
            let line = format!(
                "exec env --default-signal --ignore-signal=PIPE --ignore-signal=CHLD \
                 --block-signal=USR2 --block-signal=CHLD {program} {words} cat /proc/self/status"
            );
            let mut command: Command = case.shell_command(&line);
            let outcome = dt_testkit::Outcome::of(&mut command);
            case.note(format!(
                "{program} with signals ignored and blocked: exit {}",
                outcome.code
            ));
            for line in String::from_utf8(outcome.stdout).unwrap().lines() {
                if line.starts_with("SigBlk") || line.starts_with("SigIgn") {
                    case.note(format!("  {}", signals(line)));
                }
            }
        }
    });
}
