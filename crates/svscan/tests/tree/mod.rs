//! A scan directory with services that are run by the suite's own programs.

use std::ffi::OsString;
use std::fs;
use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::process::{Command, Stdio};

use dt_testkit::{Running, Scratch, Suite, until, until_some};

/// A test's own scan directory `sc`.
pub struct Tree {
    pub scratch: Scratch,
    pub suite: Suite,
}

/// A running `svscan`.
pub struct Scanner(pub Running);

impl Deref for Scanner {
    type Target = Running;
    fn deref(&self) -> &Running {
        &self.0
    }
}

impl DerefMut for Scanner {
    fn deref_mut(&mut self) -> &mut Running {
        &mut self.0
    }
}

impl Scanner {
    /// How many processes that are not its children it watches.
    pub fn watches(&self) -> usize {
        let links = links(self.pid());
        let pidfd = |(_, link): &&(u32, String)| link == "anon_inode:[pidfd]";
        links.iter().filter(pidfd).count()
    }

    /// How many ends of a pipe it holds.
    pub fn ends_of(&self, pipe: &str) -> usize {
        let links = links(self.pid());
        links.iter().filter(|(_, link)| link == pipe).count()
    }
}

/// The descriptors of a process, and what they are.
pub fn links(pid: u32) -> Vec<(u32, String)> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd"))
        .into_iter()
        .flatten();
    let links = entries.flatten().filter_map(|entry| {
        let number = entry.file_name().to_str()?.parse().ok()?;
        let link = fs::read_link(entry.path()).ok()?;
        Some((number, link.to_string_lossy().into_owned()))
    });
    links.collect()
}

impl Tree {
    pub fn new() -> Self {
        let tree = Self {
            scratch: Scratch::new(),
            suite: Suite::under_test(),
        };
        for program in ["svscan", "supervise", "multilog"] {
            let _built = tree.suite.program(program);
        }
        tree.scratch.directory("sc");
        tree
    }

    /// A service whose `run` is this shell script.
    pub fn service(&self, name: &str, script: &str) {
        self.make(name, script, false);
    }

    /// The same with a multilog, into `sc/NAME/log/main`.
    pub fn service_with_log(&self, name: &str, script: &str) {
        self.make(name, script, true);
    }

    fn make(&self, name: &str, script: &str, log: bool) {
        let made = format!(".making.{name}");
        let script = format!("#!/bin/sh\n{script}\n");
        self.scratch.script(format!("{made}/run"), script);
        if log {
            let logger = "#!/bin/sh\nexec multilog ./main\n";
            self.scratch.script(format!("{made}/log/run"), logger);
        }
        let named = self.scratch.join("sc").join(name);
        fs::rename(self.scratch.join(made), named).unwrap();
    }

    /// `svscan sc`, with standard error added to the file `err`.
    pub fn start(&self) -> Scanner {
        self.start_with_path(self.suite.path())
    }

    pub fn start_with_path(&self, path: impl Into<OsString>) -> Scanner {
        let mut command = self.suite.command("svscan", &self.scratch);
        command.arg("sc").env("PATH", path.into());
        Scanner(self.run(command))
    }

    pub fn run(&self, mut command: Command) -> Running {
        let err = self.scratch.join("err");
        let err = fs::File::options().create(true).append(true).open(err);
        command.stdout(Stdio::null()).stderr(err.unwrap());
        Running::start(&mut command, &self.scratch)
    }

    /// What came on standard error so far.
    pub fn said(&self) -> String {
        String::from_utf8(self.scratch.read("err")).unwrap()
    }

    /// The living processes called `supervise` that work in the directory and have
    /// it locked.
    pub fn supervises(&self, directory: &str) -> Vec<u32> {
        let directory = self.scratch.join("sc").join(directory);
        let lock = directory.join("supervise/lock");
        let processes = dt_testkit::descendants_of_scratch(self.scratch.path());
        let here = |pid: &u32| {
            let comm = fs::read_to_string(format!("/proc/{pid}/comm"));
            let is_one = comm.is_ok_and(|name| name.trim() == "supervise");
            is_one && links(*pid).iter().any(|(_, link)| Path::new(link) == lock)
        };
        processes.into_iter().filter(here).collect()
    }

    /// The one `supervise` of a directory, once it has a service.
    #[track_caller]
    pub fn one(&self, directory: &str) -> u32 {
        until(&format!("{directory} is up"), || {
            self.status(directory).is_some()
        });
        let one = || <[u32; 1]>::try_from(self.supervises(directory)).ok();
        until_some(&format!("one supervise in {directory}"), one)[0]
    }

    /// The process that the status file names.
    fn status(&self, directory: &str) -> Option<u32> {
        let status = self.scratch.join("sc").join(directory);
        let status = fs::read(status.join("supervise/status")).ok()?;
        let status = dt_service::Status::decode(&status).ok()?;
        (status.pid != 0).then_some(status.pid)
    }

    /// The service's own process.
    #[track_caller]
    pub fn service_of(&self, directory: &str) -> u32 {
        until_some(&format!("{directory} is up"), || self.status(directory))
    }

    /// What descriptor `number` of the directory's `supervise` is.
    #[track_caller]
    pub fn pipe(&self, directory: &str, number: u32) -> String {
        let link = || {
            let pid = *self.supervises(directory).first()?;
            let found = links(pid).into_iter().find(|(is, _)| *is == number)?;
            Some(found.1)
        };
        until_some(&format!("descriptor {number} in {directory}"), link)
    }

    /// Everything that the service's log has so far.
    pub fn logged(&self, name: &str) -> String {
        self.logged_in(&format!("{name}/log/main"))
    }

    /// Everything that is in a log directory so far.
    pub fn logged_in(&self, directory: &str) -> String {
        let log = self.scratch.join("sc").join(directory);
        let mut files: Vec<_> = fs::read_dir(&log)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| {
                path.extension()
                    .is_some_and(|kind| kind == "s" || kind == "u")
            })
            .collect();
        files.sort();
        files.push(log.join("current"));
        files
            .into_iter()
            .filter_map(|file| fs::read_to_string(file).ok())
            .collect()
    }

    #[track_caller]
    pub fn until_logged(&self, name: &str, line: &str) {
        until(&format!("{line} is in the log"), || {
            self.logged(name).lines().any(|is| is == line)
        });
    }
}
