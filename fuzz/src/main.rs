//! One program for all targets; `FUZZ_TARGET` names the one that is fuzzed.
#![no_main]

use std::sync::OnceLock;

use daemontools_fuzz::{TARGETS, Target};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    static CHOSEN: OnceLock<Target> = OnceLock::new();
    let target = CHOSEN.get_or_init(|| {
        let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
        let found = TARGETS.iter().find(|target| target.name == name);
        *found.expect("FUZZ_TARGET names no target")
    });
    (target.check)(data, daemontools_fuzz::is_planted());
});
