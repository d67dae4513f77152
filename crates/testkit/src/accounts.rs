use std::process::Command;

use crate::{Outcome, Scratch, Suite, is_root};

/// A program of the suite, run by somebody who is not root.
#[must_use]
pub fn by_an_ordinary_user(program: &str, scratch: &Scratch) -> Command {
    let suite = Suite::under_test();
    if !is_root() {
        return suite.command(program, scratch);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
    command.arg(suite.program(program));
    command
}

/// Runs a shell script with these files in the place of those in `/etc`. Takes root.
#[must_use]
pub fn with_system_files(scratch: &Scratch, files: &[(&str, &str)], script: &str) -> Outcome {
    for (name, content) in files {
        scratch.file(name, content);
    }
    let names: Vec<_> = files.iter().map(|(name, _)| *name).collect();
    let names = names.join(" ");
    let script =
        format!("for file in {names}; do mount --bind $file /etc/$file || exit; done; {script}");
    let mut command = Command::new("unshare");
    command
        .args(["-m", "sh", "-c", &script])
        .current_dir(scratch.path())
        .env("PATH", Suite::under_test().path());
    Outcome::of(&mut command)
}
