//! How `supervise` and `multilog` are linked, of which there is one for each service and
//! one for each log: at a fixed address, and with all that is written to while a program
//! starts close together. Both leave fewer pages private to each process; docs/memory.md
//! has the figures, and what is given up.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Tells cargo, from the build script of a package two levels below the workspace.
pub fn link() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../build");
    println!("cargo:rerun-if-changed={}", here.display());
    let features = std::env::var("CARGO_CFG_TARGET_FEATURE").unwrap_or_default();
    if !features.split(',').any(|feature| feature == "crt-static") {
        return;
    }
    // The last of these words is what counts for the linker's driver.
    println!("cargo:rustc-link-arg-bins=-no-pie");
    println!("cargo:rustc-link-arg-bins=-static");
    let order = format!(
        "-Wl,--no-warn-symbol-ordering,--symbol-ordering-file={}",
        here.join("written-at-start").display()
    );
    if links_with(&order).unwrap_or(false) {
        println!("cargo:rustc-link-arg-bins={order}");
        // What is written to begins where a page does, and not wherever the code ends.
        println!("cargo:rustc-link-arg-bins=-Wl,-z,separate-loadable-segments");
    }
}

/// Whether the linker knows `argument`, as LLVM's does and GNU's does not: found out by
/// linking a program that does nothing. `None` where that cannot be tried.
fn links_with(argument: &str) -> Option<bool> {
    let place = PathBuf::from(std::env::var_os("OUT_DIR")?);
    let source = place.join("nothing.rs");
    std::fs::write(&source, "fn main() {}\n").ok()?;
    let mut compile = Command::new(std::env::var_os("RUSTC")?);
    compile.arg("--target").arg(std::env::var_os("TARGET")?);
    if let Some(linker) = std::env::var_os("RUSTC_LINKER") {
        let mut word = OsString::from("-Clinker=");
        word.push(linker);
        compile.arg(word);
    }
    let flags = std::env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    compile.args(flags.split('\x1f').filter(|flag| !flag.is_empty()));
    compile.arg(format!("-Clink-arg={argument}"));
    compile.arg("-o").arg(place.join("nothing")).arg(&source);
    compile.stdin(Stdio::null()).stdout(Stdio::null());
    let ended = compile.stderr(Stdio::null()).status().ok()?;
    Some(ended.success())
}
