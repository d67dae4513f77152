//! The program `envdir`.
#![cfg_attr(not(test), no_main)]

dt_cli::main!(envdir::run);
