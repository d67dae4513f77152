//! The system calls of a program, and what can happen at each: it fails in one way or
//! another, or the program is killed before or after it.

use std::collections::HashMap;
use std::fmt;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::kit::Dice;

/// One call, and what happens there.
#[derive(Clone, Debug)]
pub struct Point {
    pub call: String,
    /// 1 for the first call of that name.
    pub number: usize,
    pub what: What,
}

/// What happens at a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// It is not made, and gives this error.
    Fails(&'static str),
    /// The program is killed, and the call is not made any more.
    KilledBefore,
    /// The call is made, and the program held where the kernel would go back to it, until
    /// somebody kills it: it executes not one instruction more.
    KilledAfter,
}

impl fmt::Display for Point {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.what {
            What::Fails(error) => write!(to, "{error} of")?,
            What::KilledBefore => to.write_str("killed before")?,
            What::KilledAfter => to.write_str("killed after")?,
        }
        write!(to, " {} {}", self.call, self.number)
    }
}

/// What happens in one life of a program: at one call, or at two of different names.
#[derive(Clone, Debug)]
pub struct Fault(Vec<Point>);

impl fmt::Display for Fault {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, point) in self.0.iter().enumerate() {
            let before = if index == 0 { "" } else { " and " };
            write!(to, "{before}{point}")?;
        }
        Ok(())
    }
}

/// How many are tried at a time; most of the time they wait.
const AT_A_TIME: usize = 8;

pub fn have_strace() -> bool {
    let mut command = Command::new("strace");
    command
        .arg("-V")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// With what a call can fail though it was made rightly. What an injected error
/// would tell an untruth about has none: a `close` that fails has closed all the
/// same, and most of what asks about the process itself cannot fail.
fn errors_of(call: &str) -> &'static [&'static str] {
    match call {
        "read" | "pread64" => &["EINTR", "EIO"],
        "write" | "writev" | "pwrite64" => &["EINTR", "ENOSPC", "EIO"],
        // Of a pipe that has just been seen to hold something.
        "splice" | "tee" => &["EINTR", "ENOMEM", "EINVAL"],
        "open" | "openat" | "openat2" => &["EINTR", "EMFILE", "ENOMEM", "EACCES", "EIO"],
        "poll" | "ppoll" | "select" | "pselect6" | "epoll_wait" => &["EINTR", "ENOMEM"],
        "fork" | "vfork" | "clone" | "clone3" => &["EAGAIN", "ENOMEM"],
        "pipe" | "pipe2" | "dup" | "dup2" | "dup3" => &["EMFILE"],
        "fcntl" => &["EMFILE", "EINTR"],
        "fsync" | "fdatasync" => &["EINTR", "EIO", "ENOSPC"],
        "rename" | "renameat" | "renameat2" | "link" | "linkat" | "mkdir" | "mkdirat" | "mknod"
        | "mknodat" | "symlink" | "ftruncate" | "fallocate" => &["EIO", "ENOSPC", "EACCES"],
        "unlink" | "unlinkat" | "chdir" | "fchdir" | "chmod" | "fchmod" | "fchmodat" | "stat"
        | "lstat" | "newfstatat" | "statx" | "getdents64" | "lseek" => &["EIO", "EACCES", "ENOMEM"],
        "flock" => &["EINTR", "ENOMEM", "EAGAIN"],
        "mmap" | "mremap" | "brk" => &["ENOMEM"],
        "wait4" | "waitid" | "nanosleep" | "clock_nanosleep" => &["EINTR"],
        "pidfd_open" | "pidfd_send_signal" | "pidfd_getfd" => &["ENOSYS", "EMFILE", "EPERM"],
        "inotify_init1" | "inotify_add_watch" => &["ENOSYS", "EMFILE", "ENOSPC"],
        "signalfd4" | "eventfd2" | "epoll_create1" | "timerfd_create" => &["EMFILE", "ENOMEM"],
        "prctl" => &["EINVAL"],
        "execve" => &["EACCES", "ENOMEM", "E2BIG"],
        // What a user namespace or a security module forbids even to root.
        "setgroups" | "setgid" | "setregid" | "setresgid" | "setrlimit" | "prlimit64" => &["EPERM"],
        "setuid" | "setreuid" | "setresuid" => &["EPERM", "EAGAIN"],
        _ => &[],
    }
}

/// Each call of a trace with each of its errors, once the program has begun.
fn all(trace: &str) -> Vec<Point> {
    from(trace, false)
}

fn from(trace: &str, mut started: bool) -> Vec<Point> {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    let mut all = Vec::new();
    // The first makes it this program, and strace does not count it.
    for line in trace.lines().skip(1) {
        let Some((call, _)) = line.split_once('(') else {
            continue;
        };
        let number = counts.entry(call).or_default();
        *number += 1;
        // Before this a language's run-time has not set itself up yet, and who fails
        // then has not begun.
        started |= call == "rt_sigaction" || call == "openat" || call == "open";
        if started && !line.starts_with("brk(NULL") {
            let of_call = errors_of(call).iter().map(|error| Point {
                call: call.to_owned(),
                number: *number,
                what: What::Fails(error),
            });
            all.extend(of_call);
        }
    }
    all
}

/// Of so many, those that are spread over all.
fn spread(all: Vec<Point>, some: Option<usize>) -> Vec<Fault> {
    let step = some.map_or(1, |some| (all.len() / some).max(1));
    // An odd step meets each error of a call that comes in threes.
    let some = all.into_iter().step_by(step | 1);
    some.map(|point| Fault(vec![point])).collect()
}

/// All of a trace, or so many of them.
pub fn singles(trace: &str, some: Option<usize>) -> Vec<Fault> {
    spread(all(trace), some)
}

/// All where memory is asked for, from the first instruction on, or so many of them.
pub fn memory(trace: &str, some: Option<usize>) -> Vec<Fault> {
    let mut all = from(trace, true);
    all.retain(|point| ["mmap", "mremap", "brk"].contains(&&*point.call));
    // The C library's own first one: nothing that strace can have it return is what
    // the kernel would, which is the break as it was.
    all.retain(|point| point.call != "brk" || point.number > 2);
    spread(all, some)
}

/// So many times two that are drawn from all.
pub fn pairs(trace: &str, number: usize, dice: &mut Dice) -> Vec<Fault> {
    let all = all(trace);
    let mut draw = || {
        let at = usize::try_from(dice.below(all.len().max(1) as u64)).unwrap_or(0);
        all.get(at).cloned()
    };
    let drawn = std::iter::repeat_with(|| Some([draw()?, draw()?]));
    // Two of the same name cannot be told apart by strace.
    let drawn = drawn.map_while(|pair| pair).take(number * 8);
    let pairs = drawn.filter(|[first, second]| first.call != second.call);
    pairs
        .map(|pair| Fault(pair.to_vec()))
        .take(number)
        .collect()
}

/// Kills before and after all calls of a trace, or so many of either.
pub fn kills(trace: &str, some: Option<usize>) -> Vec<Fault> {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    let mut before = Vec::new();
    for line in trace.lines() {
        let Some((call, _)) = line.split_once('(') else {
            continue;
        };
        // A signal, or the end.
        if !call
            .bytes()
            .all(|it| it.is_ascii_alphanumeric() || it == b'_')
        {
            continue;
        }
        let number = counts.entry(call).or_default();
        *number += 1;
        // The one that makes it this program is not its own.
        if call != "execve" {
            before.push(Point {
                call: call.to_owned(),
                number: *number,
                what: What::KilledBefore,
            });
        }
    }
    let mut after = before.clone();
    // Nobody comes back from that.
    after.retain(|point| point.call != "exit_group" && point.call != "exit");
    for point in &mut after {
        point.what = What::KilledAfter;
    }
    let mut kills = spread(before, some);
    kills.extend(spread(after, some));
    kills
}

/// The file of the scratch directory that tells of the call after which a program is to
/// be killed, and how it says that the call has been made.
pub const HELD: (&str, &str) = ("held", "(DELAYED)");

/// Longer than anybody takes to kill what is held.
const HOLD: &str = "delay_exit=20000000";

/// Whether what these options do is a kill.
pub fn is_kill(options: &[String]) -> bool {
    let kill = |option: &String| option.contains("signal=KILL") || option.contains(HOLD);
    options.iter().any(kill)
}

/// The options for what happens at the calls, each once.
pub fn injection(fault: &Fault) -> Vec<String> {
    let calls: Vec<&str> = fault.0.iter().map(|point| &*point.call).collect();
    let held = fault.0.iter().any(|it| it.what == What::KilledAfter);
    let output = if held { HELD.0 } else { "/dev/null" };
    let mut options: Vec<String> = ["-D", "-o", output].map(str::to_owned).to_vec();
    options.push(format!("-etrace={}", calls.join(",")));
    for Point { call, number, what } in &fault.0 {
        let how = match what {
            // It has no errors: a break that is not what was asked for is one.
            What::Fails(_) if call == "brk" => "retval=0".to_owned(),
            What::Fails(error) => format!("error={error}"),
            What::KilledBefore => "signal=KILL".to_owned(),
            What::KilledAfter => HOLD.to_owned(),
        };
        options.push(format!("-einject={call}:{how}:when={number}"));
    }
    options
}

/// Does something with each, with several at a time; gives what came of each.
pub fn at_each<P: Clone + Send + Sync, T: Send>(
    points: &[P],
    run: impl Fn(&P) -> T + Sync,
) -> Vec<(P, T)> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while let Some(point) = points.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let came = run(point);
                    if let Ok(mut done) = done.lock() {
                        done.push((point.clone(), came));
                    }
                }
            });
        }
    });
    done.into_inner().unwrap_or_default()
}
