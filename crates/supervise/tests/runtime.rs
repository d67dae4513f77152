//! The loop, in a world in which calls fail.
#![expect(clippy::expect_used, reason = "a test that cannot go on panics")]

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::time::Duration;

use dt_os::clock::Moment;
use dt_os::process::Pid;
use dt_os::signals::Signal;
use dt_service::Want;
use dt_service::deaths::Role;
use dt_service::record::Notice;
use supervise::machine::{Event, Machine, Outcome, Policy, Process};
use supervise::runtime::{self, Ready, Reaped, World};
use supervise::state::{State, Unit};

/// What comes to pass in one turn.
#[derive(Clone, Copy, Debug, Default)]
struct Turn {
    /// The service dies.
    death: bool,
    control: &'static [u8],
    /// So much later than the turn before, besides what is waited for.
    later: Duration,
}

/// A world that plays a script and then runs out: its last turns send `dx` and
/// have the service die of it.
#[derive(Default)]
struct Scripted {
    turns: VecDeque<Turn>,
    now: Moment,
    /// Fails the call of this number.
    broken: Option<usize>,
    calls: usize,
    pids: i32,
    alive: Option<Pid>,
    died: Option<Pid>,
    control: &'static [u8],
    /// Whether the service was ever up.
    was_up: bool,
    log: Vec<String>,
}

impl Scripted {
    fn playing(turns: impl IntoIterator<Item = Turn>) -> Self {
        Self {
            turns: turns.into_iter().collect(),
            ..Self::default()
        }
    }

    fn run(mut self, want: Want) -> Self {
        let mut state = State::new(Machine::new(want));
        runtime::run(&mut state, &[(Unit::Main, Event::Boot)], &mut self);
        assert_eq!(self.alive, None, "left behind");
        self
    }

    fn call(&mut self) -> io::Result<()> {
        self.calls += 1;
        if self.broken == Some(self.calls - 1) {
            return Err(ErrorKind::OutOfMemory.into());
        }
        Ok(())
    }
}

impl World for Scripted {
    fn now(&mut self) -> Moment {
        self.now
    }

    fn policy(&mut self) -> Policy {
        Policy::PLAIN
    }

    fn note(&mut self, _state: &State) {}

    fn examine(&mut self, _whose: Unit, pid: Pid) -> Event {
        Event::Doubted(pid)
    }

    fn start(&mut self, _state: &State, _whose: Unit, _role: Role) -> io::Result<Pid> {
        self.call()?;
        assert_eq!(self.alive, None, "a second copy");
        self.pids += 1;
        let pid = Pid::from_raw(self.pids);
        self.alive = Some(pid);
        self.was_up = true;
        self.log.push("start".to_owned());
        Ok(pid)
    }

    fn notify(&mut self, _state: &State, _notice: &Notice) -> io::Result<Pid> {
        unreachable!("there is none")
    }

    fn close_log(&mut self) {}

    fn warn_of_failed_start(&mut self, _why: &io::Error) {
        self.log.push("warn".to_owned());
    }

    fn sweep(&mut self, _: &State) -> bool {
        true
    }

    fn send_rest(&mut self, _: &State, _: Signal) {}

    fn send(&mut self, _whose: Unit, to: Pid, signal: Signal, _group: bool) -> io::Result<()> {
        self.call()?;
        assert_eq!(Some(to), self.alive.or(self.died));
        self.log.push(format!("{signal:?}"));
        Ok(())
    }

    fn mark_change(&mut self, _whose: Unit) {}

    fn announce(&mut self, state: &State) {
        if self.call().is_ok() {
            let up = matches!(state.main.process, Process::Running { .. });
            self.log.push(if up { "up" } else { "down" }.to_owned());
        }
    }

    fn wait(&mut self, deadline: Option<Moment>) -> Ready {
        let turn = self.turns.pop_front().unwrap_or(Turn {
            death: true,
            control: b"dx",
            ..IDLE
        });
        self.now = self.now.plus(turn.later);
        if turn.control.is_empty() && !turn.death {
            let due = deadline.expect("nothing can happen any more");
            self.now = self.now.max(due);
        }
        if turn.death {
            self.died = self.alive.take();
        }
        self.control = turn.control;
        Ready {
            rest: false,
            children: turn.death,
            control: !turn.control.is_empty(),
            told: &[],
            ready: false,
            heard: None,
            neighbours: false,
        }
    }

    fn reap(&mut self) -> Option<Reaped> {
        let died = self.died.take()?;
        Some(Reaped::Died(died, Outcome::Killed(15)))
    }

    fn probe(&mut self) {
        self.log.push("probe".to_owned());
    }

    fn replace(&mut self, _state: &State) {
        self.log.push("replace".to_owned());
    }

    fn read_control(&mut self, block: &mut [u8]) -> io::Result<usize> {
        let bytes = std::mem::take(&mut self.control);
        block[..bytes.len()].copy_from_slice(bytes);
        Ok(bytes.len())
    }
}

const IDLE: Turn = Turn {
    death: false,
    control: b"",
    later: Duration::ZERO,
};

#[test]
fn whichever_call_fails_the_service_ends_up_running_and_ends_when_told_to() {
    let whole = Scripted::playing([]).run(Want::Up).calls;
    assert!(whole > 3, "only {whole} calls");
    for broken in 0..whole {
        let mut world = Scripted::playing([]);
        world.broken = Some(broken);
        // A start that fails is due again.
        if broken == 0 {
            world.turns.push_back(IDLE);
        }
        let world = world.run(Want::Up);
        assert!(world.was_up, "call {broken} failed: {:?}", world.log);
    }
}

#[test]
fn what_follows_the_command_to_exit_is_not_read() {
    let obeys = Turn {
        control: b"xuo",
        ..IDLE
    };
    let world = Scripted::playing([obeys]).run(Want::Down);
    assert_eq!(world.log, ["down"]);
}

#[test]
fn a_death_is_seen_before_the_commands_of_its_turn() {
    let both = Turn {
        death: true,
        control: b"d",
        later: supervise::machine::PACE,
    };
    let world = Scripted::playing([both]).run(Want::Up);
    // The death makes room for the next start, which `d` then ends; and the last
    // turn's `dx` finds nothing.
    let seen = [
        "start", "up", "down", "start", "up", "SIGTERM", "SIGCONT", "up",
    ];
    let last = ["down", "down", "down"];
    assert_eq!(world.log, [&seen[..], &last[..]].concat());
}

/// Until the next start may come, who asks is told that it is up, as by the
/// original, which sleeps all the while; but a command is obeyed.
#[test]
fn a_death_too_soon_after_the_start_waits_for_the_next_or_for_a_command() {
    let dies = Turn {
        death: true,
        ..IDLE
    };
    let asked = Turn {
        control: b"h",
        ..IDLE
    };
    let stopped = Turn {
        control: b"d",
        ..IDLE
    };
    let early = Scripted::playing([dies, asked, stopped]).run(Want::Up);
    let seen = ["start", "up", "SIGHUP", "SIGTERM", "SIGCONT", "up", "down"];
    assert_eq!(early.log[..seen.len()], seen);
    assert_eq!(early.now, Moment::default(), "waited for nothing");
    let later = Scripted::playing([dies, asked, IDLE]).run(Want::Up);
    assert_eq!(later.log[..5], ["start", "up", "SIGHUP", "down", "start"]);
    assert_eq!(later.now, Moment::default().plus(supervise::machine::PACE));
}

#[test]
fn bytes_that_are_no_commands_do_nothing() {
    let flood = Turn {
        control: b"zz!\n\0+=LlUDXqw12",
        ..IDLE
    };
    let world = Scripted::playing([flood]).run(Want::Down);
    assert_eq!(world.log, ["down", "down"], "only the last turn's d and x");
}

/// A hundred thousand of them would keep a command behind them waiting.
#[test]
fn a_row_of_one_letter_that_stops_or_continues_is_one_command() {
    let rows = Turn {
        control: b"cccpppccahh",
        ..IDLE
    };
    let world = Scripted::playing([rows]).run(Want::Up);
    let signals = world.log.iter().filter(|line| line.starts_with("SIG"));
    let signals: Vec<_> = signals.take(6).collect();
    let once = [
        "SIGCONT", "SIGSTOP", "SIGCONT", "SIGALRM", "SIGHUP", "SIGHUP",
    ];
    assert_eq!(signals, once);
}

#[test]
fn a_service_that_keeps_dying_is_started_at_its_pace_and_still_obeys() {
    let dies = Turn {
        death: true,
        ..IDLE
    };
    let stopped = Turn {
        control: b"d",
        ..IDLE
    };
    let start = Moment::default();
    let world = Scripted::playing([dies, IDLE, dies, IDLE, dies, stopped]).run(Want::Up);
    assert_eq!(world.pids, 3);
    assert_eq!(world.now.since(start), Duration::from_millis(2 * 1020));
}
