//! multilog, tai64n and tai64nlocal.

mod alerts;
mod kit;
mod lines;
mod patterns;
mod script;
mod startup;
