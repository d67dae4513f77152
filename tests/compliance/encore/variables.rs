//! envdir's option, and envini.

use std::process::Command;

use dt_testkit::{Outcome, show, skipped_without_root};

use crate::harness::{Case, bytes, check_encore, unprivileged};

#[test]
fn envdir_usage() {
    check_encore("envdir_usage", |case| {
        usage(case, "envdir");
        case.scratch.file("-p/A", "a\n");
        case.run("envdir", &["-p", "true"]);
        case.run("envdir", &["--", "-p", "sh", "-c", "echo $A"]);
    });
}

#[test]
fn envini_usage() {
    check_encore("envini_usage", |case| usage(case, "envini"));
}

fn usage(case: &mut Case, program: &str) {
    for arguments in [
        &[][..],
        &["e"],
        &["-p"],
        &["-p", "X_"],
        &["-p", "X_", "e"],
        &["-x", "e", "true"],
        &["--"],
    ] {
        case.run(program, arguments);
    }
}

/// Writes down the variables that the program gives its child.
fn variables(
    case: &mut Case,
    what: &str,
    program: &str,
    options: &[&str],
    before: &[(&str, &str)],
) {
    let mut command = Command::new(case.suite.program(program));
    command.current_dir(case.scratch.path()).env_clear();
    command.envs(before.iter().copied());
    command.args(options).args(["e", "/usr/bin/env", "-0"]);
    let outcome = Outcome::of(&mut command);
    case.note(format!("{what}: exit {}", outcome.code));
    let mut entries: Vec<_> = outcome.stdout.split(|byte| *byte == 0).collect();
    entries.sort_unstable();
    for entry in entries.iter().filter(|entry| !entry.is_empty()) {
        case.note(format!("  {}", show(entry)));
    }
}

#[test]
fn envdir_prefix() {
    check_encore("envdir_prefix", |case| {
        case.scratch.file("e/A", "a\n");
        case.scratch.file("e/B", "");
        case.scratch.file("e/M=N", "c\n");
        case.scratch.file("e/O=P", "");
        case.scratch.file("e/.hidden", "x");
        let before = [
            ("X_B", "removed"),
            ("B", "stays"),
            ("A", "stays"),
            ("X_M", "old"),
        ];
        for options in [&["-p", "X_"][..], &["-pX_"], &["-p", ""], &["-p", "a=b"]] {
            variables(case, &options.join(" "), "envdir", options, &before);
        }
        variables(
            case,
            "the last counts",
            "envdir",
            &["-pY", "-p", "X_"],
            &before,
        );
    });
}

#[test]
fn envini_lines() {
    check_encore("envini_lines", |case| {
        let lines: [&[u8]; 30] = [
            b"A=1",
            b"A = 1",
            b"  A\t=\t1 \r",
            b"A =",
            b"A=",
            b"A",
            b"",
            b" ",
            b"=",
            b"=v",
            b"= v",
            b"A=b=c",
            b"A =b= c",
            b"A=\"q\"",
            b"A='q' ; no comment",
            b";A=1",
            b" ;A=1",
            b"#A=1",
            b"sp ace = x",
            b"A=\x80\xff",
            b"A\xff=1",
            b"A=x\0y",
            b"A\0B=1",
            b"A: 1",
            b"[A=1",
            b"A=1]",
            b"A.b-c=1",
            b"A=\x0b",
            b"A=a  b",
            b"export A=1",
        ];
        for line in lines {
            for end in [&b""[..], b"\n"] {
                case.scratch.file("e", [line, end].concat());
                variables(
                    case,
                    &show(&[line, end].concat()),
                    "envini",
                    &[],
                    &[("A", "old")],
                );
            }
        }
    });
}

#[test]
fn envini_sections() {
    check_encore("envini_sections", |case| {
        for section in [
            "[s]",
            " [s] ",
            "[ sp ]",
            "[]",
            "[s] ; note",
            "[s",
            "s]",
            "[a]b]",
            "[[s]]",
            "[n\0m]",
            "[s]x",
        ] {
            case.scratch
                .file("e", format!("first=1\n{section}\nk=v\nl = w\n[t]\nk=u\n"));
            variables(case, section, "envini", &[], &[]);
        }
        for options in [&["-p", "X_"][..], &["-pX_"], &["-p", ""]] {
            variables(
                case,
                &options.join(" "),
                "envini",
                options,
                &[("k", "stays"), ("t_k", "stays")],
            );
        }
    });
}

#[test]
fn envini_many_lines() {
    check_encore("envini_many_lines", |case| {
        case.scratch.file("e", "A=1\nB=2\nA=3\n\n; x\nC=4");
        variables(
            case,
            "later lines win",
            "envini",
            &[],
            &[("A", "old"), ("D", "stays")],
        );
        let long = "x".repeat(100_000);
        case.scratch.file("e", format!("LONG={long}\n"));
        case.shell("envini e sh -c 'echo ${#LONG}'");
        case.scratch.file("e", "");
        case.shell("envini e echo an empty file");
        case.scratch.file("e", "PATH=/no/where\n");
        case.shell("envini e sh -c 'echo $PATH'");
    });
}

#[test]
fn envini_errors() {
    check_encore("envini_errors", |case| {
        case.run("envini", &["missing", "echo", "no file is an empty file"]);
        case.run("envini", &["", "echo", "so is no name"]);
        case.scratch.file("file", "A=1\n");
        case.run("envini", &["file/e", "true"]);
        case.run("envini", &["file", "missing"]);
        case.run("envini", &["file", ""]);
        case.run("envini", &[bytes(b"no\xffutf8"), bytes(b"missing")]);
        case.scratch.directory("directory");
        case.run("envini", &["directory", "true"]);
    });
}

#[test]
fn envini_without_permissions() {
    let name = "envini_without_permissions";
    if skipped_without_root(name) {
        return;
    }
    check_encore(name, |case| {
        case.scratch.file("secret", "A=1\n");
        case.scratch.mode("secret", 0o600);
        case.run_with("as nobody", "envini", &["secret", "true"], unprivileged);
    });
}
