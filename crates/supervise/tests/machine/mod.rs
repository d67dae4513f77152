//! What the page of transitions and the exploration have in common.

use std::time::Duration;

use dt_os::process::Pid;
use dt_settings::{Letters, StartLimit};
use supervise::machine::{Heard, Outcome, Phase, Policy};

/// The service's process.
pub const OURS: Pid = Pid::from_raw(7);
/// A program in `control`.
pub const HOOK: Pid = Pid::from_raw(9);
/// The program `check`.
pub const CHECK: Pid = Pid::from_raw(10);
/// Somebody else.
pub const STRANGER: Pid = Pid::from_raw(8);

/// A directory with all that the machine knows of.
pub const FULL: Policy = Policy {
    plain: false,
    start: true,
    stop: true,
    notify: true,
    fails_on_100: true,
    // No death is too early: that is looked at by itself.
    stable_after: Duration::ZERO,
    ..Policy::PLAIN
};

/// With `finish`, and a kill some time after TERM.
pub const FINISHING: Policy = Policy {
    finish: true,
    start: false,
    notify: false,
    kill_after: Some(Duration::from_millis(510)),
    finish_limit: Some(Duration::from_millis(510)),
    ..FULL
};

/// With a limit to starts, and another try after that.
pub const LIMITED: Policy = Policy {
    start: false,
    stop: false,
    notify: false,
    start_limit: Some(StartLimit {
        starts: 2,
        within: Duration::from_secs(2),
    }),
    retry_after: Some(Duration::from_secs(2)),
    ..FULL
};

/// With programs in `control`, and `check`.
pub fn hooked() -> Policy {
    Policy {
        plain: false,
        control: Letters::of(b"tduk"),
        check: true,
        tells_ready: true,
        stable_after: Duration::ZERO,
        ..Policy::PLAIN
    }
}

/// With a socket on which the service says how it is, and a watchdog.
pub const SPEAKING: Policy = Policy {
    plain: false,
    tells_ready: true,
    watchdog: Some(Duration::from_millis(510)),
    up_limit: Some(Duration::from_mins(1)),
    kill_after: Some(Duration::from_secs(2)),
    stable_after: Duration::ZERO,
    ..Policy::PLAIN
};

const SILENCE: Heard = Heard {
    phase: None,
    alive: false,
    trigger: false,
    every: None,
    extend: None,
};

/// What it may say.
pub const SAYS: [Heard; 7] = [
    Heard {
        phase: Some(Phase::Ready),
        ..SILENCE
    },
    Heard {
        phase: Some(Phase::Reloading),
        ..SILENCE
    },
    Heard {
        phase: Some(Phase::Stopping),
        ..SILENCE
    },
    Heard {
        alive: true,
        ..SILENCE
    },
    Heard {
        trigger: true,
        ..SILENCE
    },
    Heard {
        every: Some(Duration::from_secs(2)),
        ..SILENCE
    },
    Heard {
        extend: Some(Duration::from_mins(2)),
        ..SILENCE
    },
];

/// As it should.
pub const DONE: Outcome = Outcome::Exited(0);

/// The outcomes that are told apart.
pub const OUTCOMES: [Outcome; 4] = [
    DONE,
    Outcome::Exited(1),
    Outcome::Exited(100),
    Outcome::Unknown,
];
