//! A service directory `d` and the one who looks after it.

pub mod points;

use std::fs::{self, File};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::process::{Command, Stdio};

use dt_os::descriptor;
use dt_os::store::{self, Store};
use dt_service::Status;
use dt_testkit::{Running, Scratch, Suite, is_root, until};

/// Somebody who is not root: whom a limit on processes applies to.
const NOBODY: &str = "65534";

/// A scratch directory with a service directory `d`.
pub struct Service {
    pub scratch: Scratch,
    /// Kept for one supervise after another, as svscan does it.
    store: Option<Store>,
}

impl Service {
    /// A service that is this shell script.
    pub fn new(script: &str) -> Self {
        let scratch = Scratch::new();
        scratch.script("d/run", format!("#!/bin/sh\n{script}\n"));
        scratch.file("errors", "");
        Self {
            scratch,
            store: None,
        }
    }

    /// From now on there is somebody who keeps what the service speaks on.
    pub fn keep(&mut self) {
        let store = Store::new().unwrap();
        // Others that this test starts get it as well, and do nothing with it.
        store.ends().into_iter().for_each(|end| {
            descriptor::keep_on_exec(end).unwrap();
        });
        self.store = Some(store);
    }

    /// What a supervise has to know of that.
    pub fn environment(&self) -> Option<(&'static str, String)> {
        let [entry, exit] = self.store.as_ref()?.ends().map(|end| end.as_raw_fd());
        Some((store::VARIABLE, format!("{entry},{exit}")))
    }

    /// Starts `supervise d`.
    pub fn start(&self) -> Running {
        let mut command = Suite::under_test().command("supervise", &self.scratch);
        command.arg("d").envs(self.environment());
        command.stderr(self.errors_file());
        Running::start(&mut command, &self.scratch)
    }

    /// Starts `supervise d` where no process may be made.
    pub fn start_without_processes(&self) -> Running {
        let mut command = if is_root() {
            for name in ["", "d", "errors"] {
                std::os::unix::fs::chown(self.scratch.join(name), Some(65534), None).unwrap();
            }
            let mut command = Command::new("setpriv");
            command.args(["--reuid", NOBODY, "--clear-groups", "prlimit"]);
            command
        } else {
            Command::new("prlimit")
        };
        command
            .arg("--nproc=0:")
            .arg(Suite::under_test().program("supervise"))
            .arg("d")
            .current_dir(self.scratch.path())
            .stdin(Stdio::null())
            .stderr(self.errors_file());
        Running::start(&mut command, &self.scratch)
    }

    fn errors_file(&self) -> File {
        let file = File::options()
            .append(true)
            .open(self.scratch.join("errors"));
        file.unwrap()
    }

    /// What `supervise` and the service have said on standard error.
    pub fn errors(&self) -> String {
        String::from_utf8(self.scratch.read("errors")).unwrap()
    }

    /// The words in a file of the service directory; none where it is not there.
    pub fn words(&self, name: &str) -> Vec<String> {
        let text = fs::read_to_string(self.scratch.join("d").join(name)).unwrap_or_default();
        text.split_whitespace().map(str::to_owned).collect()
    }

    /// Writes command bytes; waits for `supervise` to be there.
    pub fn send(&self, commands: &str) {
        let control = self.scratch.join("d/supervise/control");
        let mut control = File::options().write(true).open(control).unwrap();
        control.write_all(commands.as_bytes()).unwrap();
    }

    /// What the status file says now.
    #[track_caller]
    pub fn status(&self) -> Status {
        Status::decode(&self.scratch.read("d/supervise/status")).unwrap()
    }

    /// Waits for `supervise` to be there.
    pub fn until_there(&self) {
        let ok = self.scratch.join("d/supervise/ok");
        until("supervise is there", || {
            dt_os::file::How::WRITE.open(&ok).is_ok()
        });
    }

    /// Waits for the service to be up.
    pub fn until_up(&self) -> Status {
        self.until_there();
        until("the service is up", || self.status().pid != 0);
        self.status()
    }
}

/// Lifts the limit of [`Service::start_without_processes`].
pub fn allow_processes(running: &Running) {
    let mut command = Command::new("prlimit");
    if is_root() {
        // As root without all its capabilities may not.
        command = Command::new("setpriv");
        command.args(["--reuid", NOBODY, "--clear-groups", "prlimit"]);
    }
    let pid = running.pid().to_string();
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max processes"));
    let hard = line.unwrap().split_whitespace().nth(3).unwrap();
    let limit = command.args(["--pid", &pid, &format!("--nproc={hard}:")]);
    assert!(limit.status().unwrap().success());
}

/// The living processes of the service in `service`'s scratch directory: those
/// that are in the directory and are no supervise.
pub fn copies(service: &Service) -> Vec<u32> {
    let directory = service.scratch.join("d");
    let pids = fs::read_dir("/proc").unwrap();
    let pids = pids.filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    let mut copies: Vec<u32> = pids
        .filter(|pid: &u32| {
            fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == directory)
                && fs::read(format!("/proc/{pid}/comm")).is_ok_and(|name| name != b"supervise\n")
        })
        .collect();
    copies.sort_unstable();
    copies
}
