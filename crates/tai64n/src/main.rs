//! The program `tai64n`.
#![cfg_attr(not(test), no_main)]

dt_cli::main!(tai64n::run);
