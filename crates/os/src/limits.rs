//! Resource limits: the soft ones, which the kernel enforces.

use std::io;

use nix::sys::resource::{getrlimit, setrlimit};

pub use nix::sys::resource::Resource;

/// What stands for "no limit".
pub const UNLIMITED: u64 = libc::RLIM_INFINITY;

/// A resource's soft limit, and the hard one above which it cannot be raised.
pub fn get(resource: Resource) -> io::Result<(u64, u64)> {
    Ok(getrlimit(resource)?)
}

/// Sets a resource's soft limit, and its hard one to `hard`.
pub fn set(resource: Resource, soft: u64, hard: u64) -> io::Result<()> {
    Ok(setrlimit(resource, soft, hard)?)
}
