//! Asking a helper program of the system for an answer.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal, sigaction};
use nix::unistd::{ForkResult, fork};

use crate::clock::Moment;
use crate::descriptor;
use crate::exec::Image;
use crate::process::{Ending, wait_for};
use crate::wait;

/// The exit code of a helper that could not be executed.
pub const NOT_EXECUTED: i32 = 111;

/// Runs a helper and gives what it printed, up to `limit` bytes, and how it
/// ended.
///
/// It gets the image's environment, /dev/null as input and as the place for its
/// complaints, no other descriptor of ours, and no signal ignored or blocked.
/// Where the helper cannot be executed it ends with [`NOT_EXECUTED`].
pub fn ask(helper: &Image, limit: usize) -> io::Result<(Vec<u8>, Ending)> {
    ask_until(helper, limit, None)
}

/// The same for a helper that need not be what it seems: at the deadline it is
/// killed, and the error is `ETIMEDOUT`.
pub fn ask_until(
    helper: &Image,
    limit: usize,
    deadline: Option<Moment>,
) -> io::Result<(Vec<u8>, Ending)> {
    let null = std::fs::File::options()
        .read(true)
        .write(true)
        .open("/dev/null")?;
    let (answers, theirs) = descriptor::pipe()?;
    let _heard = Heard::begin()?;
    // SAFETY: the child runs only `speak`, which makes nothing but async-signal-safe
    // calls and allocates nothing.
    match unsafe { fork() }? {
        ForkResult::Child => speak(helper, &null, &theirs),
        ForkResult::Parent { child } => {
            drop(theirs);
            let answer = read_up_to(&answers, limit, deadline);
            if deadline.is_some() && answer.is_err() {
                let _ = crate::process::send(child, Signal::SIGKILL);
            }
            // Before the wait, or a helper with more to say would wait for us.
            drop(answers);
            let ending = wait_for(child)?;
            Ok((answer?, ending))
        }
    }
}

fn read_up_to(answers: &OwnedFd, limit: usize, deadline: Option<Moment>) -> io::Result<Vec<u8>> {
    let mut answer = Vec::new();
    let mut piece = [0; 1024];
    while answer.len() < limit {
        if let Some(deadline) = deadline {
            let [readable] = wait::until_readable([answers.as_fd()], Some(deadline))?;
            if !readable && Moment::now() >= deadline {
                return Err(Errno::ETIMEDOUT.into());
            }
            if !readable {
                continue;
            }
        }
        let length = descriptor::read(answers, &mut piece)?;
        if length == 0 {
            break;
        }
        answer.extend(piece.iter().take(length));
    }
    answer.truncate(limit);
    Ok(answer)
}

/// The child's side.
fn speak(helper: &Image, null: &impl AsFd, theirs: &OwnedFd) -> ! {
    let null = null.as_fd().as_raw_fd();
    for (from, to) in [(null, 0), (theirs.as_raw_fd(), 1), (null, 2)] {
        // SAFETY: both numbers are open, 0 to 2 since the start of the process;
        // the child is about to become another program, so nothing owns `to`.
        unsafe { libc::dup2(from, to) };
    }
    // Where the kernel does not know the call, the helper sees our descriptors.
    // SAFETY: nothing in this child uses a descriptor above 2 any more.
    unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0) };
    let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    for signal in Signal::iterator() {
        // SAFETY: installs no handler. KILL and STOP are refused, and need nothing.
        let _ = unsafe { sigaction(signal, &default) };
    }
    let none = SigSet::empty();
    let _ = nix::sys::signal::sigprocmask(SigmaskHow::SIG_SETMASK, Some(&none), None);
    let Err(_) = helper.execute();
    // SAFETY: ends the process without running the parent's exit handlers.
    unsafe { libc::_exit(NOT_EXECUTED) }
}

/// While this lives a child's end can be waited for, which it cannot where our
/// parent had us ignore SIGCHLD; afterwards that is as it was.
struct Heard(SigAction);

impl Heard {
    fn begin() -> Result<Self, Errno> {
        let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
        // SAFETY: installs no handler, so no code of ours can run in signal context.
        Ok(Self(unsafe { sigaction(Signal::SIGCHLD, &default) }?))
    }
}

impl Drop for Heard {
    fn drop(&mut self) {
        // SAFETY: puts back what was there before.
        let _ = unsafe { sigaction(Signal::SIGCHLD, &self.0) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> (Vec<u8>, Ending) {
        let image = Image::named("/bin/sh", &["sh", "-c", script], &[]).unwrap();
        ask(&image, 10).unwrap()
    }

    #[test]
    fn the_answer_comes_with_the_ending() {
        assert_eq!(
            shell("echo yes; exit 2"),
            (b"yes\n".to_vec(), Ending::Exited(2))
        );
    }

    #[test]
    fn a_helper_gets_no_descriptor_of_ours() {
        let _ours = descriptor::duplicate_for_children(descriptor::stderr()).unwrap();
        // 10 may be the shell's own, for the script.
        let script = "for f in 3 4 5 6 7 8 9; do (: >&$f) 2>/dev/null && echo $f; done; exit 0";
        assert_eq!(shell(script), (Vec::new(), Ending::Exited(0)));
    }

    #[test]
    fn an_answer_beyond_the_limit_is_cut() {
        assert_eq!(shell("echo 123456789012345").0, b"1234567890");
    }

    #[test]
    fn a_helper_that_does_not_answer_is_killed() {
        let image = Image::named("/bin/sleep", &["sleep", "1000"], &[]).unwrap();
        let soon = Moment::now().plus(std::time::Duration::from_millis(50));
        let why = ask_until(&image, 10, Some(soon)).unwrap_err();
        assert!(crate::is_errno(&why, Errno::ETIMEDOUT));
    }

    #[test]
    fn a_helper_that_is_not_there_is_told_by_its_ending() {
        let image = Image::named("/no/such", &["such"], &[]).unwrap();
        assert_eq!(ask(&image, 10).unwrap().1, Ending::Exited(NOT_EXECUTED));
    }
}
