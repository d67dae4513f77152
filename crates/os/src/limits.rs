//! How many descriptors this process may have open.

use std::sync::OnceLock;

use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};

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
