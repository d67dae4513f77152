//! The program `svscanctl`.
#![cfg_attr(not(test), no_main)]

dt_cli::main!(svscanctl::run);
