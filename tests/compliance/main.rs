//! One body a case, run against both suites.
//!
//! What a case sees is written down as text and compared with a golden file that
//! was recorded from the original. `DAEMONTOOLS_UNDER_TEST=/usr/bin` runs the same
//! bodies against the original installed there, so that a wrong golden cannot
//! stand; `DAEMONTOOLS_RECORD=1` with it writes the goldens anew.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on panics with the reason"
)]

mod chain;
mod differences;
mod harness;
mod logging;
mod service;
mod supervision;
