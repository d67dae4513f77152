//! `tai64nlocal`: copies its input, each label in the first column turned into
//! local time.
//!
//! Its arguments mean nothing, and it says nothing: whatever keeps it from
//! reading or writing ends it with 111. There is no bad input: what is not a
//! label is copied.
#![forbid(unsafe_code)]

pub mod convert;
pub mod display;

use std::ffi::OsString;

use dt_cli::{Exit, Fatal};
use dt_os::local_time::{LocalTime, local_time, refresh_zone};

use convert::Converter;
use display::Zone;

/// Runs the program with its arguments, argv\[0\] left out.
pub fn run(_args: &[OsString]) -> Result<Exit, Fatal> {
    match dt_stream::run(&mut Converter::new(SystemZone)) {
        Ok(()) => Ok(Exit::OK),
        Err(_) => Err(Fatal::silent(Exit::TEMPORARY)),
    }
}

/// The C library's.
struct SystemZone;

impl Zone for SystemZone {
    fn refresh(&mut self) {
        refresh_zone();
    }

    fn local(&mut self, unix: i64) -> Option<LocalTime> {
        local_time(unix)
    }
}
