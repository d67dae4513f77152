//! What a `supervise` goes on with that finds the record of one that was killed.

use std::time::Duration;

use dt_os::clock::Moment;
use dt_os::process::Pid;
use dt_service::deaths::Role;
use dt_service::details::Reason as Reasons;
use dt_service::record::{Besides, Counts, Helper, LogRecord, More, Said};
use dt_service::{Incarnation, Record, Want};

use crate::machine::{
    Beside, Check, Event, Hook, Hooks, LOOK, Machine, Outcome, Policy, Pressure, Process, Reason,
    Rest, Says,
};
use crate::state::State;

/// The longest that a record may put a start off: it is never more, unless the
/// record is nonsense.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// The same where a setting may say how long.
const LONGEST_DELAY: Duration = Duration::from_hours(50 * 24);

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

/// What is on record of a service or a log: the part that the machine decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Noted {
    /// The process is the one on record.
    pub service: Option<Incarnation>,
    /// As in [`Record`].
    pub paused: bool,
    /// As in [`Record`].
    pub due: bool,
    /// As in [`Record`].
    pub not_before: Duration,
}

/// All that `machine` says, `service` being the process on record before.
#[must_use]
pub fn noted(machine: &Machine, service: Option<Incarnation>) -> Noted {
    let not_before = match machine.process {
        Process::Waiting {
            why: Reason::Dependency | Reason::Hook { .. },
            ..
        } => machine.not_before,
        Process::Waiting { until, .. } if !matches!(machine.role, Role::Stop | Role::Finish) => {
            until.max(machine.not_before)
        }
        Process::Waiting { .. }
        | Process::Down
        | Process::Starting { .. }
        | Process::Running { .. }
        | Process::Doubtful { .. }
        | Process::Clearing { .. } => machine.not_before,
    };
    let process = machine.process.pid();
    let same = |service: &Incarnation| Some(pid(*service)) == process;
    Noted {
        service: service.filter(same),
        paused: machine.process.is_paused(),
        due: machine.is_due(),
        not_before: not_before.since(Moment::default()),
    }
}

/// The same once the start that is due has been made at the moment `at`.
#[must_use]
pub fn started(service: Incarnation, at: Moment, spacing: Duration) -> Noted {
    Noted {
        service: Some(service),
        paused: false,
        due: false,
        not_before: at.plus(spacing).since(Moment::default()),
    }
}

/// What more there is on record once that start has been made, after which `machine`
/// goes on: what it counts is counted from then on, also if nobody comes to hear of
/// the start.
#[must_use]
pub fn more_started(more: More, machine: &Machine) -> More {
    More {
        up: more.up || more.role == Role::Run,
        counts: counts(machine),
        ..more
    }
}

impl Noted {
    /// `record` with this in it, and the wishes of `machine`.
    #[must_use]
    pub fn in_record(self, machine: &Machine, record: Record) -> Record {
        Record {
            service: self.service,
            want: machine.want,
            paused: self.paused,
            due: self.due,
            leaving: machine.leaving,
            not_before: self.not_before,
            ..record
        }
    }

    /// `log` with this in it, and the wishes of `machine`.
    #[must_use]
    pub fn in_log(self, machine: &Machine, log: LogRecord) -> LogRecord {
        LogRecord {
            service: self.service,
            want: machine.want,
            paused: self.paused,
            due: self.due,
            leaving: machine.leaving,
            not_before: self.not_before,
            ..log
        }
    }
}

/// What `state` says beyond a record of version 1; `processes` are
/// those besides the service's. None where all of it can be said in version 1.
#[must_use]
pub fn more(state: &State, policy: &Policy, processes: &Processes) -> Option<More> {
    let main = &state.main;
    if policy.plain
        && state.log.is_none()
        && state.notices.is_idle()
        && !main.failed
        && main.role == Role::Run
        && main.pressure == Pressure::default()
        && main.hooks.is_idle()
        && main.check.now.is_none()
    {
        return None;
    }
    let running = state.notices.now;
    let running = running.zip(processes.notify).map(|(now, process)| Helper {
        process,
        until: now.until.since(Moment::default()),
    });
    let log = state.log.zip(processes.log);
    let log = log.map(|(machine, log)| noted(&machine, log.service).in_log(&machine, log));
    Some(More {
        role: main.role,
        up: main.up,
        failed: main.failed,
        log,
        notify: running,
        cause: main.cause,
        counts: counts(main),
        beside: besides(main, processes),
        said: Said {
            stopping: main.says.stopping,
            every: main.says.every,
            by: main
                .says
                .by
                .map_or(Duration::ZERO, |by| by.since(Moment::default())),
        },
        notices: state.notices.queue,
    })
}

/// Processes that are on record besides the service's, as no other can be taken for
/// them.
#[derive(Clone, Copy, Debug, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Processes {
    pub log: Option<LogRecord>,
    pub notify: Option<Incarnation>,
    pub hook: Option<Incarnation>,
    pub check: Option<Incarnation>,
}

fn besides(main: &Machine, processes: &Processes) -> Besides {
    let helper = |now: Beside, process: Option<Incarnation>| {
        let until = now.until.since(Moment::default());
        process.map(|process| Helper { process, until })
    };
    let mut hooks = [0; Besides::HOOKS];
    let queue = main.hooks.queue.iter().flatten();
    let places = hooks.iter_mut().zip(queue);
    places.for_each(|(place, hook)| *place = hook.byte());
    let (hook, check) = (main.hooks.now, main.check.now);
    Besides {
        hook: hook.and_then(|(hook, now)| Some((hook.byte(), helper(now, processes.hook)?))),
        hook_live: hook.is_some_and(|(_, now)| now.live),
        hooks,
        check: check.and_then(|now| helper(now, processes.check)),
        check_live: check.is_some_and(|now| now.live),
    }
}

/// `machine` with what ran beside the service. What has gone meanwhile is as if it
/// were there: its death is what follows.
fn with_besides(machine: &Machine, besides: &Besides) -> Machine {
    let beside = |helper: Helper, live| Beside {
        pid: pid(helper.process),
        until: Moment::at(helper.until),
        live,
    };
    let now = besides.hook.and_then(|(hook, helper)| {
        let hook = Hook::of(hook)?;
        Some((hook, beside(helper, besides.hook_live)))
    });
    let mut queue = [None; Hooks::MOST];
    let known = besides.hooks.iter().filter_map(|hook| Hook::of(*hook));
    let places = queue.iter_mut().zip(known);
    places.for_each(|(place, hook)| *place = Some(hook));
    let check = besides.check;
    Machine {
        hooks: Hooks { now, queue },
        check: Check {
            now: check.map(|helper| beside(helper, besides.check_live)),
            next: None,
        },
        ..*machine
    }
}

fn counts(main: &Machine) -> Counts {
    let reading = |moment: Moment| moment.since(Moment::default());
    let perhaps = |moment: Option<Moment>| moment.map_or(Duration::ZERO, reading);
    Counts {
        stable_at: reading(main.stable_at),
        early: main.early,
        counted_from: reading(main.counted_from),
        starts: main.starts,
        ended: main
            .ended
            .map(|(pid, how)| (pid.as_raw().unsigned_abs(), how.what())),
        ready: main.ready,
        up_by: perhaps(main.up_by),
        sent: main.pressure.sent,
        next: perhaps(main.pressure.next),
        kill: perhaps(main.pressure.kill),
    }
}

/// `machine` with what was counted.
fn with_counts(machine: &Machine, counts: &Counts) -> Machine {
    let perhaps = |reading: Duration| (reading != Duration::ZERO).then_some(Moment::at(reading));
    let number = |pid: u32| Pid::from_raw(i32::try_from(pid).unwrap_or(i32::MAX));
    Machine {
        stable_at: Moment::at(counts.stable_at),
        early: counts.early,
        counted_from: Moment::at(counts.counted_from),
        starts: counts.starts,
        ended: counts
            .ended
            .map(|(pid, what)| (number(pid), Outcome::of(what))),
        ready: counts.ready,
        up_by: perhaps(counts.up_by),
        pressure: Pressure {
            sent: counts.sent,
            next: perhaps(counts.next),
            kill: perhaps(counts.kill),
        },
        ..*machine
    }
}

/// The state to go on from, where there is one; `None` is to begin as if there
/// had never been another: so after an exit in order.
///
/// The wish of the last command outlives a kill: what was to be down is not
/// started, what was to be up is (unless there is a file `down`, which
/// `crate::run` looks at).
///
/// Where there is more to a service than its `run`, a process that has gone leaves
/// something to be decided: the state is still the one before, and the event to go
/// on with is its death.
#[must_use]
pub fn resumed(
    record: &Record,
    more: Option<&More>,
    policy: &Policy,
    fate: Fate,
    now: Moment,
) -> Option<(Machine, Event)> {
    let longest = if more.is_some() {
        LONGEST_DELAY
    } else {
        LONGEST_WAIT
    };
    let not_before = Moment::at(record.not_before).min(now.plus(longest));
    let paused = record.paused;
    let goes_on = more.is_some_and(|more| more.up || more.role != Role::Run);
    // Who was to exit does not come back for nothing.
    let more_to_do = policy.stop || policy.finish || policy.rest != Rest::Ignored;
    let goes_on = goes_on && (!record.leaving || more_to_do);
    let mut event = Event::Boot;
    // What follows a death is not paced.
    let tidies = |more: &More| matches!(more.role, Role::Stop | Role::Finish);
    let due = if more.is_some_and(tidies) {
        now
    } else {
        not_before
    };
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
        (Some(service), Fate::Gone) if goes_on => {
            event = Event::Died(pid(service), Outcome::Unknown);
            Process::Running {
                pid: pid(service),
                paused,
            }
        }
        (Some(_), Fate::Gone) | (None, _) if record.leaving && !record.due => return None,
        (Some(_), Fate::Gone) | (None, _) if record.due || record.want == Want::Up => waiting(due),
        (Some(_), Fate::Gone) | (None, _) => Process::Down,
    };
    let machine = Machine {
        process,
        role: more.map_or(Role::Run, |more| more.role),
        want: record.want,
        leaving: record.leaving,
        up: more.map_or(record.service.is_some(), |more| more.up),
        failed: more.is_some_and(|more| more.failed),
        cause: more.map_or(Reasons::None, |more| more.cause),
        not_before,
        ..Machine::new(record.want)
    };
    let machine = more.map_or(machine, |more| {
        let machine = with_besides(&with_counts(&machine, &more.counts), &more.beside);
        let by = more.said.by;
        let says = Says {
            stopping: more.said.stopping,
            every: more.said.every,
            by: (by != Duration::ZERO).then_some(Moment::at(by)),
        };
        Machine { says, ..machine }
    });
    Some((machine, event))
}

const fn waiting(until: Moment) -> Process {
    Process::Waiting {
        until,
        why: Reason::Pace,
    }
}

/// The same for a log.
#[must_use]
pub fn resumed_log(log: &LogRecord, fate: Fate, now: Moment) -> Machine {
    let record = Record {
        boot: None,
        supervise: Incarnation {
            pid: 0,
            start: None,
        },
        service: log.service,
        want: log.want,
        paused: log.paused,
        due: log.due,
        leaving: log.leaving,
        since: log.since,
        since_boot: log.since_boot,
        not_before: log.not_before,
    };
    let resumed = resumed(&record, None, &Policy::PLAIN, fate, now);
    resumed.map_or(Machine::new(log.want), |(machine, _)| machine)
}

/// A number that is too large is nobody's.
#[must_use]
pub fn pid(process: Incarnation) -> Pid {
    Pid::from_raw(i32::try_from(process.pid).unwrap_or(i32::MAX))
}
