//! What can be found out about a service.

use std::time::Duration;

use dt_client::look::{self, Obstacle, Phase};
use dt_client::truth;
use dt_os::clock::{self, UnixTime};
use dt_os::incarnation;
use dt_os::process::Pid;
use dt_service::deaths::{Death, Ending, Role};
use dt_service::details::Details;
use dt_service::{Place, StatusFile, Want};

use crate::run_file::{self, RunFile};

/// What lives for less does not do what it is there for.
const BRIEF: Duration = Duration::from_secs(10);

/// Whether somebody looks after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Keeper {
    /// A `supervise` does.
    Supervise,
    /// A `supervise` has done.
    Gone,
    /// None ever has.
    Never,
    /// That could not be found out, for this reason.
    Unknown(&'static str),
}

/// Deaths of `run` in the last minute, of those that had not lived for long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lately {
    pub(crate) deaths: usize,
}

/// Everything.
#[derive(Clone, Debug)]
pub(crate) struct Evidence {
    pub(crate) keeper: Keeper,
    /// The process that holds the lock, and its name.
    pub(crate) holder: Option<(u32, String)>,
    pub(crate) file: Option<StatusFile>,
    /// The process that `supervise` takes for the service's though there is none.
    pub(crate) missing: Option<u32>,
    /// The process in the status lives, or something of its number does.
    pub(crate) lives: bool,
    pub(crate) age: u64,
    pub(crate) normally_up: bool,
    pub(crate) details: Option<Details>,
    pub(crate) last_death: Option<Death>,
    pub(crate) lately: Lately,
    pub(crate) run: RunFile,
    /// Time counted from the boot.
    pub(crate) now: Duration,
}

impl Evidence {
    /// About the service in the working directory.
    pub(crate) fn gather() -> Self {
        let place = Place::here();
        let (keeper, status) = match &place {
            Ok(place) => keeper(place),
            Err(why) => (
                Keeper::Unknown(dt_os::reason(why)),
                Err(Obstacle::NotRunning),
            ),
        };
        let missing = match &status {
            Err(Obstacle::NoProcess(pid)) => Some(*pid),
            _ => None,
        };
        let file = status.ok();
        let place = place.as_ref().ok();
        let deaths = place.and_then(|place| look::deaths(place).ok());
        let deaths: Vec<_> = deaths.into_iter().flatten().collect();
        let of_run = |death: &&Death| death.role == Role::Run;
        let pid = file.map_or(0, |file| file.main.pid);
        Self {
            holder: place
                .and_then(look::lock_holder)
                .map(|pid| (pid, name_of(pid))),
            lives: i32::try_from(pid)
                .is_ok_and(|pid| pid != 0 && incarnation::lives(Pid::from_raw(pid))),
            age: place
                .zip(file)
                .map_or(0, |(place, file)| look::age(place, &file.main)),
            normally_up: look::is_normally_up().unwrap_or(true),
            details: place
                .and_then(look::details)
                .filter(|_| keeper == Keeper::Supervise),
            last_death: deaths.iter().rev().find(of_run).copied(),
            lately: lately(&deaths),
            run: run_file::look(),
            now: clock::since_boot(),
            keeper,
            file,
            missing,
        }
    }

    /// The state in yes and no.
    pub(crate) fn phase(&self) -> Option<Phase> {
        let file = self.file?;
        Some(Phase::of(&file.main, file.state, self.details.as_ref()))
    }

    /// Nothing to worry about.
    pub(crate) fn is_well(&self) -> bool {
        self.keeper == Keeper::Supervise
            && !self.keeps_dying()
            && self.phase().is_some_and(|phase| phase.ready)
    }

    /// It is started again and again.
    pub(crate) fn keeps_dying(&self) -> bool {
        let wanted = self.file.is_some_and(|file| file.main.want == Want::Up);
        wanted && self.lately.deaths >= 3 && self.age < 60
    }

    /// How its last process ended, and how long that had lived.
    pub(crate) fn last_end(&self) -> Option<(Ending, Duration)> {
        let of_details = self.details.and_then(|details| details.last_death);
        let of_details = of_details.filter(|death| death.role == Role::Run);
        let recorded = self.last_death.map(|death| (death.ending, death.uptime));
        recorded.or(of_details.map(|death| (death.ending, death.uptime)))
    }

    /// How long it still waits.
    pub(crate) fn wait_left(&self) -> Option<Duration> {
        let until = self.details?.until?;
        Some(until.saturating_sub(self.now))
    }
}

fn keeper(place: &Place) -> (Keeper, Result<StatusFile, Obstacle>) {
    let status = truth::settled(place);
    let keeper = match look::is_supervised(place) {
        Ok(true) => Keeper::Supervise,
        Ok(false) => Keeper::Gone,
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => Keeper::Never,
        Err(why) => Keeper::Unknown(dt_os::reason(&why)),
    };
    (keeper, status)
}

fn lately(deaths: &[Death]) -> Lately {
    let now = dt_tai::from_unix(UnixTime::now().secs, 0).0.0;
    let recent = deaths.iter().filter(|death| {
        death.role == Role::Run && death.uptime < BRIEF && now.abs_diff(death.at.0) <= 60
    });
    Lately {
        deaths: recent.count(),
    }
}

fn name_of(pid: u32) -> String {
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm"));
    name.map_or_else(|_| "unknown".to_owned(), |name| name.trim_end().to_owned())
}
