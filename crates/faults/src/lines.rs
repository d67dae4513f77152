//! Lines that can be told apart, those who write them, and what became of them.
//!
//! A writer is this program under supervision. It counts its lines in a file of its
//! own, outside all that is tested: the file's name is the writer's identity, and
//! its end tells what must be in the log.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dt_os::incarnation;
use dt_os::process::Pid;

use crate::kit::Outcome;

/// The first argument of a writer; then come the directory of the counts, the
/// microseconds from line to line, and after how many lines it dies, 0 for never.
pub const WRITER: &str = "--writer";

/// The words for a run script that becomes a writer.
pub fn writer_words(counts: &Path, pause: Duration, lines: u64) -> Outcome<String> {
    let own = std::env::current_exe()?;
    Ok(format!(
        "exec '{}' {WRITER} '{}' {} {lines}",
        own.display(),
        counts.display(),
        pause.as_micros()
    ))
}

/// Is one, if that is what we were started for.
pub fn be_a_writer() -> Option<Outcome<()>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.as_slice() {
        [first, counts, pause, lines] if first == WRITER => {
            Some(write(Path::new(counts), pause, lines))
        }
        _ => None,
    }
}

fn write(counts: &Path, pause: &str, lines: &str) -> Outcome<()> {
    let pause = Duration::from_micros(pause.parse()?);
    let limit: u64 = lines.parse()?;
    // The process id may come again, together with its start it does not. That is the
    // fork, by the kernel's account: on a busy machine we come to this much later.
    let start = incarnation::look_up(dt_os::process::own_pid())?.start;
    let identity = format!("{}.{start}", std::process::id());
    let count = File::create(counts.join(&identity))?;
    let mut output = std::io::stdout();
    let mut number: u64 = 0;
    while limit == 0 || number < limit {
        number += 1;
        output.write_all(line(&identity, number).as_bytes())?;
        output.flush()?;
        count.write_all_at(&number.to_le_bytes(), 0)?;
        std::thread::sleep(pause);
    }
    Ok(())
}

/// A line, newline and all, whose every byte is known from its beginning.
pub fn line(identity: &str, number: u64) -> String {
    let filler = "abcdefghijklmnopqrstuvwxyz".repeat(3);
    let length = usize::try_from(number * 7 % 61).unwrap_or_default();
    let end = filler.get(..length).unwrap_or_default();
    format!("{identity} {number} {end}.\n")
}

/// Which writers there have been, and how many lines each has counted.
pub fn counts(directory: &Path) -> HashMap<String, u64> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let count = |path: PathBuf| {
        let bytes = fs::read(path).ok()?;
        Some(bytes.try_into().map_or(0, u64::from_le_bytes))
    };
    let writers = entries.filter_map(|entry| {
        let name = entry.file_name().to_str()?.to_owned();
        Some((name, count(entry.path())?))
    });
    writers.collect()
}

/// The living writers of a directory: copies of one service. In an hour one has the
/// process id that another had, so its start counts too.
pub fn copies(directory: &Path) -> Vec<u32> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let living = |name: &str| {
        let (pid, start) = name.split_once('.')?;
        let (pid, start): (i32, u64) = (pid.parse().ok()?, start.parse().ok()?);
        let seen = incarnation::look_up(Pid::from_raw(pid)).ok()?;
        (seen.start == start && !seen.zombie).then_some(pid.unsigned_abs())
    };
    let pids = entries.filter_map(|it| living(it.file_name().to_str()?));
    let is_writer = |pid: &u32| {
        let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let place = directory.as_os_str().as_encoded_bytes();
        words.split(|byte| *byte == 0).any(|word| word == place)
    };
    pids.filter(is_writer).collect()
}

/// What became of lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub lines: u64,
    pub lost: u64,
    pub duplicated: u64,
    pub torn: u64,
}

impl Tally {
    pub const fn is_complete(&self) -> bool {
        self.lost + self.duplicated + self.torn == 0
    }
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.lines += other.lines;
        self.lost += other.lost;
        self.duplicated += other.duplicated;
        self.torn += other.torn;
    }
}

/// Looks for each line that was counted in the files of a log directory. One more
/// may be there: whoever was killed between writing and counting.
pub fn tally(log: &Path, counts: &HashMap<String, u64>) -> Tally {
    let mut tally = Tally::default();
    let content = content(log);
    let (seen, torn) = seen(&content, counts);
    tally.torn = torn;
    for (identity, last) in counts {
        tally.lines += last;
        tally.lost += missing(&seen, identity, *last).map(|_| 1).sum::<u64>();
    }
    tally.duplicated = seen.values().map(|times| times - 1).sum();
    tally
}

/// The lines that are not there, for people: of which writer, and of how many.
pub fn losses(log: &Path, counts: &HashMap<String, u64>) -> Vec<String> {
    let content = content(log);
    let (seen, _) = seen(&content, counts);
    let of_writer = |(identity, last): (&String, &u64)| {
        let numbers: Vec<u64> = missing(&seen, identity, *last).collect();
        (!numbers.is_empty()).then(|| format!("of {last} lines of {identity}: {numbers:?}"))
    };
    counts.iter().filter_map(of_writer).collect()
}

type Seen<'a> = HashMap<(&'a str, u64), u64>;

/// How often each line is there, and how many there are that nobody wrote.
fn seen<'a>(content: &'a str, counts: &HashMap<String, u64>) -> (Seen<'a>, u64) {
    let mut seen = Seen::new();
    let mut torn = 0;
    for text in content.split_inclusive('\n') {
        match known(text, counts) {
            Some(key) => *seen.entry(key).or_default() += 1,
            None => torn += 1,
        }
    }
    (seen, torn)
}

fn missing<'a>(seen: &'a Seen<'a>, identity: &'a str, last: u64) -> impl Iterator<Item = u64> {
    (1..=last).filter(move |number| !seen.contains_key(&(identity, *number)))
}

/// Whose line it is, if it is one and whole.
fn known<'a>(text: &'a str, counts: &HashMap<String, u64>) -> Option<(&'a str, u64)> {
    let mut words = text.split(' ');
    let identity = words.next()?;
    let number: u64 = words.next()?.parse().ok()?;
    let expected = number <= counts.get(identity)? + 1;
    (expected && line(identity, number) == text).then_some((identity, number))
}

/// All files of a log directory, oldest first.
fn content(log: &Path) -> String {
    let entries = fs::read_dir(log).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    let mut files: Vec<PathBuf> = paths
        .filter(|path| {
            path.file_name()
                .is_some_and(|name| name.as_encoded_bytes().starts_with(b"@"))
        })
        .collect();
    files.sort();
    files.push(log.join("current"));
    let parts = files.iter().filter_map(|file| fs::read(file).ok());
    let whole = parts.collect::<Vec<_>>().concat();
    String::from_utf8_lossy(&whole).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use dt_testkit::{Running, Scratch, until};
    use std::process::{Command, Stdio};

    #[test]
    fn a_process_id_that_comes_again_is_one_copy() {
        let scratch = Scratch::new();
        let place = scratch.directory("counts");
        let mut writer = Command::new("sh");
        // The words of a writer tell whose it is.
        writer.args(["-c", "read -r line"]).arg(&place);
        let mut writer = Running::start(writer.stdin(Stdio::piped()), &scratch);
        let pid = writer.pid();
        let start = incarnation::look_up(Pid::from_raw(pid.try_into().unwrap())).unwrap();
        for start in [start.start, start.start - 1] {
            scratch.file(format!("counts/{pid}.{start}"), "");
        }
        until("it is known", || copies(&place) == [pid]);
        drop(writer.child().stdin.take());
        writer.wait();
        assert!(copies(&place).is_empty());
    }
}
