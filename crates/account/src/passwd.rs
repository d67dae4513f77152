//! The lines of `/etc/passwd`, which is also how getent(1) answers.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::Account;

/// The first account of that name in the file's `content`.
///
/// Names that begin with `+` or `-` are not names in this file; there the line
/// includes or excludes accounts of another source.
pub fn find(content: &[u8], name: &[u8]) -> Option<Account> {
    if name.is_empty() || name.starts_with(b"+") || name.starts_with(b"-") {
        return None;
    }
    content
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::trim_ascii_start)
        .filter(|line| !line.starts_with(b"#"))
        .filter_map(parse)
        .find(|account| account.name.as_bytes() == name)
}

/// The account of a line; `None` where it has no name or no ids. What is missing
/// after them is empty.
pub fn parse(line: &[u8]) -> Option<Account> {
    let mut fields = line.split(|byte| *byte == b':');
    let text = |field: &[u8]| OsStr::from_bytes(field).to_owned();
    let name = text(fields.next()?);
    let _password = fields.next()?;
    let user = id(fields.next()?)?;
    let group = id(fields.next()?)?;
    let _real_name = fields.next();
    Some(Account {
        name,
        user,
        group,
        home: text(fields.next().unwrap_or_default()),
        shell: text(fields.next().unwrap_or_default()),
    })
}

/// An id in decimal. One that is too large becomes the largest number there is,
/// as in the C library; no call accepts that as an id.
pub fn id(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let add = |number: u32, digit: &u8| {
        number
            .saturating_mul(10)
            .saturating_add(u32::from(digit - b'0'))
    };
    Some(digits.iter().fold(0, add))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(content: &[u8], name: &[u8]) -> Option<(u32, u32)> {
        find(content, name).map(|account| (account.user, account.group))
    }

    #[test]
    fn the_first_whole_line_counts() {
        let content = b"jo:x:one:1:::\njo:x:1\n#jo:x:3:3:::\n jo:x:4:5:::\njo:x:6:7:::\n";
        assert_eq!(found(content, b"jo"), Some((4, 5)));
    }

    #[test]
    fn home_and_shell_are_the_last_two_fields() {
        let places = |line: &[u8]| parse(line).map(|account| (account.home, account.shell));
        let want = Some(("/home/jo".into(), "/bin/sh".into()));
        assert_eq!(places(b"jo:x:1:2:Jo, room 5:/home/jo:/bin/sh"), want);
        assert_eq!(places(b"jo:x:1:2"), Some(("".into(), "".into())));
    }

    #[test]
    fn a_name_is_whole_and_may_be_any_bytes() {
        let content = b"joe:x:1:1:::\nj\xf6:x:2:3:::";
        assert_eq!(found(content, b"jo"), None);
        assert_eq!(found(content, b"j\xf6"), Some((2, 3)));
        assert_eq!(found(content, b"joe:x"), None);
        assert_eq!(found(b":x:1:1:::\n", b""), None);
    }

    #[test]
    fn a_plus_line_is_no_account() {
        assert_eq!(found(b"+jo:x:1:1:::\n-al:x:1:1:::\n", b"+jo"), None);
        assert_eq!(found(b"+jo:x:1:1:::\n-al:x:1:1:::\n", b"-al"), None);
    }

    #[test]
    fn ids_go_up_to_the_last_but_one() {
        let content = b"a:x:4294967294:3000000000:::\nb:x:4294967296:99999999999:::\n";
        assert_eq!(found(content, b"a"), Some((4_294_967_294, 3_000_000_000)));
        assert_eq!(found(content, b"b"), Some((u32::MAX, u32::MAX)));
    }
}
