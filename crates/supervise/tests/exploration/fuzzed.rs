//! One way at a time, for the fuzzer.

use dt_service::Want;
use dt_settings::Letters;
use supervise::machine::{Event, Needs, Policy, Process, Reason};

use super::machine::{FINISHING, FULL, LIMITED, hooked};
use super::reality::{EPOCH, Reality};
use super::{STEPS, killed_at_each_step, possible, with_hooks};

/// One way as long as it likes, with the times as they are. With `planted` a process may end of which nobody is ever told.
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
