//! Killed at any moment, restarted on the same pipe: every line that was written
//! to the pipe stands in the log once, whole and in order.
//!
//! `DAEMONTOOLS_KILLS=1000` makes it that many kills a case; otherwise a few.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on panics with the reason"
)]

use std::fs;
use std::io::{PipeReader, PipeWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use dt_testkit::{Running, Scratch, Suite, until};

const ORDINARILY: u32 = 15;

fn kills() -> u32 {
    let wanted = std::env::var("DAEMONTOOLS_KILLS").ok();
    wanted.map_or(ORDINARILY, |number| number.parse().unwrap())
}

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

fn line(number: usize) -> String {
    format!("{number} {}\n", "x".repeat(number * 7 % 97))
}

/// Writes lines until told to stop; gives how many.
fn produce(mut pipe: PipeWriter, at_once: usize, pause: Duration, stop: &AtomicBool) -> usize {
    let mut written = 0;
    while !stop.load(Relaxed) {
        let lines: String = (written..written + at_once).map(line).collect();
        pipe.write_all(lines.as_bytes()).unwrap();
        written += at_once;
        if !pause.is_zero() {
            std::thread::sleep(pause);
        }
    }
    written
}

fn start(scratch: &Scratch, script: &[&str], input: &PipeReader) -> Running {
    let mut command: Command = Suite::ours().command("multilog", scratch);
    command
        .args(script)
        .stdin(Stdio::from(input.try_clone().unwrap()));
    Running::start(&mut command, scratch)
}

/// Runs it to the end of the pipe, as `supervise` does: a processor that was just
/// being started when its multilog was killed holds the lock until it is executed.
fn run_to_the_end(scratch: &Scratch, script: &[&str], input: &PipeReader) -> i32 {
    loop {
        let code = start(scratch, script, input).wait();
        if code != 111 {
            return code;
        }
    }
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap();
    let mut files: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().unwrap().as_encoded_bytes()[0] == b'@')
        .collect();
    files.sort();
    files.push(directory.join("current"));
    files
}

/// Kills multilog over and over, and says what stands in its log directories.
fn killed(script: &[&str], at_once: usize, pause: Duration, rest: u64) {
    let scratch = Scratch::new();
    let (input, output) = std::io::pipe().unwrap();
    let stop = AtomicBool::new(false);
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let (written, code) = std::thread::scope(|scope| {
        // Ours to drop: where this fails, the producer must not wait for ever.
        let (input, stop) = (input, &stop);
        let producer = scope.spawn(move || produce(output, at_once, pause, stop));
        for _ in 0..kills() {
            let victim = start(&scratch, script, &input);
            std::thread::sleep(Duration::from_micros(dice.below(rest)));
            drop(victim);
        }
        stop.store(true, Relaxed);
        // The last one reads to the end of the pipe.
        let code = run_to_the_end(&scratch, script, &input);
        (producer.join().unwrap(), code)
    });
    assert_eq!(code, 0);
    let want: String = (0..written).map(line).collect();
    let stamped = script[0] == "t";
    for directory in script.iter().filter(|word| word.starts_with("./")) {
        let files = files(&scratch.join(directory));
        let unfinished = files
            .iter()
            .filter(|file| file.extension().is_some_and(|end| end == "u"));
        assert_eq!(unfinished.count(), 0, "a kill is no outage");
        let content: String = files
            .iter()
            .map(|file| fs::read_to_string(file).unwrap())
            .collect();
        let seen: String = if stamped {
            unstamped(&content)
        } else {
            content
        };
        assert!(seen == want, "{directory}: {}", difference(&seen, &want));
    }
}

/// The lines without their stamps, which must not go backwards within a file's
/// worth of lines.
fn unstamped(content: &str) -> String {
    let lines = content.split_inclusive('\n');
    lines
        .map(|line| {
            let (stamp, rest) = line.split_at_checked(26).unwrap_or((line, ""));
            assert!(stamp.starts_with("@4") && stamp.ends_with(' '), "{line:?}");
            rest
        })
        .collect()
}

fn difference(seen: &str, want: &str) -> String {
    let (mut seen, mut want) = (seen.lines(), want.lines());
    loop {
        match (seen.next(), want.next()) {
            (None, None) => return "the same lines".to_owned(),
            (a, b) if a != b => return format!("{a:?} where {b:?} should be"),
            _ => {}
        }
    }
}

#[test]
fn kills_lose_nothing_of_a_trickle() {
    killed(&["t", "./d"], 1, Duration::from_millis(2), 20_000);
}

#[test]
fn kills_lose_nothing_of_a_steady_stream() {
    killed(
        &["s50000", "n10000", "./d"],
        20,
        Duration::from_millis(1),
        20_000,
    );
}

#[test]
fn kills_lose_nothing_of_a_flood() {
    killed(
        &["t", "s1000000", "n100000", "./d"],
        500,
        Duration::ZERO,
        20_000,
    );
}

#[test]
fn kills_lose_nothing_while_files_rotate() {
    killed(
        &["t", "s4096", "n1000000", "./d"],
        20,
        Duration::from_millis(1),
        8_000,
    );
}

#[test]
fn kills_lose_nothing_of_two_directories_that_rotate_apart() {
    let script = ["s4096", "n1000000", "./a", "s7000", "./b"];
    killed(&script, 20, Duration::from_millis(1), 8_000);
}

#[test]
fn kills_lose_nothing_with_a_processor() {
    let script = ["s20000", "n100000", "!cat", "./d"];
    killed(&script, 20, Duration::from_millis(1), 30_000);
}

/// The processor counts its runs' bytes in its state: it must agree with the
/// finished files whatever was cut short.
#[test]
fn a_processors_state_agrees_with_the_finished_files_after_kills() {
    let scratch = Scratch::new();
    let processor =
        "!{ cat <&4 | tr -d '\\n'; echo; } >&5; tee /dev/fd/3 3>>/dev/null; wc -c < previous >&5";
    let script = ["s4096", "n1000000", processor, "./d"];
    let (input, output) = std::io::pipe().unwrap();
    let stop = AtomicBool::new(false);
    let mut dice = Dice(7);
    std::thread::scope(|scope| {
        let (input, stop) = (input, &stop);
        let producer = scope.spawn(move || produce(output, 20, Duration::from_millis(1), stop));
        for _ in 0..kills() {
            let victim = start(&scratch, &script, &input);
            std::thread::sleep(Duration::from_micros(dice.below(40_000)));
            drop(victim);
        }
        stop.store(true, Relaxed);
        assert_eq!(run_to_the_end(&scratch, &script, &input), 0);
        producer.join().unwrap();
    });
    let files = files(&scratch.join("d"));
    let sizes = files.iter().filter(|file| !file.ends_with("current"));
    let finished: String = sizes
        .map(|file| fs::metadata(file).unwrap().len().to_string())
        .collect();
    let state = fs::read_to_string(scratch.join("d/state"))
        .unwrap()
        .replace('\n', "");
    assert_eq!(state, finished);
}

/// Runs multilog on a full pipe under strace, which kills it as it enters a call
/// of a certain kind for the `when`th time; says whether it came to that.
fn killed_at(
    scratch: &Scratch,
    script: &[&str],
    input: &PipeReader,
    call: &str,
    when: u32,
) -> bool {
    let mut command = Command::new("strace");
    command
        .args(["-o", "/dev/null", "-e", &format!("trace=?{call}")])
        .args(["-e", &format!("inject=?{call}:signal=KILL:when={when}")])
        .arg(Suite::ours().program("multilog"))
        .args(script)
        .current_dir(scratch.path())
        .env(Scratch::MARK, scratch.mark())
        .stdin(Stdio::from(input.try_clone().unwrap()));
    dt_testkit::Outcome::of(&mut command).code == 137
}

#[test]
fn killed_at_any_call_multilog_leaves_all_to_the_next() {
    if dt_testkit::skipped_without_strace("killed_at_any_call") {
        return;
    }
    let lines: String = (0..200).map(line).collect();
    let inputs = [
        lines,
        "\n".repeat(9000),
        "a\n".repeat(600),
        "\nb".repeat(400) + "\n",
    ];
    let calls = [
        "tee",
        "splice",
        "read",
        "write",
        "pwrite64",
        "renameat",
        "ftruncate",
        "ppoll",
    ];
    for text in inputs {
        killed_at_each(&calls, &["s4096", "n1000", "./d"], &text);
    }
}

#[test]
fn killed_at_any_call_of_a_rotation_multilog_leaves_all_to_the_next() {
    if dt_testkit::skipped_without_strace("killed_at_any_call_of_a_rotation") {
        return;
    }
    let text: String = (0..200).map(line).collect();
    let calls = [
        "fsync",
        "openat",
        "linkat",
        "unlinkat",
        "fchmodat",
        "fchmod",
        "clone",
        "wait4",
        "fchdir",
        "getdents64",
        "close",
        "pwrite64",
    ];
    killed_at_each(&calls, &["s4096", "n1000", "./d"], &text);
    killed_at_each(&calls, &["s4096", "n1000", "!cat", "./d"], &text);
    // What is logged while it runs.
    let beside = ["pidfd_open", "ppoll", "splice"];
    killed_at_each(&beside, &["s4096", "n1000", "!cat", "./d"], &text);
}

/// Kills multilog as it enters any of these calls, the first time, the second and so
/// on, and looks what the next one makes of it.
fn killed_at_each(calls: &[&str], script: &[&str], text: &str) {
    for call in calls {
        for when in 1.. {
            let scratch = Scratch::new();
            let (input, mut output) = std::io::pipe().unwrap();
            output.write_all(text.as_bytes()).unwrap();
            drop(output);
            let killed = killed_at(&scratch, script, &input, call, when);
            assert_eq!(run_to_the_end(&scratch, script, &input), 0);
            let files = files(&scratch.join("d"));
            let seen: String = files
                .iter()
                .map(|file| fs::read_to_string(file).unwrap())
                .collect();
            assert!(seen == text, "{call} {when}: {}", difference(&seen, text));
            if !killed {
                break;
            }
        }
    }
}

#[test]
fn term_leaves_the_rest_of_the_pipe_to_the_next() {
    let scratch = Scratch::new();
    let (input, mut output) = std::io::pipe().unwrap();
    let mut running = start(&scratch, &["./d"], &input);
    output.write_all(b"one\ntw").unwrap();
    let log = scratch.join("d/current");
    until("the first line is there", || {
        fs::read(&log).is_ok_and(|seen| seen == b"one\n")
    });
    running.signal("TERM");
    // It waits for the end of the line that it has begun.
    assert_eq!(running.ended(), None);
    output.write_all(b"o\nthree\n").unwrap();
    assert_eq!(running.wait(), 0);
    assert_eq!(fs::read(&log).unwrap(), b"one\ntwo\n");
    let mut rest = [0; 6];
    std::io::Read::read_exact(&mut { input }, &mut rest).unwrap();
    assert_eq!(&rest, b"three\n");
}
