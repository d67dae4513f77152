//! A program is killed before or after one of its system calls, and started again.
//!
//! The service of a supervisor is started, restarted, killed, stopped, started and stopped;
//! a scanner starts a service with a log and another one; a logger finishes several files,
//! each of which goes through a processor.

use crate::kit::Outcome;
use crate::points;
use crate::report::Cell;
use crate::scenarios::Size;
use crate::scenarios::injections::{self, Hurt};
use crate::suite::Suite;

/// Before so many calls, and after as many.
fn some(size: &Size) -> Option<usize> {
    size.faults.map(|some| some / 2)
}

pub fn supervise(suite: &Suite, size: &Size) -> Outcome<Cell> {
    injections::of_supervise(suite, &|trace| points::kills(trace, some(size)), Hurt::Kill)
}

pub fn svscan(suite: &Suite, size: &Size) -> Outcome<Cell> {
    injections::of_svscan(suite, &|trace| points::kills(trace, some(size)), Hurt::Kill)
}

pub fn log(suite: &Suite, size: &Size) -> Outcome<Cell> {
    injections::of_log(suite, &|trace| points::kills(trace, some(size)), Hurt::Kill)
}
