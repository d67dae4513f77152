//! svc, svok and svstat, with FIFOs and status files that the test itself makes.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::symlink;
use std::time::{SystemTime, UNIX_EPOCH};

use dt_testkit::{Scratch, show, skipped_without_root};

use crate::harness::{bytes, check, unprivileged};
use crate::service::{make_fifo, open};

/// The two FIFOs of a supervise that is not there, with their readers.
pub struct Fifos {
    /// What has been written to it can be read here.
    pub control: File,
    _ok: File,
}

pub fn fifos(scratch: &Scratch, service: &str) -> Fifos {
    let directory = scratch.directory(format!("{service}/supervise"));
    let [control, ok] = ["control", "ok"].map(|name| {
        let path = directory.join(name);
        make_fifo(&path);
        open(&path, false).unwrap()
    });
    Fifos { control, _ok: ok }
}

/// What has been written into a FIFO.
pub fn received(fifo: &mut File) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = fifo.read_to_end(&mut bytes);
    bytes
}

#[test]
fn svc_sends_its_letters_once_each_in_order() {
    check("svc_sends_its_letters_once_each_in_order", |case| {
        let mut one = fifos(&case.scratch, "one");
        let mut two = fifos(&case.scratch, "two");
        let mut row = |arguments: &[&str]| {
            case.run("svc", arguments);
            let sent = [&mut one, &mut two].map(|fifos| show(&received(&mut fifos.control)));
            case.note(format!("  sent {:?} {:?}", sent[0], sent[1]));
        };
        for letter in "udopchaitkx".chars() {
            row(&[&format!("-{letter}"), "one"]);
        }
        row(&["-udopchaitkx", "one", "two"]);
        row(&["-xktiahcpodu", "one"]);
        row(&["-du", "one"]);
        row(&["-d", "-u", "one"]);
        row(&["-xx", "one"]);
        row(&["-udu", "one"]);
        row(&["-u", "-d", "-u", "-x", "one"]);
        row(&["one"]);
        row(&["one", "-u"]);
        row(&["-d", "one", "one", "two"]);
        row(&["-d", "missing", "two"]);
        row(&["-u", "--", "one"]);
        row(&["--", "one"]);
        row(&["--help", "one"]);
        row(&["-u", "--x", "-d", "one"]);
        row(&["-d", "-", "one"]);
        row(&["-u-", "one"]);
        row(&["-z", "one"]);
        row(&["-uz", "one"]);
        row(&["-1", "one"]);
        row(&["-u", "one", "-z"]);
        row(&["-d", "one/", "./two/."]);
        row(&["-d"]);
        row(&[]);
        row(&["-u", ""]);
    });
}

#[test]
fn svc_illegal_letters_are_bytes() {
    check("svc_illegal_letters_are_bytes", |case| {
        let _fifos = fifos(&case.scratch, "one");
        for word in [&b"-\xc3\xa9"[..], b"-u\xff", b"-\n", b"-u d", b"-U"] {
            case.run("svc", &[bytes(word), bytes(b"one")]);
        }
        for (how, name) in [("called /a/b/other", "/a/b/other"), ("called nothing", "")] {
            case.run_with(how, "svc", &["-z", "one"], |command| {
                std::os::unix::process::CommandExt::arg0(command, name);
            });
        }
    });
}

#[test]
fn svc_says_what_it_cannot_control() {
    check("svc_says_what_it_cannot_control", |case| {
        case.scratch.file("file", "");
        case.scratch.directory("never");
        case.scratch.directory("gone/supervise");
        make_fifo(&case.scratch.join("gone/supervise/control"));
        case.scratch.directory("directory/supervise/control");
        case.scratch.directory("loop/supervise");
        symlink("control", case.scratch.join("loop/supervise/control")).unwrap();
        let names = [
            "missing",
            "file",
            "never",
            "gone",
            "directory",
            "loop",
            "a\nb",
        ];
        for name in names {
            case.run("svc", &["-u", name]);
        }
        case.run("svc", &names);
        case.run("svc", &[bytes(b"-d"), bytes(b"no\xffutf8")]);
    });
}

#[test]
fn svc_writes_over_a_plain_file() {
    check("svc_writes_over_a_plain_file", |case| {
        case.scratch.file("d/supervise/control", "abcdef");
        case.run("svc", &["-ud", "d"]);
        case.file("d/supervise/control");
    });
}

#[test]
fn svok_says_whether_supervise_runs() {
    check("svok_says_whether_supervise_runs", |case| {
        let _fifos = fifos(&case.scratch, "runs");
        case.scratch.file("file", "");
        case.scratch.directory("never");
        case.scratch.directory("gone/supervise");
        make_fifo(&case.scratch.join("gone/supervise/ok"));
        case.scratch.directory("directory/supervise/ok");
        case.scratch.file("plain/supervise/ok", "");
        case.scratch.directory("loop/supervise");
        symlink("ok", case.scratch.join("loop/supervise/ok")).unwrap();
        case.scratch.file("under/supervise", "");
        for name in [
            "runs",
            "runs/",
            "missing",
            "file",
            "never",
            "gone",
            "directory",
            "plain",
            "loop",
            "under",
            "",
            "--",
            "-x",
            "a\nb",
        ] {
            case.run("svok", &[name]);
        }
        case.run("svok", &["runs", "missing"]);
        case.run("svok", &["missing", "runs"]);
        case.run("svok", &[bytes(b"no\xffutf8")]);
    });
}

#[test]
fn clients_without_permissions() {
    let name = "clients_without_permissions";
    if skipped_without_root(name) {
        return;
    }
    check(name, |case| {
        let _fifos = ["closed", "hidden", "fifos"].map(|name| fifos(&case.scratch, name));
        case.scratch.mode("closed", 0o700);
        case.scratch.mode("hidden/supervise", 0o700);
        case.scratch.mode("fifos/supervise/control", 0o600);
        case.scratch.mode("fifos/supervise/ok", 0o600);
        case.scratch.file("fifos/supervise/status", STATUS);
        for name in ["closed", "hidden", "fifos"] {
            case.run_with("as nobody", "svc", &["-u", name], unprivileged);
            case.run_with("as nobody", "svok", &[name], unprivileged);
            case.run_with("as nobody", "svstat", &[name], unprivileged);
        }
        case.scratch.mode("fifos/supervise/ok", 0o622);
        case.scratch.mode("fifos/supervise/status", 0o600);
        case.run_with("as nobody", "svstat", &["fifos"], unprivileged);
    });
}

/// Where the start directory cannot be opened.
#[test]
fn clients_in_an_unreadable_directory() {
    let name = "clients_in_an_unreadable_directory";
    if skipped_without_root(name) {
        return;
    }
    check(name, |case| {
        case.scratch.directory("dark/d");
        for (bits, how) in [(0o711, ". not readable"), (0o744, ". not searchable")] {
            case.scratch.mode("dark", bits);
            for program in ["svc", "svstat"] {
                for operands in [&[][..], &["/"], &["/", "/tmp"]] {
                    let mut command = case.shell_command(
                        "cd dark && exec setpriv --reuid 65534 --regid 65534 --clear-groups \"$@\"",
                    );
                    command
                        .arg("sh")
                        .arg(case.suite.program(program))
                        .args(operands);
                    let outcome = dt_testkit::Outcome::of(&mut command);
                    case.outcome(&format!("{program} {operands:?}, {how}"), &outcome);
                }
            }
        }
    });
}

/// A status file of zeros: never started.
const STATUS: [u8; 18] = [0; 18];

/// The seconds of 1970 in a status file.
const EPOCH: u64 = (1 << 62) + 10;

/// A status file: a stamp this many seconds ago, a pid, and the last two bytes.
pub fn status(ago: i64, pid: u32, paused: u8, want: u8) -> Vec<u8> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let stamp = EPOCH.wrapping_add(now.as_secs()).wrapping_add_signed(-ago);
    let mut bytes = stamp.to_be_bytes().to_vec();
    bytes.extend([0; 4]);
    bytes.extend(pid.to_le_bytes());
    bytes.extend([paused, want]);
    bytes
}

/// Numbers of seconds near `about` become that number and a plus sign. One less is near
/// as well: time(2), by which programs ask, is some milliseconds behind our clock.
pub fn roughly(line: &str, about: &[u64]) -> String {
    let words = line.split(' ').map(|word| {
        let number: Option<u64> = word.parse().ok();
        let near = number.and_then(|number| {
            let fits = |about: &&u64| (about.saturating_sub(1)..**about + 120).contains(&number);
            about.iter().find(fits)
        });
        near.map_or_else(|| word.to_owned(), |about| format!("{about}+"))
    });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn svstat_forms() {
    check("svstat_forms", |case| {
        let _fifos = fifos(&case.scratch, "d");
        for down in [false, true] {
            if down {
                case.scratch.file("d/down", "");
            }
            case.note(if down { "with down" } else { "without down" });
            for pid in [0, 29024] {
                for paused in [0, 1, 255] {
                    for want in *b"ud\0UzD\xff" {
                        case.scratch
                            .file("d/supervise/status", status(1000, pid, paused, want));
                        let line = case.suite.run("svstat", &["d"], &case.scratch);
                        let said = roughly(&String::from_utf8(line.stdout).unwrap(), &[1000]);
                        let said = said.trim_end();
                        case.note(format!("  pid {pid}, {paused}, {}: {said}", show(&[want])));
                    }
                }
            }
        }
    });
}

#[test]
fn svstat_numbers() {
    check("svstat_numbers", |case| {
        let _fifos = fifos(&case.scratch, "d");
        let mut row = |what: &str, content: &[u8]| {
            case.scratch.file("d/supervise/status", content);
            let line = case.suite.run("svstat", &["d"], &case.scratch);
            let day = 86_400;
            let seconds = roughly(
                &String::from_utf8(line.stdout).unwrap(),
                &[1000, 1000 * day],
            );
            case.note(format!("{what}: {}", seconds.trim_end()));
        };
        row("the future", &status(-1000, 5, 0, b'u'));
        row("the far future", &status(-(1 << 61), 5, 0, b'u'));
        row("a thousand seconds", &status(1000, 5, 0, b'u'));
        row("a thousand days", &status(86_400_000, 5, 0, b'u'));
        row("pid 1", &status(1000, 1, 0, b'u'));
        row("the largest pid", &status(1000, u32::MAX, 0, b'u'));
        row("pid 2^31", &status(1000, 1 << 31, 0, b'u'));
        row("seconds of all ones", &[&[0xff; 8][..], &[0; 10]].concat());
        row("17 bytes", &status(1000, 5, 0, b'u')[..17]);
        row("empty", b"");
        row("19 bytes", &[&status(1000, 5, 0, b'u')[..], b"x"].concat());
        row(
            "20 bytes, as runsv's",
            &[&status(1000, 5, 0, b'u')[..], b"\0\x01"].concat(),
        );
        row(
            "40 bytes, as encore's",
            &[&status(1000, 5, 1, b'd')[..], b"\x04\0"]
                .concat()
                .repeat(2),
        );
        let nanoseconds = {
            let mut bytes = status(1000, 5, 0, b'u');
            bytes[8..12].fill(0xff);
            bytes
        };
        row("absurd nanoseconds", &nanoseconds);
    });
}

/// All zeros are printed as they are: some 2^62 seconds, which the original
/// computes in floating point.
#[test]
fn svstat_of_zeros() {
    check("svstat_of_zeros", |case| {
        let _fifos = fifos(&case.scratch, "d");
        case.scratch.file("d/supervise/status", STATUS);
        let line = case.suite.run("svstat", &["d"], &case.scratch);
        let line = String::from_utf8(line.stdout).unwrap();
        let seconds = line.split(' ').nth(2).unwrap().parse::<u64>().unwrap();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let off = (EPOCH + now.as_secs()).abs_diff(seconds);
        let line = line.replace(&seconds.to_string(), "N");
        case.note(format!("{}; right: {}", line.trim_end(), off < 2048));
    });
}

#[test]
fn svstat_errors() {
    check("svstat_errors", |case| {
        case.scratch.file("file", "");
        case.scratch.directory("never");
        case.scratch.directory("gone/supervise");
        make_fifo(&case.scratch.join("gone/supervise/ok"));
        case.scratch.directory("odd/supervise/ok");
        case.scratch.directory("loop");
        symlink("down", case.scratch.join("loop/down")).unwrap();
        let _silent = fifos(&case.scratch, "silent");
        let _short = fifos(&case.scratch, "short");
        case.scratch.file("short/supervise/status", "123");
        let _odd = fifos(&case.scratch, "ring");
        symlink("status", case.scratch.join("ring/supervise/status")).unwrap();
        let names = [
            "missing", "file", "never", "gone", "odd", "loop", "silent", "short", "ring", "", "-x",
            "--", "a\nb",
        ];
        for name in names {
            case.run("svstat", &[name]);
        }
        case.run("svstat", &names);
        case.run("svstat", &[] as &[&str]);
        case.run("svstat", &[bytes(b"no\xffutf8")]);
        case.shell("svstat missing >/dev/full");
        case.shell("svstat missing >&-");
    });
}

/// Where `status` cannot be read the original shows other bytes in its place.
#[test]
fn svstat_status_is_a_directory() {
    check("svstat_status_is_a_directory", |case| {
        let _first = fifos(&case.scratch, "first");
        case.scratch
            .file("first/supervise/status", status(-9, 77, 1, b'd'));
        let _second = fifos(&case.scratch, "second");
        case.scratch.directory("second/supervise/status");
        case.run("svstat", &["first", "second"]);
    });
}
