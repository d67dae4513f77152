//! Tells the state of the service in each directory named, in words.
#![forbid(unsafe_code)]

mod line;

use std::ffi::OsString;

use dt_cli::{Exit, Fatal};
use dt_os::descriptor;
use dt_os::file::Directory;

/// Lines are written out once there are this many bytes of them.
const BUFFER: usize = 1024;

/// Runs the program with its arguments, argv\[0\] left out.
pub fn run(args: &[OsString]) -> Result<Exit, Fatal> {
    let start = Directory::open(".").map_err(|why| {
        Fatal::system(
            "svstat",
            &["unable to open current directory".as_ref()],
            &why,
        )
    })?;
    let mut lines = Vec::with_capacity(2 * BUFFER);
    for directory in args {
        line::describe(directory, &mut lines);
        if lines.len() >= BUFFER {
            write_out(&mut lines);
        }
        start
            .enter()
            .map_err(|why| Fatal::system("svstat", &["unable to set directory".as_ref()], &why))?;
    }
    write_out(&mut lines);
    // Also for services that are not running: configuration tools take any other
    // code for a failure of their own.
    Ok(Exit::OK)
}

/// A reader that has gone is not our failure.
fn write_out(lines: &mut Vec<u8>) {
    let _ = descriptor::write_all(descriptor::stdout(), lines);
    lines.clear();
}
