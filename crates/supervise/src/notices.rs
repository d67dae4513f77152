//! When `./notify` is run, and what for; decided like [`crate::machine`], without
//! doing any of it.
//!
//! It runs beside the service, which never waits for it; one at a time, in the
//! order of what happened, and not longer than [`PATIENCE`].

use std::time::Duration;

use dt_os::clock::Moment;
use dt_os::process::Pid;
use dt_service::record::{More, Notice};

/// One that has not ended after so long is killed.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// The notices that wait, and the one that is being given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Notices {
    /// The program that runs.
    pub now: Option<Running>,
    /// What comes next, without a gap.
    pub queue: [Option<Notice>; More::NOTICES],
}

/// A program that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Running {
    /// Its process.
    pub pid: Pid,
    /// It is killed, or has been and is looked at again.
    pub until: Moment,
}

/// What is to be done. The outcome of `Give` is [`Notices::given`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Run the program.
    Give(Notice),
    /// Its time is over.
    Kill(Pid),
}

impl Notices {
    /// Adds what has happened. Where there are too many the oldest is dropped:
    /// what is the case now matters most.
    #[must_use]
    pub fn with(mut self, notice: Notice) -> Self {
        if self.is_full() {
            self = self.without_first();
        }
        if let Some(place) = self.queue.iter_mut().find(|place| place.is_none()) {
            *place = Some(notice);
        }
        self
    }

    /// Whether the next one drops another.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.queue.iter().all(Option::is_some)
    }

    fn without_first(mut self) -> Self {
        self.queue.rotate_left(1);
        if let Some(last) = self.queue.last_mut() {
            *last = None;
        }
        self
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.now.is_none() && self.queue.iter().all(Option::is_none)
    }

    /// When time is an event.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        self.now.map(|now| now.until)
    }

    /// What is to be done at the moment `at`, if anything, and the state in which
    /// that has been decided on.
    #[must_use]
    pub fn next(self, at: Moment) -> (Self, Option<Action>) {
        match (self.now, self.queue.first()) {
            (Some(running), _) if at >= running.until => {
                let until = at.plus(PATIENCE);
                let now = Some(Running { until, ..running });
                (Self { now, ..self }, Some(Action::Kill(running.pid)))
            }
            (None, Some(Some(notice))) => {
                let action = Action::Give(*notice);
                (self.without_first(), Some(action))
            }
            _ => (self, None),
        }
    }

    /// The state once the program has been started; `None` is that it could not be,
    /// and the notice is lost.
    #[must_use]
    pub fn given(self, pid: Option<Pid>, at: Moment) -> Self {
        let until = at.plus(PATIENCE);
        let now = pid.map(|pid| Running { pid, until });
        Self { now, ..self }
    }

    /// The state after a death, be it the program's or not.
    #[must_use]
    pub fn without(self, who: Pid) -> Self {
        let now = self.now.filter(|running| running.pid != who);
        Self { now, ..self }
    }
}
