//! What there is to begin with, or to go on with.

use std::io;

use dt_os::clock::{self, Moment};
use dt_service::deaths::Role;
use dt_service::record::{Besides, LogRecord, More};
use dt_service::{Incarnation, Want};

use super::people::Person;
use super::pipe::LogPipe;
use super::{Begun, Kernel};
use crate::machine::{Event, Machine, Process};
use crate::state::{State, Unit};
use crate::survivor::Survivor;
use crate::takeover;

impl Kernel {
    /// A state that nothing has gone before, with the log that there may be.
    pub(crate) fn begin(&mut self, want: Want) -> io::Result<Begun> {
        let mut state = State::new(Machine::new(want));
        if self.settings.has_log() {
            if self.log.is_none() {
                self.log = Some(LogPipe::new()?);
            }
            state = state.with_log(want);
        }
        Ok((state, [(Unit::Log, Event::Boot), (Unit::Main, Event::Boot)]))
    }

    /// What to go on with, where an earlier `supervise` was killed: its processes
    /// become ours to look after. Where `down` is to keep the service from
    /// starting, one that only was due is none; without a service the log is
    /// taken over all the same.
    pub(crate) fn take_over(&mut self, down: bool) -> io::Result<Option<Begun>> {
        let Some((record, more)) = self.ledger.last() else {
            return Ok(None);
        };
        if !takeover::is_of_this_boot(&record, self.ledger.boot, clock::since_boot()) {
            return Ok(None);
        }
        if more.is_some() || self.settings.wants_cage() {
            self.find_cage();
        }
        let now = Moment::now();
        let (fate, mut main) = Person::find(record.service);
        main.remember(fate, record.since, record.since_boot);
        let policy = self.settings.known();
        let resumed = takeover::resumed(&record, more.as_ref(), policy, fate, now);
        let resumed = resumed.filter(|(machine, _)| !down || machine.process.pid().is_some());
        main.role = more.map_or(Role::Run, |more| more.role);
        if let Some(more) = &more {
            self.find_besides(&more.beside);
        }
        self.people.main = main;
        if let Some(service) = record.service
            && fate == takeover::Fate::Lives
        {
            let ready = more.is_some_and(|more| more.counts.ready);
            self.find_voices(service, ready);
            self.find_words(&record);
        }
        if let Some((Process::Doubtful { pid, .. }, _)) =
            resumed.map(|(machine, event)| (machine.process, event))
        {
            self.warn_of_doubt(pid);
        }
        let log = match more.and_then(|more| more.log) {
            Some(log) if self.still_has(&log, fate) => {
                Some(self.take_log_over(&log, record.service, now)?)
            }
            _ => None,
        };
        let Some((machine, event)) = resumed else {
            return match log {
                None => Ok(None),
                // Nothing of what was wished outlives an exit in order.
                Some(log) if record.leaving && log.process == Process::Down => Ok(None),
                Some(log) => self.begin_beside(&log, down),
            };
        };
        let mut state = State::new(machine);
        state.log = log;
        if state.log.is_none() && self.settings.has_log() && self.log.is_some() {
            state = state.with_log(machine.want);
        }
        if let Some(more) = more {
            self.take_notices_over(&mut state, &more);
        }
        Ok(Some((
            state,
            [(Unit::Log, Event::Boot), (Unit::Main, event)],
        )))
    }

    /// The service begins anew, with a log that goes on.
    fn begin_beside(&mut self, log: &Machine, down: bool) -> io::Result<Option<Begun>> {
        let want = if down { Want::Down } else { Want::Up };
        let (mut state, events) = self.begin(want)?;
        state.log = Some(Machine {
            leaving: false,
            ..*log
        });
        Ok(Some((state, events)))
    }

    /// Whether the log on record is one: where `log` has been taken away and nothing lives
    /// that knows the pipe, nobody would ever read what the service writes there.
    fn still_has(&self, log: &LogRecord, service: takeover::Fate) -> bool {
        let fates = || [service, Person::find(log.service).0];
        let lives = || fates().iter().any(|fate| *fate != takeover::Fate::Gone);
        self.settings.has_log() || self.log.is_some() || lives()
    }

    fn take_log_over(
        &mut self,
        log: &LogRecord,
        service: Option<Incarnation>,
        now: Moment,
    ) -> io::Result<Machine> {
        let (fate, mut person) = Person::find(log.service);
        person.remember(fate, log.since, log.since_boot);
        person.role = Role::Log;
        self.people.log = person;
        if self.log.is_none() {
            self.log = LogPipe::find(log.pipe, [log.service, service]);
        }
        if self.log.is_none() {
            if log.service.is_some() && fate == takeover::Fate::Lives {
                self.warn_of_lost_pipe();
            }
            self.log = Some(LogPipe::new()?);
        }
        Ok(takeover::resumed_log(log, fate, now))
    }

    /// Those that have gone are told of when the dead are buried.
    fn find_besides(&mut self, besides: &Besides) {
        let hook = besides.hook.map(|(_, helper)| helper);
        let all = [(Role::Control, hook), (Role::Check, besides.check)];
        for (role, helper) in all {
            let Some(helper) = helper else { continue };
            let (fate, mut person) = Person::find(Some(helper.process));
            if fate != takeover::Fate::Lives {
                person.survivor = Some(Survivor::gone(helper.process));
            }
            person.role = role;
            *self.people.beside(role) = person;
        }
    }

    fn take_notices_over(&mut self, state: &mut State, more: &More) {
        state.notices.queue = more.notices;
        let Some(helper) = more.notify else { return };
        let (fate, person) = Person::find(Some(helper.process));
        self.people.notify = person;
        // One in doubt is not waited for: it must not be killed either.
        if fate == takeover::Fate::Lives {
            state.notices.now = Some(crate::notices::Running {
                pid: takeover::pid(helper.process),
                until: Moment::at(helper.until),
            });
        }
    }
}
