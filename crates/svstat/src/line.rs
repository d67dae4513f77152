//! One directory's lines.

use std::ffi::OsStr;
use std::fmt::{self, Write as _};
use std::os::unix::ffi::OsStrExt;

use dt_client::look::{self, Obstacle, Seen};
use dt_service::{State, Status, Want};

use crate::options::Which;

/// Adds `NAME: ` and what is known about it to `lines`, and after it, where the
/// directory's `log` is a program, the same of that as `NAME log: `.
pub(crate) fn describe(
    name: &OsStr,
    seen: &Result<Seen, Obstacle>,
    which: Which,
    lines: &mut Vec<u8>,
) {
    let mut line = |middle: &str, text: &dyn fmt::Display| {
        lines.extend_from_slice(name.as_bytes());
        lines.extend_from_slice(format!("{middle}: {text}\n").as_bytes());
    };
    let seen = match seen {
        Ok(seen) => seen,
        Err(obstacle) => return line("", obstacle),
    };
    if which != Which::Log {
        line("", &main(seen));
    }
    match (&seen.file.log, which) {
        (Some(log), Which::Both | Which::Log) => {
            let age = look::age(&seen.place, &log.status);
            // The service's `down` holds for both.
            let normally_up = seen.normally_up;
            line(
                " log",
                &words(&log.status, age, normally_up, Some(log.state)),
            );
        }
        (None, Which::Log) => line("", &"no log service"),
        (Some(_), Which::Main) | (None, Which::Both | Which::Main) => {}
    }
}

/// What a line says of the service itself.
pub(crate) fn main(seen: &Seen) -> String {
    words(&seen.file.main, seen.age, seen.normally_up, seen.file.state)
}

/// The original's words; encore's after them, where the file has its state.
fn words(status: &Status, age: u64, normally_up: bool, state: Option<State>) -> String {
    let up = status.pid != 0;
    let mut text = String::new();
    // Writing to memory cannot fail.
    let _ = if up {
        write!(text, "up (pid {}) {age} seconds", status.pid)
    } else {
        write!(text, "down {age} seconds")
    };
    let notes = [
        (up && !normally_up, ", normally down"),
        (!up && normally_up, ", normally up"),
        (up && status.paused, ", paused"),
        (!up && status.want == Want::Up, ", want up"),
        (up && status.want == Want::Down, ", want down"),
        (
            up && status.want == Want::Neither && state.is_some(),
            ", once",
        ),
    ];
    for (_, note) in notes.iter().filter(|(holds, _)| *holds) {
        text.push_str(note);
    }
    if let Some(state) = state {
        text.push_str(", ");
        text.push_str(state.word());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(pid: u32, paused: bool, want: Want, normally_up: bool, state: Option<State>) -> String {
        let status = Status {
            seconds: 0,
            nanos: 0,
            pid,
            paused,
            want,
        };
        words(&status, 3, normally_up, state)
    }

    #[test]
    fn the_notes_come_in_a_fixed_order() {
        assert_eq!(
            line(5, true, Want::Down, false, None),
            "up (pid 5) 3 seconds, normally down, paused, want down"
        );
        assert_eq!(
            line(0, true, Want::Up, true, None),
            "down 3 seconds, normally up, want up"
        );
        assert_eq!(line(0, false, Want::Down, false, None), "down 3 seconds");
        assert_eq!(
            line(7, false, Want::Neither, true, None),
            "up (pid 7) 3 seconds"
        );
    }

    #[test]
    fn encore_s_state_comes_last() {
        let state = Some(State::Running);
        assert_eq!(
            line(7, false, Want::Neither, true, state),
            "up (pid 7) 3 seconds, once, running"
        );
        let state = Some(State::Failed);
        assert_eq!(
            line(0, false, Want::Down, true, state),
            "down 3 seconds, normally up, failed"
        );
        let state = Some(State::Unknown(9));
        assert_eq!(
            line(0, false, Want::Down, false, state),
            "down 3 seconds, status unknown"
        );
    }
}
