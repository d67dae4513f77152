//! Patterns: which lines a `+` or `-` is about.
//!
//! There are two kinds. After an `F` in the script they are those of the shell.
//! The others are the original's: a pattern matches a line as a whole, byte by byte, without escapes. `*`
//! followed by a byte takes everything up to the *first* such byte, and never
//! thinks better of it; at the end it takes the rest. So matching is one walk
//! over the line, whatever the pattern.

use std::ffi::{CStr, CString};

use memchr::memchr;

/// How much of a line patterns and status files see.
pub const HORIZON: usize = 1000;

/// A pattern of either kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// The original's.
    Simple(Vec<u8>),
    /// The shell's, as fnmatch(3) has it.
    Shell(CString),
}

impl Pattern {
    /// A shell pattern; words that the system gives have no NUL, after which all
    /// would be cut off.
    #[must_use]
    pub fn shell(word: &[u8]) -> Self {
        let word = word.split(|byte| *byte == 0).next().unwrap_or_default();
        Self::Shell(CString::new(word).unwrap_or_default())
    }

    /// Whether it matches the whole of `line`, of which the first [`HORIZON`] bytes
    /// count; for the shell's, what stands before the first NUL.
    #[must_use]
    pub fn matches(&self, line: &[u8]) -> bool {
        match self {
            Self::Simple(pattern) => matches(pattern, line),
            Self::Shell(pattern) => {
                let mut text = [0; HORIZON + 1];
                for (place, byte) in text.iter_mut().zip(line.iter().take(HORIZON)) {
                    *place = *byte;
                }
                CStr::from_bytes_until_nul(&text)
                    .is_ok_and(|text| dt_os::fnmatch::matches(pattern, text))
            }
        }
    }

    /// The pattern as it stands in the script.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Simple(pattern) => pattern,
            Self::Shell(pattern) => pattern.to_bytes(),
        }
    }
}

/// Whether the original's `pattern` matches the whole of `line`.
#[must_use]
pub fn matches(pattern: &[u8], line: &[u8]) -> bool {
    let (mut pattern, mut line) = (pattern, line);
    loop {
        match pattern {
            [] => return line.is_empty(),
            [b'*'] => return true,
            [b'*', rest @ ..] => {
                let Some(at) = rest.first().and_then(|until| memchr(*until, line)) else {
                    return false;
                };
                // What was found is not passed over: it is looked at again as the
                // next element, which may be another star.
                line = line.get(at..).unwrap_or_default();
                pattern = rest;
            }
            [byte, rest @ ..] => {
                let Some((first, others)) = line.split_first() else {
                    return false;
                };
                if first != byte {
                    return false;
                }
                line = others;
                pattern = rest;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same rule said slowly: what is left of the line after each element.
    fn slowly(pattern: &[u8], line: &[u8]) -> bool {
        match pattern.first() {
            None => line.is_empty(),
            Some(b'*') if pattern.len() == 1 => true,
            Some(b'*') => (0..line.len())
                .find(|at| line[*at] == pattern[1])
                .is_some_and(|at| slowly(&pattern[1..], &line[at..])),
            Some(byte) => line.first() == Some(byte) && slowly(&pattern[1..], &line[1..]),
        }
    }

    #[test]
    fn a_star_stops_at_the_first_byte_that_follows_it() {
        for line in ["ab", "acb", "a*b"] {
            assert!(matches(b"a*b", line.as_bytes()), "{line}");
        }
        assert!(!matches(b"a*b", b"abb"));
        assert!(matches(b"*xx", b"axx") && !matches(b"*xx", b"axbxx"));
        assert!(!matches(b"*ab", b"aab"));
    }

    #[test]
    fn a_shell_pattern_sees_a_line_up_to_its_first_nul_and_the_horizon() {
        assert!(Pattern::shell(b"*a?[!x]").matches(b"/.aab"));
        assert!(!Pattern::shell(b"a").matches(b"A"));
        assert!(Pattern::shell(b"a").matches(b"a\0b"));
        let long = [b"x".repeat(HORIZON), b"y".to_vec()].concat();
        assert!(Pattern::shell(b"*x").matches(&long));
    }

    #[test]
    fn an_empty_pattern_matches_the_empty_line_alone() {
        assert!(matches(b"", b"") && !matches(b"", b"x"));
        assert!(matches(b"*", b"") && matches(b"*", b"anything"));
    }

    #[test]
    fn two_stars_match_whatever_has_a_star_in_it() {
        assert!(matches(b"**", b"ab*") && matches(b"**", b"a*b"));
        assert!(!matches(b"**", b"ab"));
    }

    #[test]
    fn every_short_pattern_does_as_the_slow_rule_on_every_short_line() {
        let words = |letters: &'static [u8]| {
            (0..5_u32).flat_map(move |length| {
                (0..letters.len().pow(length)).map(move |mut number| {
                    let mut word = Vec::new();
                    for _ in 0..length {
                        word.push(letters[number % letters.len()]);
                        number /= letters.len();
                    }
                    word
                })
            })
        };
        for pattern in words(b"a*b") {
            for line in words(b"ab*") {
                let (seen, want) = (matches(&pattern, &line), slowly(&pattern, &line));
                assert_eq!(seen, want, "{pattern:?} {line:?}");
            }
        }
    }
}
