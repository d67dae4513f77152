//! What the programs that ask and steer have in common: which directories a name
//! means, what a `supervise` tells, and waiting until that has changed.
#![forbid(unsafe_code)]

pub mod look;
mod show;
mod signal;
mod span;
mod target;
pub mod truth;
pub mod vigil;

pub use show::{escaped, is_terminal};
pub use signal::signal_name;
pub use span::span;
pub use target::{Target, targets};
