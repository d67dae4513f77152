//! The program `multilog`.
#![cfg_attr(not(test), no_main)]

dt_cli::main!(multilog::run);
