//! The manual pages, the completions and `dt_guide`, checked against the programs.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on panics with the reason"
)]

mod completions;
mod examples;
mod page;
mod pages;
mod programs;
