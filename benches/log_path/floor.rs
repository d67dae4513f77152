//! What no logger can do without: writing its output to files of the usual size, and
//! taking the oldest away.

use std::error::Error;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::Command;

use dt_os::process::{Ending, Pid};
use dt_os::usage::wait_with_usage;

use crate::Options;
use crate::input::Input;

/// As long as multilog's without a size.
const SIZE: usize = 99_000;

/// As many as multilog keeps without a number.
const KEPT: u64 = 10;

/// A label and a space.
const STAMP: u64 = 26;

/// The cases whose files are so small that this counts.
const CASES: [(&str, Input, bool); 4] = [
    ("multilog dir", Input::Lines, false),
    ("multilog t dir", Input::Lines, true),
    ("multilog dir, 1-byte lines", Input::ShortLines, false),
    ("multilog t dir, 1-byte lines", Input::ShortLines, true),
];

/// Writes so many bytes to files in the current directory, the fastest way there is.
pub fn write(bytes: u64) -> io::Result<()> {
    let block = vec![b'x'; SIZE];
    for number in 0..bytes.div_ceil(SIZE as u64) {
        File::create_new(number.to_string())?.write_all(&block)?;
        if let Some(old) = number.checked_sub(KEPT) {
            fs::remove_file(old.to_string())?;
        }
    }
    Ok(())
}

/// Prints the table.
pub fn report(options: &Options, scratch: &Path) {
    println!(
        "\nWriting the output of these to files of {SIZE} bytes, and nothing else: CPU seconds, \
         the least of {} rounds.\n\n| program | output, MB | CPU |\n|---|---|---|",
        options.rounds
    );
    for (name, input, stamped) in CASES {
        let row = output_of(input, stamped, options.megabytes, scratch).and_then(|bytes| {
            let rounds = (0..options.rounds.max(1)).map(|_| cost(bytes, scratch));
            let costs = rounds.collect::<Result<Vec<_>, _>>()?;
            Ok((bytes, costs.into_iter().fold(f64::INFINITY, f64::min)))
        });
        match row {
            Ok((bytes, cost)) => println!("| `{name}` | {} | {cost:.3} |", bytes / 1_000_000),
            Err(error) => println!("| `{name}` | | {error} |"),
        }
    }
}

/// How many bytes a multilog makes of an input.
fn output_of(
    input: Input,
    stamped: bool,
    megabytes: u32,
    scratch: &Path,
) -> Result<u64, Box<dyn Error>> {
    let mut file = File::open(input.make(scratch, megabytes)?)?;
    let (mut bytes, mut lines) = (0, 0);
    let mut block = vec![0; 1 << 20];
    loop {
        let count = file.read(&mut block)?;
        let read = &block[..count];
        if read.is_empty() {
            return Ok(bytes + if stamped { lines * STAMP } else { 0 });
        }
        bytes += count as u64;
        lines += read.split(|byte| *byte == b'\n').count() as u64 - 1;
    }
}

fn cost(bytes: u64, scratch: &Path) -> Result<f64, Box<dyn Error>> {
    let place = scratch.join("floor");
    fs::create_dir(&place)?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--bench", "--only-write", &bytes.to_string()]);
    let child = command.current_dir(&place).spawn()?;
    let (ending, usage) = wait_with_usage(Pid::from_raw(child.id().try_into()?))?;
    fs::remove_dir_all(&place)?;
    if ending != Ending::Exited(0) {
        return Err(format!("{ending:?}").into());
    }
    Ok((usage.user + usage.system).as_secs_f64())
}
