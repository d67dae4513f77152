//! What the machine never does, in all the states that it can get into.
#![expect(
    clippy::large_types_passed_by_value,
    reason = "a test that cannot go on panics, and a copy is what a way is taken from"
)]

#[path = "../machine/mod.rs"]
mod machine;
mod reality;
#[cfg(test)]
mod stories;

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use dt_os::clock::Moment;
use dt_service::deaths::Role;
use dt_service::record::More;
use dt_service::{Command, Want};
use supervise::machine::{Event, Needs, Outcome, Policy, Process, Reason, Rest};

use dt_settings::Letters;
use machine::{DONE, FINISHING, FULL, LIMITED, OUTCOMES, SAYS, SPEAKING, STRANGER, hooked};
use reality::{EPOCH, End, Reality, World};

/// How much time may pass before an event: none, half a pace, and ages.
const STEPS: [Duration; 3] = [
    Duration::ZERO,
    Duration::from_millis(510),
    Duration::from_mins(1),
];

/// A directory with nothing but `run`, and not of 0.76.
const ONLY_RUN: Policy = Policy {
    plain: false,
    stable_after: Duration::ZERO,
    ..Policy::PLAIN
};

/// What can happen to `reality`, and what cannot but must do no harm. A pid is
/// reaped only where it was alive.
fn possible(reality: &Reality) -> Vec<Event> {
    let plain = Command::ALL
        .into_iter()
        .filter(|command| command.is_plain())
        // Of those that only send a signal one is like another.
        .filter(|command| {
            !matches!(
                command,
                Command::Hangup | Command::Alarm | Command::Interrupt
            )
        });
    let commands = plain.map(Event::Control);
    let ours = reality.alive.into_iter();
    let deaths = ours.flat_map(|ours| OUTCOMES.map(|how| Event::Died(ours, how)));
    let deaths = deaths.chain([Event::Died(STRANGER, DONE)]);
    let beside = reality.beside.into_iter().flatten();
    let beside = beside.flat_map(|one| [DONE, Outcome::Unknown].map(|how| Event::Died(one, how)));
    let rest = [
        Event::Boot,
        Event::Due,
        Event::Ready,
        Event::Neighbours,
        Event::Stirred,
        Event::Started(STRANGER),
        Event::StartFailed,
        Event::Proven(STRANGER),
        Event::Doubted(STRANGER),
    ];
    let says = SAYS.map(Event::Heard).into_iter();
    let says = says.filter(|_| reality.policy.watchdog.is_some());
    let rest = says.chain(rest);
    commands.chain(deaths).chain(beside).chain(rest).collect()
}

/// What there may be after supervise was killed anywhere on the way through an
/// event, and another has begun.
fn killed_at_each_step(reality: Reality, event: Event, at: Moment, kind: bool) -> Vec<Reality> {
    let mut all = Vec::new();
    for steps in 0.. {
        let End::Killed(dead) = reality.go(event, at, World { kind, steps }) else {
            break;
        };
        // That one is due after a death, and may not be wanted any more.
        let after_death = |more: &More| more.role == Role::Run && more.counts.ended.is_some();
        let clearing = dead.more.as_ref().is_some_and(after_death);
        let due = dead.record.due && !dead.record.leaving && !clearing;
        for (begun, event) in dead.taken_over(at) {
            let leaving = begun.machine.leaving && (event != Event::Boot || clearing);
            let Some(begun) = begun.settle(event, at, kind) else {
                assert!(leaving, "it quits at once");
                continue;
            };
            // Those beside the service that have gone are told of at once.
            let believed = begun.believed().into_iter().zip(begun.beside);
            let gone = believed.filter_map(|(one, alive)| one.filter(|_| alive.is_none()));
            let begun = gone
                .collect::<Vec<_>>()
                .into_iter()
                .try_fold(begun, |begun, one| {
                    begun.settle(Event::Died(one, Outcome::Unknown), at, kind)
                });
            let Some(begun) = begun else { continue };
            let there = begun.alive.is_some() || begun.machine.is_due();
            assert!(!due || there, "a start that was due is forgotten");
            all.push(begun);
        }
    }
    assert!(!all.is_empty());
    all
}

/// Whether the world is kind; where there is more to a service it is unkind only so
/// often in a row, as there would be too many states.
fn kinds(reality: &Reality) -> Vec<bool> {
    match reality.machine.process {
        Process::Waiting {
            why: Reason::ForkFailed { .. },
            ..
        } if !reality.policy.plain => vec![true],
        _ => vec![true, false],
    }
}

#[test]
fn no_state_that_can_be_reached_breaks_a_promise() {
    explore(Policy::PLAIN);
}

#[test]
fn nor_with_start_and_stop() {
    explore(FULL);
}

#[test]
fn nor_with_finish_and_a_kill() {
    explore_so_far(FINISHING, 2500);
}

/// As far as it goes in reasonable time.
#[test]
fn nor_with_a_limit_to_starts() {
    explore_so_far(LIMITED, 1500);
}

/// A hook before a start.
#[test]
fn nor_with_a_hook_that_goes_before() {
    explore_so_far(with_hooks(b"u"), 1200);
}

/// Instead of the end's first signal, and after it.
#[test]
fn nor_with_hooks_at_the_end() {
    explore_so_far(with_hooks(b"td"), 1200);
}

#[test]
fn nor_with_a_hook_instead_of_a_signal() {
    explore_so_far(with_hooks(b"kx"), 1200);
}

#[test]
fn nor_with_a_service_that_speaks() {
    explore_so_far(SPEAKING, 1500);
}

#[test]
fn nor_with_a_check() {
    explore(Policy {
        control: Letters::NONE,
        ..hooked()
    });
}

fn with_hooks(letters: &[u8]) -> Policy {
    Policy {
        control: Letters::of(letters),
        check: false,
        ..hooked()
    }
}

/// What a service needs may come and go, which is as if it were unkind.
#[test]
fn nor_while_something_is_needed() {
    for needs in [Needs::Unmet, Needs::Failed, Needs::Ring] {
        explore_so_far(Policy { needs, ..FULL }, 2000);
    }
}

#[test]
fn nor_where_a_service_is_all_that_it_has_started() {
    for rest in [Rest::Told, Rest::Looked] {
        explore_so_far(Policy { rest, ..FINISHING }, 300);
        for kill_after in [Some(STEPS[1]), None] {
            let policy = Policy {
                rest,
                kill_after,
                ..ONLY_RUN
            };
            explore_so_far(policy, 400);
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

fn explore(policy: Policy) {
    explore_so_far(policy, usize::MAX);
}

fn explore_so_far(policy: Policy, most: usize) {
    let mut seen = HashSet::new();
    let mut ahead = VecDeque::new();
    let mut visit = |reality: Option<Reality>, ahead: &mut VecDeque<_>| {
        if let Some(reality) = reality
            && seen.insert(reality)
        {
            ahead.push_back(reality);
        }
    };
    for want in [Want::Up, Want::Down] {
        for forks in [true, false] {
            let booted = Reality::with(want, policy).settle(Event::Boot, EPOCH, forks);
            visit(booted.map(|booted| booted.rebased(EPOCH)), &mut ahead);
        }
    }
    let mut steps = 0_u32;
    let mut visited = 0;
    while let Some(reality) = ahead.pop_front()
        && visited < most
    {
        visited += 1;
        for (event, wait) in possible(&reality)
            .into_iter()
            .flat_map(|event| STEPS.map(|wait| (event, wait)))
        {
            let at = EPOCH.plus(wait);
            for kind in kinds(&reality) {
                steps += 1;
                let next = reality.settle(event, at, kind);
                visit(next.map(|next| next.rebased(at)), &mut ahead);
                for next in killed_at_each_step(reality, event, at, kind) {
                    visit(Some(next.rebased(at)), &mut ahead);
                }
            }
        }
    }
    if policy.needs != Needs::Met {
        assert!(seen.len() > 1, "only {} states", seen.len());
        return;
    }
    // It did go somewhere: paced, failed up to the longest wait, paused, leaving.
    assert!(seen.len() > 100, "only {} states", seen.len());
    assert!(steps > 10_000, "only {steps} steps");
    if !policy.plain {
        return;
    }
    let longest = seen.iter().any(|reality| {
        let wait = reality.machine.deadline().map(|until| until.since(EPOCH));
        wait == Some(Duration::from_mins(1))
    });
    assert!(longest, "the longest wait was never reached");
}

/// For the fuzzer: one way as long as it likes, where trying all of them ends after so
/// many states. With `planted` a process may end of which nobody is ever told.
#[cfg(not(test))]
pub fn follow(bytes: &[u8], planted: bool) {
    let [which, start, rest @ ..] = bytes else {
        return;
    };
    let (want, kind) = match start % 4 {
        0 => (Want::Up, true),
        1 => (Want::Down, true),
        2 => (Want::Up, false),
        _ => (Want::Down, false),
    };
    let booted = Reality::with(want, policy(*which)).settle(Event::Boot, EPOCH, kind);
    let mut here = booted.map(|booted| booted.rebased(EPOCH));
    for step in rest.chunks_exact(3) {
        let (Some(mut reality), [what, how, at_step]) = (here, step) else {
            return;
        };
        if planted && (*what, *how) == (0x2a, 0x2a) {
            reality.alive = None;
        }
        let events = possible(&reality);
        let event = events[usize::from(*what) % events.len()];
        let at = EPOCH.plus(STEPS[usize::from(how >> 1) % STEPS.len()]);
        let kinds = kinds(&reality);
        let kind = kinds[usize::from(how & 1) % kinds.len()];
        let next = if *at_step < 0xc0 {
            reality.settle(event, at, kind)
        } else {
            let all = killed_at_each_step(reality, event, at, kind);
            Some(all[usize::from(*at_step) % all.len()])
        };
        here = next.map(|next| next.rebased(at));
    }
}

/// One of those that are explored.
#[cfg(not(test))]
fn policy(which: u8) -> Policy {
    let hooks: [&[u8]; 3] = [b"u", b"td", b"kx"];
    let needs = [Needs::Unmet, Needs::Failed, Needs::Ring];
    match which % 14 {
        0 => Policy::PLAIN,
        1 => FINISHING,
        2 => LIMITED,
        3 => Policy {
            control: Letters::NONE,
            ..hooked()
        },
        4 => Policy {
            stop: false,
            ..FULL
        },
        5 => Policy {
            start: false,
            ..FULL
        },
        6 => Policy {
            runless: true,
            ..FULL
        },
        number @ 7..=9 => with_hooks(hooks[usize::from(number - 7)]),
        number @ 10..=12 => Policy {
            needs: needs[usize::from(number - 10)],
            ..FULL
        },
        _ => FULL,
    }
}
