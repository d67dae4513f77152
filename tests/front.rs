//! The command line of `daemontools` itself.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on panics with the reason"
)]

use std::path::Path;
use std::process::Command;

use dt_testkit::{Outcome, Scratch, Suite};

const FRONT: &str = env!("CARGO_BIN_EXE_daemontools");

fn front(arguments: &[&str]) -> Outcome {
    Outcome::of(Command::new(FRONT).args(arguments))
}

fn programs() -> Vec<String> {
    let list = front(&["programs"]);
    assert_eq!((list.code, list.stderr), (0, Vec::new()));
    let list = String::from_utf8(list.stdout).unwrap();
    list.lines().map(String::from).collect()
}

#[test]
fn every_program_that_is_built_is_in_the_front_too() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates");
    let mut built: Vec<_> = std::fs::read_dir(crates)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("src/main.rs").is_file())
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        // The fault harness is for who works on the programs, and is not one of them.
        .filter(|name| name != "faults")
        .collect();
    built.sort();
    assert_eq!(programs(), built);
}

#[test]
fn a_program_is_run_by_the_link_and_by_the_first_argument() {
    let scratch = Scratch::new();
    let want = Outcome::fails(100, "svok: usage: svok dir\n");
    let link = scratch.join("svok");
    std::os::unix::fs::symlink(FRONT, &link).unwrap();
    assert_eq!(Outcome::of(&mut Command::new(link)), want);
    assert_eq!(front(&["svok"]), want);
    assert_eq!(Suite::ours().run("svok", &[] as &[&str], &scratch), want);
}

#[test]
fn help_and_version_are_answers_and_anything_else_is_misuse() {
    let version = concat!("daemontools ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(front(&["--version"]), Outcome::gives(version));
    let help = front(&["--help"]);
    assert_eq!((help.code, help.stderr), (0, Vec::new()));
    assert!(
        String::from_utf8(help.stdout)
            .unwrap()
            .contains("Usage: daemontools")
    );
    for misuse in [&[][..], &["no-such-program"], &["--no-such-option"]] {
        let outcome = front(misuse);
        assert_eq!(
            (outcome.code, outcome.stdout),
            (100, Vec::new()),
            "{misuse:?}"
        );
        assert!(!outcome.stderr.is_empty());
    }
}
