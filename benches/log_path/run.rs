//! One run of one program.

use std::error::Error;
use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use dt_os::process::{Ending, Pid};
use dt_os::usage::wait_with_usage;

use crate::cases::Case;

/// What a run cost.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Processor time of the program and its children, user and system.
    pub cpu: Duration,
    /// From start to end.
    pub wall: Duration,
}

/// Makes `./dir/lock` a file with something of somebody else's in it.
pub fn take_lock(place: &Path) -> std::io::Result<()> {
    std::fs::create_dir(place.join("dir"))?;
    std::fs::write(place.join("dir/lock"), "something else")
}

impl Case {
    /// Runs the program of `directory` on `input`, in a fresh directory.
    ///
    /// Multilog reads from a pipe, as it does in service, and what fills the pipe
    /// writes into it, as services do; that is this process and does not count. The
    /// filters read the file itself and write to /dev/null: the disk is not what is
    /// measured.
    ///
    /// Where the log directory's `lock` is `taken` by something else, ours reads
    /// without a record, and a kill would lose lines.
    pub fn run(
        &self,
        directory: &Path,
        input: &Path,
        scratch: &Path,
        taken: bool,
    ) -> Result<Sample, Box<dyn Error>> {
        let place = scratch.join("run");
        std::fs::create_dir(&place)?;
        if taken {
            take_lock(&place)?;
        }
        let piped = self.program == "multilog";
        let sample = measured(&mut self.command(directory, &place), input, piped);
        std::fs::remove_dir_all(&place)?;
        sample
    }

    fn command(&self, directory: &Path, place: &Path) -> Command {
        let mut path = OsString::from(directory);
        path.push(":/usr/bin:/bin");
        let mut command = Command::new(directory.join(self.program));
        // What is measured is the same wherever it is measured.
        command.args(self.arguments).env_clear().env("PATH", path);
        command.current_dir(place);
        command
    }
}

/// Runs `command` on `input`, which is `piped` to it or its standard input itself.
pub fn measured(
    command: &mut Command,
    input: &Path,
    piped: bool,
) -> Result<Sample, Box<dyn Error>> {
    let mut file = File::open(input)?;
    command.stdin(if piped {
        Stdio::piped()
    } else {
        Stdio::from(file.try_clone()?)
    });
    command.stdout(Stdio::null());
    let start = Instant::now();
    let mut child = command.spawn()?;
    if let Some(mut pipe) = child.stdin.take() {
        // A program that ends before it has read all says so by its exit code.
        let _ = write_all_of(&mut file, &mut pipe);
    }
    let (ending, usage) = wait_with_usage(Pid::from_raw(child.id().try_into()?))?;
    let wall = start.elapsed();
    if ending != Ending::Exited(0) {
        return Err(format!("{command:?}: {ending:?}").into());
    }
    Ok(Sample {
        cpu: usage.user + usage.system,
        wall,
    })
}

/// As much as cat(1) writes at once.
const WRITTEN: usize = 128 << 10;

/// Not [`std::io::copy`], which hands the file's own pages to the pipe: no service
/// does that, and what is in them is in no cache.
fn write_all_of(file: &mut File, pipe: &mut impl Write) -> std::io::Result<()> {
    let mut block = vec![0; WRITTEN];
    loop {
        let count = file.read(&mut block)?;
        let Some(read) = block.get(..count).filter(|read| !read.is_empty()) else {
            return Ok(());
        };
        pipe.write_all(read)?;
    }
}
