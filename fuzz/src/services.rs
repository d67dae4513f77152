//! supervise's machine in a world that is only pretended.

use std::time::Duration;

use dt_os::clock::Moment;
use dt_os::process::Pid;
use dt_service::deaths::Role;
use dt_service::{Command, Want};
use supervise::machine::{Action, Event, Machine, Outcome, PACE, Policy, Process};

use crate::oracle::Bytes;

/// No wait is longer.
const LONGEST: Duration = Duration::from_mins(1);

/// How far the service has really come up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Come {
    Down,
    /// `start` has run, for all that is known.
    Perhaps,
    Up,
}

/// What is so, whatever the machine believes.
struct World {
    machine: Machine,
    policy: Policy,
    at: Moment,
    alive: Option<(Pid, Role)>,
    come: Come,
    next_pid: i32,
    /// Of `run`, and of `start`.
    last: [Option<Moment>; 2],
    /// Processes that have come and gone, and how many of each were told of.
    came: [u32; 2],
    went: [u32; 2],
    forks: bool,
    planted: bool,
}

impl World {
    /// The machine hears of `event` and of what comes of it; whether it goes on.
    fn hears(&mut self, event: Event) -> bool {
        let mut next = Some(event);
        while let Some(event) = next.take() {
            let (machine, actions) = self.machine.step(event, self.at, &self.policy);
            self.machine = machine;
            for action in actions.into_iter().flatten() {
                assert!(next.is_none(), "{action:?} comes after a start");
                match action {
                    Action::Start(role) => next = Some(self.starts(role)),
                    Action::Send(pid, _) => {
                        let alive = self.alive.map(|(alive, _)| alive);
                        assert_eq!(Some(pid), alive, "what is not there is signalled");
                    }
                    Action::TellStart(_) => self.came[1] += 1,
                    Action::TellEnd(..) => self.went[1] += 1,
                    Action::Examine(pid) => next = Some(Event::Proven(pid)),
                    Action::Quit => {
                        assert_eq!(self.alive, None, "leaves the service behind");
                        self.check_hooks();
                        return false;
                    }
                    Action::Replace => return false,
                    _ => {}
                }
            }
        }
        self.check();
        true
    }

    fn starts(&mut self, role: Role) -> Event {
        assert_eq!(self.alive, None, "a second process");
        if role == Role::Stop {
            assert_ne!(self.come, Come::Down, "stops what never was up");
        } else {
            assert_ne!(self.machine.want, Want::Down, "wanted down is started");
            if role == Role::Run {
                let ready = self.come == Come::Up || !self.policy.start;
                assert!(ready, "runs without having been started");
            }
            let last = self.last[usize::from(role == Role::Start)];
            let soon = last.is_some_and(|last| self.at.since(last) < PACE);
            assert!(!soon, "too soon after the last start");
        }
        if !self.forks {
            return Event::StartFailed;
        }
        if role != Role::Stop {
            self.last[usize::from(role == Role::Start)] = Some(self.at);
        }
        self.come = match role {
            Role::Stop => Come::Down,
            Role::Start => Come::Perhaps,
            _ => Come::Up,
        };
        self.next_pid += 1;
        self.came[0] += 1;
        let pid = Pid::from_raw(self.next_pid);
        self.alive = Some((pid, role));
        Event::Started(pid)
    }

    /// A death is a fact before anybody hears of it.
    fn dies(&mut self, pid: Pid, role: Role, how: Outcome) -> Event {
        let given_up = self.policy.fails_on_100 && how == Outcome::Exited(100);
        if !(self.planted && given_up && role == Role::Stop) {
            self.alive = None;
        }
        self.went[0] += 1;
        self.come = match (role, how) {
            (Role::Start, Outcome::Exited(0)) => Come::Up,
            (Role::Start, Outcome::Unknown) => Come::Perhaps,
            (Role::Start, _) => Come::Down,
            _ if given_up => Come::Down,
            _ => self.come,
        };
        Event::Died(pid, how)
    }

    fn check_hooks(&self) {
        if self.policy.stop && !self.machine.up {
            assert_eq!(self.come, Come::Down, "stop is forgotten");
        }
    }

    fn check(&self) {
        let alive = self.alive.map(|(pid, _)| pid);
        match self.machine.process {
            Process::Down => {
                assert_eq!(alive, None, "lost sight of");
                assert!(!self.machine.leaving, "nothing is there: why stay");
                assert_ne!(self.machine.want, Want::Up, "wanted up and forgotten");
                self.check_hooks();
            }
            Process::Waiting { .. } => {
                assert_eq!(alive, None, "lost sight of");
                let until = self.machine.deadline().expect("a wait without an end");
                assert!(until.since(self.at) <= LONGEST, "too long a wait");
            }
            Process::Starting { .. } => panic!("an answer that never came"),
            Process::Running { pid, .. } => assert_eq!(alive, Some(pid), "a ghost"),
            Process::Doubtful { .. } => panic!("nobody was there before"),
            Process::Clearing { .. } => panic!("nothing is ever left"),
        }
        if self.policy.notify {
            assert_eq!(self.came[0], self.came[1], "a start that is not told of");
            assert_eq!(self.went[0], self.went[1], "an end that is not told of");
        }
    }
}

/// At most one process, never one that is not wanted, no wait without an end, and
/// neither hook forgotten, whatever happens in whatever order.
pub fn machine(data: &[u8], planted: bool) {
    let mut bytes = Bytes::new(data);
    let bits = bytes.byte();
    let bit = |number: u8| bits >> number & 1 == 1;
    let policy = Policy {
        plain: bits & 0b11111 == 0,
        start: bit(0),
        stop: bit(1),
        notify: bit(2),
        // Without either there is nothing that could be up.
        runless: bit(3) && bit(0),
        fails_on_100: bit(4),
        ..Policy::PLAIN
    };
    let mut world = World {
        machine: Machine::new(if bit(5) { Want::Down } else { Want::Up }),
        policy,
        at: Moment::at(Duration::from_secs(1000)),
        alive: None,
        come: Come::Down,
        next_pid: 100,
        last: [None; 2],
        came: [0; 2],
        went: [0; 2],
        forks: !bit(6),
        planted,
    };
    let mut event = Event::Boot;
    while world.hears(event) && !bytes.is_empty() {
        let [what, pause] = bytes.array();
        world.forks = pause & 1 == 0;
        world.at = match (pause >> 1, world.machine.deadline()) {
            (127, Some(until)) => world.at.max(until),
            (pause, _) => world.at.plus(Duration::from_millis(u64::from(pause) * 17)),
        };
        let stranger = Pid::from_raw(9);
        event = match (what % 32, world.alive) {
            (0..=23, _) => {
                let all = Command::ALL;
                Event::Control(all[usize::from(what % 32) % all.len()])
            }
            (number @ 24..=28, Some((pid, role))) => {
                let outcomes = [
                    Outcome::Exited(0),
                    Outcome::Exited(1),
                    Outcome::Exited(100),
                    Outcome::Killed(9),
                    Outcome::Unknown,
                ];
                world.dies(pid, role, outcomes[usize::from(number - 24)])
            }
            (29, _) => Event::Died(stranger, Outcome::Exited(0)),
            (30, _) => Event::Started(stranger),
            _ => Event::Due,
        };
    }
}
