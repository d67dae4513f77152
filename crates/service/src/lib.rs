//! What `supervise` leaves on disk and reads from its pipe.
//!
//! The names, bytes and layouts are those of daemontools 0.76, and beyond it those
//! of daemontools-encore and runit; [`Record`], [`details`] and [`deaths`] are our
//! own. One direction of each table is written out and the other derived from it,
//! so the two cannot disagree.
#![forbid(unsafe_code)]

mod codec;
mod command;
pub mod deaths;
pub mod details;
mod place;
pub mod record;
pub mod scanning;
mod status;
mod word;

pub use command::{Command, UPGRADE};
pub use place::Place;
pub use record::{Incarnation, Record};
pub use status::{BadStatus, Block, State, Status, StatusFile, Want};
pub use word::Word;

/// Names in a service directory.
pub mod names {
    /// The program that is the service.
    pub const RUN: &str = "./run";
    /// There is no service unless asked for, where this exists.
    pub const DOWN: &str = "down";
    /// The directory of the rest.
    pub const SUPERVISE: &str = "supervise";
    /// Locked with flock(2) by the one `supervise` there may be.
    pub const LOCK: &str = "supervise/lock";
    /// FIFO of command bytes.
    pub const CONTROL: &str = "supervise/control";
    /// FIFO that has a reader while `supervise` lives.
    pub const OK: &str = "supervise/ok";
    /// The status record.
    pub const STATUS: &str = "supervise/status";
    /// The status record in the making.
    pub const STATUS_NEW: &str = "supervise/status.new";
    /// What the next `supervise` must know should this one be killed.
    pub const RECORD: &str = "supervise/record";
    /// The socket on which the service says how it is, where it is to.
    pub const NOTIFY: &str = "supervise/notify";
    /// What came of the last wish that `supervise` become the one installed now: a
    /// [`Word`](crate::Word). There is none before the first.
    pub const VERSION: &str = "supervise/version";
    /// The same in the making.
    pub const VERSION_NEW: &str = "supervise/version.new";
}
