//! What `svscan` decides about one service, without doing any of it.
//!
//! Events come in, actions go out, and the result of an action comes back as
//! the next event. Nothing here reads a clock, makes a call or waits; which
//! services there are is the [table](crate::table)'s business.
//!
//! Whether there is a log is asked again before each start of a service that has
//! none, when there is nothing that a new pipe would disturb.
//!
//! Nothing is ever started but by a scan that has just found the name and the
//! same directory behind it. What happens in between only decides how soon the
//! next scan comes.
//!
//! | stage   | means                                                              |
//! |---------|--------------------------------------------------------------------|
//! | `New`   | found, but not yet examined: whether it has a log is not known      |
//! | `Known` | whether it has a log is decided, and with it the pipe and two halves |
//!
//! | process   | means                                                            |
//! |-----------|------------------------------------------------------------------|
//! | `Down`    | none; the next scan that finds the name starts one               |
//! | `Waiting` | none, and none is started before a moment, for a reason          |
//! | `Running` | there is one                                                     |

use std::time::Duration;

use dt_os::clock::Moment;

mod terms;

pub use terms::{Action, Event, Half, Logs, Process, Reason, Service, Stage, Stop, Wait, Words};

/// The original scans once in so long, and so nothing that it would have tried
/// again is left for longer.
pub const PERIOD: Duration = Duration::from_secs(5);

/// Between two starts of a `supervise` that is killed again and again, as
/// between two starts of a service.
pub const SPACING: Duration = Duration::from_secs(1);

/// A new directory is left alone for so long: who makes it is seldom done in the
/// instant in which it appears, and whether it has a log is asked only once.
pub const SETTLING: Duration = Duration::from_millis(20);

/// A `supervise` that cannot be told something has just been started and does not
/// listen yet, as a rule.
pub const DEAFNESS: Duration = Duration::from_millis(100);

/// Up to two actions, in order.
pub type Actions = [Option<Action>; 2];

const NOTHING: Actions = [None, None];

const fn only(action: Action) -> Actions {
    [Some(action), None]
}

/// The service came first: what is left to be looked for is its log.
fn seek_on(absent: Half, log: Option<Process>, now: Moment) -> Actions {
    let log = log.filter(|log| absent == Half::Main && log.is_due(now));
    [log.map(|_| Action::Start(Half::Log)), None]
}

impl Service {
    /// A service that a scan has come upon at `now`. `settled` is for those that
    /// were there before us.
    #[must_use]
    pub const fn new(now: Moment, settled: bool) -> Self {
        let wait = Wait {
            until: now.plus(SETTLING),
            because: Reason::Settling,
        };
        Self {
            stage: Stage::New {
                first_seen: now,
                wait: if settled { None } else { Some(wait) },
            },
            listed: true,
            stop: None,
        }
    }

    /// The service after `event`, and what is to be done about it.
    #[must_use]
    pub fn step(self, event: Event) -> (Self, Actions) {
        match self.stage {
            Stage::New { first_seen, wait } => self.step_new(event, first_seen, wait),
            Stage::Known { main, log } => self.step_known(event, main, log),
        }
    }

    /// What there is of a half; `None` where it is not known yet, or has no log.
    #[must_use]
    pub const fn process(self, half: Half) -> Option<Process> {
        match (self.stage, half) {
            (Stage::New { .. }, _) => None,
            (Stage::Known { main, .. }, Half::Main) => Some(main),
            (Stage::Known { log, .. }, Half::Log) => log,
        }
    }

    /// A process of it is running.
    #[must_use]
    pub const fn is_alive(self) -> bool {
        match self.stage {
            Stage::New { .. } => false,
            Stage::Known { main, log } => {
                main.is_running() || matches!(log, Some(log) if log.is_running())
            }
        }
    }

    fn step_new(self, event: Event, first_seen: Moment, wait: Option<Wait>) -> (Self, Actions) {
        match event {
            Event::Seen(now) => {
                let next = Self {
                    listed: true,
                    ..self
                };
                match wait {
                    Some(wait) if wait.holds_back_examining() && wait.until > now => {
                        (next, only(Action::ScanBy(wait.until)))
                    }
                    Some(_) | None => (next, only(Action::Examine)),
                }
            }
            // What lives needs no `run`, and nobody makes it any longer.
            Event::Sought(_) => {
                let stage = Stage::New {
                    first_seen,
                    wait: None,
                };
                (Self { stage, ..self }, only(Action::Examine))
            }
            Event::Missed => (
                Self {
                    listed: false,
                    ..self
                },
                only(Action::Forget),
            ),
            Event::Examined { now, run, log } => {
                let patience = first_seen.plus(PERIOD);
                match wait.map(|wait| wait.because) {
                    Some(Reason::Unfinished) if run && now < patience => {
                        self.put_off(first_seen, now.plus(SETTLING), Reason::Settling)
                    }
                    // What was there before us is as finished as it will get.
                    Some(_) if !run && now < patience => {
                        self.put_off(first_seen, patience, Reason::Unfinished)
                    }
                    Some(_) | None => (self, only(Action::Prepare { log })),
                }
            }
            Event::ExamineFailed(now) => {
                self.put_off(first_seen, now.plus(PERIOD), Reason::Unreadable)
            }
            Event::PrepareFailed(now) => {
                self.put_off(first_seen, now.plus(SPACING), Reason::NoPipe)
            }
            Event::Prepared { log, .. } => {
                let next = Self {
                    stage: Stage::Known {
                        main: Process::Down,
                        log: log.then_some(Process::Down),
                    },
                    ..self
                };
                (next, only(Action::Start(Half::Main)))
            }
            Event::Stop(..) => (self, only(Action::Forget)),
            // It has no processes: nothing of it can start or die.
            Event::Orphaned(_)
            | Event::Started(..)
            | Event::StartFailed(..)
            | Event::Absent(..)
            | Event::OutOfReach(..)
            | Event::Untold(..)
            | Event::Died(..) => (self, NOTHING),
        }
    }

    fn put_off(self, first_seen: Moment, until: Moment, because: Reason) -> (Self, Actions) {
        let wait = Some(Wait { until, because });
        let stage = Stage::New { first_seen, wait };
        (Self { stage, ..self }, only(Action::ScanBy(until)))
    }

    fn step_known(self, event: Event, main: Process, log: Option<Process>) -> (Self, Actions) {
        match event {
            Event::Seen(now) => Self {
                listed: true,
                ..self
            }
            .pursue(main, log, now),
            Event::Sought(now) => self.seek(main, log, now),
            Event::Absent(half, now) => (self, seek_on(half, log, now)),
            Event::Missed => {
                let next = Self {
                    listed: false,
                    ..self
                };
                match self.stop {
                    Some(_) => next.wind_down(None),
                    None => next.settle(None),
                }
            }
            Event::Stop(logs, now) => {
                let before = self.stop;
                let worse = before.is_none_or(|stop| stop.logs < logs);
                let stop = Stop {
                    logs,
                    main_told: before.is_some_and(|stop| stop.main_told),
                    // What it was told before was only to wait.
                    log_told: !worse && before.is_some_and(|stop| stop.log_told),
                };
                let stop = if worse { Some(stop) } else { before };
                Self { stop, ..self }.wind_down(Some(now))
            }
            Event::Untold(half, now) => {
                (self.untold(half), only(Action::ScanBy(now.plus(DEAFNESS))))
            }
            // Its log has come since it was started: now it can have it.
            Event::Examined { log: true, .. } if log.is_none() => {
                (self, only(Action::Prepare { log: true }))
            }
            Event::Prepared { now, log: true } if log.is_none() => {
                self.pursue(main, Some(Process::Down), now)
            }
            // Without a log, as before.
            Event::Examined { .. }
            | Event::ExamineFailed(_)
            | Event::Prepared { .. }
            | Event::PrepareFailed(_) => (self, only(Action::Start(Half::Main))),
            Event::Started(half, pid, now) => {
                let running = Process::Running { pid, since: now };
                match half {
                    Half::Main => self.pursue(running, log, now),
                    Half::Log => self.pursue(main, log.map(|_| running), now),
                }
            }
            // No scan comes that would try it again.
            Event::StartFailed(half, now) if self.stop.is_some() => {
                self.with(half, Process::Down).wind_down(Some(now))
            }
            // The other half would fare no better: it is not tried in this scan.
            Event::StartFailed(half, now) => {
                let until = now.plus(SPACING);
                let waiting = Process::Waiting(Wait {
                    until,
                    because: Reason::ForkFailed,
                });
                self.with(half, waiting).settle(Some(until))
            }
            Event::OutOfReach(half, now) => {
                let wait = Process::Waiting(Wait {
                    until: now.plus(PERIOD),
                    because: Reason::OutOfReach,
                });
                match half {
                    Half::Main => self.pursue(wait, log, now),
                    Half::Log => self.pursue(main, log.map(|_| wait), now),
                }
            }
            Event::Orphaned(half) => {
                let next = self.untold(half).with(half, Process::Down);
                (next, only(Action::Start(half)))
            }
            Event::Died(half, _, now) if self.stop.is_some() => {
                self.with(half, Process::Down).wind_down(Some(now))
            }
            Event::Died(half, ending, now) => {
                let after = match half {
                    Half::Main => main.after(ending, now),
                    Half::Log => log.unwrap_or(Process::Down).after(ending, now),
                };
                self.with(half, after)
                    .settle(Some(after.until().unwrap_or(now)))
            }
        }
    }

    /// A half that does not know yet that it is to end.
    fn untold(self, half: Half) -> Self {
        let stop = self.stop.map(|stop| match half {
            Half::Main => Stop {
                main_told: false,
                ..stop
            },
            Half::Log => Stop {
                log_told: false,
                ..stop
            },
        });
        Self { stop, ..self }
    }

    /// What lives is found now or never: nothing of it waits.
    fn seek(self, main: Process, log: Option<Process>, now: Moment) -> (Self, Actions) {
        let next = Self {
            listed: true,
            ..self
        };
        next.pursue(main.at_once(), log.map(Process::at_once), now)
    }

    fn with(self, half: Half, process: Process) -> Self {
        let Stage::Known { main, log } = self.stage else {
            return self;
        };
        let stage = match half {
            Half::Main => Stage::Known { main: process, log },
            Half::Log => Stage::Known {
                main,
                log: log.map(|_| process),
            },
        };
        Self { stage, ..self }
    }

    /// Stops what still runs, the service first. `now` is needed where a name may
    /// have come back meanwhile.
    fn wind_down(self, now: Option<Moment>) -> (Self, Actions) {
        let (Stage::Known { main, log }, Some(mut stop)) = (self.stage, self.stop) else {
            return (self, NOTHING);
        };
        if !self.is_alive() {
            let again = now.filter(|_| self.listed).map(Action::ScanBy);
            return (self, [Some(Action::Forget), again]);
        }
        let mut actions = NOTHING;
        if main.is_running() && !stop.main_told {
            stop.main_told = true;
            actions[0] = Some(Action::Tell(Half::Main, Words::Stop));
        }
        let log_is_due = log.is_some_and(Process::is_running) && !stop.log_told;
        if log_is_due && stop.logs == Logs::AtOnce {
            stop.log_told = true;
            actions[1] = Some(Action::Tell(Half::Log, Words::Stop));
        } else if log_is_due && !main.is_running() {
            stop.log_told = true;
            // Told first: it must not be started again at the end of its input.
            actions = [
                Some(Action::Tell(Half::Log, Words::Exit)),
                Some(Action::Release),
            ];
        }
        let next = Self {
            stop: Some(stop),
            ..self
        };
        (next, actions)
    }

    /// In a scan that has found the name: starts the service, then its log, and
    /// sees to it that what has to wait is not forgotten.
    fn pursue(self, main: Process, log: Option<Process>, now: Moment) -> (Self, Actions) {
        let next = Self {
            stage: Stage::Known { main, log },
            ..self
        };
        if next.stop.is_some() {
            return next.wind_down(Some(now));
        }
        let halves = [(Half::Main, Some(main)), (Half::Log, log)];
        let due = halves
            .iter()
            .find(|(_, process)| process.is_some_and(|process| process.is_due(now)))
            .map(|(half, _)| match half {
                // Nothing of it runs, so that nothing is disturbed by a log that has
                // come meanwhile.
                Half::Main if log.is_none() => Action::Examine,
                Half::Main | Half::Log => Action::Start(*half),
            });
        let waits = halves
            .iter()
            .filter_map(|(_, process)| process.as_ref()?.until());
        let later = waits.filter(|until| *until > now).min().map(Action::ScanBy);
        (next, [due, later])
    }

    /// Outside a scan: either the service is over, or it needs one.
    fn settle(self, scan: Option<Moment>) -> (Self, Actions) {
        let action = match scan {
            _ if !self.listed && !self.is_alive() => Some(Action::Forget),
            Some(at) if self.listed => Some(Action::ScanBy(at)),
            Some(_) | None => None,
        };
        (self, [action, None])
    }
}
