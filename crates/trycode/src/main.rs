//! The program `trycode`.
#![cfg_attr(not(test), no_main)]

dt_cli::main!(trycode::run);
