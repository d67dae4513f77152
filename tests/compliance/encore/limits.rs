//! softlimit's variables, and limits that are taken away.

use dt_testkit::skipped_without_root;

use crate::chain::limits::{limits, limits_with};
use crate::harness::{Case, check_encore};

/// Writes down what softlimit with these variables and options changes.
fn changes(case: &mut Case, before: &str, words: &str, options: &str) {
    let now = limits_with(case, words, options);
    case.note(format!("{words} softlimit {options}"));
    for line in now.lines() {
        if !before.lines().any(|old| old == line) {
            case.note(line);
        }
    }
}

#[test]
fn softlimit_environment() {
    check_encore("softlimit_environment", |case| {
        let before = limits(case, "");
        for name in [
            "ALLBYTES",
            "COREBYTES",
            "CPUSECS",
            "DATABYTES",
            "FILEBYTES",
            "LOCKEDBYTES",
            "MEMBYTES",
            "OPENFILES",
            "PROCS",
            "RSSBYTES",
            "STACKBYTES",
        ] {
            let value = match name {
                "CPUSECS" | "OPENFILES" | "PROCS" => "300",
                "LOCKEDBYTES" | "COREBYTES" => "40000",
                _ => "30000000",
            };
            changes(case, &before, &format!("SOFTLIMIT_{name}={value}"), "");
        }
        let mem = "SOFTLIMIT_MEMBYTES=30000000";
        changes(
            case,
            &before,
            &format!("SOFTLIMIT_ALLBYTES=40000000 {mem}"),
            "",
        );
        changes(
            case,
            &before,
            &format!("SOFTLIMIT_STACKBYTES=4000000 SOFTLIMIT_LOCKEDBYTES=20000 {mem}"),
            "",
        );
        changes(case, &before, mem, "-s 4000000 -a 40000000");
        changes(case, &before, "SOFTLIMIT_OPENFILES==", "");
        changes(case, &before, "SOFTLIMIT_OPENFILES=100", "-o 50");
        changes(case, &before, "SOFTLIMIT_COREBYTES=", "");
        changes(case, &before, "SOFTLIMIT_OPENFILES=100000", "");
        changes(case, &before, "SOFTLIMIT_MEMORY=x SOFTLIMIT=y", "");
    });
}

#[test]
fn softlimit_environment_errors() {
    check_encore("softlimit_environment_errors", |case| {
        for value in ["10k", "-5", "0x10", " 5", "=x", "--"] {
            case.shell(&format!("SOFTLIMIT_OPENFILES='{value}' softlimit true"));
        }
        case.shell("SOFTLIMIT_CPUSECS=x softlimit -o 50 sh -c 'ulimit -n'");
        case.shell("SOFTLIMIT_OPENFILES=x softlimit -q true");
        case.shell("SOFTLIMIT_OPENFILES=x softlimit");
        case.shell("SOFTLIMIT_OPENFILES=50 softlimit missing");
    });
}

#[test]
fn softlimit_takes_limits_away() {
    let name = "softlimit_takes_limits_away";
    if skipped_without_root(name) {
        return;
    }
    check_encore(name, |case| {
        let before = limits(case, "");
        for options in [
            "-c -",
            "-a - -d-",
            "-m -",
            "-t- -t 100",
            "-f 1000000 -f -",
            "-p -",
            "-s -",
            "-r -",
            "-l -",
        ] {
            changes(case, &before, "", options);
        }
        changes(case, &before, "SOFTLIMIT_COREBYTES=-", "");
        let drop = "setpriv --reuid 65534 --regid 65534 --clear-groups";
        case.shell(&format!(
            "ulimit -c 3000; {drop} \"$BIN/softlimit\" -c - true"
        ));
        case.shell(&format!("{drop} \"$BIN/softlimit\" -c -x true"));
    });
}
