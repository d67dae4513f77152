//! For tests only: scratch directories, the suite under test, processes that do
//! not outlive their test, and waiting for conditions.
#![forbid(unsafe_code)]
#![expect(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on panics with the reason"
)]

mod accounts;
mod chance;
mod http;
mod outcome;
mod pipe;
pub mod points;
mod process;
mod scratch;
mod suite;

pub use accounts::{by_an_ordinary_user, with_system_files};
pub use chance::{Chance, number};
pub use http::{Port, get};
pub use outcome::{Outcome, show};
pub use pipe::{Piped, filled_pipe};
pub use process::{Running, descendants_of_scratch, signal};
pub use scratch::Scratch;
pub use suite::Suite;

use std::time::{Duration, Instant};

/// How long [`until`] waits before it calls a condition hopeless. Generous, as
/// the tests run in parallel on small machines.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// Waits for `condition` to hold, for [`PATIENCE`] at the longest.
#[track_caller]
pub fn until(what: &str, mut condition: impl FnMut() -> bool) {
    until_some(what, || condition().then_some(()));
}

/// Waits for `answer` to give something, for [`PATIENCE`] at the longest.
#[track_caller]
pub fn until_some<T>(what: &str, mut answer: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = answer() {
            return answer;
        }
        assert!(
            start.elapsed() < PATIENCE,
            "waited {PATIENCE:?} in vain: {what}"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether the tests run as root; what a test can only do as root it skips,
/// saying so.
#[must_use]
pub fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// For a test that only root can run: says that it is skipped where we are not.
#[must_use]
pub fn skipped_without_root(test: &str) -> bool {
    if !is_root() {
        eprintln!("{test}: skipped, needs root");
    }
    !is_root()
}

/// For a test that fails or kills a program at a chosen system call: says that it
/// is skipped where there is no strace(1), or where it may not trace.
#[must_use]
pub fn skipped_without_strace(test: &str) -> bool {
    let mut command = std::process::Command::new("strace");
    command.args(["-o", "/dev/null", "true"]);
    let works = command.stderr(std::process::Stdio::null()).status();
    let works = works.is_ok_and(|status| status.success());
    if !works {
        eprintln!("{test}: skipped, no strace here, or it may not trace");
    }
    !works
}
