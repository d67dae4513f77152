use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;

/// A line on standard error, put together from text and names.
///
/// Names go in byte for byte, as the original prints them.
#[derive(Clone, Debug)]
#[must_use]
pub struct Message(Vec<u8>);

impl Message {
    /// Begins `program: kind: `; the kind is `fatal`, `warning` or `usage`.
    pub fn new(program: &str, kind: &str) -> Self {
        Self([program, ": ", kind, ": "].concat().into_bytes())
    }

    /// Adds words of our own.
    pub fn text(mut self, words: &str) -> Self {
        self.0.extend_from_slice(words.as_bytes());
        self
    }

    /// Adds text and names.
    pub fn pieces(mut self, pieces: &[&OsStr]) -> Self {
        for piece in pieces {
            self.0.extend_from_slice(piece.as_bytes());
        }
        self
    }

    /// The line, newline included.
    #[must_use]
    pub fn line(mut self) -> Vec<u8> {
        self.0.push(b'\n');
        self.0
    }

    /// The line, with `: ` and daemontools' words for `why` at its end.
    #[must_use]
    pub fn because(self, why: &io::Error) -> Vec<u8> {
        self.text(": ").text(dt_os::reason(why)).line()
    }

    /// What there is so far, without a newline: the excuse of a child process.
    #[must_use]
    pub fn excuse(self) -> Vec<u8> {
        self.0
    }
}

/// Prints `program: warning: what: reason` in one write; what goes wrong with
/// that is nobody's business.
pub fn warn(program: &str, what: &[&OsStr], why: &io::Error) {
    let line = Message::new(program, "warning").pieces(what).because(why);
    let _ = dt_os::descriptor::write_all(dt_os::descriptor::stderr(), &line);
}
