//! Carries out what the machine decides.

use std::io;

use dt_os::clock::Moment;
use dt_os::process::Pid;
use dt_os::signals::Signal;
use dt_service::{Command, UPGRADE};

use crate::machine::{Action, Event, Machine};

/// Bytes of the control FIFO taken in one turn.
const BLOCK: usize = 1024;

/// Everything `supervise` asks of the system once it is running.
///
/// One implementation calls the kernel; the tests' ones fail what they are told to.
pub trait World {
    /// The time.
    fn now(&mut self) -> Moment;
    /// Puts what was decided on record, before any of it is done.
    fn note(&mut self, state: &Machine);
    /// Looks at a process that may be the service's: `Died`, `Proven` or
    /// `Doubted`.
    fn examine(&mut self, pid: Pid) -> Event;
    /// Makes the service's process.
    fn start(&mut self) -> io::Result<Pid>;
    /// Tells why a process could not be made.
    fn warn_of_failed_start(&mut self, why: &io::Error);
    /// Sends a signal.
    fn send(&mut self, to: Pid, signal: Signal) -> io::Result<()>;
    /// Notes the time as that of the last change of the process.
    fn mark_change(&mut self);
    /// Writes the status file. Where it cannot, it tells so, and the old one is
    /// still there, whole.
    fn announce(&mut self, state: &Machine);
    /// Waits until something has happened or the deadline has passed.
    fn wait(&mut self, deadline: Option<Moment>) -> Ready;
    /// Reaps one dead child, or one dead process of an earlier `supervise`: `Died`,
    /// or `Probed`; `None` where none is left.
    fn reap(&mut self) -> Option<Event>;
    /// Asks the program installed now whether it can go on from our record. If it
    /// says so that is reaped; if not, that is told.
    fn probe(&mut self);
    /// Becomes that program. Where that fails, tells so, and all is as it was.
    fn replace(&mut self, state: &Machine);
    /// Reads what the control FIFO holds, as much as fits.
    fn read_control(&mut self, block: &mut [u8]) -> io::Result<usize>;
}

/// What there is to look at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ready {
    /// Children may have died.
    pub children: bool,
    /// Commands may have come.
    pub control: bool,
}

/// Runs until `supervise` is to exit.
pub fn run(state: Machine, world: &mut impl World) {
    let mut block = [0; BLOCK];
    // Who became `supervise` may have had children, one of them the service.
    let mut unburied = true;
    let mut next =
        settle(state, Event::Boot, world).and_then(|state| bury(state, &mut unburied, world));
    while let Some(state) = next {
        next = turn(state, &mut unburied, &mut block, world);
    }
}

/// One turn, always in this order: deaths, so that a command finds the state of
/// affairs and a flood of commands does not hide a death; commands, after which
/// a death may count that did not before; what is due.
///
/// `unburied` says that a child may have died that is not reaped yet.
fn turn(
    mut state: Machine,
    unburied: &mut bool,
    block: &mut [u8],
    world: &mut impl World,
) -> Option<Machine> {
    let burial = state.deaths_from().filter(|_| *unburied);
    let ready = world.wait(burial.into_iter().chain(state.deadline()).min());
    *unburied |= ready.children;
    state = bury(state, unburied, world)?;
    if ready.control {
        // Nothing there after all, which is normal.
        let length = world.read_control(block).unwrap_or(0);
        for byte in block.iter().take(length) {
            if let Some(command) = Command::from_byte(*byte) {
                state = settle(state, Event::Control(command), world)?;
            } else if *byte == UPGRADE {
                state = settle(state, Event::Upgrade, world)?;
            }
        }
        state = bury(state, unburied, world)?;
    }
    settle(state, Event::Due, world)
}

/// Reaps the dead, if it is time for that.
fn bury(mut state: Machine, unburied: &mut bool, world: &mut impl World) -> Option<Machine> {
    while *unburied && state.deaths_from().is_none_or(|from| world.now() >= from) {
        match world.reap() {
            Some(event) => state = settle(state, event, world)?,
            None => *unburied = false,
        }
    }
    Some(state)
}

/// Takes `event` to its end: the outcome of a start is an event too. Gives the
/// new state, or `None` once `supervise` is to exit.
pub fn settle(mut state: Machine, event: Event, world: &mut impl World) -> Option<Machine> {
    let mut next = Some(event);
    while let Some(event) = next.take() {
        let actions;
        (state, actions) = state.step(event, world.now());
        world.note(&state);
        for action in actions.into_iter().flatten() {
            match action {
                Action::MarkChange => world.mark_change(),
                Action::Announce => world.announce(&state),
                // It died this instant and is reaped next: nothing worth a line.
                Action::Send(to, signal) => drop(world.send(to, signal)),
                Action::Start => next = Some(start(world)),
                Action::Examine(pid) => next = Some(world.examine(pid)),
                Action::Probe => world.probe(),
                Action::Replace => world.replace(&state),
                Action::Quit => return None,
            }
        }
    }
    Some(state)
}

fn start(world: &mut impl World) -> Event {
    match world.start() {
        Ok(pid) => Event::Started(pid),
        Err(why) => {
            world.warn_of_failed_start(&why);
            Event::StartFailed
        }
    }
}
