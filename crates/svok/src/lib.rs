//! Answers with its exit code whether a directory is supervised.
//!
//! `supervise` holds `supervise/ok` open for reading as long as it lives, so
//! opening it for writing without waiting succeeds exactly while it does.
#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;

use dt_cli::{Exit, Fatal};
use dt_os::file::{self, How};
use dt_service::names;

/// Runs the program with its arguments, argv\[0\] left out.
pub fn run(args: &[OsString]) -> Result<Exit, Fatal> {
    let [dir, _ignored @ ..] = args else {
        return Err(Fatal::usage("svok", "svok dir"));
    };
    file::chdir(dir)
        .map_err(|why| Fatal::system("svok", &["unable to chdir to ".as_ref(), dir], &why))?;
    match How::WRITE.open(names::OK) {
        Ok(_) => Ok(Exit::OK),
        Err(why) if why.kind() == ErrorKind::NotFound || file::no_reader(&why) => {
            Ok(Exit::PERMANENT)
        }
        Err(why) => {
            let what: [&OsStr; 4] = [
                "unable to open ".as_ref(),
                dir,
                "/".as_ref(),
                names::OK.as_ref(),
            ];
            Err(Fatal::system("svok", &what, &why))
        }
    }
}
