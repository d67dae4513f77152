//! The example container's services with `svscan` as process 1, in new namespaces: with
//! a root that can be written to and without, as root and as somebody else.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on panics with the reason"
)]

#[expect(dead_code, reason = "shared; each test uses its part")]
mod common;

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::Site;
use dt_testkit::{Running, Suite, get, is_root, signal, until, until_some};

/// The programs that the container has, where anybody can run them.
const PROGRAMS: [&str; 5] = ["svscan", "supervise", "multilog", "svc", "trycode"];

const NAMESPACES: [&str; 4] = ["--pid", "--fork", "--kill-child", "--mount-proc"];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    /// Nothing can be written to but two directories in memory.
    ReadOnly,
    /// The same, and not root.
    NonRoot,
}

struct Container {
    site: Site,
    running: Running,
    /// `svscan`, as it is numbered outside.
    first: u32,
}

/// Says so where the machine does not let us.
fn skipped(test: &str, kind: Kind) -> bool {
    if kind != Kind::Plain && dt_testkit::skipped_without_root(test) {
        return true;
    }
    let tried = unshare().arg("true").stderr(Stdio::null()).status();
    let works = tried.is_ok_and(|status| status.success());
    if !works {
        eprintln!("{test}: skipped, no namespaces can be made here");
    }
    !works
}

fn unshare() -> Command {
    let mut command = Command::new("unshare");
    command.args(NAMESPACES);
    if !is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command
}

impl Container {
    fn start(kind: Kind) -> Self {
        let site = prepared();
        let here = site.scratch.path().display().to_string();
        let read_only = format!(
            "mount --bind {here} {here} && cd {here} &&
             mount -t tmpfs -o mode=1777 tmpfs run && mount -t tmpfs -o mode=1777 tmpfs log &&
             mount -o remount,bind,ro {here} && mount -o remount,bind,ro / || exit 98
             if touch x 2>/dev/null; then exit 99; fi"
        );
        let (before, with) = match kind {
            Kind::Plain => ("", ""),
            Kind::ReadOnly => (read_only.as_str(), ""),
            Kind::NonRoot => (
                read_only.as_str(),
                "setpriv --reuid=65534 --regid=65534 --clear-groups ",
            ),
        };
        let mut command = unshare();
        command
            .args(["sh", "-c", &format!("{before}\nexec {with}svscan service")])
            .current_dir(site.scratch.path())
            .env("PATH", format!("{here}/bin:/usr/bin:/bin:/usr/sbin:/sbin"))
            .stdin(Stdio::null())
            .stderr(fs::File::create(site.scratch.join("said")).unwrap())
            .process_group(0);
        let running = Running::start(&mut command, &site.scratch);
        let children = format!("/proc/{0}/task/{0}/children", running.pid());
        let first = until_some("there is a first process", || {
            let first = fs::read_to_string(&children).ok()?.trim().parse().ok()?;
            let name = fs::read_to_string(format!("/proc/{first}/comm")).ok()?;
            (name == "svscan\n").then_some(first)
        });
        Self {
            site,
            running,
            first,
        }
    }

    /// A file as the container sees it.
    fn inside(&self, name: &str) -> PathBuf {
        let root = format!("/proc/{}/root", self.first);
        let name = self.site.scratch.join(name);
        Path::new(&root).join(name.strip_prefix("/").unwrap())
    }

    fn until_logged(&self, line: &str) {
        until("it is in the log", || {
            let log = fs::read_to_string(self.inside("log/current"));
            log.is_ok_and(|log| log.contains(line))
        });
    }

    /// None once it has ended.
    fn children(&self) -> Vec<u32> {
        let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", self.first));
        let children = children.unwrap_or_default();
        let pids = children.split_ascii_whitespace();
        pids.map(|pid| pid.parse().unwrap()).collect()
    }

    fn said(&self) -> String {
        String::from_utf8(self.site.scratch.read("said")).unwrap()
    }
}

/// The example's services in the scratch directory, with another one that leaves
/// orphans, and takes its time to end.
fn prepared() -> Site {
    let site = Site::bare(Suite::ours());
    for directory in ["run", "log", "bin", "service/web/log"] {
        site.scratch.directory(directory);
    }
    for name in PROGRAMS {
        site.scratch
            .program(site.suite.program(name), Path::new("bin").join(name));
    }
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/container");
    let here = site.scratch.path().to_str().unwrap();
    for run in ["web/run", "web/log/run"] {
        let script = fs::read_to_string(example.join("service").join(run)).unwrap();
        let script = script
            .replace("0.0.0.0:8080", &site.address.to_string())
            .replace("/var/log/web", &format!("{here}/log"));
        site.scratch.script(Path::new("service").join(run), script);
    }
    site.scratch.file("service/web/flag-essential", "");
    let orphans = "#!/bin/sh
        trap 'sleep 0.1; echo over >>../../run/told; exit' TERM
        number=0
        while [ $number -lt 20 ]; do
            (sleep 0.01 &)
            number=$((number + 1))
        done
        echo up >>../../run/told
        while :; do sleep 0.05; done";
    site.scratch.script("service/slow/run", orphans);
    let linked = Command::new(example.join("link-state"))
        .args([format!("{here}/service"), format!("{here}/run")])
        .status();
    assert!(linked.unwrap().success());
    site
}

fn runs_and_stops_in_order(test: &str, kind: Kind) {
    if skipped(test, kind) {
        return;
    }
    let mut container = Container::start(kind);
    container.until_logged("answers at");
    let page = get(container.site.address, "/").unwrap();
    assert!(page.contains("trycode.io: process"), "{page}");
    container.until_logged("GET / 200");
    until("the slow one is up", || {
        fs::read(container.inside("run/told")).is_ok()
    });
    // Twenty orphans have become its own, and are reaped; what is left are the
    // three that it has started.
    until("no orphan and no zombie is left", || {
        container.children().len() == 3
    });
    let slow = fs::File::open(container.inside("run/told")).unwrap();
    signal(container.first, "TERM");
    assert_eq!(container.running.wait(), 0, "{}", container.said());
    assert_eq!(std::io::read_to_string(slow).unwrap(), "up\nover\n");
    assert_eq!(container.said(), "");
}

#[test]
fn as_process_1_it_reaps_and_stops_in_order() {
    runs_and_stops_in_order("as_process_1_it_reaps_and_stops_in_order", Kind::Plain);
}

#[test]
fn a_read_only_root_is_enough() {
    runs_and_stops_in_order("a_read_only_root_is_enough", Kind::ReadOnly);
}

#[test]
fn root_is_not_needed() {
    runs_and_stops_in_order("root_is_not_needed", Kind::NonRoot);
}

/// The number of the process that is the service, as it is numbered outside.
fn web_of(container: &Container) -> Option<u32> {
    let of_supervise = |pid: &u32| {
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
        let pid: u32 = children.trim().parse().ok()?;
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
        (name == "trycode\n").then_some(pid)
    };
    container.children().iter().find_map(of_supervise)
}

#[test]
fn the_end_of_an_essential_service_is_the_containers() {
    let test = "the_end_of_an_essential_service_is_the_containers";
    if skipped(test, Kind::Plain) {
        return;
    }
    let mut container = Container::start(Kind::Plain);
    container.until_logged("answers at");
    let told = container.site.scratch.join("run/told");
    until("the slow one is up", || told.exists());
    let before = until_some("web is up", || web_of(&container));
    signal(before, "KILL");
    let code = until_some("it ends", || container.running.ended());
    assert_eq!(code, 128 + 9, "{}", container.said());
    assert_eq!(fs::read_to_string(told).unwrap(), "up\nover\n");
}
