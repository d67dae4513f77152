//! svscan's machine and table, in the pretended world of its own tests.

#[path = "../../crates/svscan/tests/exploration.rs"]
#[allow(dead_code, unused_imports, reason = "not all of it is used here")]
mod explored;

pub use explored::follow as machine;
