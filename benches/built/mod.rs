//! Our programs, for the benches to measure.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds what is measured as a user would, and gives the directory.
pub fn build(packages: &[&str]) -> Result<PathBuf, Box<dyn Error>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command.args(["build", "--quiet", "--release"]);
    for package in packages {
        command.args(["--package", package]);
    }
    if !command.status()?.success() {
        return Err("the programs cannot be built".into());
    }
    // …/release/deps/log_path-0123456789abcdef
    let own = std::env::current_exe()?;
    let directory = own.parent().and_then(Path::parent);
    Ok(directory.ok_or("no directory of our own")?.to_owned())
}
