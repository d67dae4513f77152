//! The program `readproctitle`.
#![cfg_attr(not(test), no_main)]

dt_cli::main!(readproctitle::run);
