//! Cases, their transcripts and the goldens.

use std::ffi::OsStr;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use dt_testkit::{Outcome, Scratch, Suite, descendants_of_scratch, show};

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
    /// Writes down a line of what was seen. The scratch directory's own name,
    /// which differs from run to run, becomes `SCRATCH`.
    pub fn note(&mut self, line: impl AsRef<str>) {
        let own = self.scratch.path().to_str().unwrap();
        writeln!(self.transcript, "{}", line.as_ref().replace(own, "SCRATCH")).unwrap();
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
        let words = arguments
            .iter()
            .map(|word| show(word.as_ref().as_encoded_bytes()));
        let what = [name.to_owned()]
            .into_iter()
            .chain(words)
            .collect::<Vec<_>>()
            .join(" ");
        self.outcome(&what, &outcome);
    }

    /// Writes down the content of a file.
    pub fn file(&mut self, name: impl AsRef<Path>) {
        let content = self.scratch.read(&name);
        self.note(format!("{}: {}", name.as_ref().display(), show(&content)));
    }
}

/// Runs `body` against the suite under test and compares what it wrote down
/// with the golden.
#[track_caller]
pub fn check(name: &str, body: impl FnOnce(&mut Case)) {
    let suite = Suite::under_test();
    let mut case = Case {
        suite,
        scratch: Scratch::new(),
        transcript: String::new(),
    };
    bounded(&mut case, body);
    let ours = !case.suite.is_original() && crate::differences::of(name).is_some();
    let file = golden_file(name, ours);
    if std::env::var_os("DAEMONTOOLS_RECORD").is_some_and(|value| value == "1") {
        // The original's goldens are recorded from the original only, and ours,
        // where they are meant to differ, from ours only.
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

/// Where a case's golden is; `ours` for the one of a deliberate difference.
pub fn golden_file(name: &str, ours: bool) -> PathBuf {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compliance/goldens");
    directory.join(if ours {
        format!("{name}.ours.txt")
    } else {
        format!("{name}.txt")
    })
}
