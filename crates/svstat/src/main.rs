//! The program `svstat`.
#![cfg_attr(not(test), no_main)]

dt_cli::main!(svstat::run);
