//! The processes that belong to one, as far as /proc tells.

use std::io;

use crate::incarnation::{self, Member};
use crate::process::Pid;
use crate::signals::Signal;

/// The living processes that descend from us, and those of the session `session`, but
/// for those in `spared` and what descends from them, and ourselves.
///
/// One that is in another session, and whose parent has ended when we were not there to
/// be its parent in that one's place, is not found.
pub fn of(session: Option<Pid>, spared: &[Pid]) -> io::Result<Vec<Pid>> {
    Ok(among(&all()?, Pid::this(), session, spared))
}

/// Sends a signal to each.
pub fn send(to: &[Pid], signal: Signal) {
    for process in to {
        let _ = crate::process::send(*process, signal);
    }
}

fn all() -> io::Result<Vec<Member>> {
    let entries = std::fs::read_dir("/proc")?.flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let members = numbers.filter_map(|number| incarnation::member(Pid::from_raw(number)));
    Ok(members.collect())
}

fn among(all: &[Member], own: Pid, session: Option<Pid>, spared: &[Pid]) -> Vec<Pid> {
    let is_spared = |member: &Member| member.pid == own || spared.contains(&member.pid);
    let mut found: Vec<Pid> = Vec::new();
    // Each round finds another generation.
    loop {
        let before = found.len();
        for member in all {
            let by_birth = member.parent == own || found.contains(&member.parent);
            let kin = by_birth || session.is_some_and(|session| member.session == session);
            if kin && !is_spared(member) && !found.contains(&member.pid) {
                found.push(member.pid);
            }
        }
        if found.len() == before {
            break;
        }
    }
    let living = |pid: &Pid| all.iter().any(|is| is.pid == *pid && !is.zombie);
    found.retain(living);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(pid: i32, parent: i32, session: i32) -> Member {
        Member {
            pid: Pid::from_raw(pid),
            parent: Pid::from_raw(parent),
            session: Pid::from_raw(session),
            zombie: false,
        }
    }

    #[test]
    fn descendants_and_the_session_are_found_and_who_is_spared_with_all_below_is_not() {
        let all = [
            member(20, 12, 20),
            member(12, 10, 3),
            member(10, 3, 3),
            // The log and its processor.
            member(11, 3, 3),
            member(13, 11, 3),
            // Left by one who has died.
            member(14, 1, 9),
            member(15, 1, 4),
            Member {
                zombie: true,
                ..member(16, 3, 3)
            },
            // Below one that is dead.
            member(17, 16, 3),
        ];
        let [own, session, log] = [3, 9, 11].map(Pid::from_raw);
        let mut found = among(&all, own, Some(session), &[log]);
        found.sort_unstable();
        assert_eq!(found, [10, 12, 14, 17, 20].map(Pid::from_raw));
        assert_eq!(among(&all, Pid::from_raw(30), None, &[]), []);
    }

    #[test]
    fn our_own_children_are_found() {
        let mut child = std::process::Command::new("sleep")
            .arg("1000")
            .spawn()
            .unwrap();
        let found = of(None, &[]);
        child.kill().unwrap();
        child.wait().unwrap();
        let pid = Pid::from_raw(child.id().cast_signed());
        assert!(found.unwrap().contains(&pid));
    }
}
