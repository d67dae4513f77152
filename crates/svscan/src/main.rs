//! The program `svscan`.
#![cfg_attr(not(test), no_main)]

dt_cli::main!(svscan::run);
