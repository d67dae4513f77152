//! The version, as it can be found in a program's file without running it.

/// Of all the programs here.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// In the form that what(1) looks for, and ended by a NUL.
const MARK: &str = concat!("@(#)daemontools-rs ", env!("CARGO_PKG_VERSION"), "\0");

/// What comes before the version in the mark.
const PREFIX: usize = "@(#)daemontools-rs ".len();

/// Has the mark in every program that calls this.
pub(crate) fn carry() {
    std::hint::black_box(MARK);
}

/// The version of the program whose file this is the content of; `None` where it
/// is none of ours.
#[must_use]
pub fn of_program(file: &[u8]) -> Option<String> {
    let (prefix, _) = MARK.as_bytes().split_at_checked(PREFIX)?;
    let starts = file.windows(PREFIX).enumerate();
    let found = starts.filter(|(_, window)| window == &prefix);
    let mut after = found.filter_map(|(at, _)| file.get(at + PREFIX..));
    after.find_map(|rest| {
        let end = rest.iter().take(64).position(|byte| *byte == 0)?;
        let version = str::from_utf8(rest.get(..end)?).ok()?;
        let plausible = |byte: u8| byte.is_ascii_alphanumeric() || b".+-~".contains(&byte);
        (!version.is_empty() && version.bytes().all(plausible)).then(|| version.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_tells_the_version_and_half_of_one_nothing() {
        let file = [b"\x7fELF @(#)daemontools-rs \n", MARK.as_bytes(), b"more"].concat();
        assert_eq!(of_program(&file).as_deref(), Some(VERSION));
        assert_eq!(of_program(b"@(#)daemontools-rs 1.2"), None);
        assert_eq!(of_program(b"#!/bin/sh\nexit 0\n"), None);
    }
}
