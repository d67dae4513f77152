//! Child processes: starting, reaping, signalling.

use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io::{self, IoSlice};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, SigmaskHow};
use nix::unistd::{ForkResult, fork};

pub use nix::unistd::Pid;

use crate::exec::Image;
use crate::file::How;
use crate::signals::Signal;
use crate::startup;

/// What the child's side does with SIGCHLD before it becomes the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChildSignal {
    /// Default and unblocked, as `supervise` hands it to a service.
    Default,
    /// As our own parent gave it to us, as `svscan` hands it on.
    Inherited,
}

/// A program to be started in a child process, with all that is to happen
/// between fork and exec. Made once, it may be started any number of times
/// without allocating.
///
/// A failure after the fork is not the caller's: the child prints the excuse
/// for it, `: ` and the reason, in one write to descriptor 2, and exits 111.
#[derive(Debug)]
pub struct Launch<'a> {
    /// The program.
    pub image: &'a Image,
    /// Descriptors of ours that the child gets as these numbers.
    pub descriptors: &'a [(BorrowedFd<'a>, RawFd)],
    /// Where the child goes before it looks for the program.
    pub directory: Option<&'a CString>,
    /// How SIGCHLD is handed on.
    pub child_signal: ChildSignal,
    /// Printed where a descriptor cannot be set up.
    pub descriptor_excuse: &'a [u8],
    /// Printed where the directory cannot be entered.
    pub directory_excuse: &'a [u8],
    /// Printed where the program cannot be executed.
    pub exec_excuse: &'a [u8],
}

/// What else a child is to be and not to have, of [`Launch::start_gated_as`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Birth<'a> {
    /// What it closes first: what these hold on to, such as a lock, is held by us
    /// alone.
    pub not_held: &'a [BorrowedFd<'a>],
    /// It leads a session of its own, and so a process group.
    pub session: bool,
    /// Signals that we catch: it has them at their default, from its first
    /// instruction on.
    pub caught: &'a [Signal],
    /// What it opens once it is let go, in the directory that we are in.
    pub files: &'a [Opened<'a>],
    /// Should we die without having let it go, it asks this about that file, and goes
    /// on if the answer is yes. What it asks must make async-signal-safe calls alone,
    /// and allocate nothing.
    pub orphaned: Option<(&'a File, Asked)>,
}

/// A question about a file.
pub type Asked = fn(&File) -> bool;

impl Launch<'_> {
    /// Forks; the error is the fork's.
    pub fn start(&self) -> io::Result<Pid> {
        // SAFETY: the child runs only `become_program`, which makes nothing but
        // async-signal-safe calls and allocates nothing, so no lock that another
        // thread might have held at the fork can matter to it.
        match unsafe { fork() }? {
            ForkResult::Parent { child } => Ok(child),
            ForkResult::Child => self.run(),
        }
    }

    /// Forks; but the child goes no further before it is [let go](Gated::open), so
    /// that it can be put on record before it is anything. Should we die without
    /// having let it go, it exits without a word, unless [`Birth::orphaned`] has it
    /// go on.
    ///
    /// The first that the child does is to close its copies of `not_held`: what
    /// they hold on to, such as a lock, is held by us alone.
    pub fn start_gated(&self, not_held: &[BorrowedFd<'_>]) -> io::Result<Gated> {
        self.start_gated_as(&Birth {
            not_held,
            ..Birth::default()
        })
    }

    /// The same, and once it is let go the child opens `files`, in the directory
    /// that we are in. Of our own descriptors that takes none.
    pub fn start_opening(
        &self,
        not_held: &[BorrowedFd<'_>],
        files: &[Opened<'_>],
    ) -> io::Result<Gated> {
        self.start_gated_as(&Birth {
            not_held,
            files,
            ..Birth::default()
        })
    }

    /// The same for a child that is more than that.
    pub fn start_gated_as(&self, birth: &Birth<'_>) -> io::Result<Gated> {
        let (closed, gate) = crate::descriptor::pipe()?;
        let caught: SigSet = birth.caught.iter().copied().collect();
        // One that comes in between is the child's own and must find no handler of
        // ours there.
        let before = caught.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        // SAFETY: as in `start`; what comes before is setsid(2), sigaction(2),
        // sigprocmask(2), close(2) and read(2), and what is bound to be like that by
        // [`Birth::orphaned`].
        let forked = unsafe { fork() };
        if let Ok(ForkResult::Child) = forked {
            for signal in birth.caught {
                set_default(*signal);
            }
        }
        let _ = before.thread_set_mask();
        match forked? {
            ForkResult::Parent { child } => Ok(Gated {
                child,
                gate,
                _closed: closed,
            }),
            ForkResult::Child => {
                for fd in birth.not_held {
                    // SAFETY: this process uses none of them any more, and never
                    // drops their owners: it becomes another or exits.
                    unsafe { libc::close(fd.as_raw_fd()) };
                }
                // A copy of ours would keep the pipe from ending.
                drop(gate);
                if birth.session {
                    // A new process leads nothing yet, so it can only succeed.
                    let _ = nix::unistd::setsid();
                }
                let open = crate::descriptor::read(&closed, &mut [0]);
                let goes_on = || birth.orphaned.is_some_and(|(file, asked)| asked(file));
                if !open.is_ok_and(|count| count == 1 || goes_on()) {
                    exit_child()
                }
                for file in birth.files {
                    if let Err(why) = file.open() {
                        complain(self.descriptor_excuse, crate::reason(&why));
                    }
                }
                self.run()
            }
        }
    }

    /// The child's side.
    fn run(&self) -> ! {
        let (excuse, errno) = self.become_program();
        complain(excuse, crate::reason_for(errno))
    }

    /// What could not be done, and why.
    fn become_program(&self) -> (&[u8], Errno) {
        if let Err(errno) = place(self.descriptors) {
            return (self.descriptor_excuse, errno);
        }
        if let Some(directory) = self.directory
            && let Err(errno) = nix::unistd::chdir(directory.as_c_str())
        {
            return (self.directory_excuse, errno);
        }
        self.hand_on_child_signal();
        crate::limits::restore_descriptors();
        crate::oom::restore();
        let Err(errno) = self.image.execute();
        (self.exec_excuse, errno)
    }

    fn hand_on_child_signal(&self) {
        let ignored = self.child_signal == ChildSignal::Inherited && startup::child_was_ignored();
        let handler = if ignored {
            SigHandler::SigIgn
        } else {
            SigHandler::SigDfl
        };
        let action = SigAction::new(handler, SaFlags::empty(), SigSet::empty());
        // SAFETY: installs no handler, so no code of ours can run in signal context.
        let _ = unsafe { nix::sys::signal::sigaction(Signal::SIGCHLD, &action) };
        let how = match self.child_signal {
            ChildSignal::Inherited if startup::child_was_blocked() => SigmaskHow::SIG_BLOCK,
            ChildSignal::Inherited | ChildSignal::Default => SigmaskHow::SIG_UNBLOCK,
        };
        let _ = nix::sys::signal::sigprocmask(how, Some(&SigSet::from(Signal::SIGCHLD)), None);
    }
}

fn set_default(signal: Signal) {
    let action = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    // SAFETY: installs no handler, so no code of ours can run in signal context.
    let _ = unsafe { nix::sys::signal::sigaction(signal, &action) };
}

/// A child that waits to be let go. Where this is dropped instead, the child
/// exits, unless it is to [go on](Birth::orphaned).
#[derive(Debug)]
pub struct Gated {
    child: Pid,
    gate: OwnedFd,
    /// The other end, so that letting go a child that has been killed meanwhile
    /// is no SIGPIPE for us.
    _closed: OwnedFd,
}

impl Gated {
    /// Its process id.
    #[must_use]
    pub const fn pid(&self) -> Pid {
        self.child
    }

    /// Lets it go; it becomes the program under the same process id. Where that fails
    /// there is no child any more: one that saw the gate end could take itself for
    /// an orphan, and go on.
    pub fn open(self) -> io::Result<Pid> {
        let opened = crate::descriptor::write_all(&self.gate, &[1]);
        if opened.is_err() {
            let _ = nix::sys::signal::kill(self.child, Signal::SIGKILL);
            let _ = crate::descriptor::again(|| nix::sys::wait::waitpid(self.child, None));
        }
        opened.map(|()| self.child)
    }
}

/// A file that a child opens for itself.
#[derive(Clone, Copy, Debug)]
pub struct Opened<'a> {
    /// Its name, below 1000 bytes long.
    pub name: &'a OsStr,
    /// How it is opened.
    pub how: How,
    /// The child's descriptor for it; whatever had that number is gone.
    pub number: RawFd,
}

impl Opened<'_> {
    /// Allocates nothing, the name being short.
    fn open(&self) -> io::Result<()> {
        let file = self.how.open(self.name)?;
        let number = file.as_raw_fd();
        if number == self.number {
            // The descriptor is for the program to be executed.
            crate::descriptor::keep_on_exec(&file)?;
            std::mem::forget(file);
            return Ok(());
        }
        // SAFETY: `file` is open; whatever the other was, the child is about to
        // become another program and nothing here uses it.
        Errno::result(unsafe { libc::dup2(number, self.number) })?;
        Ok(())
    }
}

/// The child's last words.
fn complain(excuse: &[u8], reason: &str) -> ! {
    let pieces = [excuse, b": ", reason.as_bytes(), b"\n"].map(IoSlice::new);
    let _ = crate::descriptor::write_pieces(crate::descriptor::stderr(), &pieces);
    exit_child()
}

fn exit_child() -> ! {
    // SAFETY: ends the process without running the parent's exit handlers.
    unsafe { libc::_exit(111) }
}

/// Puts each descriptor on its number.
///
/// The callers' descriptors lie above all the numbers, so that none is
/// overwritten before it is placed.
fn place(descriptors: &[(BorrowedFd<'_>, RawFd)]) -> Result<(), Errno> {
    for (from, to) in descriptors {
        // SAFETY: `from` is open; whatever `to` was, the child is about to become
        // another program and nothing here owns it.
        Errno::result(unsafe { libc::dup2(from.as_raw_fd(), *to) })?;
    }
    Ok(())
}

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It exited with this code.
    Exited(i32),
    /// This signal killed it.
    Killed(i32),
}

impl Ending {
    /// From what wait(2) calls the status of a process that has ended.
    pub(crate) const fn from_status(status: i32) -> Self {
        if libc::WIFSIGNALED(status) {
            Self::Killed(libc::WTERMSIG(status))
        } else {
            Self::Exited(libc::WEXITSTATUS(status))
        }
    }
}

/// Reaps one dead child, whichever it is, without waiting; `None` where none is
/// dead (or there is none at all).
#[must_use]
pub fn reap() -> Option<(Pid, Ending)> {
    wait(-1, libc::WNOHANG).ok().flatten()
}

/// Reaps this child if it is dead, without waiting.
#[must_use]
pub fn reap_one(child: Pid) -> Option<Ending> {
    let (_, ending) = wait(child.as_raw(), libc::WNOHANG).ok()??;
    Some(ending)
}

/// Waits for one child to end.
pub fn wait_for(child: Pid) -> io::Result<Ending> {
    loop {
        if let Some((_, ending)) = wait(child.as_raw(), 0)? {
            return Ok(ending);
        }
    }
}

/// Not nix's: it gives an error for a death by a real-time signal, and the child
/// is reaped and lost all the same.
fn wait(which: libc::pid_t, flags: libc::c_int) -> io::Result<Option<(Pid, Ending)>> {
    let mut status = 0;
    let pid = crate::descriptor::again(|| {
        // SAFETY: `status` is a valid place for the answer.
        Errno::result(unsafe { libc::waitpid(which, &raw mut status, flags) })
    })?;
    if pid == 0 {
        return Ok(None);
    }
    // Stopped and continued children are not asked for, so it has ended.
    Ok(Some((Pid::from_raw(pid), Ending::from_status(status))))
}

/// Whether `pid` is a child of ours, alive or not yet reaped.
#[must_use]
pub fn is_child(pid: Pid) -> bool {
    use nix::sys::wait::{Id, WaitPidFlag, waitid};
    let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    waitid(Id::Pid(pid), look).is_ok()
}

/// Sends `signal` to one process.
pub fn send(to: Pid, signal: Signal) -> io::Result<()> {
    Ok(nix::sys::signal::kill(to, signal)?)
}

/// Sends `signal` to the process group that `leader` leads; where it leads none, to
/// that one process.
pub fn send_group(leader: Pid, signal: Signal) -> io::Result<()> {
    match nix::sys::signal::killpg(leader, signal) {
        Err(Errno::ESRCH) => send(leader, signal),
        other => Ok(other?),
    }
}

/// Makes us the leader of a new session and of a new process group in it,
/// without a terminal; a leader of a process group already gets `EPERM`.
pub fn new_session() -> io::Result<()> {
    nix::unistd::setsid()?;
    Ok(())
}

/// Becomes the program in this very process, with SIGCHLD, the limit on
/// descriptors and the score for want of memory as our own parent gave them.
/// Returns only where that fails, with everything as it was.
#[must_use]
pub fn become_image(image: &Image) -> io::Error {
    let handler = if startup::child_was_ignored() {
        SigHandler::SigIgn
    } else {
        SigHandler::SigDfl
    };
    let action = SigAction::new(handler, SaFlags::empty(), SigSet::empty());
    // SAFETY: installs no handler, so no code of ours can run in signal context.
    let before = unsafe { nix::sys::signal::sigaction(Signal::SIGCHLD, &action) };
    crate::limits::restore_descriptors();
    let Err(errno) = crate::oom::with_old(|| image.execute());
    crate::limits::raise_descriptors();
    if let Ok(before) = before {
        // SAFETY: puts back what was there before.
        let _ = unsafe { nix::sys::signal::sigaction(Signal::SIGCHLD, &before) };
    }
    errno.into()
}

/// Becomes the parent of every descendant whose own parent ends, in place of
/// init; it is for us to reap them.
pub fn adopt_orphans() -> io::Result<()> {
    // SAFETY: sets a flag of this process and touches no memory.
    Errno::result(unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) })?;
    Ok(())
}

/// Our own process id.
#[must_use]
pub fn own_pid() -> Pid {
    Pid::this()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Moment;
    use std::fs::File;
    use std::os::fd::AsFd;
    use std::time::Duration;

    fn launch(image: &Image) -> Launch<'_> {
        Launch {
            image,
            descriptors: &[],
            directory: None,
            child_signal: ChildSignal::Default,
            descriptor_excuse: &[],
            directory_excuse: &[],
            exec_excuse: &[],
        }
    }

    #[test]
    fn a_child_that_is_not_let_go_becomes_nothing() {
        let image = Image::named("/bin/sh", &["sh", "-c", "exit 3"], &[]).unwrap();
        let gated = launch(&image).start_gated(&[]).unwrap();
        let pid = gated.pid();
        assert!(is_child(pid));
        drop(gated);
        assert_eq!(wait_for(pid).unwrap(), Ending::Exited(111));
        assert!(!is_child(pid));
        let pid = launch(&image).start_gated(&[]).unwrap().open().unwrap();
        assert_eq!(wait_for(pid).unwrap(), Ending::Exited(3));
    }

    /// It took itself for an orphan and went on, beside the one that was started in its
    /// place.
    #[test]
    fn a_child_that_could_not_be_let_go_is_gone() {
        let image = Image::named("/bin/sh", &["sh", "-c", "exec sleep 1000"], &[]).unwrap();
        let file = File::open("/").unwrap();
        let birth = Birth {
            orphaned: Some((&file, |_| true)),
            ..Birth::default()
        };
        let mut gated = launch(&image).start_gated_as(&birth).unwrap();
        let pid = gated.pid();
        // Nothing can be written there.
        let unusable = File::open("/dev/null").unwrap().into();
        let gate = std::mem::replace(&mut gated.gate, unusable);
        assert!(gated.open().is_err());
        assert!(!is_child(pid), "it has not been reaped");
        drop(gate);
    }

    #[test]
    fn a_child_that_is_orphaned_goes_on_where_the_answer_is_yes() {
        let image = Image::named("/bin/sh", &["sh", "-c", "exit 3"], &[]).unwrap();
        let file = File::open("/").unwrap();
        let answers: [(Asked, i32); 2] = [(|_| true, 3), (|_| false, 111)];
        for (asked, code) in answers {
            let birth = Birth {
                orphaned: Some((&file, asked)),
                ..Birth::default()
            };
            let gated = launch(&image).start_gated_as(&birth).unwrap();
            let pid = gated.pid();
            drop(gated);
            assert_eq!(wait_for(pid).unwrap(), Ending::Exited(code));
        }
    }

    #[test]
    fn a_child_opens_its_files_itself() {
        let image = Image::named("/bin/sh", &["sh", "-c", "cat <&5 >&4"], &[]).unwrap();
        let name = std::env::temp_dir().join(format!("dt-os-process.{}", std::process::id()));
        std::fs::write(&name, "content").unwrap();
        let copy = name.with_extension("copy");
        let file = |name, how, number| Opened { name, how, number };
        let files = [
            file(name.as_os_str(), How::READ, 5),
            file(copy.as_os_str(), How::CREATE_NEW.mode(0o600), 4),
        ];
        let start = || launch(&image).start_opening(&[], &files).unwrap().open();
        let ended = wait_for(start().unwrap()).unwrap();
        let seen = std::fs::read(&copy).unwrap();
        // It is there already.
        let again = wait_for(start().unwrap()).unwrap();
        std::fs::remove_file(&name).unwrap();
        std::fs::remove_file(&copy).unwrap();
        assert_eq!((ended, seen), (Ending::Exited(0), b"content".to_vec()));
        assert_eq!(again, Ending::Exited(111));
    }

    #[test]
    fn letting_go_a_child_that_was_killed_is_no_error() {
        let image = Image::named("/bin/true", &["true"], &[]).unwrap();
        let gated = launch(&image).start_gated(&[]).unwrap();
        let pid = gated.pid();
        send(pid, Signal::SIGKILL).unwrap();
        assert_eq!(wait_for(pid).unwrap(), Ending::Killed(9));
        // The signal would end the test.
        assert_eq!(gated.open().unwrap(), pid);
    }

    #[test]
    fn a_waiting_child_does_not_hold_what_it_is_not_to_hold() {
        let image = Image::named("/bin/sh", &["sh", "-c", "exit 3"], &[]).unwrap();
        let (reading, writing) = crate::descriptor::pipe().unwrap();
        let gated = launch(&image).start_gated(&[writing.as_fd()]).unwrap();
        drop(writing);
        let soon = Moment::now().plus(Duration::from_mins(1));
        let [ended] = crate::wait::until_readable([reading.as_fd()], Some(soon)).unwrap();
        assert!(ended);
        assert_eq!(
            io::Read::read(&mut File::from(reading), &mut [0]).unwrap(),
            0
        );
        assert_eq!(wait_for(gated.open().unwrap()).unwrap(), Ending::Exited(3));
    }
}
