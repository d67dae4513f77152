//! envdir's files and envuidgid's two variables.

use std::ffi::{CString, OsString};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use dt_os::exec::Image;
use dt_os::process::{ChildSignal, Launch};
use dt_testkit::{Outcome, show, skipped_without_root, until};

use crate::harness::{Case, bytes, check, unprivileged};
use crate::service::make_fifo;

/// The variables that `command` gives its child, in alphabetical order.
pub fn variables(command: &mut Command) -> Vec<Vec<u8>> {
    let outcome = Outcome::of(command);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let entries = outcome.stdout.split(|byte| *byte == 0);
    let mut entries: Vec<_> = entries.map(<[u8]>::to_vec).collect();
    // The last entry ends in a NUL, too.
    entries.pop();
    entries.sort();
    entries
}

/// envdir with only the variables `before` in its environment, showing what it
/// gives its child.
pub fn envdir(case: &Case, before: &[(&[u8], &[u8])]) -> Command {
    let mut command = case.suite.command("envdir", &case.scratch);
    command.env_clear();
    for (name, value) in before {
        command.env(bytes(name), bytes(value));
    }
    command.args(["e", "/usr/bin/env", "-0"]);
    command
}

fn note_variables(case: &mut Case, what: &str, mut command: Command) {
    let variables = variables(&mut command);
    case.note(what);
    for entry in variables {
        case.note(format!("  {}", show(&entry)));
    }
}

#[test]
fn envdir_values() {
    check("envdir_values", |case| {
        let files: &[(&str, &[u8])] = &[
            ("ONE", b"value\n"),
            ("NOLINE", b"value"),
            ("TWO", b"first\nsecond\n"),
            ("EMPTY", b""),
            ("EMPTYNEW", b""),
            ("NEWLINE", b"\n"),
            ("BLANKS", b"  \t \n"),
            ("BLANKSNOLINE", b" \t"),
            ("TRAILING", b"a b \t\t \n"),
            ("LEADING", b" \t a\n"),
            ("RETURN", b"a\r\n"),
            ("RETURNBLANK", b"a\r \n"),
            ("NUL", b"\0"),
            ("NULS", b"a\0b\0\0c\n"),
            ("NULBLANK", b"a\0\0 \n"),
            ("BLANKNUL", b"abc \0\n"),
            ("NULLINE", b"\0\n\0"),
            ("FORMFEED", b"a\x0b\x0c\n"),
            ("BYTES", b"\x80\xff\x01\n"),
            ("EQUALS", b"a=b=c\n"),
            ("M=N", b"c\n"),
            ("O=P", b""),
            ("Q=", b"q\n"),
            ("with space", b"x\n"),
            ("with\nline", b"x\n"),
            ("-x", b"x\n"),
            (".hidden", b"x\n"),
            ("PATH", b"/nowhere\n"),
            ("file~", b"x\n"),
        ];
        for (name, content) in files {
            case.scratch.file(format!("e/{name}"), content);
        }
        let odd = case.scratch.join("e").join(bytes(b"no\xffutf8"));
        std::fs::write(odd, "x").unwrap();
        let before: &[(&[u8], &[u8])] = &[
            (b"EMPTY", b"is removed"),
            (b"ONE", b"is replaced"),
            (b"KEPT", b"stays"),
            (b"ON", b"stays"),
            (b"M", b"is replaced"),
            (b"O", b"is replaced"),
            (b"BLANKS", b"is replaced"),
            (b"PATH", b"/usr/bin:/bin"),
            (b"odd\xff", b"\xfe"),
        ];
        let command = envdir(case, before);
        note_variables(case, "envdir e", command);
    });
}

#[test]
fn envdir_kinds_of_files() {
    check("envdir_kinds_of_files", |case| {
        case.scratch.file("value", "by a link\n");
        case.scratch.directory("e");
        symlink("../value", case.scratch.join("e/LINK")).unwrap();
        make_fifo(&case.scratch.join("e/FIFO"));
        let command = envdir(case, &[(b"FIFO", b"is removed")]);
        note_variables(case, "a link, a FIFO", command);
        case.scratch.directory("empty");
        case.shell("envdir empty echo nothing to do");
        case.scratch.file("e/LARGE", vec![b'x'; 100_000]);
        case.shell("envdir e sh -c 'echo ${#LARGE}'");
        case.scratch.file("e/LARGE", vec![b'x'; 200_000]);
        case.shell("envdir e true");
        let lines = [vec![b'y'; 3000], b"\n".to_vec(), vec![b'z'; 5_000_000]].concat();
        case.scratch.file("e/LARGE", lines);
        case.shell("envdir e sh -c 'echo ${#LARGE}'");
    });
}

#[test]
fn envdir_errors() {
    check("envdir_errors", |case| {
        case.scratch.file("file", "");
        for name in ["missing", "file", "", "--", "-p", "a\nb"] {
            case.run("envdir", &[name, "true"]);
        }
        case.run("envdir", &[bytes(b"no\xffutf8"), bytes(b"true")]);
        case.run("envdir", &["--", "d", "true"]);
        case.scratch.directory("sub/DIRECTORY");
        case.run("envdir", &["sub", "true"]);
        case.scratch.directory("loop");
        symlink("LOOP", case.scratch.join("loop/LOOP")).unwrap();
        case.run("envdir", &["loop", "true"]);
        case.scratch.directory("hidden/.sub");
        case.run("envdir", &["hidden", "echo", "dots are skipped"]);
        case.run("envdir", &["hidden/", "echo", "a slash"]);
        case.run("envdir", &[".", "missing"]);
    });
}

#[test]
fn envdir_without_permissions() {
    let name = "envdir_without_permissions";
    if skipped_without_root(name) {
        return;
    }
    check(name, |case| {
        case.scratch.file("secret/A", "a");
        case.scratch.mode("secret/A", 0o600);
        case.scratch.directory("closed");
        case.scratch.mode("closed", 0o744);
        case.scratch.directory("dark");
        case.scratch.mode("dark", 0o711);
        for directory in ["secret", "closed", "dark"] {
            case.run_with("as nobody", "envdir", &[directory, "true"], unprivileged);
        }
        case.scratch.directory("here/e");
        case.scratch.mode("here", 0o711);
        let mut command = case.shell_command(
            "cd here && exec setpriv --reuid 65534 --regid 65534 --clear-groups \"$0\" ../secret true",
        );
        let outcome = Outcome::of(command.arg(case.suite.program("envdir")));
        case.outcome("envdir where . cannot be read", &outcome);
    });
}

/// A link to nothing after another file gets that file's value in the original.
/// It reads entries in the directory's order, so that the case has two files
/// and takes whichever the link follows.
#[test]
fn envdir_dangling_link() {
    check("envdir_dangling_link", |case| {
        case.scratch.file("e/FIRST", "stale\n");
        for number in 0..8 {
            symlink("nothing", case.scratch.join(format!("e/LINK{number}"))).unwrap();
        }
        let mut command = envdir(case, &[]);
        let stale = variables(&mut command).len() > 1;
        case.note(format!("links to nothing have values: {stale}"));
    });
}

/// Only the first of two variables of one name is replaced in the original.
#[test]
fn edits_of_a_variable_that_is_there_twice() {
    check("edits_of_a_variable_that_is_there_twice", |case| {
        case.scratch.file("e/TWICE", "new\n");
        case.scratch.file("gone/TWICE", "");
        for (program, before) in [("envdir", "e"), ("envdir", "gone"), ("envuidgid", "root")] {
            let entries = [
                "TWICE=1", "A=a", "UID=1", "TWICE=2", "UID=2", "GID=1", "GID=2",
            ];
            let entries = entries.map(|entry| CString::new(entry).unwrap());
            // The shell would merge them; what it was started with is the kernel's.
            let script = "cat /proc/$$/environ >\"$0.new\"; mv \"$0.new\" \"$0\"";
            let shown = case.scratch.join("shown");
            let operand = match before {
                "root" => before.into(),
                directory => case.scratch.join(directory).into_os_string(),
            };
            let arguments: Vec<OsString> = [program.into(), operand]
                .into_iter()
                .chain(["/bin/sh", "-c", script].map(OsString::from))
                .chain([shown.clone().into_os_string()])
                .collect();
            start_with(&case.suite.program(program), &arguments, &entries);
            until("it has shown itself", || shown.exists());
            let environment = std::fs::read(&shown).unwrap();
            std::fs::remove_file(&shown).unwrap();
            let mut left: Vec<_> = environment.split(|byte| *byte == 0).map(show).collect();
            left.sort();
            case.note(format!("{program} {before}: {left:?}"));
        }
    });
}

/// Starts a program with an environment as it is, doubled names and all.
fn start_with(file: &Path, arguments: &[OsString], entries: &[CString]) {
    let image = Image::named(file, arguments, entries).unwrap();
    let launch = Launch {
        image: &image,
        descriptors: &[],
        directory: None,
        child_signal: ChildSignal::Default,
        descriptor_excuse: b"descriptors",
        directory_excuse: b"directory",
        exec_excuse: b"exec",
    };
    let child = launch.start().unwrap();
    dt_os::process::wait_for(child).unwrap();
}

#[test]
fn envdir_searches_by_its_own_path() {
    check("envdir_searches_by_its_own_path", |case| {
        case.scratch.script("bin/hello", "#!/bin/sh\necho $PATH\n");
        case.scratch.file("e/PATH", "/no/where\n");
        case.shell("PATH=$PWD/bin exec \"$BIN/envdir\" e hello");
        case.scratch
            .file("e/PATH", format!("{}/bin", case.scratch.path().display()));
        case.shell("PATH=/no/where exec \"$BIN/envdir\" e hello");
        case.scratch.file("e/PATH", "");
        case.shell("\"$BIN/envdir\" e /usr/bin/env | grep -c ^PATH=; true");
    });
}

#[test]
fn envdir_comes_back() {
    check("envdir_comes_back", |case| {
        case.scratch.file("e/A", "a");
        case.scratch.script("here", "#!/bin/sh\necho $A $PWD\n");
        case.run("envdir", &["e", "./here"]);
        case.run("envdir", &["e/../e", "./here"]);
        let path = case.scratch.join("e");
        case.run("envdir", &[path.as_os_str(), "./here".as_ref()]);
    });
}

#[test]
fn envuidgid_sets_two_variables() {
    check("envuidgid_sets_two_variables", |case| {
        case.run("envuidgid", &[] as &[&str]);
        case.run("envuidgid", &["root"]);
        for account in ["no-such-account", "0", "65534", "", "-s", "--", "root "] {
            case.run("envuidgid", &[account, "true"]);
        }
        case.run("envuidgid", &[bytes(b"no\xffutf8"), bytes(b"true")]);
        case.run("envuidgid", &["root", "missing"]);
        for account in ["root", "daemon", "nobody"] {
            let mut command = case.suite.command("envuidgid", &case.scratch);
            command.env_clear().env("UID", "77").env("A", "stays");
            command.args([account, "/usr/bin/env", "-0"]);
            note_variables(case, account, command);
        }
    });
}
