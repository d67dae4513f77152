//! One body a case, run against both suites.
//!
//! What a case sees is written down as text and compared with a golden file that
//! was recorded from the original. `DAEMONTOOLS_UNDER_TEST=/usr/bin` runs the same
//! bodies against the original installed there, so that a wrong golden cannot
//! stand; `DAEMONTOOLS_RECORD=1` with it writes the goldens anew.
//!
//! The cases in `encore` are about what daemontools-encore adds. Their goldens, in
//! `goldens/encore/`, were recorded from it in the same way, with
//! `DAEMONTOOLS_UNDER_TEST` naming the directory of a build of it (one that has a
//! `setuser` is taken for one); they are skipped with the original, as the others
//! are with encore, and ours must pass both. A case is one call of `check_encore`
//! in a module of `encore`; a deliberate difference is a row of `FROM_ENCORE`.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on panics with the reason"
)]

mod chain;
mod differences;
mod encore;
mod harness;
mod logging;
mod service;
mod supervision;
