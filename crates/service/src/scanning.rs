//! What `svscan` keeps in the scan directory, and what it is told there.

/// Names in a scan directory.
pub mod names {
    /// The directory of the rest; its dot makes it no service.
    pub const DIRECTORY: &str = ".svscan";
    /// Locked with flock(2) by the one `svscan` that listens.
    pub const LOCK: &str = ".svscan/lock";
    /// FIFO of command bytes.
    pub const CONTROL: &str = ".svscan/control";
    /// The version of the `svscan` that runs, and why it is not a newer one if one
    /// was asked for: a [`Word`](crate::Word).
    pub const VERSION: &str = ".svscan/version";
    /// The same in the making.
    pub const VERSION_NEW: &str = ".svscan/version.new";
}

/// One command: a byte in `.svscan/control`, and except for the last a letter of `svscanctl`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Command {
    /// Scan now.
    Scan,
    /// Stop the services that have lost their name.
    Prune,
    /// Stop all services, let each log read to the end, and exit.
    Stop,
    /// Stop all services and logs and exit.
    StopAtOnce,
    /// Exit, and leave everything running.
    Abandon,
    /// Become the `svscan` that is installed now.
    Upgrade,
}

impl Command {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Scan,
        Self::Prune,
        Self::Stop,
        Self::StopAtOnce,
        Self::Abandon,
        Self::Upgrade,
    ];

    /// The byte.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Scan => b'a',
            Self::Prune => b'n',
            Self::Stop => b't',
            Self::StopAtOnce => b'q',
            Self::Abandon => b'b',
            Self::Upgrade => b'U',
        }
    }

    /// What a byte means; `None` where it means nothing.
    #[must_use]
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|command| command.byte() == byte)
    }
}
