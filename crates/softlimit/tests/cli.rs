//! Usage, messages and exit codes of `softlimit`.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::process::Command;

use dt_testkit::{Outcome, Scratch, Suite, skipped_without_strace};

fn suite() -> Suite {
    Suite::under_test()
}

const USAGE: &str = "softlimit: usage: softlimit [-a allbytes] [-c corebytes] [-d databytes] \
    [-f filebytes] [-l lockbytes] [-m membytes] [-o openfiles] [-p processes] \
    [-r residentbytes] [-s stackbytes] [-t cpusecs] child\n";

#[test]
fn without_a_program_it_is_a_usage_error() {
    for arguments in [&[][..], &["-a", "5"], &["--"], &["-o", "--"]] {
        assert_eq!(
            suite().run("softlimit", arguments, &Scratch::new()),
            Outcome::fails(100, USAGE)
        );
    }
}

#[test]
fn an_option_that_is_wrong_is_named_before_the_usage() {
    for (arguments, line) in [
        (&["-q", "true"][..], "illegal option -- q"),
        (&["-a", "5", "-b", "true"], "illegal option -- b"),
        (&["-o"], "option requires an argument -- o"),
    ] {
        let message = format!("softlimit: {line}\n{USAGE}");
        assert_eq!(
            suite().run("softlimit", arguments, &Scratch::new()),
            Outcome::fails(100, message)
        );
    }
}

#[test]
fn a_value_that_is_no_number_is_a_usage_error() {
    for value in ["10k", "-5", "+5", "0x10", " 5", "5 ", "=x", "=="] {
        assert_eq!(
            suite().run("softlimit", &["-o", value, "true"], &Scratch::new()),
            Outcome::fails(100, USAGE),
            "{value}"
        );
    }
}

#[test]
fn a_program_that_cannot_be_run_is_told_whatever_the_limits() {
    for limits in [
        &[][..],
        &["-a", "5"],
        &["-d", "0"],
        &["-o", "0"],
        &["-p", "0"],
    ] {
        let arguments = [limits, &["no-such"]].concat();
        let message = "softlimit: fatal: unable to run no-such: file does not exist\n";
        let scratch = Scratch::new();
        // Longer than what the C library has at hand without asking for more.
        let mut command = suite().command("softlimit", &scratch);
        command
            .env("LONG", "x".repeat(100_000))
            .env("LONGER", "y".repeat(100_000));
        let outcome = Outcome::of(command.env("PATH", "/usr/bin").args(&arguments));
        assert_eq!(outcome, Outcome::fails(111, message), "{arguments:?}");
    }
}

/// The limits as the kernel shows them, soft and hard, under these options.
fn limits(options: &[&str], resource: &str) -> (String, String) {
    let scratch = Scratch::new();
    let arguments = [options, &["cat", "/proc/self/limits"]].concat();
    let outcome = suite().run("softlimit", &arguments, &scratch);
    assert_eq!(outcome.code, 0, "{options:?}: {outcome:?}");
    let shown = String::from_utf8(outcome.stdout).unwrap();
    let line = shown.lines().find_map(|line| line.strip_prefix(resource));
    let mut words = line.unwrap().split_whitespace().map(String::from);
    (words.next().unwrap(), words.next().unwrap())
}

const RESOURCES: [(&str, &str, &str); 10] = [
    ("-a", "Max address space", "900000000"),
    ("-c", "Max core file size", "0"),
    ("-d", "Max data size", "900000000"),
    ("-f", "Max file size", "900000"),
    ("-l", "Max locked memory", "60000"),
    ("-o", "Max open files", "50"),
    ("-p", "Max processes", "900"),
    ("-r", "Max resident set", "900000000"),
    ("-s", "Max stack size", "900000"),
    ("-t", "Max cpu time", "900"),
];

#[test]
fn each_option_lowers_its_own_soft_limit() {
    for (option, resource, value) in RESOURCES {
        let (soft, hard) = limits(&[option, value], resource);
        assert_eq!(soft, value, "{option}");
        assert_eq!(hard, limits(&[], resource).1, "{option}");
        for (_, other, _) in RESOURCES.iter().filter(|row| row.1 != resource) {
            assert_eq!(
                limits(&[option, value], other),
                limits(&[], other),
                "{option}"
            );
        }
    }
}

#[test]
fn m_is_for_four_resources() {
    for resource in [
        "Max data size",
        "Max stack size",
        "Max locked memory",
        "Max address space",
    ] {
        let (before, hard) = limits(&[], resource);
        let (soft, same) = limits(&["-m", "50000000"], resource);
        let lowest = hard
            .parse()
            .map_or(50_000_000, |hard: u64| hard.min(50_000_000));
        assert_eq!(
            (soft, same),
            (lowest.to_string(), hard),
            "{resource}, was {before}"
        );
    }
}

/// The soft and hard limits on open files with this variable and these options.
fn open_files(variable: (&str, &str), options: &str) -> Outcome {
    let scratch = Scratch::new();
    let mut command = suite().command("softlimit", &scratch);
    command.env(variable.0, variable.1);
    command.args(options.split_whitespace());
    Outcome::of(command.args(["sh", "-c", "ulimit -Sn; ulimit -Hn"]))
}

#[test]
fn what_the_environment_says_comes_before_the_options() {
    let hard = limits(&[], "Max open files").1;
    let given = |soft: &str| Outcome::gives(format!("{soft}\n{hard}\n"));
    let variable = ("SOFTLIMIT_OPENFILES", "50");
    assert_eq!(open_files(variable, ""), given("50"));
    assert_eq!(open_files(variable, "-o 40"), given("40"));
    let wrong = open_files(("SOFTLIMIT_CPUSECS", "5k"), "");
    assert_eq!(wrong, Outcome::fails(100, USAGE));
}

#[test]
fn a_dash_takes_the_hard_limit_away_too() {
    if dt_testkit::skipped_without_root("a_dash_takes_the_hard_limit_away_too") {
        return;
    }
    let want = ("unlimited".to_owned(), "unlimited".to_owned());
    assert_eq!(limits(&["-c", "-"], "Max core file size"), want);
}

#[test]
fn the_last_option_for_a_resource_wins() {
    let order = ["-m", "50000000", "-s", "8000000"];
    assert_eq!(limits(&order, "Max stack size").0, "8000000");
    assert_eq!(limits(&order, "Max address space").0, "50000000");
    let order = ["-s8000000", "-m50000000"];
    assert_eq!(limits(&order, "Max stack size").0, "50000000");
}

#[test]
fn numbers_at_their_edges() {
    let hard = limits(&[], "Max open files").1;
    for (value, expected) in [
        ("=", hard.as_str()),
        ("0050", "50"),
        // 2^64 - 1 stands for no limit, and no soft limit goes above the hard one.
        ("18446744073709551615", &hard),
        ("999999999", &hard),
        // 2^64 + 40 wraps.
        ("18446744073709551656", "40"),
    ] {
        let (soft, same) = limits(&["-o", value], "Max open files");
        assert_eq!(
            (soft.as_str(), same.as_str()),
            (expected, hard.as_str()),
            "{value}"
        );
    }
    assert_eq!(limits(&["-c", ""], "Max core file size").0, "0");
    let unlimited = limits(&["-t", "5", "-t", "18446744073709551615"], "Max cpu time");
    assert_eq!(unlimited.0, unlimited.1);
}

#[test]
fn a_later_softlimit_can_raise_the_limit_again() {
    let scratch = Scratch::new();
    let inner = suite()
        .program("softlimit")
        .into_os_string()
        .into_string()
        .unwrap();
    let hard = limits(&[], "Max open files").1;
    let arguments = ["-o", "50", &inner, "-o", "=", "sh", "-c", "ulimit -n"];
    assert_eq!(
        suite().run("softlimit", &arguments, &scratch),
        Outcome::gives(format!("{hard}\n"))
    );
}

#[test]
fn limits_before_a_wrong_option_are_set_all_the_same() {
    let scratch = Scratch::new();
    let script = "exec softlimit -f 0 -q 2>err";
    let mut shell = Command::new("sh");
    shell
        .args(["-c", script])
        .current_dir(scratch.path())
        .env("PATH", suite().path());
    // SIGXFSZ, since not a byte of the message may be written.
    assert_eq!(Outcome::of(&mut shell).code, 128 + 25);
    assert_eq!(scratch.read("err"), b"");
}

#[test]
fn a_limit_that_cannot_be_read_or_set_is_told() {
    if skipped_without_strace("a_limit_that_cannot_be_read_or_set_is_told") {
        return;
    }
    let get = "softlimit: fatal: getrlimit failed: permission denied\n";
    let set = "softlimit: fatal: setrlimit failed: permission denied\n";
    let mut told = Vec::new();
    // Which of the calls is which depends on the C library's own at the start.
    for call in 1..=8 {
        let inject = format!("inject=prlimit64:error=EPERM:when={call}");
        let mut command = Command::new("strace");
        command.args(["-o", "/dev/null", "-e", &inject]);
        command
            .arg(suite().program("softlimit"))
            .args(["-c", "0", "true"]);
        let outcome = Outcome::of(&mut command);
        let line = String::from_utf8(outcome.stderr).unwrap();
        if outcome.code != 0 {
            assert_eq!(outcome.code, 111, "{line}");
            told.push(line);
        }
    }
    assert_eq!(told, [get, set]);
}
