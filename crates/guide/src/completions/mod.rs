//! Completions for shells, made of the guides: one file for each program and shell.
//!
//! They are in `completions/`, so that a package needs nothing to be run; a test
//! says when they are not what is made here.

mod bash;
mod fish;
mod zsh;

use crate::{Guide, Kind};

/// The file of one program for one shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Below `completions/`.
    pub path: String,
    /// What is in it.
    pub text: String,
}

/// The files of a program.
#[must_use]
pub fn of(guide: &Guide) -> [File; 3] {
    let name = guide.name;
    [
        (format!("bash/{name}"), bash::completion(guide)),
        (format!("zsh/_{name}"), zsh::completion(guide)),
        (format!("fish/{name}.fish"), fish::completion(guide)),
    ]
    .map(|(path, text)| File { path, text })
}

/// Says where a file comes from.
fn heading(guide: &Guide, shell: &str) -> String {
    let name = guide.name;
    format!("# {shell} completion for {name}. Made by crates/guide from its table: change that.\n")
}

/// Whether a program is followed by another one's command line.
fn runs_another(guide: &Guide) -> bool {
    let last = guide.operands.last();
    last.is_some_and(|operand| operand.kind == Kind::Command)
}

/// Whether options may stand among the operands.
fn options_are_free(guide: &Guide) -> bool {
    let last = guide.operands.last();
    last.is_some_and(|operand| operand.kind == Kind::CommandAfterDashes)
}

/// Options that take their value as the next word.
fn valued(guide: &Guide) -> impl Iterator<Item = &'static str> {
    let valued = guide.flags.iter().filter(|flag| flag.value.is_some());
    let free = options_are_free(guide);
    valued
        .map(|flag| flag.name)
        .filter(move |name| free || !name.starts_with("--"))
}

/// In single quotes, for any of the three shells.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}
