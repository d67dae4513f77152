//! Colour, for people.

use std::ffi::OsString;

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Up.
    Good,
    /// On its way.
    Between,
    /// Given up, or nobody looks after it.
    Bad,
    /// Down.
    Quiet,
}

impl Mood {
    /// Of a state's word.
    pub(crate) fn of(state: &str) -> Self {
        match state {
            "running" | "started" => Self::Good,
            "stopped" => Self::Quiet,
            "starting" | "stopping" | "finishing" | "waiting" => Self::Between,
            _ => Self::Bad,
        }
    }

    const fn code(self) -> &'static str {
        match self {
            Self::Good => "\x1b[32m",
            Self::Between => "\x1b[33m",
            Self::Bad => "\x1b[31m",
            Self::Quiet => "\x1b[2m",
        }
    }

    /// The text in its colour. It stays in one piece: who looks for words in it
    /// still finds them.
    pub(crate) fn paint(self, text: &[u8]) -> Vec<u8> {
        [self.code().as_bytes(), text, b"\x1b[0m"].concat()
    }
}

/// Whether whoever reads a terminal wants colour on it: the variables are those
/// that most programs know.
pub(crate) fn is_wanted(no_colour: Option<OsString>, terminal: Option<OsString>) -> bool {
    no_colour.is_none_or(|value| value.is_empty())
        && terminal.is_some_and(|kind| !kind.is_empty() && kind != "dumb")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_colour_where_it_is_not_wanted_or_not_understood() {
        let wanted = |no_colour: Option<&str>, terminal: Option<&str>| {
            is_wanted(no_colour.map(OsString::from), terminal.map(OsString::from))
        };
        assert!(wanted(None, Some("xterm")));
        assert!(wanted(Some(""), Some("xterm")));
        assert!(!wanted(Some("1"), Some("xterm")));
        assert!(!wanted(None, Some("dumb")));
        assert!(!wanted(None, None));
    }

    #[test]
    fn every_state_has_its_mood() {
        for state in dt_service::details::State::ALL {
            let bad = Mood::of(state.word()) == Mood::Bad;
            assert_eq!(bad, state == dt_service::details::State::Failed);
        }
    }
}
