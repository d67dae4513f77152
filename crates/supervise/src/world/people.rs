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
}

impl People {
    pub(super) fn new() -> Self {
        Self {
            main: Person::new(),
            log: Person::new(),
            notify: Person::new(),
        }
    }

    pub(super) const fn get(&mut self, unit: Unit) -> &mut Person {
        match unit {
            Unit::Main => &mut self.main,
            Unit::Log => &mut self.log,
            Unit::Notify => &mut self.notify,
        }
    }

    /// Whose process has this number.
    pub(super) fn of(&self, pid: Pid) -> Option<&Person> {
        let all = [&self.main, &self.log, &self.notify];
        let has = |person: &&Person| person.process.map(takeover::pid) == Some(pid);
        all.into_iter().find(has)
    }

    const fn survivors(&mut self) -> [&mut Option<Survivor>; 3] {
        [
            &mut self.main.survivor,
            &mut self.log.survivor,
            &mut self.notify.survivor,
        ]
    }

    /// Whether the death of one shows only to who looks.
    pub(super) fn must_be_looked_at(&self) -> bool {
        let all = [&self.main, &self.log, &self.notify];
        all.into_iter()
            .filter_map(|person| person.survivor.as_ref())
            .any(Survivor::must_be_looked_at)
    }

    /// What becomes readable when they die.
    pub(super) fn watched(&self) -> [Option<BorrowedFd<'_>>; 3] {
        [&self.main, &self.log, &self.notify]
            .map(|person| person.survivor.as_ref().and_then(Survivor::watch))
    }

    /// Notes who has ended; `told` is of [`Self::watched`].
    pub(super) fn note_ends(&mut self, told: [bool; 3]) -> bool {
        let mut any = false;
        for (survivor, told) in self.survivors().into_iter().zip(told) {
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
            .into_iter()
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
