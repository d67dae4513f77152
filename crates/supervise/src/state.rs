//! All that one `supervise` decides about: the service, the log that it may have,
//! and who is told.

use dt_os::clock::Moment;
use dt_os::process::Pid;
use dt_service::Want;

use crate::machine::{Machine, Process};
use crate::notices::Notices;

/// Whose process it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    /// The service itself.
    Main,
    /// The program `log`, under the same `supervise`.
    Log,
    /// The program `notify`.
    Notify,
}

/// The state of all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// The service.
    pub main: Machine,
    /// Its log, where that is a program.
    pub log: Option<Machine>,
    /// What `notify` is told.
    pub notices: Notices,
    /// The service has gone and `supervise` with it, but for the log, which reads
    /// to the end; it is told to end at this moment.
    pub closing: Option<Moment>,
}

impl State {
    /// The state of a service by itself.
    #[must_use]
    pub fn new(main: Machine) -> Self {
        Self {
            main,
            log: None,
            notices: Notices::default(),
            closing: None,
        }
    }

    /// The same with a log.
    #[must_use]
    pub const fn with_log(self, want: Want) -> Self {
        Self {
            log: Some(Machine::new(want)),
            ..self
        }
    }

    /// When time itself is an event.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        let log = self.log.and_then(|log| log.deadline());
        let all = [
            self.main.deadline(),
            log,
            self.notices.deadline(),
            self.closing,
        ];
        all.into_iter().flatten().min()
    }

    /// Whose process `pid` is; a stranger is the service's business, which does
    /// not mind.
    #[must_use]
    pub fn unit_of(&self, pid: Pid) -> Unit {
        if self.log.is_some_and(|log| log.process.pid() == Some(pid)) {
            Unit::Log
        } else if self.notices.now.is_some_and(|now| now.pid == pid) {
            Unit::Notify
        } else {
            Unit::Main
        }
    }

    /// Whether the log has a process, or one is due.
    #[must_use]
    pub fn log_goes_on(&self) -> bool {
        self.log.is_some_and(|log| log.process != Process::Down)
    }
}
