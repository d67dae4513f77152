//! Who is on record: the processes that are looked after.

use std::os::fd::BorrowedFd;
use std::time::Duration;

use dt_os::clock::{self, UnixTime};
use dt_os::process::Pid;
use dt_service::Incarnation;
use dt_service::deaths::Role;
use dt_tai::{Tai64, Tai64N};

use crate::machine::{Event, Outcome};
use crate::state::Unit;
use crate::survivor::{self, Survivor};
use crate::takeover::{self, Fate};

/// One process, so that it cannot be taken for another.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) process: Option<Incarnation>,
    /// What it is.
    pub(super) role: Role,
    /// The same where it is no child of ours.
    pub(super) survivor: Option<Survivor>,
    /// When it last came or went, by the wall's clock and by the one that nobody
    /// sets.
    pub(super) since: (Tai64N, Duration),
}

impl Person {
    pub(super) fn new() -> Self {
        Self {
            process: None,
            role: Role::Run,
            survivor: None,
            since: stamp(),
        }
    }

    /// One on record.
    pub(super) fn find(process: Option<Incarnation>) -> (Fate, Self) {
        let found = process.map(survivor::find);
        let (fate, survivor) = found.unwrap_or((Fate::Gone, None));
        let person = Self {
            process,
            role: Role::Run,
            survivor,
            since: stamp(),
        };
        (fate, person)
    }

    /// The time on record, unless it has died meanwhile: that was now, as far as
    /// anybody knows.
    pub(super) fn remember(&mut self, fate: Fate, since: (u64, u32), since_boot: Duration) {
        if self.process.is_none() || fate != Fate::Gone {
            self.since = (Tai64N(Tai64(since.0), since.1), since_boot);
        }
    }

    pub(super) fn examine(&mut self, pid: Pid) -> Event {
        let Some(process) = self.process else {
            return Event::Died(pid, Outcome::Unknown);
        };
        let (fate, survivor) = survivor::find(process);
        self.survivor = survivor;
        match fate {
            Fate::Gone => Event::Died(pid, Outcome::Unknown),
            Fate::Lives => Event::Proven(pid),
            Fate::Unknown => Event::Doubted(pid),
        }
    }

    pub(super) fn mark_change(&mut self) {
        self.since = stamp();
    }

    /// TAI64 seconds and nanoseconds.
    pub(super) const fn seconds(&self) -> (u64, u32) {
        let (Tai64N(Tai64(seconds), nanos), _) = self.since;
        (seconds, nanos)
    }
}

/// All there can be.
#[derive(Debug)]
pub(super) struct People {
    pub(super) main: Person,
    pub(super) log: Person,
    pub(super) notify: Person,
    /// Where there are programs that run beside the service.
    pub(super) beside: Option<Box<Besides>>,
}

/// The program in `control` that runs, and `check`.
#[derive(Debug)]
pub(super) struct Besides {
    pub(super) hook: Person,
    pub(super) check: Person,
}

impl People {
    pub(super) fn new() -> Self {
        Self {
            main: Person::new(),
            log: Person::new(),
            notify: Person::new(),
            beside: None,
        }
    }

    pub(super) const fn get(&mut self, unit: Unit) -> &mut Person {
        match unit {
            Unit::Main => &mut self.main,
            Unit::Log => &mut self.log,
            Unit::Notify => &mut self.notify,
        }
    }

    /// Whoever runs beside the service in this role.
    pub(super) fn beside(&mut self, role: Role) -> &mut Person {
        let new = || {
            Box::new(Besides {
                hook: Person::new(),
                check: Person::new(),
            })
        };
        let beside = self.beside.get_or_insert_with(new);
        match role {
            Role::Check => &mut beside.check,
            _ => &mut beside.hook,
        }
    }

    /// The process of one that runs beside the service, and the other's.
    pub(super) fn besides(&self) -> [Option<Incarnation>; 2] {
        let beside = self.beside.as_ref();
        let both = beside.map(|both| [both.hook.process, both.check.process]);
        both.unwrap_or_default()
    }

    fn all(&self) -> impl Iterator<Item = &Person> {
        let beside = self.beside.as_deref();
        let beside = beside
            .into_iter()
            .flat_map(|both| [&both.hook, &both.check]);
        [&self.main, &self.log, &self.notify]
            .into_iter()
            .chain(beside)
    }

    /// Whose process has this number.
    pub(super) fn of(&self, pid: Pid) -> Option<&Person> {
        self.all()
            .find(|person| person.process.map(takeover::pid) == Some(pid))
    }

    fn survivors(&mut self) -> impl Iterator<Item = &mut Option<Survivor>> {
        let beside = self.beside.as_deref_mut();
        let beside = beside
            .into_iter()
            .flat_map(|both| [&mut both.hook, &mut both.check]);
        [&mut self.main, &mut self.log, &mut self.notify]
            .into_iter()
            .chain(beside)
            .map(|person| &mut person.survivor)
    }

    /// Whether the death of one shows only to who looks.
    pub(super) fn must_be_looked_at(&self) -> bool {
        self.all()
            .filter_map(|person| person.survivor.as_ref())
            .any(Survivor::must_be_looked_at)
    }

    /// What becomes readable when they die.
    pub(super) fn watched(&self) -> [Option<BorrowedFd<'_>>; 5] {
        let mut watched = [None; 5];
        for (place, person) in watched.iter_mut().zip(self.all()) {
            *place = person.survivor.as_ref().and_then(Survivor::watch);
        }
        watched
    }

    /// Notes who has ended; `told` is of [`Self::watched`].
    pub(super) fn note_ends(&mut self, told: [bool; 5]) -> bool {
        let mut any = false;
        for (survivor, told) in self.survivors().zip(told) {
            if let Some(survivor) = survivor {
                any |= survivor.note_end(told);
            }
        }
        any
    }

    /// One who has ended, and how, as far as the kernel tells those who are not the
    /// parent.
    pub(super) fn take_ended(&mut self) -> Option<(Pid, Outcome)> {
        self.survivors()
            .find_map(|survivor| survivor.take_if(|survivor| survivor.has_ended()))
            .map(|ended| {
                (
                    ended.pid(),
                    ended.ending().map_or(Outcome::Unknown, Outcome::from),
                )
            })
    }
}

/// The time as the original's clock shows it, and on the one that nobody sets.
pub(super) fn stamp() -> (Tai64N, Duration) {
    let now = UnixTime::now();
    let label = dt_tai::from_unix(now.secs, dt_tai::half_microsecond(now.nanos));
    (label, clock::since_boot())
}
