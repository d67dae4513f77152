//! What holds for any bytes.

use std::fmt::Write;
use std::time::Duration;

use dt_settings::{Fault, Restart, Setting, Settings, value};
use proptest::prelude::*;

/// Bytes, and words that come near to being values.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        any::<u32>().prop_map(|n| n.to_string()),
        Just("always".to_owned()),
        Just("never".to_owned()),
        Just("!".to_owned()),
        Just("TERM".to_owned()),
        Just("SIGKILL".to_owned()),
        "[0-9]{0,4}(ms|s|m|h|-)?[0-9]{0,3}",
        "[ -~]{0,6}",
    ];
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..64),
        prop::collection::vec(word, 0..20).prop_map(|words| words.join(" ").into_bytes()),
    ]
}

proptest! {
    #[test]
    fn any_bytes_are_a_value_or_a_fault_and_blanks_around_them_do_not_matter(bytes in bytes()) {
        for setting in Setting::ALL {
            let mut plain = Settings::default();
            let mut padded = Settings::default();
            let around = [b" \r\n\t".as_slice(), &bytes, b"\n"].concat();
            let outcome = plain.set(setting, &bytes);
            prop_assert_eq!(outcome, padded.set(setting, &around));
            prop_assert_eq!(plain, padded);
            if outcome.is_err() {
                prop_assert_eq!(plain, Settings::default(), "half of a value is in force");
            }
        }
    }

    #[test]
    fn a_duration_is_what_was_written(number in any::<u32>(), unit in 0_usize..5) {
        let (name, factor) = [("", 1), ("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)][unit];
        let found = value::duration(format!("{number}{name}").as_bytes());
        match u64::from(number) * factor {
            long if long > u64::from(u32::MAX) => prop_assert_eq!(found, Err(Fault::TooLong)),
            fits => prop_assert_eq!(found, Ok(Duration::from_millis(fits))),
        }
    }

    #[test]
    fn down_signals_are_what_was_written(steps in prop::collection::vec((1..32_i32, 0..5000_u32), 1..9)) {
        let mut text = String::new();
        for (at, (signal, _)) in steps.iter().enumerate() {
            if at > 0 {
                write!(text, " {} ", steps[at - 1].1).unwrap();
            }
            text += &signal.to_string();
        }
        let found = value::down_signals(text.as_bytes()).unwrap();
        prop_assert_eq!(found.steps().len(), steps.len());
        for (at, (step, (signal, wait))) in found.steps().iter().zip(&steps).enumerate() {
            prop_assert_eq!(step.signal as i32, *signal);
            let last = at + 1 == steps.len();
            let wait = if last { 0 } else { *wait };
            prop_assert_eq!(step.wait, Duration::from_millis(wait.into()));
        }
    }

    /// Against the slow and obvious: the last exception that names a code decides.
    #[test]
    fn the_last_exception_decides(
        rule in 0_usize..3,
        exceptions in prop::collection::vec((any::<bool>(), any::<u8>(), any::<u8>()), 0..12),
    ) {
        let name = ["always", "on-failure", "never"][rule];
        let mut text = name.to_owned();
        for (again, one, other) in &exceptions {
            let mark = if *again { "" } else { "!" };
            write!(text, " {mark}{}-{}", one.min(other), one.max(other)).unwrap();
        }
        let found: Restart = value::restart(text.as_bytes()).unwrap();
        for code in 0..=255 {
            let excepted = exceptions.iter().rev()
                .find(|(_, one, other)| (*one.min(other)..=*one.max(other)).contains(&code));
            let expected = match excepted {
                Some((again, _, _)) => *again,
                None => name == "always" || name == "on-failure" && code != 0,
            };
            prop_assert_eq!(found.after_exit(code), expected, "{} {}", text, code);
        }
    }
}
