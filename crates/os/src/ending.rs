//! How a process has ended that is no child of ours.
//!
//! The kernel tells that to the parent. Others may ask for it as long as the
//! parent has not fetched it, from /proc, and afterwards, from Linux 6.15 on, by a
//! descriptor that they had opened before.

use std::os::fd::{AsFd, AsRawFd};

use crate::incarnation;
use crate::pidfd::PidFd;
use crate::process::{Ending, Pid};

/// As `struct pidfd_info` begins in linux/pidfd.h, in its first version.
#[repr(C)]
#[derive(Default)]
struct Info {
    mask: u64,
    cgroup: u64,
    ids: [u32; 11],
    status: i32,
}

/// `PIDFD_GET_INFO`, which has the size of the struct in it.
const GET_INFO: libc::Ioctl = {
    const BOTH_WAYS: libc::Ioctl = 3 << 30;
    BOTH_WAYS | (size_of::<Info>() as libc::Ioctl) << 16 | 0xff << 8 | 0x0b
};
const _: () = assert!(size_of::<Info>() == 64);

/// Of the answer: the status is in it.
const STATUS: u64 = 1 << 3;

/// How `process`, which had the number `pid`, has ended; `None` where it has not,
/// or where nobody tells: it has been reaped and the kernel is older than Linux
/// 6.15, or it was another user's.
#[must_use]
pub fn of(pid: Pid, process: Option<&PidFd>) -> Option<Ending> {
    let told = || process.and_then(told_afterwards);
    // Whoever reaps it may do so between any two of these.
    told().or_else(|| shown_before(pid, process)).or_else(told)
}

/// Of one that has been reaped.
fn told_afterwards(process: &PidFd) -> Option<Ending> {
    let mut info = Info {
        mask: STATUS,
        ..Info::default()
    };
    let fd = process.as_fd().as_raw_fd();
    // SAFETY: the descriptor is open, and the struct has the size that the request
    // says, so that the kernel writes no further.
    let done = unsafe { libc::ioctl(fd, GET_INFO, &raw mut info) };
    (done == 0 && info.mask & STATUS != 0).then(|| Ending::from_status(info.status))
}

/// Of one that waits to be reaped. Without a descriptor the number might be
/// another's by now.
fn shown_before(pid: Pid, process: Option<&PidFd>) -> Option<Ending> {
    process?;
    incarnation::status_of_dead(pid).map(Ending::from_status)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Moment;
    use crate::signals::Signal;
    use crate::wait;
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};
    use std::time::Duration;

    /// A grandchild, its descriptor, and its parent, which does not reap it.
    fn grandchild(script: &str) -> (Pid, PidFd, std::process::Child) {
        // It says its own number, once it is ready for a signal.
        let script = format!("({script}) & read never");
        let mut parent = Command::new("sh")
            .args(["-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let output = parent.stdout.as_mut().unwrap();
        BufReader::new(output).read_line(&mut line).unwrap();
        let pid = Pid::from_raw(line.trim().parse().unwrap());
        (pid, PidFd::open(pid).unwrap(), parent)
    }

    #[test]
    fn how_a_strangers_process_ended_is_told_before_it_is_reaped() {
        for (script, ending) in [
            (
                "trap 'exit 7' TERM; echo $(sh -c 'echo $PPID'); while :; do sleep 0.01; done",
                Ending::Exited(7),
            ),
            ("exec sh -c 'echo $$; exec sleep 1000'", Ending::Killed(15)),
        ] {
            let (pid, process, mut parent) = grandchild(script);
            assert_eq!(of(pid, Some(&process)), None, "it lives");
            process.send(Signal::SIGTERM).unwrap();
            let soon = Moment::now().plus(Duration::from_secs(30));
            let [ended] = wait::until_readable([process.as_fd()], Some(soon)).unwrap();
            assert!(ended);
            assert_eq!(of(pid, Some(&process)), Some(ending));
            // A number alone may be another's by now.
            assert_eq!(of(pid, None), None);
            parent.kill().unwrap();
            parent.wait().unwrap();
        }
    }

    #[test]
    fn the_kernel_tells_how_a_child_ended_after_it_was_reaped_or_nothing() {
        let mut child = Command::new("sh").args(["-c", "exit 7"]).spawn().unwrap();
        let pid = Pid::from_raw(child.id().try_into().unwrap());
        let process = PidFd::open(pid).unwrap();
        child.wait().unwrap();
        let ending = of(pid, Some(&process));
        assert!(
            [None, Some(Ending::Exited(7))].contains(&ending),
            "{ending:?}"
        );
    }
}
