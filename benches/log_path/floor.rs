//! What no logger can do without: writing its output to files and taking the oldest
//! away; and doing that with input from a pipe.

use std::error::Error;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::Command;

use crate::Options;
use crate::input::Input;
use crate::run::measured;

/// The files of a log directory.
#[derive(Clone, Copy)]
pub struct Files {
    /// How long each gets, in bytes.
    pub size: u64,
    /// How many there are.
    pub kept: u64,
}

/// What multilog makes without an argument.
const USUAL: Files = Files {
    size: 99_000,
    kept: 10,
};

/// By `s10485760 n5`.
const LARGE: Files = Files {
    size: 10_485_760,
    kept: 5,
};

/// A label and a space.
const STAMP: u64 = 26;

/// The cases in which a logger does hardly anything else.
const CASES: [(&str, Input, bool, Files); 5] = [
    ("multilog dir", Input::Lines, false, USUAL),
    ("multilog t dir", Input::Lines, true, USUAL),
    ("multilog t s10485760 n5 dir", Input::Lines, true, LARGE),
    (
        "multilog dir, 1-byte lines",
        Input::ShortLines,
        false,
        USUAL,
    ),
    (
        "multilog t dir, 1-byte lines",
        Input::ShortLines,
        true,
        USUAL,
    ),
];

/// As much as a pipe holds.
const BLOCK: usize = 1 << 16;

/// Writes so many bytes to files in the current directory, the fastest way there is. If
/// so many are to be read, reads standard input besides, and writes as that comes.
pub fn write(reads: u64, bytes: u64, files: Files) -> io::Result<()> {
    let text = vec![b'x'; usize::try_from(files.size).map_err(io::Error::other)?];
    let (mut number, mut room) = (0_u64, 0);
    let mut current = None;
    let mut out = |mut count: u64| -> io::Result<()> {
        while count > 0 {
            if room == 0 {
                current = Some(File::create_new(number.to_string())?);
                if let Some(old) = number.checked_sub(files.kept) {
                    fs::remove_file(old.to_string())?;
                }
                (number, room) = (number + 1, files.size);
            }
            let now = count.min(room);
            let text = text.get(..usize::try_from(now).map_err(io::Error::other)?);
            if let (Some(file), Some(text)) = (&mut current, text) {
                file.write_all(text)?;
            }
            (count, room) = (count - now, room - now);
        }
        Ok(())
    };
    if reads == 0 {
        return out(bytes);
    }
    let mut block = vec![0; BLOCK];
    loop {
        match io::stdin().lock().read(&mut block)? {
            0 => return Ok(()),
            count => out(count as u64 * bytes / reads)?,
        }
    }
}

/// Prints the table.
pub fn report(options: &Options, scratch: &Path) {
    println!(
        "\nWriting the output of these and nothing else, and reading their input from a pipe \
         besides: CPU seconds, the least of {} rounds.\n\n\
         | program | output, MB | writing | reading, writing |\n|---|---|---|---|",
        options.rounds
    );
    for (name, input, stamped, files) in CASES {
        match row(options, scratch, input, stamped, files) {
            Ok((bytes, [only, both])) => {
                let output = bytes / 1_000_000;
                println!("| `{name}` | {output} | {only:.3} | {both:.3} |");
            }
            Err(error) => println!("| `{name}` | | {error} | |"),
        }
    }
}

/// How much is written, and what that costs, the latter without reading and with it.
fn row(
    options: &Options,
    scratch: &Path,
    input: Input,
    stamped: bool,
    files: Files,
) -> Result<(u64, [f64; 2]), Box<dyn Error>> {
    let path = input.make(scratch, options.megabytes)?;
    let (reads, bytes) = length_and_output(&path, stamped)?;
    let mut least = [f64::INFINITY; 2];
    for _ in 0..options.rounds.max(1) {
        for (least, reads) in least.iter_mut().zip([0, reads]) {
            *least = least.min(cost(
                &path,
                [reads, bytes, files.size, files.kept],
                scratch,
            )?);
        }
    }
    Ok((bytes, least))
}

/// How long an input is, and how many bytes a multilog makes of it.
fn length_and_output(path: &Path, stamped: bool) -> io::Result<(u64, u64)> {
    let mut file = File::open(path)?;
    let (mut bytes, mut lines) = (0, 0);
    let mut block = vec![0; 1 << 20];
    loop {
        let count = file.read(&mut block)?;
        let read = &block[..count];
        if read.is_empty() {
            return Ok((bytes, bytes + if stamped { lines * STAMP } else { 0 }));
        }
        bytes += count as u64;
        lines += read.split(|byte| *byte == b'\n').count() as u64 - 1;
    }
}

fn cost(input: &Path, what: [u64; 4], scratch: &Path) -> Result<f64, Box<dyn Error>> {
    let place = scratch.join("floor");
    fs::create_dir(&place)?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--bench", "--only-write"]);
    command.args(what.map(|number| number.to_string()));
    let reads = what[0] > 0;
    let sample = measured(command.current_dir(&place), input, reads);
    fs::remove_dir_all(&place)?;
    Ok(sample?.cpu.as_secs_f64())
}
