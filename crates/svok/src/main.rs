//! The program `svok`.
#![cfg_attr(not(test), no_main)]

dt_cli::main!(svok::run);
