//! What a `supervise` goes on with that finds the record of one that was killed.

use std::time::Duration;

use dt_os::clock::Moment;
use dt_os::process::Pid;
use dt_service::{Incarnation, Record, Want};

use crate::machine::{LOOK, Machine, PACE, Process, Reason};

/// The longest that a record may put a start off: it is never more, unless the
/// record is nonsense.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// What has become of a process on record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is dead.
    Gone,
    /// It lives, and is proven to be the same.
    Lives,
    /// A process of its number lives that may be the same or not.
    Unknown,
}

/// What can be found out about a process on record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// No process has the number.
    Nothing,
    /// One has; it started at this time, in the kernel's ticks.
    Started(u64),
    /// One has, and it is a child of ours.
    Ours,
    /// One has, and no more is known.
    Something,
}

/// Judges what was found where `process` was on record.
#[must_use]
pub fn fate(process: Incarnation, found: Found) -> Fate {
    match (found, process.start) {
        (Found::Ours, _) => Fate::Lives,
        (Found::Started(then), Some(start)) if then == start => Fate::Lives,
        (Found::Nothing, _) | (Found::Started(_), Some(_)) => Fate::Gone,
        (Found::Started(_) | Found::Something, _) => Fate::Unknown,
    }
}

/// Whether a record may be of the boot that we live in. Where /proc does not
/// tell, one that lies in the future is not.
#[must_use]
pub fn is_of_this_boot(record: &Record, boot: Option<[u8; 16]>, since_boot: Duration) -> bool {
    match (record.boot, boot) {
        (Some(then), Some(now)) => then == now,
        (None, _) | (_, None) => record.since_boot <= since_boot,
    }
}

/// `record` with all that `state` says in it.
#[must_use]
pub fn noted(state: &Machine, record: Record) -> Record {
    let not_before = match state.process {
        Process::Waiting { until, .. } => until.max(state.not_before),
        Process::Down
        | Process::Starting { .. }
        | Process::Running { .. }
        | Process::Doubtful { .. } => state.not_before,
    };
    let process = state.process.pid();
    let same = |service: &Incarnation| Some(pid(*service)) == process;
    Record {
        service: record.service.filter(same),
        want: state.want,
        paused: state.process.is_paused(),
        due: state.is_due(),
        leaving: state.leaving,
        not_before: not_before.since(Moment::default()),
        ..record
    }
}

/// `record` once the start that it says is due has been made at the moment `at`.
#[must_use]
pub fn started(record: Record, service: Incarnation, at: Moment) -> Record {
    Record {
        service: Some(service),
        paused: false,
        due: false,
        not_before: at.plus(PACE).since(Moment::default()),
        ..record
    }
}

/// The state to go on from, where there is one; `None` is to begin as if there
/// had never been another: so after an exit in order.
///
/// The wish of the last command outlives a kill: what was to be down is not
/// started, what was to be up is, whatever the file `down` says.
#[must_use]
pub fn resumed(record: &Record, fate: Fate, now: Moment) -> Option<Machine> {
    let not_before = Moment::at(record.not_before).min(now.plus(LONGEST_WAIT));
    let paused = record.paused;
    let process = match (record.service, fate) {
        (Some(service), Fate::Lives) => Process::Running {
            pid: pid(service),
            paused,
        },
        (Some(service), Fate::Unknown) => Process::Doubtful {
            pid: pid(service),
            paused,
            until: now.plus(LOOK),
        },
        (Some(_), Fate::Gone) | (None, _) if record.leaving && !record.due => return None,
        (Some(_), Fate::Gone) | (None, _) if record.due || record.want == Want::Up => {
            Process::Waiting {
                until: not_before,
                why: Reason::Pace,
            }
        }
        (Some(_), Fate::Gone) | (None, _) => Process::Down,
    };
    Some(Machine {
        process,
        want: record.want,
        leaving: record.leaving,
        not_before,
    })
}

/// A number that is too large is nobody's.
#[must_use]
pub fn pid(process: Incarnation) -> Pid {
    Pid::from_raw(i32::try_from(process.pid).unwrap_or(i32::MAX))
}
