//! The program `setuser`.
#![cfg_attr(not(test), no_main)]

dt_cli::main!(setuser::run);
