//! Links `supervise` at a fixed address.
//!
//! There is one for each service and one for each log, and what the linker leaves
//! to be filled in at start is private memory in each of them: a static
//! executable that may be loaded anywhere has 16 to 20 kB more. See
//! docs/memory.md for the figures and for what is given up.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let features = std::env::var("CARGO_CFG_TARGET_FEATURE").unwrap_or_default();
    if features.split(',').any(|feature| feature == "crt-static") {
        // The last of these words is what counts for the linker's driver.
        println!("cargo:rustc-link-arg-bins=-no-pie");
        println!("cargo:rustc-link-arg-bins=-static");
    }
}
