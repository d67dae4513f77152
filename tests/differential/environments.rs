//! envdir: random files in a directory, on top of a random environment.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::Command;

use dt_testkit::{Outcome, Scratch, Suite, show};
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any};
use proptest::prop_oneof;
use proptest::sample::select;
use proptest::test_runner::TestCaseError;

use crate::property;

type Entry = (Vec<u8>, Vec<u8>);

/// Names that meet often, with all that is special in a name.
fn name() -> impl Strategy<Value = Vec<u8>> {
    let odd = vec(select(b"AB=.-_ \n\t\xff\x01".to_vec()), 1..4);
    let plain = select(vec![&b"A"[..], b"B", b"C", b"AB", b"PATH", b"TZ", b"A=B"]);
    prop_oneof![2 => plain.prop_map(<[u8]>::to_vec), 1 => odd]
        .prop_filter("a file of its own", |name| name != b"." && name != b"..")
}

fn content() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![3 => select(b"ab= \t\n\0\r\x0b".to_vec()), 1 => any::<u8>()];
    prop_oneof![
        6 => vec(byte, 0..12),
        1 => (1000usize..9000, select(b"x \0\n".to_vec())).prop_map(|(size, byte)| vec![byte; size]),
        1 => Just(Vec::new()),
    ]
}

/// What an environment can hold: a name without `=`, and no NUL.
fn before() -> impl Strategy<Value = Vec<Entry>> {
    let name = select(vec![
        &b"A"[..],
        b"B",
        b"C",
        b"AB",
        b"D",
        b"TZ",
        b"\xff",
        b"A B",
    ]);
    let value = vec(select(b"a= \n\xff".to_vec()), 0..4);
    vec((name.prop_map(<[u8]>::to_vec), value), 0..5)
}

/// What the child finds, sorted, as the order is nobody's promise; or how envdir
/// fails.
fn seen(suite: &Suite, scratch: &Scratch, before: &[Entry]) -> (Outcome, Vec<String>) {
    let mut command: Command = suite.command("envdir", scratch);
    command.env_clear();
    for (name, value) in before {
        command.env(OsStr::from_bytes(name), OsStr::from_bytes(value));
    }
    let mut outcome = Outcome::of(command.args(["e", "/usr/bin/env", "-0"]));
    let mut entries: Vec<_> = outcome.stdout.split(|byte| *byte == 0).map(show).collect();
    entries.sort();
    outcome.stdout.clear();
    (outcome, entries)
}

#[test]
fn random_environments() {
    let files = vec((name(), content()), 0..8);
    property("random_environments", 150, &(files, before()), agree);
}

fn agree(
    ours: &Suite,
    original: &Suite,
    (files, before): (Vec<Entry>, Vec<Entry>),
) -> Result<(), TestCaseError> {
    let scratch = Scratch::new();
    scratch.directory("e");
    for (name, content) in &files {
        scratch.file(
            std::path::Path::new("e").join(OsStr::from_bytes(name)),
            content,
        );
    }
    // The same directory, and so the same order of its entries, for both.
    let [ours, original] = [ours, original].map(|suite| seen(suite, &scratch, &before));
    proptest::prop_assert_eq!(ours, original);
    Ok(())
}
