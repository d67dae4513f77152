//! The program `svup`.
#![cfg_attr(not(test), no_main)]

dt_cli::main!(svup::run);
