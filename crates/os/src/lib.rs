//! The operating system, behind safe functions.
//!
//! This is the only crate with `unsafe` code and the only one that knows nix,
//! libc and signal-hook. Its contract, for every function:
//!
//! * an error is an [`std::io::Error`] that carries the errno;
//! * descriptors come in borrowed and go out owned, close-on-exec unless the
//!   name says that a child gets them;
//! * `EINTR` is handled here, once, except where being interrupted is the point;
//! * names are bytes.

#![expect(
    unsafe_code,
    reason = "the system is called here, so that it is called nowhere else"
)]

pub mod ask;
pub mod caught;
pub mod cgroup;
pub mod clock;
pub mod descriptor;
pub mod ending;
pub mod entry;
mod error;
pub mod exec;
pub mod family;
pub mod file;
pub mod flow;
pub mod fnmatch;
pub mod herd;
pub mod holders;
pub mod identity;
pub mod incarnation;
pub mod kin;
pub mod limits;
pub mod local_time;
pub mod memory;
mod message;
pub mod notice;
pub mod oom;
pub mod pidfd;
pub mod places;
pub mod process;
pub mod signals;
pub mod startup;
pub mod store;
mod timens;
pub mod usage;
pub mod wait;
pub mod watch;

pub use error::{is_errno, reason, reason_for};
pub use nix::errno::Errno;
