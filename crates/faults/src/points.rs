//! The system calls of a program, and how each can fail.

use std::collections::HashMap;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// One failing call.
#[derive(Clone, Debug)]
pub struct Point {
    pub call: String,
    /// 1 for the first call of that name.
    pub number: usize,
    pub error: &'static str,
}

impl std::fmt::Display for Point {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(to, "{} of {} {}", self.error, self.call, self.number)
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
        "mmap" | "mremap" => &["ENOMEM"],
        "wait4" | "waitid" | "nanosleep" | "clock_nanosleep" => &["EINTR"],
        "pidfd_open" | "pidfd_send_signal" | "pidfd_getfd" => &["ENOSYS", "EMFILE", "EPERM"],
        "inotify_init1" | "inotify_add_watch" => &["ENOSYS", "EMFILE", "ENOSPC"],
        "signalfd4" | "eventfd2" | "epoll_create1" | "timerfd_create" => &["EMFILE", "ENOMEM"],
        "prctl" => &["EINVAL"],
        _ => &[],
    }
}

/// All of a trace, or so many of them, spread over it.
pub fn points(trace: &str, some: Option<usize>) -> Vec<Point> {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    let mut all = Vec::new();
    let mut started = false;
    for line in trace.lines() {
        let Some((call, _)) = line.split_once('(') else {
            continue;
        };
        let number = counts.entry(call).or_default();
        *number += 1;
        // Before this a language's run-time has not set itself up yet, and who fails
        // then has not begun.
        started |= call == "rt_sigaction" || call == "openat" || call == "open";
        if started {
            let of_call = errors_of(call).iter().map(|error| Point {
                call: call.to_owned(),
                number: *number,
                error,
            });
            all.extend(of_call);
        }
    }
    let step = some.map_or(1, |some| (all.len() / some).max(1));
    // An odd step meets each error of a call that comes in threes.
    all.into_iter().step_by(step | 1).collect()
}

/// The options that let one call fail once.
pub fn injection(point: &Point) -> [String; 6] {
    let Point {
        call,
        number,
        error,
    } = point;
    let inject = format!("inject={call}:error={error}:when={number}");
    let trace = format!("trace={call}");
    [
        "-D".into(),
        "-o".into(),
        "/dev/null".into(),
        format!("-e{trace}"),
        "-e".into(),
        inject,
    ]
}

/// Does something at all points, several at a time; gives what came of each.
pub fn at_each<T: Send>(points: &[Point], run: impl Fn(&Point) -> T + Sync) -> Vec<(Point, T)> {
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
