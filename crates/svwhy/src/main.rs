//! The program `svwhy`.
#![cfg_attr(not(test), no_main)]

dt_cli::main!(svwhy::run);
