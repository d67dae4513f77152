//! The program `envuidgid`.
#![cfg_attr(not(test), no_main)]

dt_cli::main!(envuidgid::run);
