//! The program `svnew`.
#![cfg_attr(not(test), no_main)]

dt_cli::main!(svnew::run);
