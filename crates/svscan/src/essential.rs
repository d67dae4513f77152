//! Services whose end is the end of all: those with a file `flag-essential`.
//!
//! Their `supervise` keeps account of each death in `supervise/deaths` before it
//! writes `supervise/status` anew. The first death of `run` since we have come upon
//! the service counts, whatever the reason: everything is stopped in order, and
//! then we end as that process did. So a container ends when what it is there for
//! has ended, and tells how.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::path::Path;

use dt_os::file::How;
use dt_service::Place;
use dt_service::deaths::{self, Death, Ending, Role};

use crate::paths::Watched;

/// The file that makes a service essential.
const FLAG: &str = "flag-essential";
/// More than any `max-death-tally` within reason.
const LONGEST: u64 = 1 << 20;
/// Where the kernel has told nobody how a process ended.
const UNKNOWN: u8 = 111;

/// The essential services, and what has become of them.
#[derive(Debug, Default)]
pub struct Essentials {
    /// The number that the next death of each gets.
    counted: HashMap<OsString, u64>,
    verdict: Option<u8>,
    asked: bool,
}

impl Essentials {
    /// In a scan, before anything of the service is started: looks whether it is
    /// essential, and whether it has ended since the last time. Either of its files
    /// is watched from then on.
    pub fn look(&mut self, name: &OsStr, watched: Option<&mut Watched>) {
        let directory = Path::new(name);
        if self.verdict.is_some() || std::fs::symlink_metadata(directory.join(FLAG)).is_err() {
            return;
        }
        let Ok(kept) = Place::directory_of(directory) else {
            return;
        };
        let account = kept.join(deaths::NAME);
        if let Some(watched) = watched {
            watched.way_to(&account);
            watched.way_to(&kept.join("status"));
        }
        let file = read(&account);
        let next = deaths::next_number(&file);
        // What is on account already is an earlier svscan's.
        let known = *self.counted.entry(name.to_os_string()).or_insert(next);
        let of_run = |(number, death): &(u64, Death)| *number >= known && death.role == Role::Run;
        if let Some((_, death)) = deaths::read(&file).into_iter().find(of_run) {
            self.verdict = Some(code(death.ending));
        }
        self.counted.insert(name.to_os_string(), next);
    }

    /// Whether all is to be stopped; gives it once.
    pub fn stop(&mut self) -> bool {
        let now = self.is_due();
        self.asked |= now;
        now
    }

    /// Whether [`stop`](Self::stop) would give it.
    pub const fn is_due(&self) -> bool {
        self.verdict.is_some() && !self.asked
    }

    /// How we are to end.
    pub const fn verdict(&self) -> Option<u8> {
        self.verdict
    }
}

/// As a shell tells how a process ended.
const fn code(ending: Ending) -> u8 {
    match ending {
        Ending::Code(code) => code,
        Ending::Signal(number) => 128_u8.saturating_add(number),
        Ending::Unknown => UNKNOWN,
    }
}

fn read(account: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Ok(file) = How::READ.no_follow().open(account) {
        // What could not be read is read in the next scan.
        let _ = file.take(LONGEST).read_to_end(&mut bytes);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_the_one_that_a_shell_gives() {
        assert_eq!(code(Ending::Code(3)), 3);
        assert_eq!(code(Ending::Signal(9)), 137);
        assert_eq!(code(Ending::Unknown), 111);
    }
}
