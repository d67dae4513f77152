//! The program `tai64nlocal`.
#![cfg_attr(not(test), no_main)]

dt_cli::main!(tai64nlocal::run);
