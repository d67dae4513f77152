//! All that is known about a service, put together.

use std::time::Duration;

use dt_client::look::{self, Phase, Seen};
use dt_os::clock;
use dt_service::deaths::{Death, Ending, Role};
use dt_service::details::{self, Details, Reason};
use dt_service::{Status, Want};
use dt_tai::{Tai64, Tai64N};

/// A service.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) status: Status,
    pub(crate) phase: Phase,
    pub(crate) state: &'static str,
    pub(crate) normally_up: bool,
    /// Whole seconds since the process came or went.
    pub(crate) age: u64,
    /// The last death of `run` that is on record.
    pub(crate) last_death: Option<Death>,
    pub(crate) details: Option<Details>,
    /// Time counted from the boot.
    now: Duration,
    /// The log, where it is a program.
    pub(crate) log: Option<Log>,
}

/// A log that is a program.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    pub(crate) status: Status,
    pub(crate) state: &'static str,
    pub(crate) age: u64,
}

impl Facts {
    /// Of a service that has just been looked at; we are still in its directory.
    pub(crate) fn gather(seen: &Seen) -> Self {
        let details = look::details(&seen.place);
        let deaths = look::deaths(&seen.place).unwrap_or_default();
        let (status, state) = (seen.file.main, seen.file.state);
        let phase = Phase::of(&status, state, details.as_ref());
        let word = details.map(|details| details.state.word());
        Self {
            status,
            phase,
            state: word
                .or(state.map(dt_service::State::word))
                .unwrap_or_else(|| plain_state(&status)),
            normally_up: seen.normally_up,
            age: seen.age,
            last_death: deaths
                .into_iter()
                .rev()
                .find(|death| death.role == Role::Run),
            details,
            now: clock::since_boot(),
            log: seen.file.log.map(|log| Log {
                status: log.status,
                state: log.state.word(),
                age: look::age(&seen.place, &log.status),
            }),
        }
    }

    /// How long it is ready, where it is.
    pub(crate) fn ready_for(&self) -> Option<u64> {
        let since = self.details.and_then(|details| details.ready);
        let told = since.map(|since| self.now.saturating_sub(since).as_secs());
        self.phase.ready.then(|| told.unwrap_or(self.age))
    }

    /// The same as a moment by the wall's clock.
    pub(crate) fn ready_since(&self) -> Option<Tai64N> {
        let since = self.details.and_then(|details| details.ready);
        let told = since.map(|since| {
            let wall = clock::UnixTime::now();
            let wall = i128::from(wall.secs) * 1_000_000_000 + i128::from(wall.nanos);
            let ago = self.now.saturating_sub(since).as_nanos();
            let at = wall - i128::try_from(ago).unwrap_or(0);
            let seconds = i64::try_from(at.div_euclid(1_000_000_000)).unwrap_or(0);
            let nanos = u32::try_from(at.rem_euclid(1_000_000_000)).unwrap_or(0);
            dt_tai::from_unix(seconds, nanos)
        });
        self.phase
            .ready
            .then(|| told.unwrap_or_else(|| since_of(&self.status)))
    }

    /// Why it is as it is.
    pub(crate) fn reason(&self) -> Reason {
        self.details.map_or(Reason::None, |details| details.reason)
    }

    /// How long it still waits.
    pub(crate) fn wait_left(&self) -> Option<Duration> {
        let until = self.details?.until?;
        Some(until.saturating_sub(self.now))
    }

    /// How the process ended that is no more: not told of one that lives.
    pub(crate) fn ending(&self) -> Option<Ending> {
        let of_details = self.details.and_then(|details| details.last_death);
        let of_details = of_details.filter(|death| death.role == Role::Run);
        let ending = self.last_death.map(|death| death.ending);
        ending
            .or(of_details.map(|death| death.ending))
            .filter(|_| self.status.pid == 0)
    }
}

/// The moment in a status.
pub(crate) const fn since_of(status: &Status) -> Tai64N {
    Tai64N(Tai64(status.seconds), status.nanos)
}

/// What 18 bytes can tell.
fn plain_state(status: &Status) -> &'static str {
    let state = match (status.pid, status.want) {
        (0, Want::Up) => details::State::Waiting,
        (0, _) => details::State::Stopped,
        (_, Want::Down) => details::State::Stopping,
        _ => details::State::Running,
    };
    state.word()
}
