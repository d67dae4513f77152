use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use crate::Scratch;

/// A process that is killed and reaped when dropped, if it has not ended.
#[derive(Debug)]
pub struct Running(Child);

impl Running {
    /// Starts `command`, marked as belonging to `scratch`, so that what it leaves
    /// behind is found.
    #[track_caller]
    pub fn start(command: &mut Command, scratch: &Scratch) -> Self {
        command.env(Scratch::MARK, scratch.mark());
        Self(
            command
                .spawn()
                .unwrap_or_else(|error| panic!("{command:?}: {error}")),
        )
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// The child, for its pipes.
    pub fn child(&mut self) -> &mut Child {
        &mut self.0
    }

    /// Sends a signal by its name, without `SIG`.
    pub fn signal(&self, name: &str) {
        signal(self.pid(), name);
    }

    /// The exit code once it has ended, 128 and the signal's number where one
    /// killed it.
    pub fn ended(&mut self) -> Option<i32> {
        let status = self.0.try_wait().unwrap()?;
        Some(
            status
                .code()
                .unwrap_or_else(|| 128 + status.signal().unwrap_or(0)),
        )
    }

    /// Waits for its end, for [`crate::PATIENCE`] at the longest.
    #[track_caller]
    pub fn wait(&mut self) -> i32 {
        crate::until_some("the process ends", || self.ended())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Sends a signal by its name, without `SIG`; that the process may be gone is fine.
pub fn signal(pid: u32, name: &str) {
    // The shell's own kill: not every machine has the program.
    let status = Command::new("sh")
        .args(["-c", "kill -s \"$0\" \"$1\"", name, &pid.to_string()])
        .stderr(std::process::Stdio::null())
        .status();
    assert!(status.is_ok(), "sh cannot be run");
}

/// The living processes that were started for `scratch` or are in it.
#[must_use]
pub fn descendants_of_scratch(scratch: &Path) -> Vec<u32> {
    let mark = [
        Scratch::MARK.as_bytes(),
        b"=",
        scratch.as_os_str().as_bytes(),
    ]
    .concat();
    let own = std::process::id();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter(|pid| *pid != own && belongs(*pid, scratch, &mark))
        .collect()
}

fn belongs(pid: u32, scratch: &Path, mark: &[u8]) -> bool {
    let marked = fs::read(format!("/proc/{pid}/environ")).is_ok_and(|environment| {
        environment
            .split(|byte| *byte == 0)
            .any(|entry| entry == mark)
    });
    marked || fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(scratch))
}

/// Kills until none is left: what is killed may just have started another.
pub(crate) fn kill_all_of(scratch: &Path) {
    let start = Instant::now();
    loop {
        let left = descendants_of_scratch(scratch);
        if left.is_empty() || start.elapsed() > Duration::from_secs(10) {
            return;
        }
        for pid in left {
            signal(pid, "KILL");
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}
