//! The program `svdt`.
#![cfg_attr(not(test), no_main)]

dt_cli::main!(svdt::run);
