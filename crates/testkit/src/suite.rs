use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{Outcome, Scratch};

/// The programs that a test runs: ours, or the original's.
#[derive(Clone, Debug)]
pub struct Suite {
    directory: PathBuf,
    original: bool,
}

impl Suite {
    /// Names the suite under test: `ours`, which is also meant where it is not
    /// set, or the absolute path of a directory that holds the original's programs,
    /// or daemontools-encore's.
    pub const VARIABLE: &'static str = "DAEMONTOOLS_UNDER_TEST";

    /// The suite that the variable names; anything else than the two is an error.
    #[must_use]
    pub fn under_test() -> Self {
        match std::env::var_os(Self::VARIABLE) {
            None => Self::ours(),
            Some(name) if name == "ours" => Self::ours(),
            Some(directory) if Path::new(&directory).is_absolute() => Self::original(directory),
            Some(other) => panic!(
                "{}: `{}` is neither `ours` nor an absolute path",
                Self::VARIABLE,
                other.display()
            ),
        }
    }

    /// The programs that cargo has built beside the running test.
    #[must_use]
    pub fn ours() -> Self {
        let test = std::env::current_exe().unwrap();
        let directory = test.parent().and_then(Path::parent).unwrap().to_owned();
        Self {
            directory,
            original: false,
        }
    }

    /// The programs of the original in `directory`.
    #[must_use]
    pub fn original(directory: impl Into<PathBuf>) -> Self {
        let suite = Self {
            directory: directory.into(),
            original: true,
        };
        assert!(
            suite.directory.join("svscan").is_file(),
            "no svscan in {}",
            suite.directory.display()
        );
        suite
    }

    /// Names the original for tests that need both suites in one run: the absolute
    /// path of a directory that holds its programs.
    pub const ORIGINAL: &'static str = "DAEMONTOOLS_ORIGINAL";

    /// The original beside the suite under test, for tests that need both; where it
    /// is not named, `None`, and a line that says that `test` is skipped.
    #[must_use]
    pub fn original_for(test: &str) -> Option<Self> {
        match std::env::var_os(Self::ORIGINAL) {
            None => {
                eprintln!("{test}: skipped, {} is not set", Self::ORIGINAL);
                None
            }
            Some(directory) if Path::new(&directory).is_absolute() => {
                Some(Self::original(directory))
            }
            Some(other) => panic!(
                "{}: `{}` is not an absolute path",
                Self::ORIGINAL,
                other.display()
            ),
        }
    }

    /// Whether these are not our programs: the original, or daemontools-encore.
    #[must_use]
    pub const fn is_original(&self) -> bool {
        self.original
    }

    /// Whether this is daemontools-encore, which has programs that the original
    /// has not.
    #[must_use]
    pub fn is_encore(&self) -> bool {
        self.original && self.directory.join("setuser").is_file()
    }

    /// Where the programs are.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// A program's file.
    #[track_caller]
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        let file = self.directory.join(name);
        assert!(
            file.is_file(),
            "{} is not built; `cargo build --workspace` builds it",
            file.display()
        );
        file
    }

    /// `PATH` with the suite's programs before all others.
    #[must_use]
    pub fn path(&self) -> OsString {
        let mut path = self.directory.clone().into_os_string();
        path.push(":/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin");
        path
    }

    /// A command that runs a program in the scratch directory, with the suite's
    /// programs first in `PATH`, no standard input, and argv\[0\] its bare name,
    /// which is the name in the option parser's messages.
    #[track_caller]
    #[must_use]
    pub fn command(&self, name: &str, scratch: &Scratch) -> Command {
        use std::os::unix::process::CommandExt;
        let mut command = Command::new(self.program(name));
        command
            .arg0(name)
            .current_dir(scratch.path())
            .env("PATH", self.path())
            .env(Scratch::MARK, scratch.mark());
        command.stdin(Stdio::null());
        command
    }

    /// Runs a program to its end.
    #[track_caller]
    #[must_use]
    pub fn run(&self, name: &str, arguments: &[impl AsRef<OsStr>], scratch: &Scratch) -> Outcome {
        Outcome::of(self.command(name, scratch).args(arguments))
    }

    /// Checks that each of these lists of arguments is a usage error.
    #[track_caller]
    pub fn refuses(&self, name: &str, lists: &[&[&str]], usage: &str) {
        let refused = Outcome::fails(100, format!("{name}: usage: {usage}\n"));
        for arguments in lists {
            let outcome = self.run(name, arguments, &Scratch::new());
            assert_eq!(outcome, refused, "{arguments:?}");
        }
    }

    /// Checks that a program ends with 111 and says why, for each of these first
    /// arguments and what is said of them.
    #[track_caller]
    pub fn cannot(&self, name: &str, cases: &[(&str, String)]) {
        for (argument, why) in cases {
            let outcome = self.run(name, &[argument, "true"], &Scratch::new());
            let message = format!("{name}: fatal: {why}\n");
            assert_eq!(outcome, Outcome::fails(111, message), "{argument:?}");
        }
    }

    /// Runs a program to its end, with `input` in a pipe on its standard input.
    #[track_caller]
    #[must_use]
    pub fn feed(
        &self,
        name: &str,
        arguments: &[impl AsRef<OsStr>],
        input: &[u8],
        scratch: &Scratch,
    ) -> Outcome {
        let mut command = self.command(name, scratch);
        command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut pipe = child.stdin.take().unwrap();
        std::thread::scope(|scope| {
            // From a thread of its own: a program may write before it has read all.
            scope.spawn(move || {
                // A program need not read to the end.
                let _ = pipe.write_all(input);
            });
            Outcome::from(child.wait_with_output().unwrap())
        })
    }
}
