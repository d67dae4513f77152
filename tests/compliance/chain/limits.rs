//! softlimit.

use std::fmt::Write;

use crate::harness::{Case, check};

/// Hard limits, the same wherever the tests run; the shell's units are blocks of
/// 512 bytes, KiB, and numbers.
const HARD: &str = "ulimit -t 5000; ulimit -f 200000; ulimit -d 8000000; ulimit -s 40000; \
                    ulimit -c 3000; ulimit -m 9000000; ulimit -l 48; ulimit -n 400; \
                    ulimit -v 16000000; ulimit -p 3000;";

const SHOW: &str = "cat /proc/self/limits";

const SHOWN: &[&str] = &[
    "Max cpu time",
    "Max file size",
    "Max data size",
    "Max stack size",
    "Max core file size",
    "Max resident set",
    "Max processes",
    "Max open files",
    "Max locked memory",
    "Max address space",
];

/// What softlimit with `options` leaves its child, in the kernel's words.
pub fn limits(case: &Case, options: &str) -> String {
    limits_with(case, "", options)
}

/// The same with variables, as env(1) sets them.
pub fn limits_with(case: &Case, variables: &str, options: &str) -> String {
    let line = format!("{HARD} exec env {variables} softlimit {options} {SHOW}");
    let mut command = case.shell_command(&line);
    let outcome = dt_testkit::Outcome::of(&mut command);
    let errors = String::from_utf8(outcome.stderr).unwrap();
    let output = String::from_utf8(outcome.stdout).unwrap();
    let mut words = format!("exit {} {errors}", outcome.code);
    for line in output.lines() {
        if let Some(name) = SHOWN.iter().find(|name| line.starts_with(**name)) {
            let numbers: Vec<_> = line[name.len()..].split_whitespace().take(2).collect();
            write!(words, "\n  {name}: {}", numbers.join(" of ")).unwrap();
        }
    }
    words
}

/// Writes down what the options change against `before`.
fn changes(case: &mut Case, before: &str, options: &str) {
    let now = limits(case, options);
    case.note(format!("softlimit {options}"));
    for line in now.lines() {
        if !before.lines().any(|old| old == line) {
            case.note(line);
        }
    }
}

#[test]
fn softlimit_options() {
    check("softlimit_options", |case| {
        let before = limits(case, "");
        case.note(format!("softlimit\n{before}"));
        for letter in "acdflmoprst".chars() {
            let number = match letter {
                'a' | 'm' => 100_000_000,
                's' => 9_000_000,
                'o' => 50,
                _ => 20_000_000,
            };
            changes(case, &before, &format!("-{letter} {number}"));
            changes(case, &before, &format!("-{letter}{number}"));
            changes(case, &before, &format!("-{letter} ="));
            changes(case, &before, &format!("-{letter}="));
            changes(case, &before, &format!("-{letter} 18446744073709551615"));
        }
        for options in [
            "-o10 -c0",
            "-o 10 -o 20",
            "-m 50000000 -s 8000000",
            "-s 8000000 -m 50000000",
            "-l 0 -m 50000000",
            "-o 10 --",
            "-c 0 -f 0",
            "-t 1000",
            "-p 0",
            "-r 0",
        ] {
            changes(case, &before, options);
        }
    });
}

#[test]
fn softlimit_numbers() {
    check("softlimit_numbers", |case| {
        let before = limits(case, "");
        for number in [
            "0",
            "00",
            "007",
            "1",
            "''",
            "123456",
            "0000000000000000000000009",
            "2999999",
            "3000000",
            "18446744073709551614",
            "18446744073709551615",
            "18446744073709551616",
            "18446744073709551617",
            "36893488147419103233",
            "99999999999999999999",
            "9223372036854775807",
            "9223372036854775808",
        ] {
            changes(case, &before, &format!("-c {number}"));
        }
        for number in [
            "10k",
            "-5",
            "0x10",
            "' 5'",
            "'5 '",
            "=x",
            "==",
            "x",
            "+5",
            "1.0",
            "5=",
            "--",
            "-",
            "1,000",
            "\"$(printf '5\\n')\nx\"",
            "\"$(printf '\\377')\"",
        ] {
            changes(case, &before, &format!("-c {number}"));
        }
    });
}

#[test]
fn softlimit_command_line() {
    check("softlimit_command_line", |case| {
        for arguments in [
            &[][..],
            &["--"],
            &["-c"],
            &["-c", "0"],
            &["-c0"],
            &["-z", "true"],
            &["-c0z", "true"],
            &["-zc0", "true"],
            &["-", "true"],
            &["--", "true"],
            &["--help", "true"],
            &["-c", "0", "true", "-z"],
            &["-c", "-z", "true"],
            &["true", "-z"],
            &["-c0", "-c", "x", "true"],
            &["-c", "x", "-z", "true"],
            &["-z", "-c", "x", "true"],
            &["-C", "0", "true"],
            &["missing"],
            &["-c0", "missing"],
            &[""],
        ] {
            case.run("softlimit", arguments);
        }
        case.run_with("called /a/b/other", "softlimit", &["-z"], |command| {
            std::os::unix::process::CommandExt::arg0(command, "/a/b/other");
        });
        case.run("softlimit", &[crate::harness::bytes(b"-\xc3\xa9")]);
    });
}

/// A later softlimit can raise what an earlier one has lowered.
#[test]
fn softlimit_leaves_the_hard_limit() {
    check("softlimit_leaves_the_hard_limit", |case| {
        let before = limits(case, "");
        changes(case, &before, "-o 20 softlimit -o 60");
        changes(case, &before, "-o 20 softlimit -o =");
        changes(case, &before, "-a 90000000 softlimit -a =");
    });
}

/// Every program that a service chains through starts where scripts in the
/// wild give it little memory.
#[test]
fn programs_start_in_little_memory() {
    check("programs_start_in_little_memory", |case| {
        case.scratch.directory("e");
        for chain in [
            "envdir e",
            "envuidgid root",
            "fghack",
            "pgrphack",
            "setlock lock",
            "softlimit -c0",
        ] {
            for limit in ["-m 3000000", "-d 400000"] {
                // A small child would be a different matter: none is run.
                case.shell(&format!("softlimit {limit} {chain} /no/such/thing"));
            }
        }
        case.shell("softlimit -m 3000000 multilog </dev/null");
        case.shell("echo x | softlimit -m 3000000 tai64nlocal");
    });
}
