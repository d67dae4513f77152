//! The file `supervise/details`.

use std::time::Duration;

use dt_os::clock::Moment;
use dt_service::Want;
use dt_service::deaths::Role;
use dt_service::details::{Details, Reason, State};

use crate::machine::{Machine, PACE, Policy, Process, Reason as Why};

/// What `machine` says of itself; the rest is for who knows.
pub(super) fn details(machine: &Machine, policy: &Policy) -> Details {
    let (state, reason) = state(machine, policy);
    Details {
        state,
        reason,
        until: machine.deadline_of_process().map(since_boot),
        restart_delay: match machine.process {
            Process::Waiting { .. } => policy.spacing(machine.early),
            _ => Duration::ZERO,
        },
        recent_deaths: u32::from(machine.starts),
        death_window: policy
            .start_limit
            .map_or(Duration::ZERO, |limit| limit.within),
        ..Details::EMPTY
    }
}

/// On the clock that counts from the boot.
fn since_boot(moment: Moment) -> Duration {
    dt_os::clock::since_boot() + moment.since(Moment::now())
}

fn state(machine: &Machine, policy: &Policy) -> (State, Reason) {
    let failed = |state| (state, machine.cause);
    match (machine.process, machine.role) {
        (
            Process::Waiting {
                why: Why::Retry, ..
            },
            _,
        ) => (State::Failed, Reason::Retry),
        (
            Process::Waiting {
                why: Why::Hook { .. },
                ..
            },
            _,
        ) => (State::Starting, Reason::None),
        (Process::Waiting { why, .. }, _) => (State::Waiting, waiting(machine, why, policy)),
        (Process::Clearing { .. }, _) => (State::Stopping, Reason::Leftovers),
        (Process::Down, _) if machine.failed => failed(State::Failed),
        (Process::Down, _) if machine.up => (State::Started, Reason::None),
        (Process::Down, _) => failed(State::Stopped),
        (Process::Doubtful { .. }, _) => (State::Waiting, Reason::Doubt),
        (_, Role::Stop | Role::Finish) => failed(State::Finishing),
        (_, Role::Start) | (Process::Starting { .. }, _) => (State::Starting, Reason::None),
        (Process::Running { .. }, _) if machine.cause != Reason::None => failed(State::Stopping),
        (Process::Running { .. }, _) if machine.want == Want::Down => {
            let more = machine.pressure.deadline().is_some();
            (
                State::Stopping,
                if more { Reason::Signals } else { Reason::None },
            )
        }
        (Process::Running { .. }, _) if machine.says.stopping => (State::Stopping, Reason::None),
        (Process::Running { .. }, _) if policy.tells_ready && !machine.ready => {
            (State::Starting, Reason::None)
        }
        (Process::Running { .. }, _) => (State::Running, Reason::None),
    }
}

/// Whether the pause before a start is one that the directory asks for, and not the one
/// that is before every start.
fn is_delayed(machine: &Machine, policy: &Policy) -> bool {
    policy.delay > PACE || (machine.early > 0 && policy.delay_max > policy.delay)
}

fn waiting(machine: &Machine, why: Why, policy: &Policy) -> Reason {
    match why {
        Why::ForkFailed { .. } => Reason::NoFork,
        Why::Retry => Reason::Retry,
        Why::Dependency => Reason::Dependency,
        Why::Pace if is_delayed(machine, policy) => Reason::Backoff,
        Why::Pace | Why::Hook { .. } => Reason::Spacing,
    }
}
