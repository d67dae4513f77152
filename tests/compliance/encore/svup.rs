//! svup, with FIFOs and status files that the test itself makes.

use dt_testkit::show;

use super::clients::{OPTIONS, both, long_status, told};
use crate::harness::check_encore;
use crate::supervision::clients::{fifos, status};

#[test]
fn svup_usage() {
    check_encore("svup_usage", |case| {
        for arguments in [&[][..], &["-l"], &["-x", "d"], &["--"], &["-Lx", "d"]] {
            case.run("svup", arguments);
        }
    });
}

#[test]
fn svup_states() {
    check_encore("svup_states", |case| {
        let _fifos = fifos(&case.scratch, "d");
        for pid in [0, 29024] {
            for state in [0, 1, 2, 3, 4, 5, 255] {
                let what = format!("pid {pid}, state {state}");
                told(case, &what, "svup", &[], &long_status(pid, 0, b'u', state));
            }
            for want in *b"ud\0" {
                let what = format!("the original's, pid {pid}, {}", show(&[want]));
                told(case, &what, "svup", &[], &status(1001, pid, 0, want));
                told(case, &what, "svup", &[], &status(1001, pid, 1, want));
            }
        }
        for options in OPTIONS {
            told(
                case,
                "both up",
                "svup",
                options,
                &both((29024, 3), (29025, 3)),
            );
            told(case, "log down", "svup", options, &both((29024, 3), (0, 0)));
            told(
                case,
                "main down",
                "svup",
                options,
                &both((0, 0), (29025, 3)),
            );
            told(
                case,
                "main started",
                "svup",
                options,
                &both((0, 2), (29025, 3)),
            );
            told(
                case,
                "no log",
                "svup",
                options,
                &long_status(29024, 0, b'u', 3),
            );
        }
    });
}

#[test]
fn svup_of_what_is_not_there() {
    check_encore("svup_of_what_is_not_there", |case| {
        let _fifos = fifos(&case.scratch, "short");
        case.scratch.file("file", "");
        case.scratch.directory("never");
        case.scratch.directory("gone/supervise");
        crate::service::make_fifo(&case.scratch.join("gone/supervise/ok"));
        case.scratch.file("short/supervise/status", [0; 17]);
        for name in ["missing", "file", "never", "gone", "short", ""] {
            case.run("svup", &[name]);
        }
        let _fifos = fifos(&case.scratch, "no-status");
        case.run("svup", &["no-status"]);
        case.run("svup", &["no-status", "missing"]);
    });
}
