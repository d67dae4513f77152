//! The program `setuidgid`.
#![cfg_attr(not(test), no_main)]

dt_cli::main!(setuidgid::run);
