//! multilog, tai64n and tai64nlocal.

mod alerts;
mod crash;
mod disk;
mod interchange;
pub mod kit;
mod lines;
mod patterns;
mod processor;
mod recovery;
mod rotation;
mod script;
mod signals;
mod startup;
mod tai64n;
mod tai64nlocal;
