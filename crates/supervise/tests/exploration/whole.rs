//! All states that there are, by each policy. None is left out: what has too many fails.
//!
//! Of the programs in `control` one or two are there at a time: they wait for each other,
//! and each order of them would be another state.

use std::collections::{HashSet, VecDeque};
use std::panic::catch_unwind;
use std::time::Duration;

use dt_os::clock::Moment;
use dt_service::Want;
use dt_settings::Letters;
use dt_settings::value::down_signals;
use supervise::machine::{Event, Needs, PACE, Policy, Rest};

use super::fault::Fault;
use super::machine::{FINISHING, FULL, LIMITED, SPEAKING, hooked};
use super::reality::{EPOCH, Reality};
use super::{STEPS, killed_at_each_step, possible, with_hooks};

/// A directory with nothing but `run`, and not of 0.76.
const ONLY_RUN: Policy = Policy {
    plain: false,
    stable_after: Duration::ZERO,
    ..Policy::PLAIN
};

/// With the times as they are, in steps; the others are explored without.
#[test]
fn no_state_that_can_be_reached_breaks_a_promise() {
    let seen = Exploration::of(Policy::PLAIN).in_time();
    let longest = seen.iter().any(|reality| {
        let wait = reality.machine.deadline().map(|until| until.since(EPOCH));
        wait == Some(Duration::from_mins(1))
    });
    assert!(longest, "the longest wait was never reached");
}

#[test]
fn nor_with_moments_that_come_in_any_order() {
    explore(Policy::PLAIN);
}

#[test]
fn nor_where_a_log_has_something_unread() {
    for policy in [Policy::PLAIN, FINISHING] {
        explore(Policy {
            unread: true,
            ..policy
        });
    }
}

#[test]
fn nor_with_start_and_stop() {
    explore(FULL);
}

#[test]
fn nor_with_finish_and_a_kill() {
    explore(FINISHING);
}

#[test]
fn nor_with_a_limit_to_starts() {
    explore(LIMITED);
}

/// A hook before a start.
#[test]
fn nor_with_a_hook_that_goes_before() {
    explore(with_hooks(b"u"));
    explore(with_hooks(b"ud"));
}

/// Instead of the end's first signal, and after it.
#[test]
fn nor_with_hooks_at_the_end() {
    explore(with_hooks(b"td"));
}

#[test]
fn nor_with_a_hook_instead_of_a_signal() {
    explore(with_hooks(b"kx"));
}

#[test]
fn nor_with_a_service_that_speaks() {
    explore(SPEAKING);
}

#[test]
fn nor_with_a_check() {
    explore(Policy {
        control: Letters::NONE,
        ..hooked()
    });
}

/// What a service needs may come and go, which is as if it were unkind.
#[test]
fn nor_while_something_is_needed() {
    for needs in [Needs::Unmet, Needs::Failed, Needs::Ring] {
        explore(Policy { needs, ..FULL });
    }
}

#[test]
fn nor_where_a_service_is_all_that_it_has_started() {
    for rest in [Rest::Told, Rest::Looked] {
        explore(Policy { rest, ..FINISHING });
        for kill_after in [Some(STEPS[1]), None] {
            explore(Policy {
                rest,
                kill_after,
                ..ONLY_RUN
            });
        }
    }
}

#[test]
fn nor_with_one_of_them_or_without_run() {
    let [only_start, only_stop, runless] = [FULL; 3];
    explore(Policy {
        stop: false,
        ..only_start
    });
    explore(Policy {
        start: false,
        ..only_stop
    });
    explore(Policy {
        runless: true,
        ..runless
    });
}

/// Those that nothing else sends, so that each is known by its number.
fn with_signals(kill_after: Option<Duration>) -> Policy {
    Policy {
        down: down_signals(b"HUP 3s INT 2s ALRM 1s WINCH").unwrap(),
        kill_after,
        ..ONLY_RUN
    }
}

#[test]
fn nor_with_several_signals_to_end_it() {
    explore(with_signals(None));
    explore(with_signals(Some(STEPS[1])));
}

/// Two doublings; a service counts as stable before the longest delay is over, or after.
fn with_growing_delay(stable_after: Duration) -> Policy {
    Policy {
        delay_max: 4 * PACE,
        jitter: u8::MAX,
        stable_after,
        ..ONLY_RUN
    }
}

#[test]
fn nor_with_a_delay_that_grows() {
    for stable_after in [PACE / 2, 3 * PACE, Duration::from_mins(1)] {
        explore(with_growing_delay(stable_after));
    }
}

/// What is wrong only somewhere far away is found too.
#[test]
fn a_machine_that_breaks_a_promise_is_found() {
    let rest = Policy {
        rest: Rest::Looked,
        ..FINISHING
    };
    let cases = [
        (Fault::Pace, LIMITED, "after a start"),
        (Fault::Hook, with_hooks(b"d"), "beside"),
        (Fault::Owed, FINISHING, "stop is forgotten"),
        (Fault::Limit, LIMITED, "waits for what is not wanted"),
        (Fault::Rest, rest, "what is left is forgotten"),
        (Fault::Silence, SPEAKING, "wanted up and forgotten"),
        (Fault::Signal, with_signals(None), "a signal never comes"),
        (Fault::Order, with_signals(None), "a signal is left out"),
        (
            Fault::Early,
            with_growing_delay(Duration::from_mins(1)),
            "after a start",
        ),
    ];
    for (fault, policy, promise) in cases {
        let found = catch_unwind(|| Exploration { policy, fault }.without_lengths());
        let Err(found) = found else {
            panic!("{fault:?} is not found");
        };
        let told = found.downcast_ref::<String>().map(String::as_str);
        let told = told.or(found.downcast_ref::<&str>().copied());
        let told = told.unwrap_or_default();
        assert!(told.contains(promise), "{fault:?}: {told}");
    }
}

/// More states than any of them has: what has more is not whole in reasonable time.
const MOST: usize = 50_000;

/// All that can happen by a policy.
#[derive(Clone, Copy)]
struct Exploration {
    policy: Policy,
    fault: Fault,
}

fn explore(policy: Policy) {
    Exploration::of(policy).without_lengths();
}

impl Exploration {
    fn of(policy: Policy) -> Self {
        let fault = Fault::None;
        Self { policy, fault }
    }

    /// In each state anything may happen after so much time.
    fn in_time(self) -> HashSet<Reality> {
        self.whole(|reality| {
            let all = possible(&reality).into_iter();
            let all = all.flat_map(|event| STEPS.map(|wait| (event, EPOCH.plus(wait))));
            let next = |(event, at)| {
                let next = after(reality, event, at).into_iter();
                next.map(move |next| next.rebased(at))
            };
            all.flat_map(next).collect()
        })
    }

    /// In each state anything may happen, or one moment more comes that is waited for.
    fn without_lengths(self) -> HashSet<Reality> {
        self.whole(|reality| {
            let all = possible(&reality).into_iter();
            let all = all.flat_map(|event| after(reality, event, EPOCH));
            let all = all.map(|next| next.rebased(EPOCH).without_lengths());
            all.chain(reality.later()).collect()
        })
    }

    /// All states that there are, one `step` after the other until there is no other.
    fn whole(self, step: impl Fn(Reality) -> Vec<Reality>) -> HashSet<Reality> {
        let mut seen = HashSet::new();
        let mut ahead = VecDeque::new();
        for want in [Want::Up, Want::Down] {
            for forks in [true, false] {
                let Self { policy, fault } = self;
                let new = Reality {
                    fault,
                    ..Reality::with(want, policy)
                };
                let booted = new.settle(Event::Boot, EPOCH, forks);
                ahead.extend(booted.map(|booted| booted.rebased(EPOCH)));
            }
        }
        seen.extend(ahead.iter().copied());
        let mut steps = 0;
        while let Some(reality) = ahead.pop_front() {
            for next in step(reality) {
                steps += 1;
                if seen.insert(next) {
                    ahead.push_back(next);
                }
            }
            assert!(seen.len() < MOST, "not whole: {} are ahead", ahead.len());
        }
        println!("{} states, {steps} steps: whole", seen.len());
        // It did go somewhere.
        let dead_end = matches!(self.policy.needs, Needs::Failed | Needs::Ring);
        let least = if dead_end { 1 } else { 50 };
        assert!(seen.len() > least, "only {} states", seen.len());
        seen
    }
}

/// What there may be after an event, whatever the world is like and wherever on the way
/// supervise is killed.
fn after(reality: Reality, event: Event, at: Moment) -> Vec<Reality> {
    let mut all = Vec::new();
    for kind in [true, false] {
        all.extend(reality.settle(event, at, kind));
        all.extend(killed_at_each_step(reality, event, at, kind));
    }
    all
}
