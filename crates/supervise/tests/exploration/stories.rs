//! What the machine does in a row.

use std::collections::HashMap;
use std::time::Duration;

use dt_os::signals::Signal;
use dt_service::{Command, Want};
use supervise::machine::{Action, Event, Machine, Outcome, PACE, Policy, Process};

use super::machine::{DONE, OURS};
use super::reality::{EPOCH, Reality};

#[test]
fn a_row_of_failed_forks_is_retried_after_1_2_4_and_at_last_60_seconds() {
    let mut reality = Reality::new(Want::Up)
        .settle(Event::Boot, EPOCH, false)
        .unwrap();
    let mut at = EPOCH;
    let mut waits = Vec::new();
    for _ in 0..9 {
        let until = reality.machine.deadline().unwrap();
        waits.push(until.since(at).as_secs());
        at = until;
        reality = reality.settle(Event::Due, at, false).unwrap();
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    for _ in 0..300 {
        at = reality.machine.deadline().unwrap();
        reality = reality.settle(Event::Due, at, false).unwrap();
    }
    let reality = reality.settle(Event::Due, reality.machine.deadline().unwrap(), true);
    assert_eq!(reality.unwrap().alive, Some(OURS), "the 310th try succeeds");
}

/// The original kept its mark "try again" when a command had started the service.
#[test]
fn a_failed_fork_followed_by_a_command_does_not_start_a_second_copy() {
    let failed = Reality::new(Want::Up)
        .settle(Event::Boot, EPOCH, false)
        .unwrap();
    for command in [Command::Up, Command::Once] {
        let up = failed.settle(Event::Control(command), EPOCH, true).unwrap();
        assert_eq!(up.alive, Some(OURS));
        // Would panic in `start`.
        let later = up.settle(Event::Due, EPOCH.plus(Duration::from_mins(2)), true);
        assert_eq!(later, Some(up));
    }
}

/// The command letters, with a service that obeys at once, from being up and from
/// being down: what `svc`'s manual and its users' scripts count on.
#[test]
fn sequences_of_commands_end_as_scripts_expect() {
    let expected: HashMap<&str, [&str; 2]> = HashMap::from([
        ("dx", ["quits", "quits"]),
        ("xd", ["quits", "quits"]),
        ("udx", ["quits", "quits"]),
        ("x", ["up, quits at death", "quits"]),
        ("ux", ["up, quits at death", "up, quits at death"]),
        ("xu", ["up, quits at death", "quits"]),
        ("xo", ["up, quits at death", "quits"]),
        ("ox", ["up, quits at death", "up, quits at death"]),
        ("ud", ["down", "down"]),
        ("du", ["up", "up"]),
        ("o", ["up, once", "up, once"]),
        ("do", ["down", "up, once"]),
    ]);
    for (letters, ends) in expected {
        for (want, end) in [Want::Up, Want::Down].into_iter().zip(ends) {
            assert_eq!(
                end_of(letters, want),
                end,
                "-{letters}, wanted {want:?} before"
            );
        }
    }
}

/// By `x` alone it was to end with its input. What ends it else, if not of its own will,
/// keeps it from that.
#[test]
fn a_log_that_is_killed_with_something_unread_is_started_once_more_before_the_exit() {
    let unread = Policy {
        unread: true,
        ..Policy::PLAIN
    };
    let told = |policy, letters: &[Command]| {
        let begun = Reality::with(Want::Up, policy).settle(Event::Boot, EPOCH, true);
        letters.iter().fold(begun.unwrap(), |now, letter| {
            now.settle(Event::Control(*letter), EPOCH, true).unwrap()
        })
    };
    let died = |reality: &Reality, how| reality.settle(Event::Died(OURS, how), EPOCH, true);
    let leaving = told(unread, &[Command::Exit]);
    for how in [Outcome::Killed(9), Outcome::Unknown] {
        let waiting = died(&leaving, how).unwrap();
        let due = waiting.machine.deadline().unwrap();
        assert_eq!(due.since(EPOCH), PACE, "as any that is started again");
        let again = waiting.settle(Event::Due, due, true).unwrap();
        assert_eq!(again.alive, Some(OURS));
        assert_eq!(again.settle(Event::Died(OURS, DONE), due, true), None);
    }
    for how in [DONE, Outcome::Exited(111), Outcome::Killed(15)] {
        assert_eq!(died(&leaving, how), None, "it has ended by itself");
    }
    let unwanted = told(unread, &[Command::Exit, Command::Down]);
    assert_eq!(died(&unwanted, Outcome::Killed(9)), None);
    let read = told(Policy::PLAIN, &[Command::Exit]);
    assert_eq!(died(&read, Outcome::Killed(9)), None);
}

fn end_of(letters: &str, want: Want) -> &'static str {
    let mut at = EPOCH;
    let mut now = Reality::new(want).settle(Event::Boot, at, true).unwrap();
    at = at.plus(Duration::from_mins(1));
    let mut told_to_end = false;
    for letter in letters.bytes() {
        let command = Command::from_byte(letter).unwrap();
        let (_, actions) = now
            .machine
            .step(Event::Control(command), at, &Policy::PLAIN);
        told_to_end |= actions
            .into_iter()
            .flatten()
            .any(|action| action == Action::Send(OURS, Signal::SIGTERM));
        match now.settle(Event::Control(command), at, true) {
            None => return "quits",
            Some(next) => now = next,
        }
    }
    at = at.plus(Duration::from_mins(1));
    if told_to_end {
        match now.settle(Event::Died(OURS, DONE), at, true) {
            None => return "quits",
            Some(next) => now = next,
        }
    }
    match (now.alive, now.machine.leaving, now.machine.want) {
        (Some(_), true, _) => "up, quits at death",
        (Some(_), false, Want::Neither) => "up, once",
        (Some(_), false, _) => "up",
        (None, ..) => "down",
    }
}

/// Each early death doubles what is between two starts, up to the longest; a service
/// that has lived long enough begins anew.
#[test]
fn starts_are_further_apart_after_each_early_death() {
    let policy = Policy {
        plain: false,
        delay: Duration::from_secs(2),
        delay_max: Duration::from_secs(10),
        stable_after: Duration::from_mins(1),
        jitter: 255,
        ..Policy::PLAIN
    };
    let mut reality = Reality::with(Want::Up, policy);
    reality = reality.settle(Event::Boot, EPOCH, true).unwrap();
    let mut waits = Vec::new();
    let mut at = EPOCH;
    for _ in 0..5 {
        reality = reality.settle(Event::Died(OURS, DONE), at, true).unwrap();
        let until = reality.machine.deadline().unwrap();
        waits.push(until.since(at).as_secs());
        at = until;
        reality = reality.settle(Event::Due, at, true).unwrap();
    }
    assert_eq!(waits, [2, 4, 8, 10, 10]);
    at = at.plus(Duration::from_mins(1));
    reality = reality.settle(Event::Died(OURS, DONE), at, true).unwrap();
    assert_eq!(
        reality.alive,
        Some(OURS),
        "at once, and as if for the first time"
    );
    reality = reality.settle(Event::Died(OURS, DONE), at, true).unwrap();
    assert_eq!(reality.machine.deadline().unwrap().since(at).as_secs(), 2);
}

#[test]
fn the_spacing_is_never_shorter_than_the_delay_whatever_the_chance() {
    let mut policy = Policy {
        delay: Duration::from_secs(1),
        delay_max: Duration::from_secs(100),
        ..Policy::PLAIN
    };
    for jitter in 0..=u8::MAX {
        policy.jitter = jitter;
        for early in 0..=u8::MAX {
            let spacing = policy.spacing(early);
            assert!((policy.delay..=policy.delay_max).contains(&spacing));
        }
    }
}

#[test]
fn down_signals_go_out_in_order_and_at_last_the_kill() {
    let policy = Policy {
        plain: false,
        down: dt_settings::value::down_signals(b"QUIT 3s TERM 2s INT").unwrap(),
        kill_after: Some(Duration::from_secs(10)),
        ..Policy::PLAIN
    };
    let mut machine = Reality::with(Want::Up, policy)
        .settle(Event::Boot, EPOCH, true)
        .unwrap()
        .machine;
    let mut sent = Vec::new();
    let mut at = EPOCH;
    let mut event = Event::Control(Command::Down);
    loop {
        let actions;
        (machine, actions) = machine.step(event, at, &policy);
        for action in actions.into_iter().flatten() {
            if let Action::Send(_, signal) = action {
                sent.push((at.since(EPOCH).as_secs(), signal));
            }
        }
        event = Event::Due;
        if matches!(sent.last(), Some((_, Signal::SIGKILL))) {
            break;
        }
        let Some(deadline) = machine.deadline() else {
            break;
        };
        at = deadline;
    }
    let expected = [
        (0, Signal::SIGQUIT),
        (0, Signal::SIGCONT),
        (3, Signal::SIGTERM),
        (5, Signal::SIGINT),
        (10, Signal::SIGKILL),
    ];
    assert_eq!(sent, expected);
}

/// It had not come at all, maybe, and both at once come in no order.
#[test]
fn a_down_signal_sent_again_after_a_kill_leaves_its_time_before_the_next() {
    let policy = Policy {
        plain: false,
        down: dt_settings::value::down_signals(b"QUIT 3s TERM 2s INT").unwrap(),
        ..Policy::PLAIN
    };
    let begun = Reality::with(Want::Up, policy).settle(Event::Boot, EPOCH, true);
    let machine = begun.unwrap().machine;
    let at = |seconds| EPOCH.plus(Duration::from_secs(seconds));
    let step = |machine: Machine, event, seconds| {
        let (machine, actions) = machine.step(event, at(seconds), &policy);
        let sent: Vec<_> = actions
            .into_iter()
            .flatten()
            .filter_map(|action| match action {
                Action::Send(_, signal) => Some(signal),
                _ => None,
            })
            .collect();
        (machine, sent)
    };
    let (machine, _) = step(machine, Event::Control(Command::Down), 0);
    let (machine, sent) = step(machine, Event::Boot, 4);
    assert_eq!(
        (sent, machine.deadline()),
        (vec![Signal::SIGQUIT], Some(at(7)))
    );
    let (machine, _) = step(machine, Event::Due, 7);
    let (machine, sent) = step(machine, Event::Boot, 100);
    assert_eq!(
        (sent, machine.deadline()),
        (vec![Signal::SIGTERM], Some(at(102)))
    );
    let (machine, _) = step(machine, Event::Due, 102);
    let (machine, sent) = step(machine, Event::Boot, 200);
    assert_eq!((sent, machine.deadline()), (vec![Signal::SIGINT], None));
}

/// Nobody sent it, as it might have gone to anybody, and then nobody remembered.
#[test]
fn a_down_signal_that_was_not_sent_is_sent_to_one_that_was_in_doubt() {
    let policy = Policy {
        plain: false,
        ..Policy::PLAIN
    };
    let begun = Reality::with(Want::Up, policy).settle(Event::Boot, EPOCH, true);
    let told = begun.unwrap().machine;
    let (told, _) = told.step(Event::Control(Command::Down), EPOCH, &policy);
    let doubtful = Machine {
        process: Process::Doubtful {
            pid: OURS,
            paused: false,
            until: EPOCH,
        },
        ..told
    };
    let (doubtful, actions) = doubtful.step(Event::Boot, EPOCH, &policy);
    let sends = |action: &Option<Action>| matches!(action, Some(Action::Send(..)));
    assert!(!actions.iter().any(sends), "it may be anybody");
    let (_, actions) = doubtful.step(Event::Proven(OURS), EPOCH, &policy);
    let sent = Some(Action::Send(OURS, Signal::SIGTERM));
    assert!(actions.contains(&sent), "{actions:?}");
}
