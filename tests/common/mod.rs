//! The example service in a scratch directory that mirrors the real places.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use dt_testkit::{Outcome, Port, Running, Scratch, Suite, get, is_root, until, until_some};

/// Programs that run as somebody else, who may not be let into the directory that
/// they were built in; so they are copied.
const COPIED: [&str; 3] = ["multilog", "setuidgid", "tai64nlocal"];

/// The example service in its scratch directory.
pub struct Site {
    pub scratch: Scratch,
    pub suite: Suite,
    pub address: SocketAddr,
    _port: Port,
}

impl Site {
    /// Nothing but the scratch directory and an address to listen at.
    pub fn bare(suite: Suite) -> Self {
        let port = Port::free();
        Self {
            scratch: Scratch::new(),
            suite,
            address: port.address,
            _port: port,
        }
    }

    /// Copies the example, with its paths, its port and its account changed, and
    /// without the link in the scan directory.
    pub fn new(suite: Suite) -> Self {
        let new = Self::bare(suite);
        for directory in ["bin", "etc/service", "var/log/trycode"] {
            new.scratch.directory(directory);
        }
        for name in COPIED {
            let copy = Path::new("bin").join(name);
            new.scratch.program(new.suite.program(name), copy);
        }
        let trycode = Suite::ours().program("trycode");
        new.scratch.program(trycode, "bin/trycode");
        if is_root() {
            let logs = new.scratch.join("var/log/trycode");
            let given = Command::new("chown").arg("nobody").arg(logs).status();
            assert!(given.unwrap().success());
        }
        let examples = example("trycode.io");
        fs::create_dir_all(new.scratch.join("srv/trycode.io/log")).unwrap();
        for run in ["run", "log/run"] {
            let copy = Path::new("srv/trycode.io").join(run);
            new.scratch.program(examples.join(run), copy);
        }
        new.settle();
        new
    }

    /// Changes the copied example's paths, port and account.
    pub fn settle(&self) {
        for run in ["srv/trycode.io/run", "srv/trycode.io/log/run"] {
            let script = String::from_utf8(self.scratch.read(run)).unwrap();
            fs::write(self.scratch.join(run), self.mapped(&script)).unwrap();
        }
    }

    /// Text of the example or the README, with the scratch directory's names.
    pub fn mapped(&self, text: &str) -> String {
        let root = self.scratch.path().to_str().unwrap();
        let account = if is_root() { "setuidgid nobody " } else { "" };
        let mut text = text
            .replace("setuidgid trycode ", account)
            .replace("127.0.0.1:8080", &self.address.to_string());
        for name in ["/etc/service", "/srv", "/var/log", "/usr/local/bin"] {
            text = text.replace(name, &format!("{root}{name}"));
        }
        text
    }

    /// `PATH` as svscan gets it.
    pub fn path(&self) -> String {
        let bin = self.scratch.join("bin");
        format!("{}:{}", bin.display(), self.suite.path().to_str().unwrap())
    }

    /// Makes the service known to svscan.
    pub fn link(&self) {
        std::os::unix::fs::symlink("../../srv/trycode.io", self.linked()).unwrap();
    }

    /// The service's name in the scan directory.
    pub fn linked(&self) -> PathBuf {
        self.scratch.join("etc/service/trycode.io")
    }

    /// Starts svscan.
    pub fn svscan(&self) -> Running {
        let mut command = self.suite.command("svscan", &self.scratch);
        command
            .arg(self.scratch.join("etc/service"))
            .env("PATH", self.path())
            .stderr(Stdio::from(
                fs::File::create(self.scratch.join("svscan.errors")).unwrap(),
            ));
        Running::start(&mut command, &self.scratch)
    }

    /// Sends a service commands.
    pub fn svc(&self, letters: &str, service: &str) {
        let directory = self.scratch.join("srv").join(service);
        let outcome = self
            .suite
            .run("svc", &[Path::new(letters), &directory], &self.scratch);
        assert_eq!(outcome, Outcome::gives(""));
    }

    /// What svstat says of a service, without its name and with `N` for numbers.
    pub fn state(&self, service: &str) -> String {
        let directory = self.scratch.join("srv").join(service);
        let outcome = self.suite.run("svstat", &[&directory], &self.scratch);
        assert_eq!((outcome.code, outcome.stderr), (0, Vec::new()));
        let line = String::from_utf8(outcome.stdout).unwrap();
        let state = line
            .strip_prefix(&format!("{}: ", directory.display()))
            .unwrap();
        without_numbers(state.trim_end())
    }

    /// Waits until svstat says this of a service.
    #[track_caller]
    pub fn until_state(&self, service: &str, want: &str) {
        until(&format!("{service} is: {want}"), || {
            self.state(service) == want
        });
    }

    /// The process that answers, while one does.
    pub fn answering(&self) -> Option<u32> {
        let page = get(self.address, "/").ok()?;
        let rest = page.strip_prefix("trycode.io: process ")?;
        rest.split_once(',')?.0.parse().ok()
    }

    /// Waits until a process other than `before` answers.
    #[track_caller]
    pub fn until_another_answers(&self, before: Option<u32>) -> u32 {
        until_some("the service answers", || {
            self.answering().filter(|pid| Some(*pid) != before)
        })
    }

    /// Stops the service, its log and svscan as an administrator would who wants to
    /// keep every line.
    pub fn shut_down(&self, mut svscan: Running) {
        if self.linked().is_symlink() {
            fs::remove_file(self.linked()).unwrap();
        }
        self.svc("-dx", "trycode.io");
        self.until_state("trycode.io", "supervise not running");
        self.svc("-x", "trycode.io/log");
        svscan.signal("TERM");
        svscan.wait();
        let left = || dt_testkit::descendants_of_scratch(self.scratch.path());
        until("nothing is left running", || left().is_empty());
    }
}

/// A file of the example services.
pub fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples/service")
        .join(name)
}

/// The text with each run of digits as one `N`.
pub fn without_numbers(text: &str) -> String {
    let mut result = String::new();
    for letter in text.chars() {
        if !letter.is_ascii_digit() {
            result.push(letter);
        } else if !result.ends_with('N') {
            result.push('N');
        }
    }
    result
}
