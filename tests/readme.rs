//! The README's commands and files, run and compared as they are printed.
//!
//! Only the places differ: what the README does below `/` is done below a scratch
//! directory, without root by stand-ins for the commands that need it.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on panics with the reason"
)]

#[allow(
    dead_code,
    clippy::allow_attributes,
    reason = "shared; each test uses its part"
)]
mod common;

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

use common::{Site, without_numbers};
use dt_testkit::{Running, Scratch, Suite, get, is_root, until};

/// A command of the README and the output that it shows for it.
#[derive(Debug)]
struct Example {
    command: String,
    output: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn readme() -> String {
    fs::read_to_string(root().join("README.md")).unwrap()
}

/// The fenced blocks of a kind.
fn blocks(kind: &str) -> Vec<String> {
    let readme = readme();
    let fence = format!("```{kind}\n");
    let after = readme.split(&fence).skip(1);
    after
        .map(|rest| rest.split("```").next().unwrap().to_owned())
        .collect()
}

fn examples() -> Vec<Example> {
    let all = blocks("console").concat();
    // Each begins with its prompt.
    let each = all.strip_prefix("$ ").unwrap().split("\n$ ");
    each.map(|one| {
        let (command, output) = one.split_once('\n').unwrap_or((one, ""));
        let newline = if output.is_empty() || output.ends_with('\n') {
            ""
        } else {
            "\n"
        };
        Example {
            command: command.to_owned(),
            output: [output, newline].concat(),
        }
    })
    .collect()
}

/// The examples that install, run and remove the service.
fn walk_through() -> Vec<Example> {
    let mut all = examples();
    let from = all
        .iter()
        .position(|one| one.command == "cargo build --release");
    let mut steps = all.split_off(from.unwrap());
    let last = steps.pop().unwrap();
    assert!(
        last.command.starts_with("DAEMONTOOLS_UNDER_TEST="),
        "{last:?}"
    );
    steps
}

#[test]
fn the_run_scripts_are_the_examples_byte_for_byte() {
    let files = ["trycode.io/run", "trycode.io/log/run"];
    let examples = files.map(|name| fs::read_to_string(common::example(name)).unwrap());
    assert_eq!(blocks("sh"), examples);
}

#[test]
fn the_first_two_commands_are_the_ones_that_are_tested() {
    let commands: Vec<_> = examples().into_iter().map(|one| one.command).collect();
    assert_eq!(commands[..2], ["cargo run -- try", "cargo test"]);
    let ci = fs::read_to_string(root().join(".ci/run")).unwrap();
    assert!(
        ci.lines().any(|line| line == "cargo test"),
        "CI runs another"
    );
}

/// `cargo run -- try`, as printed, from what `cargo test` has built.
#[test]
#[cfg(feature = "try")]
fn try_works_as_printed() {
    let scratch = Scratch::new();
    let temporary = scratch.directory("tmp");
    let said = scratch.join("said");
    let mut command = Command::new("sh");
    let cargo = Path::new(env!("CARGO")).parent().unwrap();
    let path = std::env::var("PATH").unwrap();
    command
        .args(["-c", &format!("exec {}", examples()[0].command)])
        .current_dir(root())
        .env("PATH", format!("{}:{path}", cargo.display()))
        .env("TMPDIR", &temporary)
        .stdout(File::create(&said).unwrap())
        .stderr(File::create(scratch.join("errors")).unwrap());
    let mut running = Running::start(&mut command, &scratch);
    until("it is up", || {
        let errors = || String::from_utf8_lossy(&scratch.read("errors")).into_owned();
        assert_eq!(running.ended(), None, "{}", errors());
        fs::read_to_string(&said).unwrap().contains("Ctrl-C here")
    });
    running.signal("INT");
    assert_eq!(running.wait(), 0);
    assert_eq!(scratch.names("tmp"), [""; 0]);
}

/// The walk-through in its scratch directory.
struct Walk {
    site: Site,
    path: String,
}

impl Walk {
    fn new() -> Self {
        let site = Site::bare(Suite::ours());
        let stand_in = |name: &str, script: &str| {
            site.scratch.script(Path::new("aside").join(name), script);
        };
        stand_in("sudo", "#!/bin/sh\nexec \"$@\"\n");
        stand_in("useradd", "#!/bin/sh\n");
        if !is_root() {
            stand_in("chown", "#!/bin/sh\n");
        }
        site.scratch.directory("usr/local/bin");
        let own = site.scratch.path().to_str().unwrap();
        let path = format!("{own}/aside:{own}/usr/local/bin:/usr/bin:/bin");
        Self { site, path }
    }

    /// Runs a step once if it shows nothing, and until it shows what the README
    /// says otherwise: things take a moment.
    fn step(&self, Example { command, output }: &Example) {
        // `cargo test` has built the same, but for the optimiser.
        if command == "cargo build --release" {
            return;
        }
        if output.is_empty() {
            assert_eq!(self.run(command), "", "{command}");
            return;
        }
        let (shown, more) = match output.strip_suffix("...\n") {
            Some(shown) => (shown, true),
            None => (&output[..], false),
        };
        let want = without_numbers(&self.site.mapped(shown));
        until(&format!("{command}\n{output}"), || {
            let seen = without_numbers(&self.run(command));
            seen == want || more && seen.starts_with(&want)
        });
    }

    /// What the command says, on either output.
    fn run(&self, command: &str) -> String {
        let built = Suite::ours().directory().display().to_string();
        let command = self
            .site
            .mapped(command)
            .replace("chown trycode ", "chown nobody ")
            .replace("target/*/release", &built);
        if let Some(rest) = command.strip_prefix("curl http://") {
            let path = rest.strip_prefix(&self.site.address.to_string());
            return get(self.site.address, path.unwrap()).unwrap_or_default();
        }
        // A file, as a process that goes on would hold a pipe open.
        let said = self.site.scratch.join("said");
        let status = Command::new("sh")
            .args(["-c", &command])
            .current_dir(root())
            .env("PATH", &self.path)
            .env(Scratch::MARK, self.site.scratch.mark())
            .stdin(Stdio::null())
            .stdout(File::create(&said).unwrap())
            .stderr(File::options().append(true).open(&said).unwrap())
            .status()
            .unwrap();
        let said = fs::read_to_string(&said).unwrap();
        assert!(status.success(), "{command}: {said}");
        said
    }
}

#[test]
fn the_walk_through_works_as_printed() {
    let walk = Walk::new();
    for example in walk_through() {
        walk.step(&example);
        if example.command.contains(" examples/") {
            // What is copied has the real paths.
            walk.site.settle();
        }
    }
    // What svscan itself keeps there is no service.
    assert_eq!(walk.site.scratch.names("etc/service"), [".svscan"]);
}
