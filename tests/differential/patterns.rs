//! multilog's patterns on random lines.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use dt_testkit::{Scratch, Suite};
use proptest::collection::vec;
use proptest::prelude::*;

/// Bytes that make matches likely.
fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![4 => Just(b'a'), 3 => Just(b'b'), 1 => Just(b' '), 1 => Just(0xff)]
}

fn pattern() -> impl Strategy<Value = Vec<u8>> {
    vec(prop_oneof![2 => Just(b'*'), 4 => byte()], 0..9)
}

fn line() -> impl Strategy<Value = Vec<u8>> {
    vec(prop_oneof![9 => byte(), 1 => Just(b'*')], 0..12)
}

/// What a script of these pattern words selects.
fn selected(suite: &Suite, words: &[Vec<u8>], lines: &[Vec<u8>]) -> Vec<u8> {
    let scratch = Scratch::new();
    let mut script: Vec<_> = words.iter().map(|word| OsStr::from_bytes(word)).collect();
    script.push("./d".as_ref());
    let input: Vec<u8> = lines
        .iter()
        .flat_map(|line| [line.as_slice(), b"\n"].concat())
        .collect();
    let outcome = suite.feed("multilog", &script, &input, &scratch);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    scratch.read("d/current")
}

fn word() -> impl Strategy<Value = Vec<u8>> {
    let sign = prop_oneof![Just(b'+'), Just(b'-')];
    (sign, pattern()).prop_map(|(sign, pattern)| [&[sign], pattern.as_slice()].concat())
}

#[test]
fn patterns_select_the_same_lines() {
    let values = (vec(word(), 1..6), vec(line(), 0..60));
    crate::property(
        "patterns",
        200,
        &values,
        |ours, original, (words, lines)| {
            prop_assert_eq!(
                selected(ours, &words, &lines).escape_ascii().to_string(),
                selected(original, &words, &lines)
                    .escape_ascii()
                    .to_string()
            );
            Ok(())
        },
    );
}

#[test]
fn long_lines_match_by_their_beginning() {
    // Around the thousand bytes that patterns see.
    let long = (990..1010usize, vec(byte(), 0..8));
    let literal = (990..1005usize, any::<bool>());
    crate::property(
        "long lines",
        60,
        &(long, literal),
        |ours, original, (line, word)| {
            let line = [vec![b'x'; line.0], line.1].concat();
            let tail: &[u8] = if word.1 { b"*" } else { b"a" };
            let words = [
                b"-*".to_vec(),
                [b"+".to_vec(), vec![b'x'; word.0], tail.to_vec()].concat(),
            ];
            let lines = [line.clone(), line[..990].to_vec(), line];
            let [seen, expected] = [ours, original].map(|suite| selected(suite, &words, &lines));
            prop_assert_eq!(seen.len(), expected.len());
            prop_assert!(seen == expected);
            Ok(())
        },
    );
}
