//! Cases, their transcripts and the goldens.

use std::ffi::OsStr;
use std::fmt::Write;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use dt_testkit::{Outcome, Scratch, Suite, descendants_of_scratch, show};

/// The user and group that own nothing, by old custom.
pub const NOBODY: u32 = 65534;

/// How many rows of a table run at the same time.
const AT_ONCE: usize = 32;

/// One case being run: the programs, a directory to run them in, and what was
/// seen so far.
pub struct Case {
    /// The programs under test.
    pub suite: Suite,
    /// The directory that they run in.
    pub scratch: Scratch,
    transcript: String,
}

impl Case {
    /// A case of `suite` with a fresh directory, and nothing seen.
    pub fn new(suite: Suite) -> Self {
        Self {
            suite,
            scratch: Scratch::new(),
            transcript: String::new(),
        }
    }

    /// Writes down a line of what was seen. The scratch directory's own name,
    /// which differs from run to run, becomes `SCRATCH`.
    pub fn note(&mut self, line: impl AsRef<str>) {
        let own = self.scratch.path().to_str().unwrap();
        writeln!(self.transcript, "{}", line.as_ref().replace(own, "SCRATCH")).unwrap();
    }

    /// Runs `body` for every row, each in a case of its own and all at once, as
    /// most of them only wait. What they saw is written down in the rows' order.
    pub fn side_by_side<R: Sync>(&mut self, rows: &[R], body: impl Fn(&mut Self, &R) + Sync) {
        for some in rows.chunks(AT_ONCE) {
            let seen = thread::scope(|scope| {
                let threads = some.iter().map(|row| {
                    scope.spawn(|| {
                        let mut case = Self::new(self.suite.clone());
                        bounded(&mut case, |case| body(case, row));
                        case.transcript
                    })
                });
                let threads: Vec<_> = threads.collect();
                let ended = threads.into_iter().map(thread::ScopedJoinHandle::join);
                ended.collect::<Result<Vec<_>, _>>()
            });
            match seen {
                Ok(seen) => self.transcript.extend(seen),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    }

    /// Writes down how a program ended and what it said.
    pub fn outcome(&mut self, what: &str, outcome: &Outcome) {
        self.note(format!("{what}\n  exit {}", outcome.code));
        for (name, bytes) in [("stdout", &outcome.stdout), ("stderr", &outcome.stderr)] {
            for line in bytes.split_inclusive(|byte| *byte == b'\n') {
                self.note(format!("  {name} {}", show(line)));
            }
        }
    }

    /// Runs a program to its end without input and writes down how it went.
    pub fn run(&mut self, name: &str, arguments: &[impl AsRef<OsStr>]) {
        let outcome = self.suite.run(name, arguments, &self.scratch);
        self.outcome(&in_words(name, arguments), &outcome);
    }

    /// Runs a program as [`Case::run`] does, after `prepare` has changed its
    /// surroundings, which `how` describes.
    pub fn run_with(
        &mut self,
        how: &str,
        name: &str,
        arguments: &[impl AsRef<OsStr>],
        prepare: impl FnOnce(&mut Command),
    ) -> Outcome {
        let mut command = self.suite.command(name, &self.scratch);
        command.args(arguments);
        prepare(&mut command);
        let outcome = Outcome::of(&mut command);
        let what = format!("{} ({how})", in_words(name, arguments));
        self.outcome(&what, &outcome);
        outcome
    }

    /// Runs a line of shell to its end; `$BIN` is the directory of the programs,
    /// which are also first in `PATH`.
    pub fn shell(&mut self, line: &str) -> Outcome {
        let outcome = Outcome::of(&mut self.shell_command(line));
        self.outcome(&format!("sh: {line}"), &outcome);
        outcome
    }

    /// The command of [`Case::shell`].
    pub fn shell_command(&self, line: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", line])
            .current_dir(self.scratch.path())
            .env("PATH", self.suite.path())
            .env("BIN", self.suite.directory())
            .env(Scratch::MARK, self.scratch.mark())
            .stdin(Stdio::null());
        command
    }

    /// Writes down the content of a file.
    pub fn file(&mut self, name: impl AsRef<Path>) {
        let content = self.scratch.read(&name);
        self.note(format!("{}: {}", name.as_ref().display(), show(&content)));
    }
}

/// A command as one would type it.
fn in_words(name: &str, arguments: &[impl AsRef<OsStr>]) -> String {
    let mut words = name.to_owned();
    for word in arguments {
        let word = show(word.as_ref().as_encoded_bytes());
        let quote = if word.is_empty() || word.contains([' ', '$', '*']) {
            "'"
        } else {
            ""
        };
        write!(words, " {quote}{word}{quote}").unwrap();
    }
    words
}

/// Whose behaviour a case is about. Each has its own goldens, and its own list of
/// where ours is meant to differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// daemontools 0.76.
    Original,
    /// What daemontools-encore adds to it.
    Encore,
}

impl Column {
    /// Whether a case of this column can be run with these programs. Ours are
    /// measured by both.
    fn is_about(self, suite: &Suite) -> bool {
        !suite.is_original() || suite.is_encore() == (self == Self::Encore)
    }
}

/// Runs `body` against the suite under test and compares what it wrote down
/// with the original's golden.
#[track_caller]
pub fn check(name: &str, body: impl FnOnce(&mut Case)) {
    check_in(Column::Original, name, body);
}

/// The same for a case that is about what daemontools-encore adds: its golden is
/// encore's, and the original is not asked.
#[track_caller]
pub fn check_encore(name: &str, body: impl FnOnce(&mut Case)) {
    check_in(Column::Encore, name, body);
}

#[track_caller]
fn check_in(column: Column, name: &str, body: impl FnOnce(&mut Case)) {
    let suite = Suite::under_test();
    if !column.is_about(&suite) {
        skip(&format!("{name} is about {column:?}"));
        return;
    }
    let mut case = Case::new(suite);
    bounded(&mut case, body);
    let ours = !case.suite.is_original() && crate::differences::of(column, name).is_some();
    let file = golden_file(column, name, ours);
    if std::env::var_os("DAEMONTOOLS_RECORD").is_some_and(|value| value == "1") {
        // The others' goldens are recorded from them only, and ours, where they are
        // meant to differ, from ours only.
        if ours || case.suite.is_original() {
            fs::write(&file, &case.transcript).unwrap();
            return;
        }
    }
    let golden = fs::read_to_string(&file)
        .unwrap_or_else(|error| panic!("{}: {error}; not recorded yet?", file.display()));
    assert!(
        golden == case.transcript,
        "{name}: differs from the golden\n--- expected\n{golden}--- seen\n{}",
        case.transcript
    );
}

/// Says that a case is skipped, and why.
#[expect(clippy::print_stderr, reason = "a case that is skipped says so")]
pub fn skip(why: &str) {
    eprintln!("skipped: {why}");
}

/// How long a case may take before all that it has started is killed.
const BOUND: Duration = Duration::from_mins(2);

/// Runs a case. One that waits for a program that never ends would hold up all
/// others for ever, so what still runs at the end of the bound is killed, which
/// the transcript then tells.
fn bounded(case: &mut Case, body: impl FnOnce(&mut Case)) {
    let directory = case.scratch.path().to_owned();
    let (done, wait) = mpsc::channel::<()>();
    let guard = thread::spawn(move || {
        let mut patience = BOUND;
        while wait.recv_timeout(patience) == Err(mpsc::RecvTimeoutError::Timeout) {
            for pid in descendants_of_scratch(&directory) {
                let kill = Command::new("kill")
                    .args(["-KILL", &pid.to_string()])
                    .status();
                assert!(kill.is_ok(), "kill(1) cannot be run");
            }
            patience = Duration::from_millis(100);
        }
    });
    body(case);
    drop(done);
    guard.join().unwrap();
}

/// A line of signals in `/proc/PID/status` without signals 32 and 33, which are
/// the C library's own: whoever was started by its `posix_spawn`, as the tests'
/// children are, may find them ignored.
pub fn signals(line: &str) -> String {
    let Some((name, bits)) = line.split_once(":\t") else {
        return line.to_owned();
    };
    match u64::from_str_radix(bits.trim_end(), 16) {
        Ok(bits) if name.starts_with("Sig") => format!("{name}: {:x}", bits & !(0b11 << 31)),
        _ => line.to_owned(),
    }
}

/// A name that need not be text.
pub fn bytes(name: &[u8]) -> &OsStr {
    OsStr::from_bytes(name)
}

/// Lets root start `command` as a user who owns nothing.
pub fn unprivileged(command: &mut Command) {
    command.uid(NOBODY).gid(NOBODY);
}

/// Where a case's golden is; `ours` for the one of a deliberate difference.
pub fn golden_file(column: Column, name: &str, ours: bool) -> PathBuf {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compliance/goldens");
    let directory = match column {
        Column::Original => directory,
        Column::Encore => directory.join("encore"),
    };
    directory.join(if ours {
        format!("{name}.ours.txt")
    } else {
        format!("{name}.txt")
    })
}
