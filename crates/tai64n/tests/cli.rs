//! What `tai64n` does with pipes, files and errors.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::fs::File;
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use dt_os::descriptor::set_nonblocking;
use dt_testkit::{Outcome, Piped, Scratch, Suite, filled_pipe, until, until_some};

const NAME: &str = "tai64n";
const STAMP: usize = 26;

/// The stamps of a text, taken out; what is left of each line, newline included.
#[track_caller]
fn without_stamps(text: &[u8]) -> (Vec<u64>, Vec<u8>) {
    let mut seconds = Vec::new();
    let mut rest = Vec::new();
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let (stamp, words) = line.split_at(STAMP);
        let digits = std::str::from_utf8(&stamp[1..25]).unwrap();
        assert!(
            stamp.starts_with(b"@") && stamp.ends_with(b" "),
            "{stamp:?}"
        );
        assert!(!digits.contains(|digit: char| !matches!(digit, '0'..='9' | 'a'..='f')));
        let nanos = u32::from_str_radix(&digits[16..], 16).unwrap();
        assert_eq!(nanos % 1000, 500, "the middle of a microsecond");
        seconds.push(u64::from_str_radix(&digits[..16], 16).unwrap());
        rest.extend_from_slice(words);
    }
    (seconds, rest)
}

#[track_caller]
fn stamped(input: &[u8]) -> Outcome {
    let scratch = Scratch::new();
    Suite::under_test().feed(NAME, &["ignored", "-x"], input, &scratch)
}

/// Runs it by way of a shell, which can close descriptors.
fn shell(line: &str) -> Outcome {
    let (suite, scratch) = (Suite::under_test(), Scratch::new());
    let mut command = Command::new("/bin/sh");
    command.args(["-c", line]).env("PATH", suite.path());
    Outcome::of(command.current_dir(scratch.path()).stdin(Stdio::null()))
}

#[test]
fn every_line_is_stamped_and_left_as_it_is() {
    for input in [
        &b"a\nb\n"[..],
        b"\n\n\n",
        b"no newline",
        b"a\n\0\xff\r\n@x",
        b"",
    ] {
        let outcome = stamped(input);
        assert_eq!(without_stamps(&outcome.stdout).1, input);
        assert_eq!((outcome.code, &*outcome.stderr), (0, &b""[..]));
    }
}

#[test]
fn a_stamp_is_the_clock_and_ten_seconds() {
    let now = || {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs()
    };
    let before = now();
    let (seconds, _) = without_stamps(&stamped(b"a\n").stdout);
    let shown = seconds[0] - (1 << 62) - 10;
    assert!((before..=now()).contains(&shown), "{shown} at {before}");
}

#[test]
fn a_long_line_gets_one_stamp() {
    let mut line = vec![b'x'; 1_000_000];
    line.push(b'\n');
    let outcome = stamped(&line);
    assert!(without_stamps(&outcome.stdout).1 == line);
}

#[test]
fn lines_of_one_byte_are_all_stamped() {
    let input = b"\n".repeat(100_000);
    let outcome = stamped(&input);
    assert!(without_stamps(&outcome.stdout).1 == input);
}

#[test]
fn the_bytes_of_an_unfinished_line_are_passed_on_at_once() {
    let (suite, scratch) = (Suite::under_test(), Scratch::new());
    let mut filter = Piped::start(&mut suite.command(NAME, &scratch), &scratch);
    filter.send("par");
    let line = filter.receive(STAMP + 3);
    assert_eq!(without_stamps(&line).1, b"par");
    filter.send("tial\n");
    assert_eq!(filter.receive(5), b"tial\n");
    filter.send("next\n");
    assert_eq!(without_stamps(&filter.receive(STAMP + 5)).1, b"next\n");
    assert_eq!(filter.finish(), (Vec::new(), 0));
}

#[test]
fn what_came_in_one_read_goes_out_in_one_write() {
    let (suite, scratch) = (Suite::under_test(), Scratch::new());
    if suite.is_original() {
        return; // It writes 2048 bytes at a time.
    }
    let input = b"a line of the length that is usual in logs, or a little less\n".repeat(1000);
    let (reader, _writer) = filled_pipe(&input);
    let output = scratch.file("output", "");
    let mut command = suite.command(NAME, &scratch);
    command.stdin(reader).stdout(File::create(&output).unwrap());
    let process = dt_testkit::Running::start(&mut command, &scratch);
    let length = input.len() + 1000 * STAMP;
    until("all is written", || scratch.read("output").len() >= length);
    let counts = format!("/proc/{}/io", process.pid());
    if std::fs::read(&counts).is_err() {
        eprintln!("skipped: this kernel does not count system calls");
        return;
    }
    // The kernel counts a write when it is over, which is after it can be seen.
    let writes = until_some("the write is counted", || {
        let counts = std::fs::read_to_string(&counts).unwrap();
        let line = counts
            .lines()
            .find_map(|line| line.strip_prefix("syscw: "))?;
        line.parse().ok().filter(|writes: &u32| *writes > 0)
    });
    assert_eq!(writes, 1);
    assert!(without_stamps(&scratch.read("output")).1 == input);
}

#[test]
fn memory_does_not_grow_with_the_line() {
    let (suite, scratch) = (Suite::under_test(), Scratch::new());
    let mut filter = Piped::start(&mut suite.command(NAME, &scratch), &scratch);
    for _ in 0..160 {
        filter.send(vec![b'x'; 100_000]);
    }
    filter.receive(STAMP + 16_000_000);
    let status = std::fs::read_to_string(format!("/proc/{}/status", filter.process.pid()));
    let peak = status.unwrap().lines().find_map(|line| {
        let peak = line.strip_prefix("VmHWM:")?;
        peak.split_whitespace().next()?.parse::<u64>().ok()
    });
    let peak = peak.unwrap();
    assert!(peak < 8192, "{peak} kB");
    assert_eq!(filter.finish().1, 0);
}

#[test]
fn errors_of_reading_and_writing_are_111_without_a_word() {
    for line in [
        "tai64n <&-",
        "tai64n </",
        "echo a | tai64n >&-",
        "echo a | tai64n >/dev/full",
    ] {
        assert_eq!(shell(line), Outcome::fails(111, ""), "{line}");
    }
    assert_eq!(shell("tai64n >&-"), Outcome::gives(""), "nothing to write");
}

#[test]
fn a_reader_that_is_gone_kills_unless_that_signal_is_ignored() {
    for (ignored, code) in [("", 141), ("trap '' PIPE; ", 111)] {
        let (suite, scratch) = (Suite::under_test(), Scratch::new());
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let (input, _more) = filled_pipe(b"a\n");
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", &format!("{ignored}exec tai64n")])
            .env("PATH", suite.path())
            .stdin(input)
            .stdout(writer);
        // Rust's runtime ignores the signal, and resets it for children.
        let mut process = dt_testkit::Running::start(&mut command, &scratch);
        drop(command);
        assert_eq!(process.wait(), code);
    }
}

#[test]
fn an_input_that_would_block_is_waited_for() {
    let (suite, scratch) = (Suite::under_test(), Scratch::new());
    let (reader, mut writer) = filled_pipe(b"");
    set_nonblocking(&reader, true).unwrap();
    let output = scratch.file("output", "");
    let mut command = suite.command(NAME, &scratch);
    command.stdin(reader).stdout(File::create(&output).unwrap());
    let mut process = dt_testkit::Running::start(&mut command, &scratch);
    if suite.is_original() {
        assert_eq!(process.wait(), 111);
        return;
    }
    for lines in 1..4 {
        std::io::Write::write_all(&mut writer, b"line\n").unwrap();
        let length = lines * (STAMP + 5);
        until("it is there", || scratch.read("output").len() == length);
    }
    drop((command, writer));
    assert_eq!(process.wait(), 0);
}

#[test]
fn an_output_that_would_block_is_waited_for() {
    let (suite, scratch) = (Suite::under_test(), Scratch::new());
    let input = b"line\n".repeat(100_000);
    let file = scratch.file("input", &input);
    let (mut reader, writer) = std::io::pipe().unwrap();
    set_nonblocking(&writer, true).unwrap();
    let mut command = suite.command(NAME, &scratch);
    command.stdin(File::open(file).unwrap()).stdout(writer);
    let mut process = dt_testkit::Running::start(&mut command, &scratch);
    drop(command);
    if suite.is_original() {
        assert_eq!(process.wait(), 111);
        return;
    }
    let mut output = Vec::new();
    std::io::Read::read_to_end(&mut reader, &mut output).unwrap();
    assert!(without_stamps(&output).1 == input);
    assert_eq!(process.wait(), 0);
}
