use std::io::{PipeReader, Read, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use crate::{PATIENCE, Running, Scratch};

/// A filter between two pipes that are ours, alive while it is looked at.
#[derive(Debug)]
pub struct Piped {
    /// The filter.
    pub process: Running,
    input: Option<std::process::ChildStdin>,
    output: Receiver<Vec<u8>>,
    seen: Vec<u8>,
}

impl Piped {
    /// Starts `command` with a pipe on its standard input and output.
    #[track_caller]
    pub fn start(command: &mut Command, scratch: &Scratch) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Running::start(command, scratch);
        let input = process.child().stdin.take();
        let output = collect(process.child().stdout.take().unwrap());
        Self {
            process,
            input,
            output,
            seen: Vec::new(),
        }
    }

    /// Writes `bytes` and leaves the pipe open.
    #[track_caller]
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let mut input = self.input.as_ref().unwrap();
        input.write_all(bytes.as_ref()).unwrap();
    }

    /// Waits until so many bytes have come in all that have not been taken yet,
    /// and takes them.
    #[track_caller]
    pub fn receive(&mut self, length: usize) -> Vec<u8> {
        while self.seen.len() < length {
            match self.output.recv_timeout(PATIENCE) {
                Ok(bytes) => self.seen.extend(bytes),
                Err(error) => panic!("{error}: of {length} bytes only {}", self.seen.len()),
            }
        }
        let later = self.seen.split_off(length);
        std::mem::replace(&mut self.seen, later)
    }

    /// Ends the input and gives the rest of the output and the exit code.
    #[track_caller]
    #[must_use]
    pub fn finish(mut self) -> (Vec<u8>, i32) {
        drop(self.input.take());
        let mut rest = self.seen;
        while let Ok(bytes) = self.output.recv_timeout(PATIENCE) {
            rest.extend(bytes);
        }
        (rest, self.process.wait())
    }
}

/// Reads from a thread of its own, so that a test can wait with a bound.
fn collect(mut from: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut buffer = vec![0; 65536];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            if sender.send(buffer[..length].to_vec()).is_err() {
                return;
            }
        }
    });
    receiver
}

/// A pipe's reading end that holds `bytes`, for a program whose first read is to
/// find all of them; the writing end keeps it from ending. At most 64 KiB.
#[must_use]
pub fn filled_pipe(bytes: &[u8]) -> (PipeReader, std::io::PipeWriter) {
    assert!(bytes.len() <= 65536, "more than a pipe holds");
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(bytes).unwrap();
    (reader, writer)
}
