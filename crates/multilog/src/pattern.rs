//! Patterns: which lines a `+` or `-` is about.
//!
//! There are two kinds. After an `F` in the script they are those of the shell, as
//! fnmatch(3) has them. The others are the original's: a pattern matches a line as a
//! whole, byte by byte, without escapes. `*` followed by a byte takes everything up
//! to the *first* such byte, and never thinks better of it; at the end it takes the
//! rest. So matching is one walk over the line, whatever the pattern.

use std::ffi::{CStr, CString};

use memchr::{memchr, memchr2};

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
                let line = line.get(..HORIZON).unwrap_or(line);
                let line = memchr(0, line)
                    .and_then(|end| line.get(..end))
                    .unwrap_or(line);
                let wildcards = pattern.to_bytes();
                if memchr2(b'[', b'\\', wildcards).is_none() {
                    return wildcards_match(wildcards, line);
                }
                let mut text = [0; HORIZON + 1];
                if let Some(place) = text.get_mut(..line.len()) {
                    place.copy_from_slice(line);
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
                let Some(at) = rest.first().and_then(|until| find(*until, line)) else {
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

/// As fnmatch(3) without flags, for patterns that have nothing special in them but
/// `*` and `?`: without a copy of the line that ends in NUL.
fn wildcards_match(pattern: &[u8], line: &[u8]) -> bool {
    let (mut pattern, mut line) = (pattern, line);
    // What follows the last star, and the rest of the line that it has been tried
    // on. Where that fails the star takes one byte more; those before it need not,
    // as they have taken as little as they could.
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        match (pattern, line) {
            ([], []) | ([b'*'], _) => return true,
            ([b'*', after @ ..], _) => {
                let Some(rest) = beginning(after, line) else {
                    return false;
                };
                retry = Some((after, rest));
                (pattern, line) = (after, rest);
            }
            ([byte, after @ ..], [first, rest @ ..]) if *byte == b'?' || byte == first => {
                (pattern, line) = (after, rest);
            }
            _ => {
                let Some((after, [_, rest @ ..])) = retry else {
                    return false;
                };
                let Some(rest) = beginning(after, rest) else {
                    return false;
                };
                retry = Some((after, rest));
                (pattern, line) = (after, rest);
            }
        }
    }
}

/// From where on the pattern could match; `None` for nowhere.
fn beginning<'a>(pattern: &[u8], line: &'a [u8]) -> Option<&'a [u8]> {
    match pattern.first() {
        None | Some(b'*' | b'?') => Some(line),
        Some(byte) => line.get(memchr(*byte, line)?..),
    }
}

/// Where `byte` is first: most often it is near.
#[inline]
fn find(byte: u8, line: &[u8]) -> Option<usize> {
    if let Some(near) = line.first_chunk() {
        let places = dt_os::places::places(byte, near);
        if places != 0 {
            return Some(places.trailing_zeros() as usize);
        }
    }
    memchr(byte, line)
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

    /// All words of up to `longest` of these letters.
    fn words(letters: &'static [u8], longest: u32) -> impl Iterator<Item = Vec<u8>> {
        (0..=longest).flat_map(move |length| {
            (0..letters.len().pow(length)).map(move |mut number| {
                let mut word = Vec::new();
                for _ in 0..length {
                    word.push(letters[number % letters.len()]);
                    number /= letters.len();
                }
                word
            })
        })
    }

    #[test]
    fn every_short_pattern_does_as_the_slow_rule_on_every_short_line() {
        for pattern in words(b"a*b", 4) {
            for line in words(b"ab*", 4) {
                let (seen, want) = (matches(&pattern, &line), slowly(&pattern, &line));
                assert_eq!(seen, want, "{pattern:?} {line:?}");
            }
        }
    }

    #[test]
    fn every_short_pattern_of_wildcards_does_as_the_c_library() {
        for pattern in words(b"a*?b", 5) {
            let shell = CString::new(pattern.clone()).unwrap();
            for line in words(b"ab*", 5) {
                let text = CString::new(line.clone()).unwrap();
                let want = dt_os::fnmatch::matches(&shell, &text);
                assert_eq!(wildcards_match(&pattern, &line), want, "{shell:?} {text:?}");
            }
        }
    }
}
