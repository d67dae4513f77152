//! Descendants: adopting those whose parent has died, and whether any is left.

use std::io;

use nix::errno::Errno;
use nix::sys::wait::{Id, WaitPidFlag, waitid};

use crate::incarnation;
use crate::process::Pid;

/// Makes every descendant whose parent dies our own child, where it would
/// become init's. So nothing that we have started is out of our sight.
pub fn adopt_orphans() -> io::Result<()> {
    Ok(nix::sys::prctl::set_child_subreaper(true)?)
}

/// Whether there is any child, living or waiting to be reaped.
#[must_use]
pub fn any_child() -> bool {
    let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    waitid(Id::All, look) != Err(Errno::ECHILD)
}

/// Our living children, where the kernel tells who they are.
#[must_use]
pub fn children() -> Vec<Pid> {
    let text = std::fs::read_to_string("/proc/thread-self/children").unwrap_or_default();
    let pids = text
        .split_ascii_whitespace()
        .filter_map(|it| it.parse().ok());
    let pids = pids.map(Pid::from_raw);
    pids.filter(|pid| incarnation::look_up(*pid).is_ok_and(|seen| !seen.zombie))
        .collect()
}
