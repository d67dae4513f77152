//! What the kernel kills first for want of memory.
//!
//! A process may stay out of that by its score, which all that it starts would
//! inherit. So the children get the old one back.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::sync::OnceLock;

use nix::errno::Errno;

use crate::descriptor;
use crate::file::How;

/// The variable with the score that `svscan` and `supervise` take on.
pub const VARIABLE: &str = "SUPERVISE_OOM_SCORE_ADJ";

/// Ours, or a child's before it is a program.
const FILE: &str = "/proc/self/oom_score_adj";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Score(i16);

/// The scores that we were started with and that we have taken on.
static SCORES: OnceLock<(Score, Score)> = OnceLock::new();

impl Score {
    /// `None` where `text` is no score.
    fn parse(text: &OsStr) -> Option<Self> {
        let number = text.to_str()?.trim_ascii_end().parse().ok()?;
        (-1000..=1000).contains(&number).then_some(Self(number))
    }

    fn own() -> io::Result<Self> {
        let mut text = [0; 16];
        let length = descriptor::read(How::READ.open(FILE)?, &mut text)?;
        let text = text
            .get(..length)
            .and_then(|text| str::from_utf8(text).ok());
        let score = text.and_then(|text| Self::parse(text.as_ref()));
        score.ok_or_else(|| Errno::EPROTO.into())
    }

    /// Allocates nothing.
    fn become_own(self) -> io::Result<()> {
        let mut text = [0; 8];
        let mut rest = &mut text[..];
        write!(rest, "{}", self.0)?;
        let left = rest.len();
        let (number, _) = text.split_at(text.len() - left);
        descriptor::write_all(How::WRITE.open(FILE)?, number)
    }
}

/// Takes on a score of our own: a number from -1000, never killed, to 1000, killed
/// first; see proc(5). Every child that is started later gets the old one back, and so
/// does a program that we become.
///
/// `EINVAL` where `score` is none; `EACCES` where it is lower than before without the
/// privilege for that, which is `CAP_SYS_RESOURCE`. Only the first call that succeeds
/// does something.
pub fn take_on(score: &OsStr) -> io::Result<()> {
    let score = Score::parse(score).ok_or(Errno::EINVAL)?;
    if SCORES.get().is_none() {
        let before = Score::own()?;
        score.become_own()?;
        let _ = SCORES.set((before, score));
    }
    Ok(())
}

/// Puts the old one back, between fork and exec.
pub(crate) fn restore() {
    if let Some((before, _)) = SCORES.get() {
        let _ = before.become_own();
    }
}

/// Does with the old one what does not return unless it fails: becomes another
/// program, which is to decide for itself.
pub fn with_old<T>(become_another: impl FnOnce() -> T) -> T {
    restore();
    let failed = become_another();
    if let Some((_, ours)) = SCORES.get() {
        let _ = ours.become_own();
    }
    failed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_is_a_number_that_the_kernel_takes() {
        for (text, score) in [
            ("0", Some(0)),
            ("-1000", Some(-1000)),
            ("1000\n", Some(1000)),
            ("1001", None),
            ("-1001", None),
            ("", None),
            ("-", None),
            ("1e2", None),
            ("99999999999", None),
        ] {
            assert_eq!(Score::parse(text.as_ref()), score.map(Score), "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        // Nobody needs a privilege for the score that he has.
        let own = Score::own().unwrap();
        own.become_own().unwrap();
        assert_eq!(Score::own().unwrap(), own);
    }
}
