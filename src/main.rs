//! `daemontools`: every program in one file, chosen by the name it is called by,
//! and a small command line of its own.
#![cfg_attr(not(test), no_main)]

#[cfg(feature = "try")]
mod demo;
mod front;
mod programs;

dt_cli::main!(|arguments| {
    let called = dt_cli::invoked_as();
    let program = called.to_str().and_then(programs::find);
    program.unwrap_or(front::run)(arguments)
});
