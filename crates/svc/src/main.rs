//! The program `svc`.
#![cfg_attr(not(test), no_main)]

dt_cli::main!(svc::run);
