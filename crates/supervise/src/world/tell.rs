//! Deaths noted, and details told.

use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use dt_os::clock;
use dt_os::process::Pid;
use dt_os::usage::Dead;
use dt_service::deaths::{Death, Ending, Role};
use dt_service::details::{self, LastDeath};

use super::cage::Cage;
use super::{Kernel, detail, people};
use crate::files;
use crate::machine::{Machine, Outcome, Process};
use crate::state::State;

/// What the file `details` says that no machine knows.
#[derive(Default)]
pub(super) struct Told {
    /// Of what it was written last, and how many problems there were.
    of: Option<(Machine, usize)>,
    /// There are other words.
    stale: bool,
    /// Since when the state is what it is, counted from the boot.
    state: Option<(details::State, Duration)>,
    ready: Option<Duration>,
    deaths: u32,
    last: Option<LastDeath>,
}

impl Told {
    /// Has it written anew.
    pub(super) fn forget(&mut self) {
        self.stale = true;
    }
}

impl Kernel {
    /// Notes the death of one of ours.
    pub(super) fn note_death(&mut self, pid: Pid, how: Outcome, dead: Option<Dead>) {
        let Some(person) = self.people.of(pid) else {
            return;
        };
        // Of all that it has started, where the kernel counts that.
        let (out_of_memory, most) = self.memory_of(pid);
        let byte = |number: i32| u8::try_from(number).unwrap_or(u8::MAX);
        let ending = match how {
            Outcome::Exited(code) => Ending::Code(byte(code)),
            Outcome::Killed(signal) => Ending::Signal(byte(signal)),
            Outcome::Unknown => Ending::Unknown,
        };
        let (label, now) = people::stamp();
        let cost = dead.map(|dead| dead.usage).unwrap_or_default();
        let death = Death {
            at: (label.0.0, label.1),
            uptime: now.saturating_sub(person.since.1),
            pid: pid.as_raw().unsigned_abs(),
            role: person.role,
            ending,
            core_dumped: dead.is_some_and(|dead| dead.core_dumped),
            out_of_memory,
            peak_memory: most.or(dead.map(|dead| dead.peak_memory)).unwrap_or(0),
            user_time: cost.user,
            system_time: cost.system,
        };
        if death.role == Role::Check {
            // It is asked again and again.
            return;
        }
        if death.role == Role::Run {
            self.told.deaths = self.told.deaths.saturating_add(1);
        }
        if !matches!(death.role, Role::Notify | Role::Control) {
            self.told.last = Some(LastDeath {
                role: death.role,
                ending,
                uptime: death.uptime,
                at: now,
            });
        }
        let capacity = u32::from(self.settings.deaths_kept());
        let _ = self.deaths.note(&self.place, &death, capacity);
    }

    /// Of a `run` that has died: whether the kernel has killed for want of memory, and
    /// the most memory there was.
    fn memory_of(&self, pid: Pid) -> (bool, Option<u64>) {
        let run = self.people.of(pid);
        let run = run.is_some_and(|person| person.role == Role::Run);
        let cage = self.cage.as_deref().filter(|_| run);
        cage.map_or((false, None), Cage::account)
    }

    /// Writes the file `details`, where there is anything to say and it has changed.
    pub(super) fn tell_details(&mut self, state: &State) {
        let machine = &state.main;
        let policy = self.settings.known();
        let problems = self.settings.problems();
        if policy.plain {
            if self.told.of.take().is_some() {
                let _ = std::fs::remove_file(self.place.file(details::NAME));
            }
            return;
        }
        // One that does not outlast this turn is nothing to tell.
        let passing = matches!(machine.process, Process::Starting { .. });
        if passing || (!self.told.stale && self.told.of == Some((*machine, problems))) {
            return;
        }
        let now = clock::since_boot();
        let known = detail::details(machine, policy);
        let since = self.told.state.filter(|(state, _)| *state == known.state);
        let (_, since) = *self.told.state.insert(since.unwrap_or((known.state, now)));
        self.told.ready = machine.ready.then(|| self.told.ready.unwrap_or(now));
        let details = details::Details {
            boot: self.ledger.boot,
            supervise: self.ledger.supervise.pid,
            since,
            ready: self.told.ready,
            deaths: self.told.deaths,
            problems: u32::try_from(problems).unwrap_or(u32::MAX),
            last_death: self.told.last,
            about: self.about(known.reason),
            kept: self
                .cage
                .as_ref()
                .map_or(details::Kept::Not, |cage| cage.kept()),
            words: self.words(state),
            ..known
        };
        // Where it cannot be written, the status says so.
        if files::replace(&self.place, details::NAME, &details.encode()).is_ok() {
            (self.told.of, self.told.stale) = (Some((*machine, problems)), false);
        }
    }

    /// What the service says about itself, as long as it is there.
    fn words(&self, state: &State) -> details::Text<128> {
        let socket = self.socket.as_ref();
        let socket = socket.filter(|_| matches!(state.main.process, Process::Running { .. }));
        socket.map_or(details::Text::EMPTY, |socket| socket.words)
    }

    /// The service that `reason` is about, if any.
    fn about(&self, reason: details::Reason) -> details::Text<255> {
        let about = matches!(reason, details::Reason::Dependency | details::Reason::Cycle);
        let neighbours = self.settings.known_neighbours().filter(|_| about);
        let name = neighbours.map(|neighbours| neighbours.about().as_bytes());
        details::Text::new(name.unwrap_or_default())
    }
}
