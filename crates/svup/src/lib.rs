//! Answers with its exit code whether a service is up, as daemontools-encore's
//! program of this name.
#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;

use dt_cli::getopt::{Opt, Options};
use dt_cli::{Exit, Fatal};
use dt_client::look::{self, Obstacle};
use dt_client::targets;
use dt_service::{State, Status, StatusFile};

const USAGE: &str = "svup [-L] [-l] dir";

/// Runs the program with its arguments, argv\[0\] left out: `svup [-L] [-l] dir`.
///
/// Exits 0 where the service and, if it is a program, its log are up, 100 where
/// one of them is not or nobody supervises them, and 111 where that cannot be
/// told. `-l` asks of the service only, `-L` of the log
/// only; the last of them counts.
pub fn run(args: &[OsString]) -> Result<Exit, Fatal> {
    let (mut main, mut log) = (true, true);
    let mut options = Options::new("lL", args);
    for option in &mut options {
        match option {
            // The last one counts: with both, nothing would be asked of.
            Ok(Opt::Flag(b'l')) => (main, log) = (true, false),
            Ok(_) => (main, log) = (false, true),
            Err(problem) => return Err(problem.fatal(&format!("svup: usage: {USAGE}"))),
        }
    }
    let [dir, _ignored @ ..] = options.operands() else {
        return Err(Fatal::usage("svup", USAGE));
    };
    for target in targets(dir) {
        let is_up = match look::look(&target.path) {
            Ok(seen) => is_up(&seen.file, main, log),
            Err(Obstacle::NotRunning) => false,
            Err(Obstacle::System("open supervise/ok", why))
                if why.kind() == ErrorKind::NotFound =>
            {
                false
            }
            Err(obstacle) => return Err(unable(dir, &obstacle)),
        };
        if !is_up {
            return Ok(Exit::PERMANENT);
        }
    }
    Ok(Exit::OK)
}

/// Whether all that is asked of is up. A log that is no program is nothing to ask
/// of, unless it alone is.
fn is_up(file: &StatusFile, main: bool, log: bool) -> bool {
    let log_is_up = file
        .log
        .map_or(main, |log| of(&log.status, Some(log.state)));
    (!main || of(&file.main, file.state)) && (!log || log_is_up)
}

/// As encore has it: there is a process, or there need not be one.
fn of(status: &Status, state: Option<State>) -> bool {
    status.pid != 0 || matches!(state, Some(State::Started | State::Running))
}

/// `unable to VERB DIR: why`, in the words of `svok`.
fn unable(dir: &OsStr, obstacle: &Obstacle) -> Fatal {
    match obstacle {
        Obstacle::System("chdir", why) => {
            Fatal::system("svup", &["unable to chdir to ".as_ref(), dir], why)
        }
        other => {
            let text = other.to_string();
            Fatal::plain("svup", &[dir, ": ".as_ref(), text.as_ref()])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dt_service::{Block, Want};

    fn status(pid: u32) -> Status {
        Status {
            seconds: 0,
            nanos: 0,
            pid,
            paused: false,
            want: Want::Up,
        }
    }

    #[test]
    fn up_is_a_process_or_a_service_that_needs_none() {
        for (pid, state, up) in [
            (7, None, true),
            (0, None, false),
            (7, Some(State::Starting), true),
            (0, Some(State::Started), true),
            (0, Some(State::Running), true),
            (0, Some(State::Stopped), false),
            (0, Some(State::Failed), false),
        ] {
            assert_eq!(of(&status(pid), state), up, "{pid} {state:?}");
        }
    }

    #[test]
    fn service_and_log_are_asked_of_separately() {
        let file = |pid: u32, log: Option<u32>| StatusFile {
            main: status(pid),
            state: Some(State::Stopped),
            log: log.map(|pid| Block {
                status: status(pid),
                state: State::Stopped,
            }),
        };
        for (pid, log, [both, main, only]) in [
            (7, Some(8), [true, true, true]),
            (7, Some(0), [false, true, false]),
            (0, Some(8), [false, false, true]),
            (7, None, [true, true, false]),
            (0, None, [false, false, false]),
        ] {
            let file = file(pid, log);
            assert_eq!(is_up(&file, true, true), both, "{pid} {log:?}");
            assert_eq!(is_up(&file, true, false), main, "{pid} {log:?}");
            assert_eq!(is_up(&file, false, true), only, "{pid} {log:?}");
        }
    }
}
