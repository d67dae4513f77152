//! The words for each error that the system can give.

use std::process::Command;

use dt_os::{Errno, reason_for};
use dt_testkit::{Outcome, Suite, skipped_without_strace};

use crate::harness::{Case, check};

/// The numbers that Linux uses on x86-64.
const ERRORS: std::ops::RangeInclusive<i32> = 1..=133;

/// The original is made to tell them by failing a call of `svok`, as it has no
/// other way of saying all of them; ours has a table.
#[test]
fn error_texts() {
    if Suite::under_test().is_original() && skipped_without_strace("error_texts") {
        return;
    }
    check("error_texts", |case| {
        for error in ERRORS {
            let text = if case.suite.is_original() {
                told(case, error)
            } else {
                reason_for(Errno::from_raw(error)).to_owned()
            };
            case.note(format!("{error}: {text}"));
        }
    });
}

/// And ours prints what is in the table, where there is strace to show it.
#[test]
fn error_texts_as_told() {
    if skipped_without_strace("error_texts_as_told") {
        return;
    }
    check("error_texts_as_told", |case| {
        for error in [1, 2, 11, 13, 75, 122] {
            let text = told(case, error);
            case.note(format!("{error}: {text}"));
        }
    });
}

/// What `svok` says when it cannot enter a directory for this reason.
fn told(case: &Case, error: i32) -> String {
    let inject = format!("inject=chdir:error={error}");
    let mut command = Command::new("strace");
    command.args(["-qq", "-o", "/dev/null", "-e", "trace=chdir", "-e", &inject]);
    command
        .arg(case.suite.program("svok"))
        .arg("d")
        .current_dir(case.scratch.path());
    let outcome = Outcome::of(&mut command);
    assert_eq!(outcome.code, 111, "{outcome:?}");
    let line = String::from_utf8(outcome.stderr).unwrap();
    let text = line.strip_prefix("svok: fatal: unable to chdir to d: ");
    text.unwrap_or(&line).trim_end().to_owned()
}
