//! The script: arguments, and what they make multilog do with a line.
//!
//! The first byte decides. What has no meaning is ignored, as the original does,
//! but for a warning; scripts rely on it: `logdir` without a dot or slash
//! is no directory, and `status` is a size of zero.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use crate::pattern::Pattern;
use crate::stamp::Form;

/// What multilog is to do, from its arguments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// The time stamp that every line gets, if any.
    pub stamp: Option<Form>,
    /// What happens to each line, in this order.
    pub actions: Vec<Action>,
    /// The status files, in order; `Action::Status` counts through them.
    pub statuses: Vec<OsString>,
    /// The log directories, in order; `Action::Log` counts through them.
    pub logs: Vec<Log>,
    /// Words that are hardly meant as they are taken.
    pub odd: Vec<(OsString, Odd)>,
}

/// How a word is taken that may be a mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Odd {
    /// Not at all.
    Ignored,
    /// As this number, though it is more or less than digits.
    Number(u64),
}

/// One thing that happens to every line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// From here on the line counts as selected (or not), if the pattern matches.
    Select {
        /// What to.
        select: bool,
        /// Which lines.
        pattern: Pattern,
    },
    /// A selected line goes to standard error, shortened.
    Alert,
    /// A selected line becomes the content of a status file.
    Status(usize),
    /// A selected line goes into a log directory.
    Log(usize),
}

/// A log directory, with what was in force where it was named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The name as typed.
    pub name: OsString,
    /// `s`: bytes at which `current` is full.
    pub size: u64,
    /// `n`: files, `current` included, that are kept at the most.
    pub count: u64,
    /// `!`: what finished files go through.
    pub processor: Option<OsString>,
    /// `w`: what the names of finished files end in, after the dot.
    pub suffix: OsString,
}

/// The smallest size of a file; the original's largest, 16777215, is no limit here.
const LEAST_SIZE: u64 = 4096;

/// What is in force where the script says nothing.
impl Default for Log {
    fn default() -> Self {
        Self {
            name: OsString::new(),
            size: 99_999,
            count: 10,
            processor: None,
            suffix: "s".into(),
        }
    }
}

impl Script {
    /// Reads the arguments, argv\[0\] left out.
    #[must_use]
    pub fn parse(arguments: &[OsString]) -> Self {
        let mut script = Self::default();
        let mut odd = Vec::new();
        let mut shell = false;
        let mut log = Log::default();
        for (position, word) in arguments.iter().enumerate() {
            let Some((letter, rest)) = word.as_bytes().split_first() else {
                continue;
            };
            match letter {
                b't' if position == 0 => script.stamp = Some(Form::Label),
                b'T' if position == 0 => script.stamp = Some(Form::Seconds),
                b'F' => shell = true,
                b'S' => shell = false,
                b'+' | b'-' => script.actions.push(Action::Select {
                    select: *letter == b'+',
                    pattern: if shell {
                        Pattern::shell(rest)
                    } else {
                        Pattern::Simple(rest.to_vec())
                    },
                }),
                b'e' => script.actions.push(Action::Alert),
                b'=' => {
                    script.actions.push(Action::Status(script.statuses.len()));
                    script.statuses.push(OsStr::from_bytes(rest).to_owned());
                }
                b's' | b'n' => {
                    let least = if *letter == b's' { LEAST_SIZE } else { 2 };
                    let value = number(rest).max(least);
                    if *letter == b's' {
                        log.size = value;
                    } else {
                        log.count = value;
                    }
                    if rest.is_empty() || !rest.iter().all(u8::is_ascii_digit) {
                        odd.push((word.clone(), Odd::Number(value)));
                    }
                }
                b'!' => log.processor = Some(OsStr::from_bytes(rest).to_owned()),
                b'w' if is_suffix(rest) => OsStr::from_bytes(rest).clone_into(&mut log.suffix),
                b'.' | b'/' => {
                    script.actions.push(Action::Log(script.logs.len()));
                    log.name.clone_from(word);
                    script.logs.push(log.clone());
                }
                _ => odd.push((word.clone(), Odd::Ignored)),
            }
        }
        script.odd = odd;
        script
    }

    /// Whether every line goes to every log directory and nowhere else, so that
    /// lines need not be told apart.
    #[must_use]
    pub fn takes_everything(&self) -> bool {
        self.actions
            .iter()
            .all(|action| matches!(action, Action::Log(_)))
    }

    /// A number that changes, almost certainly, when other lines go into a log
    /// directory, or when they look different there. Sizes, counts and processors
    /// change nothing about that.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        let words = self.actions.iter().filter_map(|action| match action {
            Action::Select { select, pattern } => {
                let kind = match pattern {
                    Pattern::Simple(_) => 0,
                    Pattern::Shell(_) => 3,
                };
                Some((kind + u8::from(*select), pattern.bytes()))
            }
            Action::Log(number) => {
                let log = self.logs.get(*number)?;
                Some((2, log.name.as_bytes()))
            }
            Action::Alert | Action::Status(_) => None,
        });
        let bytes = words.flat_map(|(kind, word)| word.iter().copied().chain([0, kind]));
        let stamp = match self.stamp {
            None => 0,
            Some(Form::Label) => 1,
            Some(Form::Seconds) => 2,
        };
        let start = 0xcbf2_9ce4_8422_2325 ^ stamp;
        bytes.fold(start, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
    }
}

/// Whether a file's name can end in a label, a dot and this. With what cannot, no
/// file could ever be finished, so it has no meaning.
fn is_suffix(text: &[u8]) -> bool {
    const LONGEST_NAME: usize = 255;
    !text.contains(&b'/') && dt_tai::LABEL_LEN + 1 + text.len() <= LONGEST_NAME
}

/// Decimal digits up to the first byte that is none, modulo 2^64; none are zero.
fn number(text: &[u8]) -> u64 {
    text.iter()
        .map_while(|byte| byte.is_ascii_digit().then(|| u64::from(byte - b'0')))
        .fold(0, |sum: u64, digit| {
            sum.wrapping_mul(10).wrapping_add(digit)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Script {
        Script::parse(&words.iter().map(OsString::from).collect::<Vec<_>>())
    }

    fn limits(words: &[&str]) -> Vec<(u64, u64)> {
        let logs = parse(words).logs;
        logs.iter().map(|log| (log.size, log.count)).collect()
    }

    #[test]
    fn t_counts_in_first_place_only() {
        for (word, form) in [("tfoo", Form::Label), ("Tfoo", Form::Seconds)] {
            assert_eq!(parse(&[word, "./d"]).stamp, Some(form));
            assert_eq!(parse(&["./d", word]).stamp, None);
            assert_eq!(parse(&["", word]).stamp, None);
        }
    }

    #[test]
    fn each_pattern_is_of_the_kind_that_the_words_before_it_say() {
        let script = parse(&["+a", "F", "-b", "+c", "Simple", "-d", "T"]);
        let patterns: Vec<_> = script
            .actions
            .iter()
            .filter_map(|action| match action {
                Action::Select { pattern, .. } => Some(pattern.clone()),
                _ => None,
            })
            .collect();
        let simple = |text: &[u8]| Pattern::Simple(text.to_vec());
        let want = [
            simple(b"a"),
            Pattern::shell(b"b"),
            Pattern::shell(b"c"),
            simple(b"d"),
        ];
        assert_eq!(patterns, want);
    }

    #[test]
    fn a_suffix_holds_for_directories_to_its_right_if_it_can_be_one() {
        let long = format!("w{}", "x".repeat(230));
        let words = ["./a", "wgz", "./b", "w/x", "./c", &long, "./d", "w", "./e"];
        let logs = parse(&words).logs;
        let seen: Vec<_> = logs
            .iter()
            .map(|log| log.suffix.to_str().unwrap())
            .collect();
        assert_eq!(seen, ["s", "gz", "gz", "gz", ""]);
    }

    #[test]
    fn limits_hold_for_directories_to_their_right() {
        let seen = limits(&["./a", "s5000", "n3", "./b", "s7000", "/c", "n9"]);
        assert_eq!(seen, [(99_999, 10), (5000, 3), (7000, 3)]);
    }

    #[test]
    fn numbers_end_at_the_first_byte_that_is_no_digit() {
        for (word, size) in [
            ("s100k", 4096),
            ("s5000k", 5000),
            ("s-1", 4096),
            ("s 5000", 4096),
            ("s+5000", 4096),
            ("status", 4096),
            ("s", 4096),
            ("s18446744073709556616", 5000),
        ] {
            assert_eq!(limits(&[word, "./d"]), [(size, 10)], "{word}");
        }
        assert_eq!(limits(&["name", "./d"]), [(99_999, 2)]);
        assert_eq!(limits(&["n2x", "./d"]), [(99_999, 2)]);
    }

    #[test]
    fn sizes_beyond_sixteen_megabytes_are_taken_as_they_are() {
        assert_eq!(limits(&["s5000000000", "./d"]), [(5_000_000_000, 10)]);
    }

    #[test]
    fn words_without_a_meaning_are_ignored() {
        let script = parse(&["logdir", "", "x"]);
        let odd = ["logdir", "x"].map(|word| (word.into(), Odd::Ignored));
        assert_eq!(script.odd, odd);
        let nothing = Script {
            odd: script.odd.clone(),
            ..Script::default()
        };
        assert_eq!(script, nothing);
    }

    #[test]
    fn numbers_that_are_not_all_digits_are_noticed() {
        let odd = parse(&["s100k", "s1", "n", "n05", "t", "status"]).odd;
        let seen: Vec<_> = odd
            .iter()
            .map(|(word, odd)| (word.to_str(), *odd))
            .collect();
        let number = |word, value| (Some(word), Odd::Number(value));
        let ignored = (Some("t"), Odd::Ignored);
        assert_eq!(
            seen,
            [
                number("s100k", 4096),
                number("n", 2),
                ignored,
                number("status", 4096)
            ]
        );
    }

    #[test]
    fn a_processor_may_be_the_empty_command() {
        let logs = parse(&["./a", "!", "./b", "!x y", "./c"]).logs;
        let seen: Vec<_> = logs.iter().map(|log| log.processor.as_deref()).collect();
        assert_eq!(seen, [None, Some("".as_ref()), Some("x y".as_ref())]);
    }

    #[test]
    fn only_what_changes_the_lines_changes_the_fingerprint() {
        let of = |words: &[&str]| parse(words).fingerprint();
        let one = of(&["t", "-a", "./d"]);
        assert_eq!(one, of(&["t", "s5000", "e", "-a", "n3", "!x", "wz", "./d"]));
        for other in [
            &["-a", "./d"][..],
            &["T", "-a", "./d"],
            &["t", "F", "-a", "./d"],
            &["t", "+a", "./d"],
            &["t", "-a*", "./d"],
            &["t", "./d", "-a"],
            &["t", "-a", "./e"],
        ] {
            assert_ne!(one, of(other), "{other:?}");
        }
    }
}
