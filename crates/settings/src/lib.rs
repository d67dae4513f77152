//! What a service directory may say beyond daemontools 0.76: one file per
//! setting.
//!
//! [`Setting`] is the table of all files, [`Settings::read`] what they say in one
//! directory. A file that cannot be read or makes no sense is a [`Problem`] and
//! leaves the default in force, and the defaults are what 0.76 does. What the
//! files are for, and who had which name first, is told in `docs/settings.md`.
//!
//! This is linked into `supervise`, of which there is one for every service:
//! where a directory has none of the files, reading it allocates nothing, and
//! the table is text without a pointer in it, as each pointer would have to be
//! relocated in every process.
#![forbid(unsafe_code)]

mod fault;
pub mod graph;
mod present;
mod read;
mod table;
pub mod value;

pub use fault::{Fault, Problem};
pub use present::Present;
pub use read::{LIMIT, Letters, Settings};
pub use table::{Kind, Setting};
pub use value::{DownSignals, Restart, StartLimit, Step};
