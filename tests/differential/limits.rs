//! softlimit: random options and numbers.

use std::ops::Range;

use dt_testkit::{Outcome, Scratch, Suite};
use proptest::collection::vec;
use proptest::prelude::{Strategy, any};
use proptest::prop_oneof;
use proptest::sample::select;
use proptest::test_runner::TestCaseError;

use crate::property;

/// Hard limits that are the same wherever the tests run.
const HARD: &str = "ulimit -t 5000; ulimit -f 200000; ulimit -d 8000000; ulimit -s 40000; \
                    ulimit -c 3000; ulimit -m 9000000; ulimit -l 48; ulimit -n 400; \
                    ulimit -v 16000000; ulimit -p 3000;";

/// Numbers as they should be, at the edges of 64 bits, and broken ones.
fn number() -> impl Strategy<Value = String> {
    let edge = select(vec![
        0u128,
        1 << 31,
        1 << 32,
        1 << 63,
        (1 << 64) - 1,
        1 << 64,
        1 << 65,
        u128::MAX,
    ]);
    let near = (edge, -2i128..3).prop_map(|(edge, by)| edge.saturating_add_signed(by).to_string());
    prop_oneof![
        2 => any::<u32>().prop_map(|number| number.to_string()),
        2 => near,
        2 => any::<u64>().prop_map(|number| number.to_string()),
        1 => "[0-9]{1,45}",
        1 => "0{0,30}[0-9]{1,8}",
        1 => "=",
        // A `-` by itself means something to ours, as to daemontools-encore's.
        1 => "[-+0-9xk=. ]{0,4}".prop_filter("encore's", |value| value != "-"),
    ]
}

/// Bytes of stack or of memory with which it is chance whether a program can begin: the
/// kernel puts the stack at a random place within its pages. With less none can, with more
/// all do.
const CHANCE: Range<u64> = 4096..1 << 24;

/// The number as softlimit reads it: digits up to anything else, modulo 2^64.
fn read(number: &str) -> u64 {
    let digits = number.bytes().take_while(u8::is_ascii_digit);
    digits.fold(0, |so_far: u64, digit| {
        so_far
            .wrapping_mul(10)
            .wrapping_add(u64::from(digit - b'0'))
    })
}

/// Whether an option leaves it to chance what becomes of the child.
fn is_left_to_chance(letter: char, number: &str) -> bool {
    matches!(letter, 'a' | 'm' | 's') && CHANCE.contains(&read(number))
}

/// An option as one word or as two. The processor time is at least some minutes:
/// less may or may not end the child in time.
fn option() -> impl Strategy<Value = Vec<String>> {
    let letter = select(b"acdflmoprst".to_vec());
    let drawn = (letter, number()).prop_map(|(letter, number)| match char::from(letter) {
        't' => ('t', format!("9{number}99")),
        letter => (letter, number),
    });
    let drawn = drawn.prop_filter("left to chance", |(letter, number)| {
        !is_left_to_chance(*letter, number)
    });
    (drawn, any::<bool>()).prop_map(|((letter, number), attached)| {
        if attached {
            vec![format!("-{letter}{number}")]
        } else {
            vec![format!("-{letter}"), number]
        }
    })
}

fn seen(suite: &Suite, scratch: &Scratch, words: &[String]) -> Outcome {
    let mut command = std::process::Command::new("/bin/sh");
    command
        .args(["-c", &format!("{HARD} exec \"$0\" \"$@\"")])
        .arg(suite.program("softlimit"))
        .args(words)
        .args(["cat", "/proc/self/limits"])
        .current_dir(scratch.path())
        .stdin(std::process::Stdio::null());
    Outcome::of(&mut command)
}

#[test]
fn random_limits() {
    let options = vec(option(), 0..4).prop_map(|options| options.concat());
    property("random_limits", 200, &options, |ours, original, words| {
        agree(ours, original, &words)
    });
}

fn agree(ours: &Suite, original: &Suite, words: &[String]) -> Result<(), TestCaseError> {
    let scratch = Scratch::new();
    let [ours, original] = [ours, original].map(|suite| seen(suite, &scratch, words));
    proptest::prop_assert_eq!(ours, original);
    Ok(())
}

/// A stack of 14876 bytes was enough for about every other child, the original's too.
#[test]
fn a_stack_that_is_enough_by_chance_is_not_drawn() {
    assert!(is_left_to_chance('s', "0000014876="));
    assert!(!is_left_to_chance('s', "18446744073709551615"));
    assert!(!is_left_to_chance('d', "14876"));
    let (suite, scratch) = (Suite::under_test(), Scratch::new());
    for option in ["-a", "-m", "-s"] {
        for (bytes, begins) in [(CHANCE.start - 1, false), (CHANCE.end, true)] {
            let words = [option.to_owned(), bytes.to_string()];
            for _ in 0..20 {
                let outcome = seen(&suite, &scratch, &words);
                assert_eq!(outcome.code == 0, begins, "{words:?}: {outcome:?}");
            }
        }
    }
}
