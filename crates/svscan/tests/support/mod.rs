//! A scan directory, an `svscan` in it, and a `supervise` that only writes down
//! how it was started.

use std::fs::File;
use std::path::PathBuf;
use std::process::Command;

use dt_testkit::{Running, Scratch, Suite, until_some};

/// Puts down its arguments, working directory and standard descriptors, under its
/// own process id, and stays.
const SUPERVISE: &str = r#"#!/bin/sh
all=$DAEMONTOOLS_TEST_SCRATCH/record
record=$all/.$$
printf '%s\n' "$#" "$1" > $record
pwd -P >> $record
# From a process of its own, as the shell's descriptors are what is looked at.
(readlink /proc/$$/fd/0 /proc/$$/fd/1 >> $record)
mv $record $all/$$
if test -e "$DAEMONTOOLS_TEST_SCRATCH/refuse"; then exit 111; fi
exec sleep 1000
"#;

/// How one `supervise` was started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    pub pid: u32,
    /// How many arguments.
    pub count: String,
    /// The first.
    pub argument: String,
    pub directory: PathBuf,
    pub input: String,
    pub output: String,
}

/// A test's own scan directory `sc`, with a pretended `supervise` first in `PATH`.
pub struct Scan {
    pub scratch: Scratch,
    pub suite: Suite,
}

impl Scan {
    pub fn new() -> Self {
        let scan = Self {
            scratch: Scratch::new(),
            suite: Suite::under_test(),
        };
        scan.scratch.directory("sc");
        scan.scratch.directory("record");
        scan.scratch.script("bin/supervise", SUPERVISE);
        scan
    }

    /// A service directory, complete before it appears under its name.
    pub fn service(&self, name: &str, log: bool) {
        let made = self.scratch.directory(format!(".making.{name}"));
        std::fs::write(made.join("run"), "").unwrap();
        if log {
            std::fs::create_dir(made.join("log")).unwrap();
        }
        std::fs::rename(made, self.scratch.join("sc").join(name)).unwrap();
    }

    /// `svscan sc`, with standard error in the file `err`.
    pub fn start(&self) -> Running {
        let program = self.suite.program("svscan");
        self.start_by(Command::new(program).arg("sc"))
    }

    /// The same through a shell; `setup` ends in `exec`, or a program that chains.
    pub fn start_after(&self, setup: &str) -> Running {
        let program = self.suite.program("svscan");
        let script = format!("{setup} \"$0\" sc");
        self.start_by(Command::new("/bin/sh").args(["-c", &script]).arg(program))
    }

    fn start_by(&self, command: &mut Command) -> Running {
        let mut path = self.scratch.join("bin").into_os_string();
        path.push(":/usr/bin:/bin");
        command
            .current_dir(self.scratch.path())
            .env("PATH", path)
            .stdin(File::open("/dev/null").unwrap())
            .stdout(File::create(self.scratch.join("out")).unwrap())
            .stderr(File::create(self.scratch.join("err")).unwrap());
        Running::start(command, &self.scratch)
    }

    /// What came on standard error so far.
    pub fn said(&self) -> String {
        String::from_utf8(self.scratch.read("err")).unwrap()
    }

    /// Every start so far.
    pub fn starts(&self) -> Vec<Start> {
        let names = self.scratch.names("record").into_iter();
        let pids = names.filter_map(|name| name.parse().ok());
        pids.map(|pid| self.start_of(pid)).collect()
    }

    fn start_of(&self, pid: u32) -> Start {
        let record = self.scratch.read(format!("record/{pid}"));
        let record = String::from_utf8(record).unwrap();
        let mut lines = record.lines().map(str::to_owned);
        let mut line = || lines.next().unwrap();
        Start {
            pid,
            count: line(),
            argument: line(),
            directory: line().into(),
            input: line(),
            output: line(),
        }
    }

    /// The starts of `supervise ARGUMENT` in `directory`, which is within the
    /// scan directory, that are still alive.
    pub fn alive(&self, argument: &str, directory: &str) -> Vec<Start> {
        let directory = self.scratch.join("sc").join(directory);
        let directory = directory.canonicalize().unwrap_or(directory);
        let mut starts = self.starts();
        starts.retain(|start| {
            start.argument == argument && start.directory == directory && is_alive(start.pid)
        });
        starts
    }

    /// Waits for exactly one such start.
    #[track_caller]
    pub fn one(&self, argument: &str, directory: &str) -> Start {
        until_some(
            &format!("one supervise {argument} in {directory:?}"),
            || <[Start; 1]>::try_from(self.alive(argument, directory)).ok(),
        )
        .into_iter()
        .next()
        .unwrap()
    }
}

/// Alive, and not a zombie.
pub fn is_alive(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(") ").next().unwrap_or("Z").starts_with('Z'))
}

/// Sends a signal by its name.
pub fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill")
        .args([format!("-{name}"), pid.to_string()])
        .status();
    assert!(sent.unwrap().success());
}

/// The descriptors of a process that are pipes.
pub fn pipes(pid: u32) -> Vec<String> {
    let directory = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    let links = directory
        .flatten()
        .filter_map(|entry| std::fs::read_link(entry.path()).ok());
    let mut names: Vec<_> = links
        .map(|link| link.to_string_lossy().into_owned())
        .filter(|name| name.starts_with("pipe:"))
        .collect();
    names.sort();
    names
}
