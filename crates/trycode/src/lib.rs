//! `trycode.io`, a small web service to try a supervisor on.
//!
//! It says who it is, it crashes when asked to, and it can write a flood of
//! numbered log lines. What it has to say about itself goes to standard error,
//! as a service's words do; `exec 2>&1` in its run script takes them to the log.
#![forbid(unsafe_code)]

mod answer;
mod server;

use std::ffi::OsString;
use std::net::SocketAddr;

use dt_cli::{Exit, Fatal};
use dt_os::signals::{self, Signal};

const NAME: &str = "trycode";

/// Where it listens unless told otherwise: this machine can reach it, others cannot.
const ADDRESS: &str = "127.0.0.1:8080";

/// Runs the program with its arguments, argv\[0\] left out.
pub fn run(arguments: &[OsString]) -> Result<Exit, Fatal> {
    let address = match arguments {
        [] => ADDRESS.parse().ok(),
        [address] => address.to_str().and_then(|text| text.parse().ok()),
        _ => None,
    };
    let Some(address) = address else {
        return Err(Fatal::usage(NAME, "trycode [address:port]"));
    };
    serve(address)
}

fn serve(address: SocketAddr) -> Result<Exit, Fatal> {
    // A client that hangs up must not end the service.
    signals::ignore(Signal::SIGPIPE)
        .map_err(|why| Fatal::system(NAME, &["unable to ignore SIGPIPE".as_ref()], &why))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .map_err(|why| Fatal::system(NAME, &["unable to start".as_ref()], &why))?;
    runtime.block_on(server::serve(address))
}

/// Writes what the service says in one piece, so that lines stay whole.
///
/// Blocks while the log is behind: then it is the log that the service waits for,
/// and no line is lost. Where nobody reads any more there is nobody to tell.
fn log(lines: &[u8]) {
    let _ = dt_os::descriptor::write_all(dt_os::descriptor::stderr(), lines);
}
