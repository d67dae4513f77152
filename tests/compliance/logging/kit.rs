//! What the cases of the logging programs share: prepared directories, listings
//! that say the same on every run, and a multilog that is talked to while it runs.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::io::{PipeReader, PipeWriter, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use dt_testkit::{Outcome, Running, show, until};

use crate::harness::Case;

/// The bytes of a stamp on a line: the label and the blank.
pub const STAMP: usize = 26;

/// The bytes with every label, which differs from run to run, as `TS`.
pub fn labels(bytes: &[u8]) -> Vec<u8> {
    let mut shown = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, later)) = rest.split_first() {
        if is_label(rest) {
            shown.extend(b"TS");
            rest = &rest[25..];
        } else {
            shown.push(*first);
            rest = later;
        }
    }
    shown
}

/// Whether a label stands at the beginning.
pub fn is_label(bytes: &[u8]) -> bool {
    let digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    bytes.len() >= 25 && bytes.starts_with(b"@4000000") && bytes[1..25].iter().all(digit)
}

/// Without the stamps at the beginnings of its lines.
pub fn unstamped(bytes: &[u8]) -> Vec<u8> {
    let lines = bytes.split_inclusive(|byte| *byte == b'\n');
    lines
        .flat_map(|line| if is_label(line) { &line[STAMP..] } else { line })
        .copied()
        .collect()
}

/// Short content as it is, long content by its length, its ends and a checksum.
pub fn content(bytes: &[u8]) -> String {
    let bytes = labels(bytes);
    if bytes.len() <= 400 {
        return format!("\"{}\"", show(&bytes));
    }
    let (head, tail) = (&bytes[..40], &bytes[bytes.len() - 20..]);
    let sum = checksum(&bytes);
    format!(
        "{} bytes \"{}...{}\" {sum:016x}",
        bytes.len(),
        show(head),
        show(tail)
    )
}

fn checksum(bytes: &[u8]) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325;
    bytes.iter().fold(start, |sum: u64, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The words of a command as they are written down.
pub fn words(program: &str, arguments: &[impl AsRef<OsStr>]) -> String {
    arguments.iter().fold(program.to_owned(), |mut all, word| {
        let word = word.as_ref().as_encoded_bytes();
        if word.len() > 100 {
            let _ = write!(all, " {}...({} bytes)", show(&word[..3]), word.len());
        } else {
            let _ = write!(all, " {}", show(word));
        }
        all
    })
}

/// Writes down how a program ended, with labels as `TS`.
pub fn ended(case: &mut Case, what: &str, outcome: &Outcome) {
    let shown = Outcome {
        code: outcome.code,
        stdout: labels(&outcome.stdout),
        stderr: labels(&outcome.stderr),
    };
    case.outcome(what, &shown);
}

/// Runs multilog on `input` to its end and writes down how it went.
pub fn multilog(case: &mut Case, script: &[impl AsRef<OsStr>], input: impl AsRef<[u8]>) {
    let outcome = feed(case, script, input);
    ended(case, &words("multilog", script), &outcome);
}

/// Runs multilog on `input` to its end.
pub fn feed(case: &Case, script: &[impl AsRef<OsStr>], input: impl AsRef<[u8]>) -> Outcome {
    case.suite
        .feed("multilog", script, input.as_ref(), &case.scratch)
}

/// A command line for the shell, in the scratch directory and with the suite's
/// programs.
pub fn shell(case: &Case, line: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", line])
        .current_dir(case.scratch.path())
        .env("PATH", case.suite.path())
        .env(dt_testkit::Scratch::MARK, case.scratch.mark())
        .stdin(Stdio::null());
    command
}

/// Runs a command line and writes it and its outcome down.
pub fn run_shell(case: &mut Case, line: &str) {
    let outcome = Outcome::of(&mut shell(case, line));
    ended(case, line, &outcome);
}

/// Writes down what stands in a log directory: modes, link counts and contents.
pub fn listing(case: &mut Case, directory: &str) {
    let mode = fs::metadata(case.scratch.join(directory)).unwrap().mode() & 0o7777;
    case.note(format!("{directory}: {mode:o}"));
    for name in case.scratch.names(directory) {
        let line = entry(case, directory, &name);
        case.note(line);
    }
}

fn entry(case: &Case, directory: &str, name: &str) -> String {
    let path = case.scratch.join(directory).join(name);
    let data = fs::symlink_metadata(&path).unwrap();
    let mut line = format!("  {}", show(&labels(name.as_bytes())));
    if data.is_dir() {
        return line + "/";
    }
    if data.is_symlink() {
        return format!("{line} -> {}", fs::read_link(path).unwrap().display());
    }
    let _ = write!(line, " {:o}", data.mode() & 0o7777);
    if data.nlink() != 1 {
        let _ = write!(line, " {} links", data.nlink());
    }
    // What a program keeps in the lock file is its own affair.
    if name != "lock" && data.is_file() {
        let _ = write!(line, " {}", content(&fs::read(path).unwrap()));
    }
    line
}

/// Makes a log directory, mode 755, with these files: name, mode, content.
pub fn prepare(case: &Case, directory: &str, files: &[(&str, u32, &str)]) {
    case.scratch.directory(directory);
    case.scratch.mode(directory, 0o755);
    for (name, mode, text) in files {
        let path = case.scratch.file(format!("{directory}/{name}"), text);
        case.scratch.mode(path, *mode);
    }
}

/// The names of a directory's archives, oldest first.
pub fn archives(case: &Case, directory: &str) -> Vec<String> {
    let names = case.scratch.names(directory).into_iter();
    names.filter(|name| name.starts_with('@')).collect()
}

/// The archives and then `current`, one after the other.
pub fn all_of(case: &Case, directory: &str) -> Vec<u8> {
    let names = archives(case, directory).into_iter();
    names
        .chain(["current".to_owned()])
        .flat_map(|name| case.scratch.read(format!("{directory}/{name}")))
        .collect()
}

/// Lines that tell where they come from, `size` bytes in all.
pub fn numbered_lines(size: usize) -> Vec<u8> {
    let mut lines = Vec::with_capacity(size + 100);
    for number in 0.. {
        if lines.len() >= size {
            break;
        }
        let filler = "-".repeat(number % 71);
        lines.extend(format!("line {number} {filler}\n").bytes());
    }
    lines.truncate(size - 1);
    lines.push(b'\n');
    lines
}

/// A multilog that runs, with a pipe to it and what it has said so far.
pub struct Logger {
    /// The process.
    pub running: Running,
    writer: Option<PipeWriter>,
    reader: PipeReader,
    said: Arc<Mutex<Vec<u8>>>,
    listener: Option<std::thread::JoinHandle<()>>,
}

impl Logger {
    /// Starts multilog with its input from a pipe.
    pub fn start(case: &Case, script: &[impl AsRef<OsStr>]) -> Self {
        let mut command = case.suite.command("multilog", &case.scratch);
        command.args(script);
        Self::spawn(case, command)
    }

    /// Starts any command with its input from a pipe.
    pub fn spawn(case: &Case, mut command: Command) -> Self {
        let (reader, writer) = std::io::pipe().unwrap();
        command
            .stdin(reader.try_clone().unwrap())
            .stderr(Stdio::piped());
        let mut running = Running::start(&mut command, &case.scratch);
        drop(command);
        let said = Arc::new(Mutex::new(Vec::new()));
        let mut stderr = running.child().stderr.take().unwrap();
        let heard = Arc::clone(&said);
        let listener = std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(length @ 1..) = stderr.read(&mut piece) {
                heard.lock().unwrap().extend(&piece[..length]);
            }
        });
        Self {
            running,
            writer: Some(writer),
            reader,
            said,
            listener: Some(listener),
        }
    }

    /// Writes to its input in one call.
    pub fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.writer
            .as_mut()
            .unwrap()
            .write_all(bytes.as_ref())
            .unwrap();
    }

    /// Ends its input.
    pub fn close(&mut self) {
        self.writer = None;
    }

    /// What it wrote to standard error so far, labels as `TS`.
    pub fn said(&self) -> String {
        show(&labels(&self.said.lock().unwrap()))
    }

    /// Waits until it has said something.
    #[track_caller]
    pub fn hears(&self, words: &str) {
        until(words, || self.said().contains(words));
    }

    /// Whether it has waited for something to happen for some time now.
    pub fn settled(&self) -> bool {
        is_settled(self.running.pid())
    }

    /// Waits until it has nothing to do.
    #[track_caller]
    pub fn settle(&self) {
        until("it waits", || self.settled());
    }

    /// Waits until it has ended or has nothing to do.
    #[track_caller]
    pub fn settle_or_end(&mut self) {
        until("it waits or ends", || {
            self.running.ended().is_some() || self.settled()
        });
    }

    /// Starts a successor on the same pipe; the one before has ended.
    pub fn again(&mut self, case: &Case, script: &[impl AsRef<OsStr>]) {
        let mut command = case.suite.command("multilog", &case.scratch);
        command.args(script).stdin(self.reader.try_clone().unwrap());
        self.running = Running::start(&mut command, &case.scratch);
    }

    /// Waits for its end and writes down how it went, and what it left unread.
    pub fn finish(mut self, case: &mut Case, what: &str) {
        let code = self.running.wait();
        self.writer = None;
        let mut unread = Vec::new();
        self.reader.read_to_end(&mut unread).unwrap();
        self.listener.take().unwrap().join().unwrap();
        case.note(format!("{what}\n  exit {code}"));
        let said = self.said.lock().unwrap().clone();
        for line in said.split_inclusive(|byte| *byte == b'\n') {
            case.note(format!("  stderr {}", show(&labels(line))));
        }
        if !unread.is_empty() {
            case.note(format!("  unread {}", content(&unread)));
        }
    }

    /// Kills it, whatever it is doing.
    pub fn kill(mut self) {
        self.running.signal("KILL");
        self.running.wait();
    }
}

/// Whether a process has waited for something to happen for some time now.
pub fn is_settled(pid: u32) -> bool {
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(60) {
        if !asleep(pid) {
            return false;
        }
        std::thread::sleep(Duration::from_millis(4));
    }
    true
}

/// Whether a process sleeps in a system call, and has started what it is to run.
fn asleep(pid: u32) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return false;
    };
    stat.rsplit_once(") ")
        .is_some_and(|(_, rest)| rest.starts_with('S'))
}

/// Waits until a file has this content.
#[track_caller]
pub fn until_holds(case: &Case, name: &str, bytes: &[u8]) {
    let path = case.scratch.join(name);
    until(name, || {
        fs::read(&path).is_ok_and(|content| content == bytes)
    });
}

/// Waits until a log directory is in use: its `current` is there and not clean.
#[track_caller]
pub fn until_running(case: &Case, directory: &str) {
    let current = case.scratch.join(directory).join("current");
    until("current is in use", || {
        fs::metadata(&current).is_ok_and(|data| data.mode() & 0o100 == 0)
    });
}

/// A label as nanoseconds since 1970.
pub fn moment(label: &[u8]) -> u128 {
    assert!(is_label(label), "{}", show(label));
    let digits = std::str::from_utf8(&label[1..25]).unwrap();
    let seconds = u64::from_str_radix(&digits[..16], 16).unwrap() - (1 << 62) - 10;
    let nanoseconds = u64::from_str_radix(&digits[16..], 16).unwrap();
    u128::from(seconds) * 1_000_000_000 + u128::from(nanoseconds)
}

/// The wall clock as nanoseconds since 1970.
pub fn now() -> u128 {
    std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos()
}
