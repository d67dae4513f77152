//! supervise's machine with all that a directory can set, killed anywhere and taken
//! over, in the reality of its own tests.

#[path = "../../crates/supervise/tests/exploration/main.rs"]
#[allow(dead_code, unused_imports, reason = "not all of it is used here")]
mod explored;

pub use explored::follow as settings;
