//! Machines that break a promise.

use dt_service::Command;
use dt_service::deaths::Role;
use supervise::machine::{Event, Hooks, Machine, Process};

use super::reality::EPOCH;

/// What is wrong with the machine, to see that it is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    None,
    /// Of starts that are counted only the first is followed by a pause.
    Pace,
    /// A hook that runs when a process dies is forgotten.
    Hook,
    /// `stop` is not owed any more after `finish`.
    Owed,
    /// One that has reached the limit of its starts is told to be down, and waits for
    /// another try all the same.
    Limit,
    /// What is left behind is not looked for any more once it has been told to end.
    Rest,
    /// Of one that is silent nothing is known any more.
    Silence,
    /// One that was killed and follows has forgotten how far the signals have come.
    Signal,
    /// Of several signals one is left out.
    Order,
    /// One that follows another knows of no early deaths.
    Early,
}

impl Fault {
    /// What it makes of a step.
    pub fn spoilt(self, before: &Machine, event: Event, mut next: Machine) -> Machine {
        let died = matches!(event, Event::Died(..));
        let pressure = &before.pressure;
        let told = pressure.kill.is_some() && pressure.sent > 0;
        match self {
            Self::Pace if matches!(event, Event::Started(_)) && before.starts > 0 => {
                next.not_before = EPOCH;
            }
            Self::Hook if died && before.hooks.now.is_some() => next.hooks = Hooks::default(),
            Self::Owed if died && before.role == Role::Finish => next.up = false,
            Self::Limit if before.failed && event == Event::Control(Command::Down) => {
                next.process = before.process;
            }
            Self::Rest if event == Event::Left && told => next.process = Process::Down,
            Self::Silence if before.says.by.is_some() && next.pressure.sent == u8::MAX => {
                next.process = Process::Down;
            }
            Self::Signal if event == Event::Boot => next.pressure.next = None,
            Self::Order if event == Event::Due && (pressure.sent, next.pressure.sent) == (1, 2) => {
                next.pressure.sent = 3;
            }
            Self::Early if event == Event::Boot => next.early = 0,
            _ => {}
        }
        next
    }
}
