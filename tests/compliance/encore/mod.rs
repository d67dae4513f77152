//! What daemontools-encore adds.

mod ids;
mod limits;
mod multilog;
mod variables;
