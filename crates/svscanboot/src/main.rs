//! The program `svscanboot`.
#![cfg_attr(not(test), no_main)]

dt_cli::main!(svscanboot::run);
