/// The byte on `supervise/control` that has `supervise` become the program that is
/// installed now. No option of `svc`, and no byte that daemontools 0.76,
/// daemontools-encore or s6 do anything about.
pub const UPGRADE: u8 = b'^';

/// One byte written to `supervise/control`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Command {
    /// Start the service and keep it up.
    Up,
    /// Stop the service and keep it down.
    Down,
    /// Start the service, and leave it be when it dies.
    Once,
    /// `supervise` is to exit when the service is down.
    Exit,
    /// Stop the process for a while.
    Pause,
    /// Let a paused process go on.
    Continue,
    /// Send HUP.
    Hangup,
    /// Send ALRM.
    Alarm,
    /// Send INT.
    Interrupt,
    /// Send TERM.
    Terminate,
    /// Send KILL.
    Kill,
}

impl Command {
    /// Every command there is.
    pub const ALL: [Self; 11] = [
        Self::Up,
        Self::Down,
        Self::Once,
        Self::Exit,
        Self::Pause,
        Self::Continue,
        Self::Hangup,
        Self::Alarm,
        Self::Interrupt,
        Self::Terminate,
        Self::Kill,
    ];

    /// The byte that stands for it, which is also its letter as an option of `svc`.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Up => b'u',
            Self::Down => b'd',
            Self::Once => b'o',
            Self::Exit => b'x',
            Self::Pause => b'p',
            Self::Continue => b'c',
            Self::Hangup => b'h',
            Self::Alarm => b'a',
            Self::Interrupt => b'i',
            Self::Terminate => b't',
            Self::Kill => b'k',
        }
    }

    /// The command a byte stands for; `None` for the bytes `supervise` ignores.
    #[must_use]
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|command| command.byte() == byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_found_by_its_own_byte() {
        for command in Command::ALL {
            assert_eq!(Command::from_byte(command.byte()), Some(command));
        }
    }

    #[test]
    fn other_bytes_are_no_commands() {
        let known = (0..=u8::MAX).filter(|byte| Command::from_byte(*byte).is_some());
        assert_eq!(known.count(), Command::ALL.len());
    }
}
