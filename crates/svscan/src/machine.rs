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
use dt_os::process::{Ending, Pid};

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

/// One of the two processes of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Half {
    /// The `supervise` of the service itself.
    Main,
    /// The `supervise` of its `log`.
    Log,
}

/// Why something waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// It appeared, or got its `run`, a moment ago.
    Settling,
    /// It has no `run` yet.
    Unfinished,
    /// What is in the directory could not be found out.
    Unreadable,
    /// There was no pipe to be had.
    NoPipe,
    /// There was no process to be had.
    ForkFailed,
    /// It exited 0, as told by `svc -x`. Whoever told it may be about to remove
    /// the name, which comes last in some people's habit.
    Left,
    /// It exited with a failure soon after its start, having said why: the
    /// directory is locked, or there is no such program. Saying so again and
    /// again helps nobody.
    Refused,
    /// It was killed soon after its start.
    ShortLived,
    /// There is one that somebody else has started, and no way to watch it.
    OutOfReach,
}

/// A wait, with its end and its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Wait {
    /// Not before this.
    pub until: Moment,
    /// Why.
    pub because: Reason,
}

/// What there is of one half.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Process {
    /// No process.
    Down,
    /// No process, and none yet to be started.
    Waiting(Wait),
    /// A process, started by us or found running.
    Running {
        /// Its id.
        pid: Pid,
        /// When it was started or found.
        since: Moment,
    },
}

/// How far a service has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Not examined yet.
    New {
        /// When a scan first came upon it.
        first_seen: Moment,
        /// What the examination waits for.
        wait: Option<Wait>,
    },
    /// Examined.
    Known {
        /// The service's own half.
        main: Process,
        /// The log's half, where there is a log.
        log: Option<Process>,
    },
}

/// What becomes of the logs when services are stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Logs {
    /// A log goes on until its service is gone, then reads what is left, and ends
    /// with its input.
    AtEnd,
    /// A log is told to end with its service.
    AtOnce,
}

/// A service is being stopped for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stop {
    /// How its log goes.
    pub logs: Logs,
    /// The service's `supervise` has been told.
    pub main_told: bool,
    /// The log's has.
    pub log_told: bool,
}

/// One service: a directory that has, or had, a name in the scan directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Service {
    /// How far it has got.
    pub stage: Stage,
    /// The last scan found a name for it.
    pub listed: bool,
    /// It is being stopped: nothing of it is started any more.
    pub stop: Option<Stop>,
}

/// What happens to a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A scan has found a name of it.
    Seen(Moment),
    /// A whole scan has found none.
    Missed,
    /// The directory's content has been asked for.
    Examined {
        /// When.
        now: Moment,
        /// `run` is there.
        run: bool,
        /// `log` is there.
        log: bool,
    },
    /// It could not be found out.
    ExamineFailed(Moment),
    /// The pipe to the log is there, where one was wanted.
    Prepared {
        /// When.
        now: Moment,
        /// It has a log.
        log: bool,
    },
    /// There is no pipe.
    PrepareFailed(Moment),
    /// A half was started, or found running: by an earlier `svscan`, or by hand.
    Started(Half, Pid, Moment),
    /// A half is running, but who runs it could not be found out.
    OutOfReach(Half, Moment),
    /// A half could not be started.
    StartFailed(Half, Moment),
    /// A half's process has ended.
    Died(Half, Ending, Moment),
    /// It is to be stopped, or reminded that it is.
    Stop(Logs, Moment),
    /// A half could not be told to stop.
    Untold(Half, Moment),
}

/// What is to be done for a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Look into the directory; answered by `Examined` or `ExamineFailed`.
    Examine,
    /// Make what the processes need, a pipe where there is a log; answered by
    /// `Prepared` or `PrepareFailed`.
    Prepare {
        /// It has a log.
        log: bool,
    },
    /// See to it that this half runs; answered by `Started`, `OutOfReach` or
    /// `StartFailed`.
    Start(Half),
    /// Tell this half's `supervise` something; answered by `Untold` if that fails.
    Tell(Half, Words),
    /// Close the pipe: its log, left alone with it, reads to its end.
    Release,
    /// Scan again at that moment or before.
    ScanBy(Moment),
    /// Drop the service and its pipe.
    Forget,
}

/// What a `supervise` is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Words {
    /// To end its process, and to exit then: `svc -dx`.
    Stop,
    /// To exit once its process has ended by itself: `svc -x`.
    Exit,
}

/// Up to two actions, in order.
pub type Actions = [Option<Action>; 2];

const NOTHING: Actions = [None, None];

const fn only(action: Action) -> Actions {
    [Some(action), None]
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
            Event::Started(..)
            | Event::StartFailed(..)
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
                let again = now.plus(DEAFNESS);
                (Self { stop, ..self }, only(Action::ScanBy(again)))
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

impl Wait {
    /// Something that whoever makes the directory may end at any time is looked at
    /// in every scan, before the wait is over.
    const fn holds_back_examining(self) -> bool {
        match self.because {
            Reason::Settling | Reason::NoPipe => true,
            Reason::Unfinished
            | Reason::Unreadable
            | Reason::ForkFailed
            | Reason::Left
            | Reason::Refused
            | Reason::ShortLived
            | Reason::OutOfReach => false,
        }
    }
}

impl Process {
    pub(crate) const fn is_running(self) -> bool {
        matches!(self, Self::Running { .. })
    }

    fn is_due(self, now: Moment) -> bool {
        match self {
            Self::Down => true,
            Self::Waiting(wait) => wait.until <= now,
            Self::Running { .. } => false,
        }
    }

    const fn until(&self) -> Option<Moment> {
        match self {
            Self::Waiting(wait) => Some(wait.until),
            Self::Down | Self::Running { .. } => None,
        }
    }

    /// What becomes of a process that has ended.
    fn after(self, ending: Ending, now: Moment) -> Self {
        let Self::Running { since, .. } = self else {
            return self;
        };
        let (until, because) = match ending {
            Ending::Exited(0) => (now.plus(SPACING), Reason::Left),
            Ending::Exited(_) => (since.plus(PERIOD), Reason::Refused),
            Ending::Killed(_) => (since.plus(SPACING), Reason::ShortLived),
        };
        if until > now {
            Self::Waiting(Wait { until, because })
        } else {
            Self::Down
        }
    }
}
