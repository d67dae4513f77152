//! The shell's patterns, as the C library matches them.

use std::ffi::CStr;

/// Whether the shell pattern `pattern` matches all of `text`, as fnmatch(3) has it
/// without flags: `/` and leading dots are like any other byte. An invalid pattern
/// matches nothing, or itself.
///
/// The locale is the C library's own, `C`, in which each byte is a character.
#[must_use]
pub fn matches(pattern: &CStr, text: &CStr) -> bool {
    // SAFETY: both end in NUL and are only read during the call.
    unsafe { libc::fnmatch(pattern.as_ptr(), text.as_ptr(), 0) == 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_is_a_character_and_no_byte_is_special_but_the_shells() {
        for (pattern, text, want) in [
            (c"*", c"/.x", true),
            (c"[!a-c]?", c"\xff\xfe", true),
            (c"a\\*", c"a*", true),
            (c"a\\*", c"ab", false),
            (c"*a*b", c"xaxbxb", true),
            (c"", c"", true),
            (c"", c"x", false),
            (c"[[:digit:]]", c"7", true),
        ] {
            assert_eq!(matches(pattern, text), want, "{pattern:?} {text:?}");
        }
    }
}
