//! What can be wrong with a file.

use dt_os::Errno;

use crate::Setting;

/// What is wrong with a file, or with its bytes.
///
/// The text never repeats the bytes: the file may be a link to one that whoever
/// reads the message may not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing but blanks.
    Empty,
    /// More bytes than any value needs.
    TooLarge,
    /// A FIFO, a device, a directory: nothing to read a value from.
    NotOrdinary,
    /// It cannot be opened or read.
    Unreadable(Errno),
    /// A link to nothing.
    Dangling,
    /// A program that is none.
    NotExecutable,
    /// What must be a directory is not.
    NotDirectory,
    /// Not a number with a unit.
    NoDuration,
    /// Longer than 2^32 milliseconds.
    TooLong,
    /// Too short to be of use.
    TooShort,
    /// Neither a signal's name nor its number.
    NoSignal,
    /// Signals and waits do not take turns.
    NoTurns,
    /// More signals than there is room for.
    TooManySignals,
    /// None of the three words.
    NoPolicy,
    /// Neither an exit code, nor a range of them, nor a signal.
    NoEnding,
    /// Not a number of starts and a duration.
    NoLimit,
    /// Not a number, or one out of range.
    NoCount,
    /// Not a number from 1 to 1023.
    NoDescriptor,
    /// `restart-delay-max` is below `restart-delay`.
    BelowDelay,
}

impl Fault {
    /// What is wrong, to follow the file's name.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooLarge => "longer than 1023 bytes",
            Self::NotOrdinary => "not an ordinary file",
            Self::Unreadable(errno) => dt_os::reason_for(errno),
            Self::Dangling => "a link to nothing",
            Self::NotExecutable => "not executable",
            Self::NotDirectory => "not a directory",
            Self::NoDuration => "not a duration like 500, 500ms, 5s, 2m or 1h",
            Self::TooLong => "longer than 49 days",
            Self::TooShort => "shorter than 10ms",
            Self::NoSignal => "not a signal's name or number",
            Self::NoTurns => "not signals with a wait between each two, like QUIT 30s TERM 5s KILL",
            Self::TooManySignals => "more than 8 signals",
            Self::NoPolicy => "does not begin with always, on-failure or never",
            Self::NoEnding => "not exit codes, ranges of them or signals after the first word",
            Self::NoLimit => "not a number of starts and a duration, like 5 60s",
            Self::NoCount => "not a number from 0 to 4096",
            Self::NoDescriptor => "not a descriptor's number from 1 to 1023",
            Self::BelowDelay => "shorter than restart-delay",
        }
    }
}

/// A file that says nothing that can be used, so that the default is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub setting: Setting,
    /// Where it is a program in the directory `control`: its letter.
    pub letter: Option<u8>,
    /// What is wrong with it.
    pub fault: Fault,
}

impl Problem {
    /// `NAME: WHAT IS WRONG: using DEFAULT`, to follow the directory's name and a
    /// slash.
    #[must_use]
    pub fn text(self) -> String {
        let mut text = String::from(self.setting.name());
        if let Some(letter) = self.letter {
            text.push('/');
            text.push(char::from(letter));
        }
        for piece in [": ", self.fault.text(), ": using ", self.in_force()] {
            text.push_str(piece);
        }
        text
    }

    fn in_force(self) -> &'static str {
        match self.setting.default_text() {
            "absent" => "nothing in its place",
            default => default,
        }
    }
}
