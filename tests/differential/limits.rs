//! softlimit: random options and numbers.

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

/// An option as one word or as two. The processor time is at least some minutes:
/// less may or may not end the child in time.
fn option() -> impl Strategy<Value = Vec<String>> {
    let letter = select(b"acdflmoprst".to_vec());
    (letter, number(), any::<bool>()).prop_map(|(letter, number, attached)| {
        let letter = char::from(letter);
        let number = if letter == 't' {
            format!("9{number}99")
        } else {
            number
        };
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
