//! Descendants: adopting those whose parent has died, and whether any is left.

use std::io;

use nix::errno::Errno;
use nix::sys::wait::{Id, WaitPidFlag, waitid};

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
