//! How supervise starts, or says why it does not.

use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
use std::process::Command;

use dt_testkit::{skipped_without_root, until, until_some};

use crate::harness::{Case, check, unprivileged};
use crate::service::{Service, make_fifo, start_quietly};

/// Leaves something in a case's scratch directory.
pub type Prepare = fn(&Case);

/// Runs supervise on `d`, where `prepare` has left something, and expects it to
/// give up.
fn refused(case: &mut Case, what: &str, prepare: impl FnOnce(&Case)) {
    let own = Case::new(case.suite.clone());
    own.scratch.directory("d");
    prepare(&own);
    case.note(what);
    let mut command = own.suite.command("supervise", &own.scratch);
    // Where it does start after all, the end of the test must not be waited for.
    let mut running = start_quietly(&own, command.arg("d"));
    let code = running.wait();
    let words = String::from_utf8(own.scratch.read("err")).unwrap();
    case.note(format!("  exit {code}: {}", words.trim_end()));
}

#[test]
fn supervise_arguments() {
    check("supervise_arguments", |case| {
        case.run("supervise", &[] as &[&str]);
        case.run("supervise", &["a", "b"]);
        case.run("supervise", &["--", "d"]);
        for name in ["missing", "", "--", "-x", "a\nb", "missing//"] {
            case.run("supervise", &[name]);
        }
        case.scratch.file("file", "");
        case.run("supervise", &["file"]);
        case.run("supervise", &[crate::harness::bytes(b"no\xffutf8")]);
    });
}

#[test]
fn supervise_refuses_to_start() {
    check("supervise_refuses_to_start", |case| {
        refused(case, "down is a loop of links", |own| {
            symlink("down", own.scratch.join("d/down")).unwrap();
        });
        refused(case, "supervise is a file", |own| {
            own.scratch.file("d/supervise", "");
        });
        refused(case, "lock is a directory", |own| {
            own.scratch.directory("d/supervise/lock");
        });
        refused(case, "control is a directory", |own| {
            own.scratch.directory("d/supervise/control");
        });
        refused(case, "control is a loop of links", |own| {
            own.scratch.directory("d/supervise");
            symlink("control", own.scratch.join("d/supervise/control")).unwrap();
        });
        refused(case, "ok is a loop of links", |own| {
            own.scratch.directory("d/supervise");
            symlink("ok", own.scratch.join("d/supervise/ok")).unwrap();
        });
        refused(
            case,
            "supervise is a link to nothing, its parent missing",
            |own| {
                symlink("../missing/x", own.scratch.join("d/supervise")).unwrap();
            },
        );
        refused(case, "supervise is a link to a link to nothing", |own| {
            symlink("other", own.scratch.join("d/supervise")).unwrap();
            symlink("missing", own.scratch.join("d/other")).unwrap();
        });
        refused(case, "supervise is a loop of links", |own| {
            symlink("supervise", own.scratch.join("d/supervise")).unwrap();
        });
        refused(case, "lock is a FIFO", |own| {
            own.scratch.directory("d/supervise");
            make_fifo(&own.scratch.join("d/supervise/lock"));
        });
    });
}

#[test]
fn supervise_without_descriptors() {
    check("supervise_without_descriptors", |case| {
        case.scratch.directory("d");
        case.shell("ulimit -n 4; exec supervise d");
    });
}

#[test]
fn a_second_supervise_is_refused() {
    check("a_second_supervise_is_refused", |case| {
        let mut first = Service::start(case, crate::service::Manners::Dies, false);
        for name in ["d", "d/", "./d//"] {
            case.run("supervise", &[name]);
        }
        case.note(format!("the first: {}", first.look()));
        case.note("the lock is flock's:");
        case.run("setlock", &["-n", "d/supervise/lock", "true"]);
        first.process().signal("KILL");
        first.process().wait();
        case.note("the first has been killed, its service lives:");
        case.run("setlock", &["-n", "d/supervise/lock", "echo", "free"]);
    });
}

#[test]
fn supervise_directory_by_a_link_is_made_where_the_link_points() {
    let name = "supervise_directory_by_a_link_is_made_where_the_link_points";
    check(name, |case| {
        case.scratch.directory("var");
        case.scratch.directory("d");
        symlink("../var/supervise-d", case.scratch.join("d/supervise")).unwrap();
        let mut service = Service::start(case, crate::service::Manners::Dies, false);
        case.note(service.look());
        case.shell("stat -c '%F %a' d/supervise var/supervise-d; ls var/supervise-d");
    });
}

/// A link of 256 bytes or more is too long for the original.
#[test]
fn supervise_directory_by_a_long_link() {
    check("supervise_directory_by_a_long_link", |case| {
        let parent = "x".repeat(240);
        case.scratch.directory(&parent);
        case.scratch.file("d/down", "");
        let target = format!("../{parent}/{}", "y".repeat(40));
        symlink(target, case.scratch.join("d/supervise")).unwrap();
        let mut command = case.suite.command("supervise", &case.scratch);
        let mut running = start_quietly(case, command.arg("d"));
        let ended = until_some("it runs or ends", || {
            let runs = case.suite.run("svok", &["d"], &case.scratch).code == 0;
            running.ended().map(Some).or(runs.then_some(None))
        });
        let words = String::from_utf8(case.scratch.read("err")).unwrap();
        case.note(format!("exit {ended:?}: {}", words.trim_end()));
    });
}

#[test]
fn down_is_read_once() {
    check("down_is_read_once", |case| {
        let kinds: [(&str, Prepare); 5] = [
            ("no down", |_| {}),
            ("down is a file", |case| {
                case.scratch.file("d/down", "");
            }),
            ("down is a directory", |case| {
                case.scratch.directory("d/down");
            }),
            ("down is a dangling link", |case| {
                symlink("nothing", case.scratch.join("d/down")).unwrap();
            }),
            ("down is a FIFO", |case| {
                make_fifo(&case.scratch.join("d/down"));
            }),
        ];
        case.side_by_side(&kinds, |case, (name, prepare)| {
            crate::service::write_run(case, crate::service::Manners::Dies);
            prepare(case);
            let mut service = Service::supervise(case, &case.suite.clone());
            case.note(format!("{name}: {}", service.pid() != 0));
            svstat_now(case, &service);
            case.scratch.file("d/down.new", "");
            std::fs::rename(case.scratch.join("d/down.new"), case.scratch.join("d/down"))
                .or_else(|_| std::fs::remove_dir(case.scratch.join("d/down")))
                .unwrap();
            service.rest();
            service.look();
            service.send(b"c");
            case.note(format!("  down changed: {}", service.look()));
            svstat_now(case, &service);
        });
    });
}

/// Writes down what svstat says of `d`.
pub fn svstat_now(case: &mut Case, service: &Service) {
    let outcome = case.suite.run("svstat", &["d"], &case.scratch);
    let line = String::from_utf8(outcome.stdout).unwrap();
    let pid = service.pid().to_string();
    let line = line.trim_end().replace(&format!("pid {pid}"), "pid P");
    case.note(format!("  svstat says: {}", without_seconds(&line)));
}

/// The number of seconds, which depends on the machine's load, becomes `N`.
pub fn without_seconds(line: &str) -> String {
    let words: Vec<_> = line.split(' ').collect();
    let numbered = words.iter().enumerate().map(|(index, word)| {
        let before_seconds = words
            .get(index + 1)
            .is_some_and(|next| next.starts_with("seconds"));
        if before_seconds { "N" } else { word }
    });
    numbered.collect::<Vec<_>>().join(" ")
}

#[test]
fn supervise_files() {
    check("supervise_files", |case| {
        case.side_by_side(&["022", "077", "000", "027"], |case, umask| {
            crate::service::write_run(case, crate::service::Manners::Dies);
            let mut command = case.shell_command(&format!("umask {umask}; exec supervise d"));
            let _running = start_quietly(case, &mut command);
            until("the service is up", || case.scratch.join("d/log").exists());
            case.note(format!("umask {umask}"));
            for name in [".", "lock", "control", "status", "ok"] {
                let path = case.scratch.join("d/supervise").join(name);
                let found = std::fs::symlink_metadata(path).unwrap();
                let kind = found.file_type();
                let kind = match () {
                    () if kind.is_fifo() => "FIFO",
                    () if kind.is_dir() => "directory",
                    () if kind.is_file() => "file",
                    () => "other",
                };
                let bits = found.permissions().mode() & 0o7777;
                case.note(format!("  {name}: {kind} {bits:04o}"));
            }
            let names = until_some("no status is being written", || {
                let names = case.scratch.names("d/supervise");
                (!names.contains(&"status.new".to_owned())).then_some(names)
            });
            case.note(format!("  all: {}", names.join(" ")));
        });
    });
}

#[test]
fn supervise_lock_is_empty() {
    check("supervise_lock_is_empty", |case| {
        let service = Service::start(case, crate::service::Manners::Dies, false);
        let _ = &service;
        let length = case.scratch.read("d/supervise/lock").len();
        case.note(format!("lock: {length} bytes"));
    });
}

#[test]
fn leftover_files_are_used_as_they_are() {
    check("leftover_files_are_used_as_they_are", |case| {
        case.scratch.directory("d/supervise");
        for name in ["control", "ok"] {
            make_fifo(&case.scratch.join("d/supervise").join(name));
            case.scratch.mode(format!("d/supervise/{name}"), 0o622);
        }
        case.scratch.file("d/supervise/status", "odd");
        case.scratch.mode("d/supervise/status", 0o666);
        case.scratch
            .file("d/supervise/status.new", "longer than a status file is");
        case.scratch.file("d/supervise/other", "");
        case.scratch.mode("d/supervise", 0o755);
        let mut service = Service::start(case, crate::service::Manners::Dies, false);
        case.note(service.look());
        service.send(b"dx");
        service.process().wait();
        case.note(service.look());
        case.shell("cd d/supervise; stat -c '%n %F %a' .; stat -c '%n %a' *; wc -c <status");
        let mut again = Service::supervise(case, &case.suite.clone());
        case.note(format!("again: {}", again.look()));
    });
}

#[test]
fn odd_ok_files_do_not_hinder() {
    check("odd_ok_files_do_not_hinder", |case| {
        let kinds: [(&str, Prepare); 2] = [
            ("ok is a file", |case| {
                case.scratch.file("d/supervise/ok", "");
            }),
            ("ok is a directory", |case| {
                case.scratch.directory("d/supervise/ok");
            }),
        ];
        for (name, prepare) in kinds {
            let own = Case::new(case.suite.clone());
            prepare(&own);
            let mut service = Service::start(&own, crate::service::Manners::Dies, false);
            case.note(format!("{name}: {}", service.look()));
            for words in [&["svok", "d"][..], &["svstat", "d"]] {
                let outcome = own.suite.run(words[0], &words[1..], &own.scratch);
                let stdout = String::from_utf8_lossy(&outcome.stdout);
                let stdout = stdout.replace(&service.pid().to_string(), "P");
                let stderr = String::from_utf8_lossy(&outcome.stderr);
                case.note(format!(
                    "  {}: exit {} {}{}",
                    words[0],
                    outcome.code,
                    without_seconds(stdout.trim_end()),
                    stderr.trim_end()
                ));
            }
        }
    });
}

#[test]
fn supervise_without_permissions() {
    let name = "supervise_without_permissions";
    if skipped_without_root(name) {
        return;
    }
    check(name, |case| {
        let nobody = |case: &mut Case, how: &str, bits: u32, path: &str| {
            case.scratch.mode(path, bits);
            case.run_with(how, "supervise", &["d"], unprivileged);
            case.scratch.mode(path, 0o755);
        };
        case.scratch.directory("d");
        nobody(case, "not searchable", 0o700, "d");
        nobody(case, "not writable", 0o755, "d");
        case.scratch.directory("d/supervise");
        nobody(case, "supervise not writable", 0o755, "d/supervise");
        case.scratch.file("d/supervise/lock", "");
        nobody(case, "lock not writable", 0o644, "d/supervise/lock");
        case.scratch.mode("d/supervise/lock", 0o666);
        make_fifo(&case.scratch.join("d/supervise/control"));
        nobody(case, "control not readable", 0o622, "d/supervise/control");
        nobody(case, "control not writable", 0o644, "d/supervise/control");
        case.scratch.mode("d/supervise/control", 0o666);
        make_fifo(&case.scratch.join("d/supervise/ok"));
        nobody(case, "ok not readable", 0o622, "d/supervise/ok");
    });
}

/// With lock and FIFOs at hand supervise runs where it may not write, and says
/// so at each status.
#[test]
fn supervise_warns_where_it_cannot_write_its_status() {
    let name = "supervise_warns_where_it_cannot_write_its_status";
    if skipped_without_root(name) {
        return;
    }
    check(name, |case| {
        case.scratch.file("d/supervise/lock", "");
        case.scratch.mode("d/supervise/lock", 0o666);
        for fifo in ["control", "ok"] {
            make_fifo(&case.scratch.join("d/supervise").join(fifo));
            case.scratch.mode(format!("d/supervise/{fifo}"), 0o666);
        }
        case.scratch.file("d/down", "");
        let mut command = case.suite.command("supervise", &case.scratch);
        unprivileged(command.arg("d"));
        let mut running = start_quietly(case, &mut command);
        let svc = |letter: &str| {
            Command::new(case.suite.program("svc"))
                .arg(letter)
                .arg("d")
                .current_dir(case.scratch.path())
                .status()
                .unwrap()
        };
        until("it can be controlled", || {
            case.suite.run("svok", &["d"], &case.scratch).code == 0
        });
        assert!(svc("-x").success());
        let code = running.wait();
        let words = String::from_utf8(case.scratch.read("err")).unwrap();
        let mut lines: Vec<_> = words.lines().collect();
        lines.dedup();
        case.note(format!("exit {code}\n{}", lines.join("\n")));
    });
}
