//! The program `envini`.
#![cfg_attr(not(test), no_main)]

dt_cli::main!(envini::run);
