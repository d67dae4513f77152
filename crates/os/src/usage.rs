//! What a child cost.

use std::io;
use std::mem::MaybeUninit;
use std::time::Duration;

use nix::errno::Errno;

use crate::process::{Ending, Pid};

unsafe extern "C" {
    // Missing from the libc crate for Linux.
    fn wait4(
        which: libc::pid_t,
        status: *mut libc::c_int,
        options: libc::c_int,
        usage: *mut libc::rusage,
    ) -> libc::pid_t;
}

/// Processor time of a child, and of those of its own children that it waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Spent in the programs.
    pub user: Duration,
    /// Spent in the kernel on their behalf.
    pub system: Duration,
}

/// All that the kernel tells of a dead child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dead {
    /// Which.
    pub pid: Pid,
    /// How it ended.
    pub ending: Ending,
    /// It dumped core.
    pub core_dumped: bool,
    /// The most memory that it, or a child that it waited for, ever had, in KiB.
    pub peak_memory: u64,
    /// What it cost.
    pub usage: Usage,
}

/// Reaps one dead child, whichever it is, without waiting; `None` where none is
/// dead (or there is none at all).
#[must_use]
pub fn reap() -> Option<Dead> {
    let mut status = 0;
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    let reaped = crate::descriptor::again(|| {
        // SAFETY: both are valid places for the answers.
        Errno::result(unsafe { wait4(-1, &raw mut status, libc::WNOHANG, usage.as_mut_ptr()) })
    });
    let pid = reaped.ok().filter(|pid| *pid > 0)?;
    // SAFETY: all zeroes is a valid `rusage`, and the successful call has filled it.
    let usage = unsafe { usage.assume_init() };
    let killed = libc::WIFSIGNALED(status);
    Some(Dead {
        pid: Pid::from_raw(pid),
        ending: if killed {
            Ending::Killed(libc::WTERMSIG(status))
        } else {
            Ending::Exited(libc::WEXITSTATUS(status))
        },
        core_dumped: killed && libc::WCOREDUMP(status),
        peak_memory: u64::try_from(usage.ru_maxrss).unwrap_or(0),
        usage: Usage {
            user: duration(usage.ru_utime),
            system: duration(usage.ru_stime),
        },
    })
}

/// Waits for `child` to end, and gives what it cost.
pub fn wait_with_usage(child: Pid) -> io::Result<(Ending, Usage)> {
    let mut status = 0;
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    crate::descriptor::again(|| {
        // SAFETY: both are valid places for the answers.
        Errno::result(unsafe { wait4(child.as_raw(), &raw mut status, 0, usage.as_mut_ptr()) })
    })?;
    // SAFETY: all zeroes is a valid `rusage`, and the successful call has filled it.
    let usage = unsafe { usage.assume_init() };
    let ending = if libc::WIFSIGNALED(status) {
        Ending::Killed(libc::WTERMSIG(status))
    } else {
        Ending::Exited(libc::WEXITSTATUS(status))
    };
    let usage = Usage {
        user: duration(usage.ru_utime),
        system: duration(usage.ru_stime),
    };
    Ok((ending, usage))
}

fn duration(time: libc::timeval) -> Duration {
    let seconds = Duration::from_secs(u64::try_from(time.tv_sec).unwrap_or(0));
    seconds + Duration::from_micros(u64::try_from(time.tv_usec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn what_a_grandchild_spends_counts() {
        let script = "sh -c 'i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done'; exit 7";
        let child = Command::new("/bin/sh").args(["-c", script]).spawn();
        let pid = Pid::from_raw(child.unwrap().id().try_into().unwrap());
        let (ending, usage) = wait_with_usage(pid).unwrap();
        assert_eq!(ending, Ending::Exited(7));
        assert!(usage.user + usage.system > Duration::ZERO);
    }
}
