//! What daemontools-encore adds.

mod clients;
mod ids;
mod limits;
mod multilog;
mod supervise;
mod svscan;
mod svup;
mod variables;
