//! svc, svstat and svok, with FIFOs and status files that the test itself makes;
//! and where `$SUPERVISEDIR` is.

use dt_testkit::show;

use crate::harness::{Case, check_encore};
use crate::supervision::clients::{fifos, received, roughly, status};

/// What ours prints and sends as encore does only where that is asked for.
const COMPAT: (&str, &str) = ("SUPERVISE_COMPAT", "encore");

/// Runs svc and writes down what comes out of the control FIFO. encore begins with
/// an `l`, which changes nothing.
fn svc(case: &mut Case, arguments: &[&str]) {
    let mut fifo = fifos(&case.scratch, "d");
    case.run_with("SUPERVISE_COMPAT=encore", "svc", arguments, |command| {
        command.env(COMPAT.0, COMPAT.1);
    });
    let sent = show(&received(&mut fifo.control));
    case.note(format!(
        "  sent {}",
        sent.strip_prefix('l').unwrap_or(&sent)
    ));
    std::fs::remove_dir_all(case.scratch.join("d")).unwrap();
}

#[test]
fn svc_letters() {
    check_encore("svc_letters", |case| {
        for letter in "udopchaitkxq12w+=Ll".chars() {
            svc(case, &[&format!("-{letter}"), "d"]);
        }
        for letters in [
            "-+h", "-+hk", "-h+k", "-=h", "-+h=k", "-Ld", "-Ldlu", "-dLd", "-uu", "-q1q", "-w2",
            "-++t",
        ] {
            svc(case, &[letters, "d"]);
        }
        svc(case, &["-L", "-d", "-l", "-d", "d"]);
        svc(case, &["-+", "-k", "d"]);
        svc(case, &["d"]);
    });
}

#[test]
fn svc_usage() {
    check_encore("svc_usage", |case| {
        svc(case, &["-z", "d"]);
        svc(case, &["-uz", "d"]);
        svc(case, &["-LudopchaitkxLudopchaitkxLudopchaitkx", "d"]);
    });
}

/// A status file of encore's: as the original's, and the state.
pub fn long_status(pid: u32, paused: u8, want: u8, state: u8) -> Vec<u8> {
    let mut bytes = status(1001, pid, paused, want);
    bytes.extend([state, 0]);
    bytes
}

/// What a reader of `d` says to this status file, and how it ends.
pub fn told(case: &mut Case, what: &str, program: &str, options: &[&str], content: &[u8]) {
    case.scratch.file("d/supervise/status", content);
    let arguments = [options, &["d"]].concat();
    let outcome = case.suite.run(program, &arguments, &case.scratch);
    let said = [outcome.stdout, outcome.stderr].concat();
    let said = roughly(&String::from_utf8(said).unwrap(), &[1000]);
    let options = options.join(" ");
    case.note(format!(
        "{what}: {program} {options}: exit {}",
        outcome.code
    ));
    for line in said.lines() {
        case.note(format!("  {line}"));
    }
}

#[test]
fn svstat_states() {
    check_encore("svstat_states", |case| {
        let _fifos = fifos(&case.scratch, "d");
        for down in [false, true] {
            if down {
                case.scratch.file("d/down", "");
            }
            for pid in [0, 29024] {
                for want in *b"ud\0" {
                    for paused in [0, 1] {
                        for state in [0, 1, 2, 3, 4, 5, 255] {
                            let what = format!(
                                "down {down}, pid {pid}, {}, {paused}, state {state}",
                                show(&[want])
                            );
                            told(
                                case,
                                &what,
                                "svstat",
                                &[],
                                &long_status(pid, paused, want, state),
                            );
                        }
                    }
                }
            }
        }
    });
}

/// The main service's and the log's block.
pub fn both(main: (u32, u8), log: (u32, u8)) -> Vec<u8> {
    [main, log]
        .map(|(pid, state)| long_status(pid, 0, b'u', state))
        .concat()
}

/// The ways to ask for one of the two.
pub const OPTIONS: [&[&str]; 5] = [&[], &["-l"], &["-L"], &["-l", "-L"], &["-Ll"]];

#[test]
fn svstat_of_a_log() {
    check_encore("svstat_of_a_log", |case| {
        let _fifos = fifos(&case.scratch, "d");
        for options in OPTIONS {
            told(
                case,
                "both up",
                "svstat",
                options,
                &both((29024, 3), (29025, 3)),
            );
            told(
                case,
                "log down",
                "svstat",
                options,
                &both((29024, 3), (0, 0)),
            );
            told(
                case,
                "main down",
                "svstat",
                options,
                &both((0, 5), (29025, 3)),
            );
            told(
                case,
                "no log",
                "svstat",
                options,
                &long_status(29024, 0, b'u', 3),
            );
            told(
                case,
                "the original's",
                "svstat",
                options,
                &status(1001, 29024, 0, b'u'),
            );
        }
        case.scratch.file("d/log/down", "");
        told(
            case,
            "d/log/down",
            "svstat",
            &[],
            &both((29024, 3), (29025, 3)),
        );
    });
}

/// As encore's own tests have it.
#[test]
fn svstat_of_a_log_that_is_normally_down() {
    check_encore("svstat_of_a_log_that_is_normally_down", |case| {
        let _fifos = fifos(&case.scratch, "d");
        case.scratch.file("d/down", "");
        for (what, log) in [("both up", (29025, 3)), ("log down", (0, 0))] {
            told(case, what, "svstat", &[], &both((29024, 3), log));
        }
    });
}

#[test]
fn svstat_lengths() {
    check_encore("svstat_lengths", |case| {
        let _fifos = fifos(&case.scratch, "d");
        let whole = both((29024, 3), (29025, 3));
        for length in [0, 17, 18, 19, 20, 38, 39, 40] {
            told(
                case,
                &format!("{length} bytes"),
                "svstat",
                &[],
                &whole[..length],
            );
        }
    });
}

#[test]
fn svstat_usage() {
    check_encore("svstat_usage", |case| {
        for arguments in [&["-x", "d"][..], &["-lx", "d"], &["-l", "--", "d"]] {
            case.run("svstat", arguments);
        }
    });
}

/// `$SUPERVISEDIR` in both its forms.
#[test]
fn supervisedir() {
    check_encore("supervisedir", |case| {
        let _fifos = fifos(&case.scratch, "here");
        std::fs::rename(
            case.scratch.join("here/supervise"),
            case.scratch.join("here/other"),
        )
        .unwrap();
        case.scratch
            .file("here/other/status", status(1001, 29024, 0, b'u'));
        let own = case.scratch.path().to_str().unwrap().to_owned();
        let away = format!(
            "base/{}:there",
            own.trim_start_matches('/').replace('/', ":")
        );
        let _more = fifos(&case.scratch, "moved");
        case.scratch.directory("base");
        case.scratch.directory("there");
        std::fs::rename(
            case.scratch.join("moved/supervise"),
            case.scratch.join(&away),
        )
        .unwrap();
        case.scratch
            .file(format!("{away}/status"), status(1001, 29024, 0, b'u'));
        for (value, name) in [
            ("other", "here"),
            ("SCRATCH/base", "there"),
            ("", "here"),
            ("none", "here"),
        ] {
            let value = value.replace("SCRATCH", &own);
            for program in ["svok", "svstat", "svc", "svup"] {
                let mut command = case.suite.command(program, &case.scratch);
                command.env("SUPERVISEDIR", &value).arg(name);
                let outcome = dt_testkit::Outcome::of(&mut command);
                let said = [outcome.stdout, outcome.stderr].concat();
                let said = roughly(&String::from_utf8(said).unwrap(), &[1000]);
                case.note(format!(
                    "SUPERVISEDIR={value} {program} {name}: exit {}",
                    outcome.code
                ));
                for line in said.lines() {
                    case.note(format!("  {line}"));
                }
            }
        }
    });
}
