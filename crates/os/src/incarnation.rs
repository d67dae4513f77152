//! Which process a number means: a process id is used again, a process id with
//! its start time and the boot it started in is not.
//!
//! Nothing here allocates: a supervisor asks at every start of its service.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};

use nix::errno::Errno;

use crate::process::Pid;

/// The kernel's name for the time since the last boot: 16 bytes, random, new at
/// every boot.
///
/// `None` where /proc is not mounted.
#[must_use]
pub fn boot_id() -> Option<[u8; 16]> {
    let mut text = [0; 64];
    let text = read("/proc/sys/kernel/random/boot_id", &mut text).ok()?;
    let mut digits = text
        .iter()
        .filter_map(|digit| char::from(*digit).to_digit(16));
    let mut id = [0; 16];
    for byte in &mut id {
        *byte = u8::try_from(digits.next()? << 4 | digits.next()?).ok()?;
    }
    Some(id)
}

/// What /proc tells of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// When it started, in clock ticks since the boot, by the machine's own clock.
    /// Together with the boot and the process id this is unique: a process id is not
    /// used again within a tick.
    pub start: u64,
    /// Its parent.
    pub parent: Pid,
    /// It has ended and waits to be reaped.
    pub zombie: bool,
}

/// Looks a process up; `ESRCH` where there is none of that number.
///
/// An error of any other kind says nothing about whether it lives (no /proc, no
/// permission to see it).
pub fn look_up(pid: Pid) -> io::Result<Seen> {
    let mut stat = [0; STAT];
    match stat_of(pid, &mut stat) {
        Ok(stat) => {
            let mut seen = parse(stat).ok_or(Errno::EPROTO)?;
            // What is told is by the clock of our own time namespace. Where that is ahead
            // by parts of a tick it cannot be told exactly, and so not at all.
            let ahead = crate::timens::ahead().boottime.0;
            if ahead % TICK != 0 {
                return Err(Errno::EPROTO.into());
            }
            seen.start = seen.start.wrapping_add_signed(-(ahead / TICK));
            Ok(seen)
        }
        // Where /proc shows others' processes it can also tell that there is none.
        Err(why) if why.kind() == ErrorKind::NotFound && !lives(pid) => Err(Errno::ESRCH.into()),
        Err(why) => Err(why),
    }
}

/// What wait(2) will give the parent of a process that has ended and has not been
/// reaped; `None` where it is not so, or the process is another user's.
pub(crate) fn status_of_dead(pid: Pid) -> Option<i32> {
    let mut stat = [0; STAT];
    let stat = stat_of(pid, &mut stat).ok()?;
    if !parse(stat)?.zombie {
        return None;
    }
    let last = stat.rsplit(|byte| *byte == b' ').next()?;
    let status = str::from_utf8(last).ok()?.trim_end().parse().ok()?;
    // Who may not know it is shown a 0; the dead have no program, but who may not
    // know that either is told so.
    let program = std::fs::read_link(format!("/proc/{pid}/exe"));
    let may = program.is_err_and(|why| why.kind() != ErrorKind::PermissionDenied);
    may.then_some(status)
}

/// Nanoseconds in a clock tick, wherever Linux tells ticks.
const TICK: i64 = 10_000_000;

/// The name has 64 bytes at the most, and the 50 numbers after it 21 each.
const STAT: usize = 1200;

fn stat_of(pid: Pid, stat: &mut [u8; STAT]) -> io::Result<&[u8]> {
    let mut name = [0; 32];
    let mut rest = name.as_mut_slice();
    write!(rest, "/proc/{pid}/stat")?;
    let unused = rest.len();
    let name = name.get(..name.len() - unused).unwrap_or_default();
    let name = str::from_utf8(name).map_err(|_| Errno::EPROTO)?;
    read(name, stat)
}

/// Whether some process has the number, a dead one that waits to be reaped
/// included; whether it is a certain one this cannot tell.
#[must_use]
pub fn lives(pid: Pid) -> bool {
    nix::sys::signal::kill(pid, None) != Err(Errno::ESRCH)
}

fn read<'a>(name: &str, buffer: &'a mut [u8]) -> io::Result<&'a [u8]> {
    let length = File::open(name)?.read(buffer)?;
    Ok(buffer.get(..length).unwrap_or_default())
}

/// proc(5): the second field is the program's name in parentheses and may itself
/// hold blanks and parentheses, so the fields are counted from the last `)`.
fn parse(stat: &[u8]) -> Option<Seen> {
    let after_name = stat.rsplit(|byte| *byte == b')').next()?;
    let mut fields = str::from_utf8(after_name).ok()?.split_ascii_whitespace();
    Some(Seen {
        zombie: matches!(fields.next()?, "Z" | "X" | "x"),
        parent: Pid::from_raw(fields.next()?.parse().ok()?),
        // The twentieth, two being taken.
        start: fields.nth(17)?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_identity_does_not_change() {
        let own = look_up(Pid::this()).unwrap();
        assert_eq!(look_up(Pid::this()).unwrap(), own);
        assert!(!own.zombie && lives(Pid::this()));
        assert_eq!(own.parent, Pid::parent());
        assert!(boot_id().is_some_and(|id| id != [0; 16]));
    }

    #[test]
    fn a_name_with_parentheses_and_blanks_shifts_no_field() {
        let text = b"7 (a) b) c) S 3 7 7 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 4711 1 2";
        let seen = parse(text).unwrap();
        assert_eq!(
            (seen.start, seen.parent, seen.zombie),
            (4711, Pid::from_raw(3), false)
        );
    }

    #[test]
    fn no_process_is_told_apart_from_not_knowing() {
        let none = look_up(Pid::from_raw(i32::MAX)).unwrap_err();
        assert!(crate::is_errno(&none, Errno::ESRCH));
    }
}
