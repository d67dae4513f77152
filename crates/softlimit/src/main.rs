//! The program `softlimit`.
#![cfg_attr(not(test), no_main)]

dt_cli::main!(softlimit::run);
