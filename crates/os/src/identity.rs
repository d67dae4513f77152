//! Whom this process runs as.
//!
//! Every change is looked at afterwards: a privilege that was thought to be given
//! up and was not is worse than a program that does not start.

use std::io;

use nix::errno::Errno;
use nix::unistd::{Gid, Uid, geteuid, getgroups, getresgid, getresuid, setgid, setgroups, setuid};

/// Takes `group` as the only supplementary group, and as the group for good: the
/// real, effective and saved one.
pub fn become_group(group: u32) -> io::Result<()> {
    let group = Gid::from_raw(group);
    setgroups(&[group])?;
    setgid(group)?;
    let now = getresgid()?;
    let alone = getgroups()?.iter().all(|member| *member == group);
    confirmed(alone && [now.real, now.effective, now.saved] == [group; 3])
}

/// Takes `groups` as the supplementary groups.
pub fn become_member(groups: &[u32]) -> io::Result<()> {
    let mut groups: Vec<_> = groups.iter().copied().map(Gid::from_raw).collect();
    setgroups(&groups)?;
    let mut now = getgroups()?;
    for list in [&mut groups, &mut now] {
        list.sort_unstable_by_key(|group| group.as_raw());
    }
    confirmed(now == groups)
}

/// Takes `user` for good: the real, effective and saved one.
pub fn become_user(user: u32) -> io::Result<()> {
    let user = Uid::from_raw(user);
    setuid(user)?;
    let now = getresuid()?;
    confirmed([now.real, now.effective, now.saved] == [user; 3])
}

/// The user that we act as.
#[must_use]
pub fn effective_user() -> u32 {
    geteuid().as_raw()
}

fn confirmed(done: bool) -> io::Result<()> {
    if done {
        Ok(())
    } else {
        Err(Errno::EPERM.into())
    }
}
