//! `daemontools`: every program in one file, chosen by the name it is called by,
//! and a small command line of its own.
#![forbid(unsafe_code)]

#[cfg(feature = "try")]
mod demo;
mod front;
mod programs;

use dt_cli::Exit;

fn main() -> Exit {
    match dt_cli::invoked_as().to_str().and_then(programs::find) {
        Some(program) => dt_cli::program(program),
        None => dt_cli::program(front::run),
    }
}
