//! What the machine never does, in all the states that it can get into.
#![expect(
    clippy::large_types_passed_by_value,
    reason = "a test that cannot go on panics, and a copy is what a way is taken from"
)]

mod fault;
#[cfg(not(test))]
mod fuzzed;
#[path = "../machine/mod.rs"]
mod machine;
mod reality;
#[cfg(test)]
mod stories;
#[cfg(test)]
mod timers;
#[cfg(test)]
mod whole;

use std::time::Duration;

use dt_os::clock::Moment;
use dt_service::Command;
use dt_service::deaths::Role;
use dt_service::record::More;
use supervise::machine::{Event, Outcome, Policy};

use dt_settings::Letters;
#[cfg(not(test))]
pub use fuzzed::follow;
use machine::{DONE, OUTCOMES, SAYS, STRANGER, hooked};
use reality::{End, Reality, World};

/// How much time may pass before an event: none, half a pace, and ages.
const STEPS: [Duration; 3] = [
    Duration::ZERO,
    Duration::from_millis(510),
    Duration::from_mins(1),
];

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

fn with_hooks(letters: &[u8]) -> Policy {
    Policy {
        control: Letters::of(letters),
        check: false,
        ..hooked()
    }
}
