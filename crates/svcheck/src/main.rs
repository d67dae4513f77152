//! The program `svcheck`.
#![cfg_attr(not(test), no_main)]

dt_cli::main!(svcheck::run);
