//! The program `setlock`.
#![cfg_attr(not(test), no_main)]

dt_cli::main!(setlock::run);
