//! The program `svwait`.
#![cfg_attr(not(test), no_main)]

dt_cli::main!(svwait::run);
