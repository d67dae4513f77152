//! The program `pgrphack`.
#![cfg_attr(not(test), no_main)]

dt_cli::main!(pgrphack::run);
