//! The program `fghack`.
#![cfg_attr(not(test), no_main)]

dt_cli::main!(fghack::run);
