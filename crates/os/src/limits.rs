//! Resource limits: the soft ones, which the kernel enforces.

use std::io;
use std::sync::OnceLock;

use nix::sys::resource::{getrlimit, rlim_t, setrlimit};

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

/// The limits that we were started with, where they have been changed.
static BEFORE: OnceLock<(rlim_t, rlim_t)> = OnceLock::new();

/// Raises our soft limit on open descriptors to the hard one.
///
/// Every child that is started later gets the old limit back: a larger one would
/// slow down programs that close all descriptors there may be, and break those
/// that use select(2). Where the limit cannot be raised it stays as it is.
pub fn raise_descriptors() {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return;
    };
    if soft < hard && setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok() {
        let _ = BEFORE.set((soft, hard));
    }
}

/// Puts the limit back, between fork and exec: one system call, no allocation.
pub(crate) fn restore_descriptors() {
    if let Some((soft, hard)) = BEFORE.get() {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, *soft, *hard);
    }
}
