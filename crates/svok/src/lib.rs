//! Answers with its exit code whether a directory is supervised.
//!
//! `supervise` holds `supervise/ok` open for reading as long as it lives, so
//! opening it for writing without waiting succeeds exactly while it does.
#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind};

use dt_cli::{Exit, Fatal};
use dt_client::{look, targets};
use dt_os::file;
use dt_service::{Place, names};

/// Runs the program with its arguments, argv\[0\] left out.
pub fn run(args: &[OsString]) -> Result<Exit, Fatal> {
    let [dir, _ignored @ ..] = args else {
        return Err(Fatal::usage("svok", "svok dir"));
    };
    for target in targets(dir) {
        file::chdir(&target.path)
            .map_err(|why| Fatal::system("svok", &["unable to chdir to ".as_ref(), dir], &why))?;
        match Place::here().and_then(|place| look::is_supervised(&place)) {
            Ok(true) => {}
            Ok(false) => return Ok(Exit::PERMANENT),
            Err(why) if why.kind() == ErrorKind::NotFound => return Ok(Exit::PERMANENT),
            Err(why) => return Err(unable(dir, &why)),
        }
    }
    Ok(Exit::OK)
}

fn unable(dir: &OsStr, why: &io::Error) -> Fatal {
    let what: [&OsStr; 4] = [
        "unable to open ".as_ref(),
        dir,
        "/".as_ref(),
        names::OK.as_ref(),
    ];
    Fatal::system("svok", &what, why)
}
