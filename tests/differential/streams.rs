//! multilog scripts on random streams, cut at random read boundaries.

use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::Stdio;

use dt_testkit::{Running, Scratch, Suite};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// No hexadecimal digit, as patterns see the stamps, which differ.
const BYTES: &[u8] = b"xyz. \0\xff";

fn pattern() -> impl Strategy<Value = String> {
    let byte = prop_oneof![2 => Just("*"), 3 => select(&["x", "y", "z", ".", " "][..])];
    (select(&["+", "-"][..]), vec(byte, 0..6))
        .prop_map(|(sign, bytes)| sign.to_owned() + &bytes.concat())
}

/// A word of a script; directories are put in by their place.
fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => pattern(),
        2 => Just("-*".to_owned()),
        2 => Just("+*".to_owned()),
        1 => Just("e".to_owned()),
        1 => (4000..9000u32).prop_map(|size| format!("s{size}")),
        1 => select(&["=status0", "=status1"][..]).prop_map(str::to_owned),
        // No processor that changes anything: it would show where files were cut.
        1 => select(&["!cat", "junk", ""][..]).prop_map(str::to_owned),
        4 => Just("./".to_owned()),
    ]
}

/// A script with its directories numbered, so that none is locked twice.
fn script() -> impl Strategy<Value = Vec<String>> {
    (any::<bool>(), vec(word(), 0..10)).prop_map(|(stamped, words)| {
        // Nothing is pruned, as it would depend on where files were cut.
        let start = stamped
            .then(|| "t".to_owned())
            .into_iter()
            .chain(["n10000".to_owned(), "s4096".to_owned()]);
        let words = words.into_iter().chain(["./".to_owned()]).enumerate();
        start
            .chain(words.map(|(place, word)| {
                if word == "./" {
                    format!("./d{place}")
                } else {
                    word
                }
            }))
            .collect()
    })
}

fn line() -> impl Strategy<Value = Vec<u8>> {
    let length =
        prop_oneof![8 => 0..20usize, 2 => 190..210usize, 2 => 970..1030usize, 1 => 1900..5000usize];
    (length, vec(select(BYTES), 1..30))
        .prop_map(|(length, bytes)| bytes.into_iter().cycle().take(length).collect())
}

fn stream() -> impl Strategy<Value = Vec<u8>> {
    (vec(line(), 0..60), any::<bool>()).prop_map(|(lines, whole)| {
        let mut stream = lines.join(&b'\n');
        if whole && !stream.is_empty() {
            stream.push(b'\n');
        }
        stream
    })
}

/// Lengths of the pieces in which a stream arrives.
fn pieces() -> impl Strategy<Value = Vec<usize>> {
    vec(
        prop_oneof![1 => 1..4usize, 2 => 1..100usize, 3 => 900..1025usize],
        1..8,
    )
}

/// Removes the labels, and the blank after each, wherever one stands at the
/// beginning of a line.
pub fn without_labels(bytes: &[u8]) -> Vec<u8> {
    let lines = bytes.split_inclusive(|byte| *byte == b'\n');
    lines
        .flat_map(|line| {
            line.strip_prefix(b"@4000000")
                .map_or(line, |_| line.get(26..).unwrap_or(line))
        })
        .copied()
        .collect()
}

/// What a run leaves that must be the same whatever is free.
#[derive(PartialEq, Eq)]
struct Left {
    code: i32,
    stderr: Vec<u8>,
    /// Each file or directory, with its content without labels; a log directory's
    /// files in one piece.
    files: Vec<(String, String)>,
    /// What no choice of the program's may lead to.
    broken: Vec<String>,
}

impl std::fmt::Debug for Left {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(
            f,
            "exit {} stderr {}",
            self.code,
            self.stderr.escape_ascii()
        )?;
        for (name, content) in &self.files {
            writeln!(f, "{name} ({} bytes): {content:.300}", content.len())?;
        }
        write!(f, "{:?}", self.broken)
    }
}

/// Looks at a log directory: all of its files, oldest first.
fn look(scratch: &Scratch, directory: &str, size: usize, left: &mut Left) {
    let mut all = Vec::new();
    let names = scratch.names(directory);
    for name in names
        .iter()
        .filter(|name| name.starts_with('@') || *name == "current")
    {
        let content = scratch.read(format!("{directory}/{name}"));
        let archived = name != "current";
        let fits = (size - 2000..=size).contains(&content.len());
        let whole = content.ends_with(b"\n") || content.len() == size;
        if archived && !(fits && whole && name.len() == 27) {
            left.broken.push(format!(
                "{directory}/{name}: {} bytes of {size}",
                content.len()
            ));
        }
        all.extend(content);
    }
    let others: Vec<_> = names
        .into_iter()
        .filter(|name| !name.starts_with('@'))
        .collect();
    left.files.push((
        format!("{directory}: {others:?}"),
        without_labels(&all).escape_ascii().to_string(),
    ));
}

/// Ours says which words of the script are hardly meant as they are taken; the
/// original says nothing.
fn without_warnings(stderr: &[u8]) -> Vec<u8> {
    let lines = stderr.split_inclusive(|byte| *byte == b'\n');
    let kept = lines.filter(|line| {
        !["no action, ignored: ", "taken as "].iter().any(|words| {
            line.starts_with(b"multilog: warning: ")
                && line
                    .windows(words.len())
                    .any(|part| part == words.as_bytes())
        })
    });
    kept.flatten().copied().collect()
}

/// All that a finished run left behind.
fn left(scratch: &Scratch, script: &[String], code: i32, stderr: &[u8]) -> Left {
    let mut left = Left {
        code,
        stderr: without_warnings(&without_labels(stderr)),
        files: Vec::new(),
        broken: Vec::new(),
    };
    let mut size = 4096;
    for word in script {
        if let Some(number) = word.strip_prefix('s') {
            size = number
                .parse()
                .map_or(4096, |number: usize| number.max(4096));
        }
        if word.starts_with("./") {
            look(scratch, word, size, &mut left);
        }
        if let Some(name) = word.strip_prefix('=') {
            let content = without_labels(&scratch.read(name));
            left.files
                .push((name.to_owned(), content.escape_ascii().to_string()));
        }
    }
    left
}

/// Runs a script on a stream that arrives in these pieces: each is one read, as a
/// datagram is, and nothing is joined.
fn run_on_datagrams(suite: &Suite, script: &[String], stream: &[u8], pieces: &[usize]) -> Left {
    let scratch = Scratch::new();
    let (reader, writer) = UnixDatagram::pair().unwrap();
    let end = reader.try_clone().unwrap();
    let mut command = suite.command("multilog", &scratch);
    command
        .args(script)
        .stdin(OwnedFd::from(reader))
        .stderr(Stdio::from(scratch_file(&scratch)));
    let mut running = Running::start(&mut command, &scratch);
    drop(command);
    let mut rest = stream;
    for length in pieces.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, later) = rest.split_at((*length).min(rest.len()));
        writer.send(piece).unwrap();
        rest = later;
    }
    end.shutdown(Shutdown::Read).unwrap();
    let code = running.wait();
    left(&scratch, script, code, &scratch.read("stderr"))
}

/// Runs a script on a stream in a pipe, written in these pieces.
fn run_on_a_pipe(suite: &Suite, script: &[String], stream: &[u8], pieces: &[usize]) -> Left {
    use std::io::Write;
    let scratch = Scratch::new();
    let (reader, mut writer) = std::io::pipe().unwrap();
    let mut command = suite.command("multilog", &scratch);
    command
        .args(script)
        .stdin(reader)
        .stderr(Stdio::from(scratch_file(&scratch)));
    let mut running = Running::start(&mut command, &scratch);
    drop(command);
    let mut rest = stream;
    for length in pieces.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, later) = rest.split_at((*length).min(rest.len()));
        writer.write_all(piece).unwrap();
        std::thread::yield_now();
        rest = later;
    }
    drop(writer);
    let code = running.wait();
    left(&scratch, script, code, &scratch.read("stderr"))
}

fn scratch_file(scratch: &Scratch) -> std::fs::File {
    std::fs::File::create(scratch.join("stderr")).unwrap()
}

#[test]
fn scripts_on_datagrams() {
    let values = (script(), stream(), pieces());
    crate::property(
        "scripts on datagrams",
        150,
        &values,
        |ours, original, (script, stream, pieces)| {
            let [seen, expected] =
                [ours, original].map(|suite| run_on_datagrams(suite, &script, &stream, &pieces));
            prop_assert_eq!(seen, expected);
            Ok(())
        },
    );
}

#[test]
fn scripts_on_a_pipe() {
    let values = (script(), stream(), pieces());
    crate::property(
        "scripts on a pipe",
        150,
        &values,
        |ours, original, (script, stream, pieces)| {
            let [seen, expected] =
                [ours, original].map(|suite| run_on_a_pipe(suite, &script, &stream, &pieces));
            prop_assert_eq!(seen, expected);
            Ok(())
        },
    );
}

#[test]
fn restarts_on_one_directory() {
    // The same directory through several runs, each on its part of the stream.
    let values = (any::<bool>(), vec((stream(), 4096..8000u32), 1..5));
    crate::property(
        "restarts",
        80,
        &values,
        |ours, original, (stamped, runs)| {
            let [seen, expected] = [ours, original].map(|suite| {
                let scratch = Scratch::new();
                let mut smallest = usize::MAX;
                for (stream, size) in &runs {
                    let size_word = format!("s{size}");
                    let script = [
                        stamped.then_some("t"),
                        Some("n10000"),
                        Some(&size_word),
                        Some("./d"),
                    ];
                    let script: Vec<_> = script.into_iter().flatten().collect();
                    let outcome = suite.feed("multilog", &script, stream, &scratch);
                    assert_eq!((outcome.code, outcome.stderr.len()), (0, 0));
                    smallest = smallest.min(*size as usize - 2000);
                }
                let mut all = Vec::new();
                for name in scratch
                    .names("d")
                    .iter()
                    .filter(|name| name.starts_with('@') || *name == "current")
                {
                    let content = scratch.read(format!("d/{name}"));
                    assert!(
                        name == "current" || (content.len() >= smallest && content.len() <= 8000)
                    );
                    all.extend(content);
                }
                without_labels(&all).escape_ascii().to_string()
            });
            prop_assert_eq!(seen, expected);
            Ok(())
        },
    );
}
