//! The system in memory that multilog's own tests use.
#![allow(dead_code, reason = "not all of it is used here")]

#[path = "../../crates/multilog/tests/model/mod.rs"]
mod shared;

pub use shared::Model;
