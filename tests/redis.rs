//! The example with redis, run with the redis-server of this machine.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on panics with the reason"
)]
#![expect(clippy::print_stderr, reason = "a test that is skipped says why")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use dt_testkit::{Running, Scratch, Suite, signal, until, until_some};

/// The example's services in a scan directory, without their account.
struct Site {
    scratch: Scratch,
    suite: Suite,
    _svscan: Running,
}

impl Site {
    /// Nothing where there is no redis.
    fn new(test: &str) -> Option<Self> {
        let is_there = |name: &str| {
            let mut command = Command::new(name);
            command.arg("--version").stdout(Stdio::null());
            command.status().is_ok_and(|status| status.success())
        };
        if !is_there("redis-server") || !is_there("redis-cli") {
            eprintln!("{test}: skipped, needs redis-server");
            return None;
        }
        let (scratch, suite) = (Scratch::new(), Suite::ours());
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/redis");
        copy(&examples, &scratch, Path::new(""));
        scratch.directory("scan/redis/data");
        let mut svscan = suite.command("svscan", &scratch);
        svscan
            .arg("scan")
            .stderr(fs::File::create(scratch.join("errors")).unwrap());
        let svscan = Running::start(&mut svscan, &scratch);
        let new = Self {
            scratch,
            suite,
            _svscan: svscan,
        };
        until("redis listens", || new.data("redis.sock").exists());
        Some(new)
    }

    fn data(&self, name: &str) -> PathBuf {
        self.scratch.join("scan/redis/data").join(name)
    }

    fn log(&self, service: &str) -> String {
        let log = self
            .scratch
            .join(format!("scan/{service}/log/main/current"));
        String::from_utf8(fs::read(log).unwrap_or_default()).unwrap()
    }

    /// The numbers that ticks has had from redis.
    fn ticks(&self) -> Vec<u32> {
        let log = self.log("ticks");
        let numbers = log
            .lines()
            .filter_map(|line| line.split_once(' ')?.1.parse().ok());
        numbers.collect()
    }

    fn state(&self) -> String {
        let outcome = self.suite.run("svstat", &["scan/redis"], &self.scratch);
        String::from_utf8(outcome.stdout).unwrap()
    }

    fn redis(&self) -> Option<u32> {
        let state = self.state();
        let (_, pid) = state.split_once("(pid ")?;
        pid.split_once(')')?.0.parse().ok()
    }

    fn svc(&self, option: &str) {
        let outcome = self
            .suite
            .run("svc", &[option, "scan/redis"], &self.scratch);
        assert_eq!(outcome.stderr, b"");
    }
}

/// Everything but the account, which this machine may not have; and redis takes
/// its time, so that it matters who waits for it.
fn copy(from: &Path, scratch: &Scratch, below: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let name = below.join(path.file_name().unwrap());
        let target = Path::new("scan").join(&name);
        if path.is_dir() {
            scratch.directory(&target);
            copy(&path, scratch, &name);
        } else if name.ends_with("run") {
            let text = fs::read_to_string(&path)
                .unwrap()
                .replace("setuidgid redis ", "");
            let slow = text.replace("exec redis-server", "sleep 1\nexec redis-server");
            scratch.script(&target, slow);
        } else if below != Path::new("") {
            fs::copy(&path, scratch.join(&target)).unwrap();
        }
    }
}

#[test]
fn what_needs_redis_waits_until_it_is_ready() {
    let Some(site) = Site::new("what_needs_redis_waits_until_it_is_ready") else {
        return;
    };
    until("ticks counts", || site.ticks().len() > 1);
    let log = site.log("ticks");
    assert!(!log.contains("Could not connect"), "{log}");
}

#[test]
fn a_killed_redis_is_back_and_a_stopped_one_has_saved_its_data() {
    let Some(site) = Site::new("a_killed_redis_is_back_and_a_stopped_one_has_saved_its_data")
    else {
        return;
    };
    let first = until_some("redis is up", || site.redis());
    until("ticks counts", || !site.ticks().is_empty());
    signal(first, "KILL");
    until("redis is another", || {
        site.redis().is_some_and(|pid| pid != first)
    });
    until("it is ready", || {
        site.log("redis").matches("ready to accept").count() > 1
    });
    site.svc("-d");
    until("redis is down", || site.state().contains(": down "));
    assert!(site.data("dump.rdb").exists());
    assert!(!site.data("redis.sock").exists(), "it was not killed");
}
