//! Time without lengths: of each moment that the machine waits for only that it has come
//! or not, and that it may come whenever it likes.
//!
//! Whatever the machine does in time it does so here, and more: two moments come in either
//! order. Only what paces the starts comes in the order that it has, as a promise
//! is about just that.

use std::mem::replace;
use std::time::Duration;

use dt_os::clock::Moment;
use dt_service::details;
use dt_settings::Restart;
use supervise::machine::{Outcome, PACE, Process, Reason};

use super::machine::DONE;
use super::reality::{EPOCH, Reality};

/// How far off what has not come is.
const AHEAD: Duration = Duration::from_secs(1);

const TICK: Duration = Duration::from_millis(1);

impl Reality {
    /// The same with nothing in it that makes no difference to what comes after it.
    #[must_use]
    pub fn without_lengths(mut self) -> Self {
        for moment in self.timers() {
            *moment = if *moment > EPOCH {
                EPOCH.plus(AHEAD)
            } else {
                EPOCH
            };
        }
        let paced = self.paced();
        self.set_paced(|moment| {
            if moment <= EPOCH {
                return EPOCH;
            }
            let later = paced.iter().filter(|other| **other > moment);
            EPOCH.plus(PACE.saturating_sub(later.map(|_| TICK).sum()))
        });
        self.count_less();
        self.recorded()
    }

    /// All that there may be once one moment more has come.
    pub fn later(&self) -> Vec<Self> {
        let mut all = Vec::new();
        let mut here = *self;
        for place in 0..here.timers().count() {
            let mut next = *self;
            let moment = next.timers().nth(place);
            let coming = moment.map(|moment| replace(moment, EPOCH));
            if coming.is_some_and(|moment| moment > EPOCH) {
                all.push(next);
            }
        }
        if let Some(first) = self.paced().first() {
            let mut next = *self;
            next.set_paced(|moment| if moment <= *first { EPOCH } else { moment });
            all.push(next);
        }
        if let Some(limit) = self.policy.start_limit
            && self.machine.starts > 0
        {
            let mut next = *self;
            next.machine.counted_from = before(limit.within + TICK);
            all.push(next);
        }
        all.into_iter().map(Self::without_lengths).collect()
    }

    /// The moments that come whenever they like.
    fn timers(&mut self) -> impl Iterator<Item = &mut Moment> {
        let machine = &mut self.machine;
        let of_process = match &mut machine.process {
            Process::Waiting { until, why } if *why != Reason::Pace => Some(until),
            Process::Doubtful { until, .. } => Some(until),
            Process::Clearing { look, .. } => look.as_mut(),
            _ => None,
        };
        let hook = machine.hooks.now.as_mut().map(|(_, now)| &mut now.until);
        let check = machine.check.now.as_mut().map(|now| &mut now.until);
        let rest = [
            machine.up_by.as_mut(),
            machine.pressure.next.as_mut(),
            machine.pressure.kill.as_mut(),
            machine.check.next.as_mut(),
            machine.says.by.as_mut(),
        ];
        let all = [of_process, hook, check].into_iter().chain(rest);
        all.flatten()
    }

    /// The moments to come from which on something may be started, in order.
    fn paced(&self) -> Vec<Moment> {
        let mut all = Vec::new();
        let mut here = *self;
        here.set_paced(|moment| {
            all.push(moment);
            moment
        });
        all.retain(|moment| *moment > EPOCH);
        all.sort_unstable();
        all.dedup();
        all
    }

    fn set_paced(&mut self, mut set: impl FnMut(Moment) -> Moment) {
        self.machine.not_before = set(self.machine.not_before);
        if let Process::Waiting { until, why } = &mut self.machine.process
            && *why == Reason::Pace
        {
            *until = set(*until);
        }
        if self.grows() {
            self.machine.stable_at = set(self.machine.stable_at);
            self.stable_at = set(self.stable_at);
        }
        for last in &mut self.last_starts {
            let free = last.map(|last| set(last.plus(PACE)));
            let free = free.filter(|free| *free > EPOCH);
            *last = free.map(|free| before(PACE.saturating_sub(free.since(EPOCH))));
        }
    }

    /// What is counted or told of further than anything looks at it.
    fn count_less(&mut self) {
        let (machine, policy) = (&mut self.machine, &self.policy);
        if let Process::Waiting { why, .. } = &mut machine.process {
            // It decides about a length.
            match why {
                Reason::ForkFailed { failures } => *failures = 1,
                Reason::Hook { failures } => *failures = 0,
                Reason::Pace | Reason::Retry | Reason::Dependency => {}
            }
        }
        if let Some(limit) = policy.start_limit {
            let most = u16::try_from(limit.starts).unwrap_or(u16::MAX);
            machine.starts = machine.starts.min(most);
            let over = EPOCH.since(machine.counted_from) > limit.within;
            machine.counted_from = if over && machine.starts > 0 {
                before(limit.within + TICK)
            } else {
                EPOCH
            };
        }
        // From here on the delay is the longest.
        let longest = (0..u8::MAX).find(|early| policy.spacing(*early) == policy.delay_max);
        if let Some(longest) = longest {
            machine.early = machine.early.min(longest);
            self.early = self.early.min(longest);
        }
        if machine.cause != details::Reason::None {
            machine.cause = details::Reason::Permanent;
        }
        if policy.restart == Restart::ALWAYS
            && let Some((_, how)) = &mut machine.ended
            && !(policy.fails_on_100 && *how == Outcome::Exited(100))
        {
            *how = DONE;
        }
        // As long as it is any time at all.
        let usual = policy.watchdog.is_some_and(|every| !every.is_zero());
        machine.says.every = machine.says.every.filter(|every| every.is_zero() || !usual);
    }
}

fn before(span: Duration) -> Moment {
    Moment::at(EPOCH.since(Moment::at(span)))
}
