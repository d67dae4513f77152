//! The program `supervise`.
#![cfg_attr(not(test), no_main)]

dt_cli::main!(supervise::run);
