/// The byte on `supervise/control` that has `supervise` become the program that is
/// installed now. No option of `svc`, and no byte that daemontools 0.76,
/// daemontools-encore, runit or s6 do anything about.
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
    /// Send QUIT (encore).
    Quit,
    /// Send USR1 (encore).
    User1,
    /// Send USR2 (encore).
    User2,
    /// Send WINCH (encore).
    Window,
    /// The signals that follow go to the process group (encore).
    Group,
    /// The signals that follow go to the one process again (encore).
    Single,
    /// The commands that follow are for the log (encore).
    Log,
    /// The commands that follow are for the service itself again (encore).
    Main,
    /// Have the service read its configuration anew: the signal, or the hook, that
    /// the directory names for it. Ours alone; its byte is one that daemontools
    /// 0.76, daemontools-encore, runit and s6 do nothing about.
    Reload,
}

impl Command {
    /// Every command there is.
    pub const ALL: [Self; 20] = [
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
        Self::Quit,
        Self::User1,
        Self::User2,
        Self::Window,
        Self::Group,
        Self::Single,
        Self::Log,
        Self::Main,
        Self::Reload,
    ];

    /// The byte that stands for it. But for [`Self::Reload`] it is also its letter
    /// as an option of `svc`.
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
            Self::Quit => b'q',
            Self::User1 => b'1',
            Self::User2 => b'2',
            Self::Window => b'w',
            Self::Group => b'+',
            Self::Single => b'=',
            Self::Log => b'L',
            Self::Main => b'l',
            Self::Reload => b'@',
        }
    }

    /// The command a byte stands for; `None` for the bytes `supervise` ignores.
    #[must_use]
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|command| command.byte() == byte)
    }

    /// Whether it is one of daemontools 0.76, which ignores all others.
    #[must_use]
    pub const fn is_plain(self) -> bool {
        matches!(
            self.byte(),
            b'u' | b'd' | b'o' | b'x' | b'p' | b'c' | b'h' | b'a' | b'i' | b't' | b'k'
        )
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
        assert_eq!(Command::from_byte(UPGRADE), None);
    }

    #[test]
    fn ours_is_no_byte_of_anybody_else() {
        // 0.76 and encore; runit; s6.
        let theirs = b"+=Lludopchaitkwxq12 duoxpchaitk12qe abqhkti12pcyroduDUxOQ";
        for ours in [Command::Reload.byte(), UPGRADE] {
            assert!(!theirs.contains(&ours));
        }
    }

    #[test]
    fn eleven_commands_are_the_original_s() {
        let plain = Command::ALL
            .into_iter()
            .filter(|command| command.is_plain());
        let plain: Vec<u8> = plain.map(Command::byte).collect();
        assert_eq!(plain, b"udoxpchaitk");
    }
}
