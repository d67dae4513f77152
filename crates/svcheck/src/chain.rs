//! Programs that run another: what a command becomes in the end, and as whom.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use crate::shell::Word;

/// A program that runs the rest of its command line.
struct Link {
    name: &'static str,
    /// Letters of options with a value.
    valued: &'static [u8],
    /// How many operands come before the program.
    operands: usize,
    /// Where it says who it runs as.
    user: User,
}

#[derive(Clone, Copy, PartialEq)]
enum User {
    Nowhere,
    FirstOperand,
    Option(u8),
}

const fn link(name: &'static str, valued: &'static [u8], operands: usize, user: User) -> Link {
    Link {
        name,
        valued,
        operands,
        user,
    }
}

const LINKS: &[Link] = &[
    link("authbind", b"", 0, User::Nowhere),
    link("busybox", b"", 0, User::Nowhere),
    link("chpst", b"uUbe/CnlLmdopfcrt", 0, User::Option(b'u')),
    link("chroot", b"", 1, User::Nowhere),
    link("chrt", b"TPD", 1, User::Nowhere),
    link("command", b"", 0, User::Nowhere),
    link("doas", b"uC", 0, User::Option(b'u')),
    link("env", b"uCS", 0, User::Nowhere),
    link("envdir", b"", 1, User::Nowhere),
    link("envuidgid", b"", 1, User::Nowhere),
    link("exec", b"a", 0, User::Nowhere),
    link("fghack", b"", 0, User::Nowhere),
    link("gosu", b"", 1, User::FirstOperand),
    link("ionice", b"cnpPu", 0, User::Nowhere),
    link("nice", b"n", 0, User::Nowhere),
    link("nohup", b"", 0, User::Nowhere),
    link("pgrphack", b"", 0, User::Nowhere),
    link("runuser", b"ugGs", 0, User::Option(b'u')),
    link("s6-envdir", b"", 1, User::Nowhere),
    link("s6-setlock", b"t", 1, User::Nowhere),
    link("s6-setuidgid", b"", 1, User::FirstOperand),
    link("s6-softlimit", b"acdfhlmoprst", 0, User::Nowhere),
    link("setlock", b"", 1, User::Nowhere),
    link("setsid", b"", 0, User::Nowhere),
    link("setuidgid", b"", 1, User::FirstOperand),
    link("setuser", b"", 1, User::FirstOperand),
    link("softlimit", b"acdflmoprst", 0, User::Nowhere),
    link("stdbuf", b"ioe", 0, User::Nowhere),
    link("su-exec", b"", 1, User::FirstOperand),
    link("sudo", b"uUghpCrtRTD", 0, User::Option(b'u')),
    link("taskset", b"", 1, User::Nowhere),
    link("timeout", b"sk", 1, User::Nowhere),
    link("unbuffer", b"", 0, User::Nowhere),
];

/// What a command becomes.
#[derive(Debug, Default)]
pub struct Chain<'a> {
    /// The accounts on the way, the last of which the program runs as.
    pub users: Vec<OsString>,
    /// The names of the programs on the way, without their directories.
    pub by: Vec<&'static str>,
    /// The program and its arguments; nothing where none is named.
    pub program: &'a [Word],
}

impl Chain<'_> {
    /// The program's name without its directory, where it is known.
    #[must_use]
    pub fn name(&self) -> Option<&OsStr> {
        self.program.first().and_then(Word::literal).map(base)
    }

    /// Whether this is among the programs on the way.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.by.contains(&name)
    }
}

/// What comes after the last slash.
fn base(name: &OsStr) -> &OsStr {
    let last = name.as_bytes().rsplit(|byte| *byte == b'/').next();
    OsStr::from_bytes(last.unwrap_or_default())
}

/// Follows the command through every program that is known to run another.
#[must_use]
pub fn follow(call: &[Word]) -> Chain<'_> {
    let mut chain = Chain {
        program: call,
        ..Chain::default()
    };
    while let Some(name) = chain.name()
        && let Some(link) = LINKS.iter().find(|link| link.name == name)
    {
        chain.by.push(link.name);
        let rest = chain.program.get(1..).unwrap_or_default();
        chain.program = link.pass(rest, &mut chain.users);
    }
    chain
}

impl Link {
    /// Passes over the options and operands.
    fn pass<'a>(&self, mut rest: &'a [Word], users: &mut Vec<OsString>) -> &'a [Word] {
        while let Some((option, after)) = rest.split_first()
            && let Some(letters) = option.bytes().strip_prefix(b"-")
            && !letters.is_empty()
        {
            rest = after;
            if letters == b"-" {
                break;
            }
            if letters.starts_with(b"-") {
                continue;
            }
            let Some(at) = letters
                .iter()
                .position(|letter| self.valued.contains(letter))
            else {
                continue;
            };
            let attached = letters.get(at + 1..).unwrap_or_default();
            let mut value =
                Some(OsStr::from_bytes(attached)).filter(|_| option.literal().is_some());
            if attached.is_empty() {
                value = rest.first().and_then(Word::literal);
                rest = rest.get(1..).unwrap_or_default();
            }
            if letters.get(at).map(|letter| User::Option(*letter)) == Some(self.user) {
                users.extend(value.map(OsStr::to_owned));
            }
        }
        if self.user == User::FirstOperand {
            users.extend(rest.first().and_then(Word::literal).map(OsStr::to_owned));
        }
        rest = rest.get(self.operands..).unwrap_or_default();
        let assigns = |word: &&Word| self.name == "env" && word.bytes().contains(&b'=');
        rest.get(rest.iter().take_while(assigns).count()..)
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell;

    fn followed(line: &str) -> (String, Vec<String>) {
        let commands = shell::commands(line.as_bytes());
        let chain = follow(commands[0].call());
        let words: Vec<_> = chain
            .program
            .iter()
            .map(|w| String::from_utf8_lossy(w.bytes()).into_owned())
            .collect();
        let users = chain
            .users
            .iter()
            .map(|user| user.to_str().unwrap().to_owned());
        (words.join(" "), users.collect())
    }

    #[test]
    fn a_command_is_followed_to_its_program() {
        for (line, program, users) in [
            ("exec prog -x", "prog -x", ""),
            (
                "exec setuidgid www softlimit -m 300 -o5 prog",
                "prog",
                "www",
            ),
            (
                "A=1 exec env -i B=2 /usr/bin/setuidgid u prog C=3",
                "prog C=3",
                "u",
            ),
            (
                "exec chpst -u log:adm -e ./env svlogd .",
                "svlogd .",
                "log:adm",
            ),
            ("exec sudo -E -u postgres -- prog", "prog", "postgres"),
            ("exec nice -n 5 ionice -c2 -n7 prog", "prog", ""),
            ("exec -a name setlock -nx /lock prog", "prog", ""),
            ("exec envuidgid who prog", "prog", ""),
            ("exec setuidgid \"$U\" prog", "prog", ""),
            ("exec 2>&1", "", ""),
            ("exec setuidgid", "", ""),
        ] {
            let users = users
                .split(' ')
                .filter(|user| !user.is_empty())
                .map(str::to_owned);
            assert_eq!(
                followed(line),
                (program.to_owned(), users.collect()),
                "{line}"
            );
        }
    }
}
