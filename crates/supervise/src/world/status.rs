//! What the status file says.

use dt_service::deaths::Role;
use dt_service::{Block, State as Encores, Status, Want};

use super::people::Person;
use crate::machine::{Machine, Process};

/// A status file's bytes; as many as its form has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bytes {
    bytes: [u8; 2 * Block::LEN],
    length: usize,
}

impl Bytes {
    pub(super) fn new(form: &[u8]) -> Self {
        let mut bytes = [0; 2 * Block::LEN];
        bytes
            .iter_mut()
            .zip(form)
            .for_each(|(place, byte)| *place = *byte);
        let length = form.len();
        Self { bytes, length }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// The record of 0.76. A process in doubt is not shown: who asks may want to send
/// it a signal.
pub(super) fn status(machine: &Machine, person: &Person) -> Status {
    let (pid, paused) = match machine.process {
        Process::Running { pid, paused } => (pid.as_raw().unsigned_abs(), paused),
        Process::Down
        | Process::Waiting { .. }
        | Process::Starting { .. }
        | Process::Doubtful { .. }
        | Process::Clearing { .. } => (0, false),
    };
    let (seconds, nanos) = person.seconds();
    Status {
        seconds,
        nanos,
        pid,
        paused,
        want: machine.want,
    }
}

/// The same with encore's state.
pub(super) fn block(machine: &Machine, person: &Person) -> Block {
    Block {
        status: status(machine, person),
        state: encores(machine),
    }
}

fn encores(machine: &Machine) -> Encores {
    match (machine.process, machine.role) {
        (Process::Down, _) if machine.failed => Encores::Failed,
        (Process::Down, _) if machine.up => Encores::Started,
        // What is left behind is no process that could be told anything.
        (Process::Down | Process::Clearing { .. }, _) | (_, Role::Stop | Role::Finish) => {
            Encores::Stopped
        }
        (Process::Running { .. }, Role::Run) if machine.want == Want::Down => Encores::Stopping,
        (Process::Running { .. }, Role::Run) => Encores::Running,
        (Process::Running { .. }, _) if machine.want == Want::Down => Encores::Stopping,
        (
            Process::Running { .. }
            | Process::Waiting { .. }
            | Process::Starting { .. }
            | Process::Doubtful { .. },
            _,
        ) => Encores::Starting,
    }
}
