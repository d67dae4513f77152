//! What daemontools-encore adds.

mod clients;
mod ids;
mod limits;
mod multilog;
mod svup;
mod variables;
