//! Carries out what the machine decides.

use std::io;
use std::ops::ControlFlow;
use std::time::Duration;

use dt_os::clock::Moment;
use dt_os::process::Pid;
use dt_os::signals::Signal;
use dt_service::deaths::Role;
use dt_service::record::{Notice, What};
use dt_service::{Command, UPGRADE};

use crate::machine::{Action, Actions, Event, Heard, Machine, Outcome, Policy};
use crate::notices;
use crate::state::{State, Unit};

/// Bytes of the control FIFO taken in one turn.
const BLOCK: usize = 1024;

/// So long a log may read on that no longer has a service, before it is told to
/// end.
pub const READING_ON: Duration = Duration::from_secs(10);

/// Everything `supervise` asks of the system once it is running.
///
/// One implementation calls the kernel; the tests' ones fail what they are told to.
pub trait World {
    /// The time.
    fn now(&mut self) -> Moment;
    /// What the service directory says. Looked at again in each turn in which
    /// something happens, and at most once.
    fn policy(&mut self) -> Policy;
    /// Puts what was decided on record, before any of it is done.
    fn note(&mut self, state: &State);
    /// Looks at a process that may be the service's: `Died`, `Proven` or
    /// `Doubted`.
    fn examine(&mut self, whose: Unit, pid: Pid) -> Event;
    /// Makes a process.
    fn start(&mut self, state: &State, whose: Unit, role: Role) -> io::Result<Pid>;
    /// Runs `notify`; `state` is the one from which it is to be told no more.
    fn notify(&mut self, state: &State, notice: &Notice) -> io::Result<Pid>;
    /// Tells that the oldest of too many notices is not given, for the sake of the
    /// `notify` that is in their way: once of each.
    fn warn_of_lost_notice(&mut self, _slow: Option<Pid>) {}
    /// Tells why a process could not be made.
    fn warn_of_failed_start(&mut self, why: &io::Error);
    /// Whether nothing is left of what `run` has started.
    fn sweep(&mut self, state: &State) -> bool;
    /// Sends a signal to all of that.
    fn send_rest(&mut self, state: &State, signal: Signal);
    /// Sends a signal, to the process group if `group`.
    fn send(&mut self, whose: Unit, to: Pid, signal: Signal, group: bool) -> io::Result<()>;
    /// Notes the time as that of the last change of the process.
    fn mark_change(&mut self, whose: Unit);
    /// Writes the status file. Where it cannot, it tells so, and the old one is
    /// still there, whole.
    fn announce(&mut self, state: &State);
    /// Waits until something has happened or the deadline has passed.
    fn wait(&mut self, deadline: Option<Moment>) -> Ready;
    /// Reaps one dead child, or one dead process of an earlier `supervise`; `None`
    /// where none is left.
    fn reap(&mut self) -> Option<Reaped>;
    /// Tells whom a `run` that has died has left behind, if anybody.
    fn tell_of_strays(&mut self) {}
    /// Whether what this reads from is a log's pipe with something in it that would be
    /// lost with us, as nobody can write to it any more. Asked once we are to exit.
    fn has_unread(&mut self, _whose: Unit) -> bool {
        false
    }
    /// Lets go of the end of the log's pipe that is written to.
    fn close_log(&mut self);
    /// Asks the program installed now whether it can go on from our record. If it
    /// says so that is reaped; if not, that is told.
    fn probe(&mut self);
    /// Becomes that program. Where that fails, tells so, and all is as it was.
    fn replace(&mut self, state: &State);
    /// Reads what the control FIFO holds, as much as fits.
    fn read_control(&mut self, block: &mut [u8]) -> io::Result<usize>;
}

/// What there is to look at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each may be so with any of the others"
)]
pub struct Ready {
    /// Children may have died.
    pub children: bool,
    /// Commands may have come.
    pub control: bool,
    /// What signals have come to say, where they are obeyed.
    pub told: &'static [Command],
    /// The service has said that it is ready.
    pub ready: bool,
    /// What else it says about itself.
    pub heard: Option<Heard>,
    /// Something may have changed about the services that it needs.
    pub neighbours: bool,
    /// Something may have changed about what `run` has left behind.
    pub rest: bool,
}

/// A child that was reaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaped {
    /// This process ended so.
    Died(Pid, Outcome),
    /// The program installed now says that it can go on.
    Probed,
}

/// Whom an event is for, and whom the signals are for that it leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct To {
    unit: Unit,
    group: bool,
}

const MAIN: To = To {
    unit: Unit::Main,
    group: false,
};

/// Whether `supervise` goes on; if not, it is to exit.
pub type Flow = ControlFlow<()>;

/// Runs until `supervise` is to exit, from `state` on, to which `events` have
/// happened.
pub fn run(state: &mut State, events: &[(Unit, Event)], world: &mut impl World) {
    // Who became `supervise` may have had children, one of them the service.
    let mut unburied = true;
    let mut flow = begin(state, events, &mut unburied, world);
    while flow.is_continue() {
        flow = turn(state, &mut unburied, world);
    }
}

fn begin(
    state: &mut State,
    events: &[(Unit, Event)],
    unburied: &mut bool,
    world: &mut impl World,
) -> Flow {
    for (unit, event) in events {
        settle(state, *unit, *event, world)?;
    }
    bury(state, unburied, world)
}

/// One turn, always in this order: deaths, so that a command finds the state of
/// affairs and a flood of commands does not hide a death; commands, after which
/// a death may count that did not before; what is due.
///
/// `unburied` says that a child may have died that is not reaped yet.
fn turn(state: &mut State, unburied: &mut bool, world: &mut impl World) -> Flow {
    let deadline = deadline(state, *unburied, world);
    let ready = world.wait(deadline);
    *unburied |= ready.children;
    after(state, &ready, unburied, world)
}

/// Until when it is waited.
///
/// Neither inlined nor is what follows on the wait: what they take of the stack would
/// else be taken for as long as it lasts, which is nearly always.
#[inline(never)]
fn deadline(state: &State, unburied: bool, world: &mut impl World) -> Option<Moment> {
    let burial = if unburied {
        state.main.deaths_from(&world.policy())
    } else {
        None
    };
    burial.into_iter().chain(state.deadline()).min()
}

#[inline(never)]
fn after(state: &mut State, ready: &Ready, unburied: &mut bool, world: &mut impl World) -> Flow {
    bury(state, unburied, world)?;
    if ready.ready {
        settle(state, Unit::Main, Event::Ready, world)?;
    }
    if let Some(heard) = ready.heard {
        settle(state, Unit::Main, Event::Heard(heard), world)?;
    }
    if ready.neighbours {
        settle(state, Unit::Main, Event::Neighbours, world)?;
    }
    if ready.rest {
        settle(state, Unit::Main, Event::Stirred, world)?;
    }
    for command in ready.told {
        settle(state, Unit::Main, Event::Control(*command), world)?;
    }
    if ready.control {
        obey(state, world)?;
    }
    if ready.control || !ready.told.is_empty() {
        bury(state, unburied, world)?;
    }
    due(state, world)
}

/// Obeys all that is read at once. Whom it is for is forgotten after that, so
/// that no client is in another's hands.
fn obey(state: &mut State, world: &mut impl World) -> Flow {
    let mut block = [0; BLOCK];
    // Nothing there after all, which is normal.
    let length = world.read_control(&mut block).unwrap_or(0);
    let mut to = MAIN;
    let mut before = None;
    for byte in block.iter().take(length) {
        // Twice in a row they are what they are once, and a flood of them is done with.
        let is_known = before.replace(*byte) == Some(*byte) && b"pc".contains(byte);
        if is_known {
            continue;
        }
        match Command::from_byte(*byte) {
            Some(Command::Group) => to.group = true,
            Some(Command::Single) => to.group = false,
            Some(Command::Log) => to.unit = Unit::Log,
            Some(Command::Main) => to.unit = Unit::Main,
            // Of all that it is, supervise exits.
            Some(Command::Exit) => {
                settle(state, Unit::Main, Event::Control(Command::Exit), world)?;
            }
            Some(command) => settle_to(state, to, Event::Control(command), world)?,
            None if *byte == UPGRADE => settle(state, Unit::Main, Event::Upgrade, world)?,
            None => {}
        }
    }
    Flow::Continue(())
}

/// Does what time has come for.
fn due(state: &mut State, world: &mut impl World) -> Flow {
    let Some(deadline) = state.deadline() else {
        return Flow::Continue(());
    };
    let at = world.now();
    if at < deadline {
        return Flow::Continue(());
    }
    settle(state, Unit::Main, Event::Due, world)?;
    settle(state, Unit::Log, Event::Due, world)?;
    if state.closing.is_some_and(|until| at >= until) {
        state.closing = Some(at.plus(READING_ON));
        settle(state, Unit::Log, Event::Control(Command::Down), world)?;
    }
    Flow::Continue(())
}

/// Reaps the dead, if it is time for that.
fn bury(state: &mut State, unburied: &mut bool, world: &mut impl World) -> Flow {
    while *unburied {
        let from = state.main.deaths_from(&world.policy());
        if from.is_some_and(|from| world.now() < from) {
            break;
        }
        match world.reap() {
            Some(Reaped::Died(pid, outcome)) => {
                let unit = state.unit_of(pid);
                let main = &state.main;
                if main.process.pid() == Some(pid) && main.role == Role::Run {
                    world.tell_of_strays();
                }
                settle(state, unit, Event::Died(pid, outcome), world)?;
            }
            Some(Reaped::Probed) => settle(state, Unit::Main, Event::Probed, world)?,
            None => *unburied = false,
        }
    }
    Flow::Continue(())
}

/// Takes `event` to its end: the outcome of a start is an event too.
pub fn settle(state: &mut State, unit: Unit, event: Event, world: &mut impl World) -> Flow {
    settle_to(state, To { unit, group: false }, event, world)
}

#[inline(never)]
fn settle_to(state: &mut State, to: To, event: Event, world: &mut impl World) -> Flow {
    let mut next = Some((to, event));
    while let Some((to, event)) = next.take() {
        let Some(actions) = step(state, to.unit, event, world) else {
            continue;
        };
        for action in actions.into_iter().flatten() {
            match action {
                Action::MarkChange => world.mark_change(to.unit),
                Action::TellStart(..) | Action::TellEnd(..) => {}
                Action::Announce => world.announce(state),
                // It died this instant and is reaped next: nothing worth a line.
                Action::Send(pid, signal) => drop(world.send(to.unit, pid, signal, to.group)),
                Action::SendGroup(pid, signal) => {
                    drop(world.send(to.unit, pid, signal, true));
                }
                Action::Start(role) => next = Some((to, start(state, to.unit, role, world))),
                Action::Examine(pid) => next = Some((to, world.examine(to.unit, pid))),
                Action::SendRest(signal) => world.send_rest(state, signal),
                Action::Sweep => {
                    let empty = world.sweep(state);
                    next = Some((to, if empty { Event::Empty } else { Event::Left }));
                }
                Action::Probe => world.probe(),
                Action::Replace => world.replace(state),
                Action::Quit => {
                    let Some(log) = quit(state, to.unit, world) else {
                        return Flow::Break(());
                    };
                    next = Some((log, Event::Control(Command::Exit)));
                }
            }
        }
    }
    give_notices(state, world);
    Flow::Continue(())
}

/// Decides, and puts that on record; `None` where nobody is there to decide.
fn step(state: &mut State, unit: Unit, event: Event, world: &mut impl World) -> Option<Actions> {
    let (policy, at) = (world.policy(), world.now());
    let machine: &mut Machine = match unit {
        // What is said to a service that has gone, with only its log there yet, is
        // not heard, as if supervise had gone with it.
        Unit::Main if state.closing.is_some() => return None,
        Unit::Main => &mut state.main,
        Unit::Log => state.log.as_mut()?,
        Unit::Notify => {
            if let Event::Died(pid, _) = event {
                state.notices = state.notices.without(pid);
                world.note(state);
            }
            return None;
        }
    };
    let unread = machine.leaving && world.has_unread(unit);
    let policy = Policy { unread, ..policy };
    let policy = match unit {
        Unit::Log => policy.of_log(),
        Unit::Main | Unit::Notify => policy,
    };
    let actions;
    (*machine, actions) = machine.step(event, at, &policy);
    for action in actions.into_iter().flatten() {
        if let Some(notice) = notice(unit, machine.role, action) {
            if state.notices.is_full() {
                world.warn_of_lost_notice(state.notices.now.map(|now| now.pid));
            }
            state.notices = state.notices.with(notice);
        }
    }
    world.note(state);
    Some(actions)
}

fn notice(unit: Unit, role: Role, action: Action) -> Option<Notice> {
    let (role, what, pid) = match action {
        Action::TellStart(pid) => (role, What::Started, pid),
        Action::TellEnd(role, pid, outcome) => (role, outcome.what(), pid),
        _ => return None,
    };
    Some(Notice {
        role: if unit == Unit::Log { Role::Log } else { role },
        what,
        pid: pid.as_raw().unsigned_abs(),
    })
}

/// The service or the log is done; gives who goes next, or `None` to exit. What
/// `notify` has not been told yet it is told now, as nobody is there to wait.
fn quit(state: &mut State, unit: Unit, world: &mut impl World) -> Option<To> {
    if unit != Unit::Main || !state.log_goes_on() {
        for notice in std::mem::take(&mut state.notices.queue).iter().flatten() {
            if let Err(why) = world.notify(state, notice) {
                world.warn_of_failed_start(&why);
            }
        }
        return None;
    }
    world.close_log();
    state.closing = Some(world.now().plus(READING_ON));
    Some(To {
        unit: Unit::Log,
        group: false,
    })
}

fn give_notices(state: &mut State, world: &mut impl World) {
    if state.notices.is_idle() {
        return;
    }
    while let (next, Some(action)) = state.notices.next(world.now()) {
        state.notices = next;
        match action {
            notices::Action::Kill(pid) => {
                drop(world.send(Unit::Notify, pid, Signal::SIGKILL, false));
            }
            notices::Action::Give(notice) => {
                let pid = world.notify(state, &notice);
                if let Err(why) = &pid {
                    world.warn_of_failed_start(why);
                }
                state.notices = state.notices.given(pid.ok(), world.now());
            }
        }
        world.note(state);
    }
}

fn start(state: &State, unit: Unit, role: Role, world: &mut impl World) -> Event {
    match world.start(state, unit, role) {
        Ok(pid) if role.is_beside() => Event::Beside(role, pid),
        Ok(pid) => Event::Started(pid),
        Err(why) => {
            world.warn_of_failed_start(&why);
            if role.is_beside() {
                Event::BesideFailed(role)
            } else {
                Event::StartFailed
            }
        }
    }
}
