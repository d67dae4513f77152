//! Processes, looked at from outside, and waiting.

use std::collections::HashSet;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use dt_os::process::Pid;
use dt_os::signals::Signal;

pub type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// The directory that this program was started from, where ours are as well.
pub fn beside_us() -> Outcome<PathBuf> {
    let own = std::env::current_exe()?;
    Ok(own.parent().ok_or("no directory of our own")?.to_owned())
}

/// How long it took until `condition` held; `None` if it did not within `limit`.
pub fn until(limit: Duration, mut condition: impl FnMut() -> bool) -> Option<Duration> {
    let begun = Instant::now();
    loop {
        if condition() {
            return Some(begun.elapsed());
        }
        if begun.elapsed() > limit {
            return None;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The same where going on makes no sense otherwise.
pub fn must(what: &str, limit: Duration, condition: impl FnMut() -> bool) -> Outcome<Duration> {
    until(limit, condition).ok_or_else(|| format!("{what}: not within {limit:?}").into())
}

/// Sends a signal; that the process may be gone is fine.
pub fn signal(pid: u32, signal: Signal) {
    if let Ok(pid) = i32::try_from(pid) {
        let _ = dt_os::process::send(Pid::from_raw(pid), signal);
    }
}

pub fn kill(pid: u32) {
    signal(pid, Signal::SIGKILL);
}

/// The fields of `/proc/PID/stat` after the name.
pub fn stat(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(") ")?;
    Some(rest.split(' ').map(str::to_owned).collect())
}

/// Whether there is such a process, and it is no zombie.
pub fn lives(pid: u32) -> bool {
    stat(pid).is_some_and(|fields| fields.first().is_some_and(|state| state != "Z"))
}

/// Who traces it.
pub fn tracer(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let tracer = field(&status, "TracerPid:").filter(|pid| *pid != 0)?;
    u32::try_from(tracer).ok()
}

/// Processor time that it has used.
pub fn cpu(pid: u32) -> Duration {
    let ticks = |fields: &[String], at: usize| fields.get(at)?.parse::<u64>().ok();
    let used = stat(pid).and_then(|fields| Some(ticks(&fields, 11)? + ticks(&fields, 12)?));
    // A tick is a hundredth of a second wherever Linux tells ticks.
    Duration::from_millis(used.unwrap_or_default() * 10)
}

/// Memory of its own in kB. What is mapped from its program's file does not count: it
/// becomes private when another process of the same program ends, and is dirty where
/// the program has just been built.
pub fn private(pid: u32) -> u64 {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    field(&rollup, "Anonymous:").unwrap_or(0)
}

/// The number after a word at the beginning of a line.
pub fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// A mask of signals in the text of `/proc/PID/status`, by its name there.
pub fn mask(status: &str, name: &str) -> Outcome<u64> {
    let mask = status.lines().find_map(|line| line.strip_prefix(name));
    Ok(u64::from_str_radix(
        mask.ok_or("no signal masks")?.trim(),
        16,
    )?)
}

/// How many descriptors it has open.
pub fn descriptors(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
}

/// The living processes that are called `name` and work in `directory`.
pub fn named_in(name: &str, directory: &Path) -> Vec<u32> {
    let here = |pid: &u32| {
        let comm = fs::read_to_string(format!("/proc/{pid}/comm"));
        comm.is_ok_and(|comm| comm.trim_end() == name)
            && fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|place| place == directory)
            && lives(*pid)
    };
    all().filter(here).collect()
}

/// Where living processes work: below `directory`, as seen from there.
pub fn worked_in_below(directory: &Path) -> HashSet<PathBuf> {
    let place = |pid: u32| {
        let place = fs::read_link(format!("/proc/{pid}/cwd")).ok()?;
        let place = place.strip_prefix(directory).ok()?.to_owned();
        lives(pid).then_some(place)
    };
    all().filter_map(place).collect()
}

/// All processes.
pub fn all() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Numbers that look random and are the same for the same seed.
pub struct Dice(u64);

impl Dice {
    pub const fn new(seed: u64) -> Self {
        Self(seed ^ 0x9e37_79b9_7f4a_7c15)
    }

    pub const fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    /// Up to `limit` microseconds.
    pub const fn pause(&mut self, limit: u64) -> Duration {
        Duration::from_micros(self.below(limit))
    }
}
