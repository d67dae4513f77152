//! Which directories an operand means.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use dt_os::file::Entries;

/// The environment variable that names the scan directory, as runit's sv has it.
const VARIABLE: &str = "SVDIR";
/// Where it is not set.
const SCAN: &str = "/etc/service";

/// One service directory that an operand means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// What it is called in output: the operand, or the name in the scan directory
    /// that its pattern matched.
    pub shown: OsString,
    /// Where it is, seen from the working directory.
    pub path: PathBuf,
}

/// The directories that `operand` means: itself, whatever it is, if it is there.
///
/// Only what would otherwise fail is looked for in the scan directory: a name
/// without a slash that does not exist here, or a pattern of `*`, `?` and `[...]`,
/// which means all services it matches there. What is not found there either is
/// given back as it is, so that the failure is told in the known words.
#[must_use]
pub fn targets(operand: &OsStr) -> Vec<Target> {
    let scan = std::env::var_os(VARIABLE).unwrap_or_else(|| SCAN.into());
    found(operand, Path::new(&scan))
}

fn found(operand: &OsStr, scan: &Path) -> Vec<Target> {
    let itself = Target {
        shown: operand.to_owned(),
        path: operand.into(),
    };
    let name = operand.as_bytes();
    let could_be_there = !name.is_empty() && !name.starts_with(b".") && !name.contains(&b'/');
    // A dangling link is something too.
    let is_here = || std::fs::symlink_metadata(operand).is_ok();
    if scan.as_os_str().is_empty() || !could_be_there || is_here() {
        return vec![itself];
    }
    let in_scan = |name: OsString| Target {
        path: scan.join(&name),
        shown: name,
    };
    let there = in_scan(operand.to_owned());
    if there.path.is_dir() {
        return vec![there];
    }
    let mut matching = matching(name, scan);
    matching.sort();
    if matching.is_empty() {
        return vec![itself];
    }
    matching.into_iter().map(in_scan).collect()
}

/// The names of services that the pattern matches, if it is one.
fn matching(pattern: &[u8], scan: &Path) -> Vec<OsString> {
    let mut names = Vec::new();
    if !pattern.iter().any(|byte| b"*?[".contains(byte)) {
        return names;
    }
    let Ok(entries) = Entries::open(scan) else {
        return names;
    };
    // What could be listed counts.
    let _ = entries.for_each(|name| -> Result<(), std::io::Error> {
        let service = !name.as_bytes().starts_with(b".") && scan.join(name).is_dir();
        if service && matches(pattern, name.as_bytes()) {
            names.push(name.to_owned());
        }
        Ok(())
    });
    names
}

/// Whether the whole of `name` matches: `*` is any bytes, `?` any one, `[a-z]` and
/// `[!a-z]` one of these or none of them; `\` takes the next byte as it is.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let Some((first, rest)) = pattern.split_first() else {
        return name.is_empty();
    };
    if *first == b'*' {
        let ends = 0..=name.len();
        return ends
            .filter_map(|end| name.get(end..))
            .any(|left| matches(rest, left));
    }
    let Some((byte, left)) = name.split_first() else {
        return false;
    };
    match (first, rest) {
        (b'?', rest) => matches(rest, left),
        (b'[', rest) => match class(rest) {
            Some((members, negated, rest)) => {
                is_member(members, *byte) != negated && matches(rest, left)
            }
            None => *byte == b'[' && matches(rest, left),
        },
        (b'\\', [literal, rest @ ..]) | (literal, rest) => byte == literal && matches(rest, left),
    }
}

/// The members of a class that begins here, whether they are excluded, and what
/// follows it; a `]` that comes first is a member.
fn class(rest: &[u8]) -> Option<(&[u8], bool, &[u8])> {
    let stripped = rest.strip_prefix(b"!").or_else(|| rest.strip_prefix(b"^"));
    let body = stripped.unwrap_or(rest);
    let end = body.iter().skip(1).position(|byte| *byte == b']')? + 1;
    Some((body.get(..end)?, stripped.is_some(), body.get(end + 1..)?))
}

fn is_member(members: &[u8], byte: u8) -> bool {
    match members {
        [from, b'-', to, rest @ ..] => (*from..=*to).contains(&byte) || is_member(rest, byte),
        [one, rest @ ..] => *one == byte || is_member(rest, byte),
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dt_testkit::Scratch;

    fn shown(operand: &str, scan: &Path) -> Vec<String> {
        let found = found(OsStr::new(operand), scan);
        let shown = found.iter().map(|target| {
            let relative = target.path.strip_prefix(scan);
            let path = relative.map_or("as it is".into(), Path::to_string_lossy);
            format!("{} {path}", target.shown.display())
        });
        shown.collect()
    }

    #[test]
    fn only_names_that_are_not_here_are_looked_for() {
        let scratch = Scratch::new();
        for name in ["web1", "web2", "db", ".web0", "src", "w*"] {
            scratch.directory(name);
        }
        scratch.file("web.conf", "");
        let scan = scratch.path();
        assert_eq!(shown("db", scan), ["db db"]);
        assert_eq!(shown("web*", scan), ["web1 web1", "web2 web2"]);
        assert_eq!(shown("w*", scan), ["w* w*"]);
        for itself in ["no", "./db", "", ".", ".web0", "/etc/db", "web.conf", "x*"] {
            assert_eq!(shown(itself, scan), [format!("{itself} as it is")]);
        }
        // The tests run in the crate's directory, which has one.
        assert_eq!(shown("src", scan), ["src as it is"]);
        let itself = found(OsStr::new("db"), Path::new(""));
        assert_eq!(itself[0].path, Path::new("db"));
    }

    #[test]
    fn patterns() {
        for (pattern, name, expected) in [
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abbd", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[^a-c]x", "dx", true),
            ("[]]", "]", true),
            ("[a-]", "-", true),
            ("[", "[", true),
            ("\\*", "*", true),
            ("\\*", "x", false),
            ("**b*", "aba", true),
        ] {
            let found = matches(pattern.as_bytes(), name.as_bytes());
            assert_eq!(found, expected, "{pattern} {name}");
        }
    }
}
