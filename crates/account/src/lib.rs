//! Finding an account as the system does, without its C library's modules.
//!
//! Our programs are static, and a static C library cannot load the modules that
//! answer for LDAP, sssd or systemd. So `/etc/passwd` is read here, byte for byte,
//! and for every other source that `/etc/nsswitch.conf` names, the system's own
//! getent(1) is asked, which can load them. The same goes for `/etc/group`.
#![forbid(unsafe_code)]

mod assume;
mod group;
mod passwd;
mod sources;

pub use assume::{Groups, assume, operands};

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;

use dt_os::ask::ask;
use dt_os::exec::Image;
use dt_os::process::Ending;

use sources::Order;

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The name that the system knows it by.
    pub name: OsString,
    /// The user id.
    pub user: u32,
    /// The primary group's id.
    pub group: u32,
    /// The home directory.
    pub home: OsString,
    /// The shell, empty if none is said.
    pub shell: OsString,
}

impl Account {
    /// The ids of all its groups, the primary one first.
    ///
    /// Where the other sources cannot be asked, those of `/etc/group` alone.
    #[must_use]
    pub fn groups(&self) -> Vec<u32> {
        Places::system().groups(self)
    }
}

/// The account `name`; `None` where there is none, and also where the search
/// failed, which the original does not tell apart either.
///
/// A number is a name like any other: `0` is nobody's name.
#[must_use]
pub fn find(name: &OsStr) -> Option<Account> {
    Places::system().find(name)
}

/// Where accounts are looked for.
struct Places {
    passwd: OsString,
    group: OsString,
    nsswitch: OsString,
    getent: OsString,
}

/// What getent(1) says.
enum Answer {
    Found(Account),
    Nobody,
    /// It cannot be asked, or its search failed.
    Nothing,
}

/// How getent(1) ends when every source has said no.
const NO_SUCH_NAME: i32 = 2;

/// Longer than any account's line; what is longer is no answer.
const LONGEST_ANSWER: usize = 64 * 1024;

impl Places {
    fn system() -> Self {
        Self {
            passwd: "/etc/passwd".into(),
            group: "/etc/group".into(),
            nsswitch: "/etc/nsswitch.conf".into(),
            getent: "/usr/bin/getent".into(),
        }
    }

    fn find(&self, name: &OsStr) -> Option<Account> {
        let switch = std::fs::read(&self.nsswitch).unwrap_or_default();
        let order = sources::order(&switch, b"passwd");
        if order != Order::OthersFirst
            && let Some(account) = self.in_files(name)
        {
            return Some(account);
        }
        if order == Order::FilesOnly {
            return None;
        }
        match self.by_getent(name) {
            Answer::Found(account) => Some(account),
            Answer::Nobody => None,
            // Without getent, or with too little memory for it, the system still has
            // its own accounts, as where a source's module cannot be loaded.
            Answer::Nothing => self.in_files(name),
        }
    }

    fn in_files(&self, name: &OsStr) -> Option<Account> {
        passwd::find(&std::fs::read(&self.passwd).ok()?, name.as_bytes())
    }

    fn by_getent(&self, name: &OsStr) -> Answer {
        if name.is_empty() {
            return Answer::Nobody;
        }
        match self.ask_getent("passwd", name) {
            Ok((answer, Ending::Exited(0))) => {
                understood(&answer, name).map_or(Answer::Nobody, Answer::Found)
            }
            Ok((_, Ending::Exited(NO_SUCH_NAME))) => Answer::Nobody,
            Ok((_, Ending::Exited(_) | Ending::Killed(_))) | Err(_) => Answer::Nothing,
        }
    }

    fn ask_getent(&self, database: &str, name: &OsStr) -> io::Result<(Vec<u8>, Ending)> {
        let words = ["getent", database, "--"].map(OsStr::new);
        let words: Vec<&OsStr> = words.into_iter().chain([name]).collect();
        let getent = Image::named(&self.getent, &words, &[])?;
        ask(&getent, LONGEST_ANSWER)
    }

    fn groups(&self, account: &Account) -> Vec<u32> {
        let name = account.name.as_bytes();
        let switch = std::fs::read(&self.nsswitch).unwrap_or_default();
        let others = if sources::memberships_in_files(&switch) {
            None
        } else {
            self.groups_by_getent(&account.name)
        };
        let others = others.unwrap_or_else(|| {
            let content = std::fs::read(&self.group).unwrap_or_default();
            group::of_member(&content, name).collect()
        });
        let mut groups = vec![account.group];
        for group in others {
            if !groups.contains(&group) {
                groups.push(group);
            }
        }
        groups
    }

    /// `None` where it cannot be asked or says nothing.
    fn groups_by_getent(&self, name: &OsStr) -> Option<Vec<u32>> {
        match self.ask_getent("initgroups", name) {
            Ok((answer, Ending::Exited(0))) => group::of_answer(&answer, name.as_bytes()),
            _ => None,
        }
    }
}

/// The account in getent's answer.
///
/// getent takes a number for an id, so an answer to a number must bear it as its
/// name. Other names may come back spelt differently: some sources ignore case.
fn understood(answer: &[u8], name: &OsStr) -> Option<Account> {
    let line = answer.split(|byte| *byte == b'\n').next()?;
    let account = passwd::parse(line)?;
    (account.name == name || !is_number(name.as_bytes())).then_some(account)
}

/// Whether strtoul(3), which getent reads its argument with, takes all of it.
fn is_number(name: &[u8]) -> bool {
    let digits = name.trim_ascii_start();
    let digits = match digits {
        [b'+' | b'-', rest @ ..] => rest,
        _ => digits,
    };
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use dt_testkit::Scratch;

    /// The account, with these files and a getent that runs this script.
    fn found(name: &str, passwd: &str, nsswitch: &str, getent: &str) -> Option<(u32, u32)> {
        let scratch = Scratch::new();
        let places = Places {
            passwd: scratch.file("passwd", passwd).into(),
            group: scratch.join("group").into(),
            nsswitch: scratch.file("nsswitch.conf", nsswitch).into(),
            getent: scratch
                .script("getent", format!("#!/bin/sh\n{getent}\n"))
                .into(),
        };
        let account = places.find(name.as_ref())?;
        Some((account.user, account.group))
    }

    const LOCAL: &str = "root:x:0:0:root:/root:/bin/sh\njo:x:7:8::/:/bin/sh\n";
    const MUST_NOT_BE_ASKED: &str = "echo jo:x:1:1:::; echo al:x:1:1:::";

    #[test]
    fn with_files_alone_getent_is_not_asked() {
        let switch = "passwd: files\n";
        assert_eq!(found("jo", LOCAL, switch, MUST_NOT_BE_ASKED), Some((7, 8)));
        assert_eq!(found("al", LOCAL, switch, MUST_NOT_BE_ASKED), None);
    }

    #[test]
    fn a_name_that_files_lack_is_asked_of_the_others() {
        let answer = r#"[ "$*" = "passwd -- al" ] && echo 'al:*:70001:70002:::'"#;
        let switch = "passwd: files sss\n";
        assert_eq!(found("al", LOCAL, switch, answer), Some((70001, 70002)));
        assert_eq!(found("jo", LOCAL, switch, "exit 2"), Some((7, 8)));
        assert_eq!(found("bo", LOCAL, switch, "exit 2"), None);
    }

    #[test]
    fn a_source_before_files_is_asked_before_files() {
        let switch = "passwd: sss files\n";
        assert_eq!(found("jo", LOCAL, switch, "echo jo:x:9:9:::"), Some((9, 9)));
        assert_eq!(found("jo", LOCAL, switch, "exit 2"), None);
    }

    #[test]
    fn without_a_getent_files_must_do() {
        let scratch = Scratch::new();
        let places = Places {
            passwd: scratch.file("passwd", LOCAL).into(),
            group: scratch.join("group").into(),
            nsswitch: scratch.file("nsswitch.conf", "passwd: sss files").into(),
            getent: scratch.join("none").into(),
        };
        let expected = Account {
            name: "jo".into(),
            user: 7,
            group: 8,
            home: "/".into(),
            shell: "/bin/sh".into(),
        };
        assert_eq!(places.find("jo".as_ref()), Some(expected));
    }

    /// The groups of `jo`, whose primary one is 8.
    fn groups(group: &str, nsswitch: &str, getent: &str) -> Vec<u32> {
        let scratch = Scratch::new();
        let places = Places {
            passwd: scratch.file("passwd", LOCAL).into(),
            group: scratch.file("group", group).into(),
            nsswitch: scratch.file("nsswitch.conf", nsswitch).into(),
            getent: scratch
                .script("getent", format!("#!/bin/sh\n{getent}\n"))
                .into(),
        };
        let account = places.in_files("jo".as_ref()).unwrap();
        places.groups(&account)
    }

    const MEMBERS: &str = "a:x:8:jo\nb:x:9:al,jo\nc:x:10:joe\n";

    #[test]
    fn all_groups_are_those_of_the_file_where_it_is_the_only_source() {
        for switch in ["group: files\n", "", "passwd: files sss\ngroup: files"] {
            assert_eq!(groups(MEMBERS, switch, "echo jo 11"), [8, 9], "{switch}");
        }
    }

    #[test]
    fn all_groups_are_those_that_getent_knows_where_there_are_other_sources() {
        let answer = r#"[ "$*" = "initgroups -- jo" ] && echo 'jo    9 70001'"#;
        for switch in ["group: files sss\n", "group: files\ninitgroups: files sss"] {
            assert_eq!(groups(MEMBERS, switch, answer), [8, 9, 70001], "{switch}");
        }
    }

    #[test]
    fn all_groups_are_those_of_the_file_where_getent_fails() {
        for script in ["exit 1", "kill -9 $$", "echo jo 9x", "echo al 9", "exit 0"] {
            let seen = groups(MEMBERS, "group: files sss\n", script);
            assert_eq!(seen, [8, 9], "{script}");
        }
    }

    #[test]
    fn where_getent_fails_files_must_do() {
        let switch = "passwd: sss files\n";
        for script in ["exit 127", "exit 3", "kill -9 $$"] {
            assert_eq!(found("jo", LOCAL, switch, script), Some((7, 8)), "{script}");
        }
    }

    #[test]
    fn a_number_is_no_id_even_if_getent_thinks_so() {
        let switch = "passwd: sss files\n";
        let jo = "echo jo:x:7:8:::";
        for number in ["7", "+7", " 7", "-7"] {
            assert_eq!(found(number, LOCAL, switch, jo), None, "{number}");
        }
        assert_eq!(found("7", LOCAL, switch, "echo 7:x:1:2:::"), Some((1, 2)));
    }

    #[test]
    fn a_name_like_an_option_is_a_name() {
        let answer = r#"[ "$2" = -- ] && echo 'x:*:1:2:::'"#;
        let switch = "passwd: files sss";
        assert_eq!(found("--help", LOCAL, switch, answer), Some((1, 2)));
    }

    #[test]
    fn a_failing_or_babbling_getent_finds_nobody() {
        let switch = "passwd: files sss";
        for script in ["exit 1", "kill -9 $$", "echo x", "yes", "echo al:x:a:1:::"] {
            assert_eq!(found("al", LOCAL, switch, script), None, "{script}");
        }
    }

    #[test]
    fn without_a_switch_file_files_decide() {
        let switch = "# passwd: sss\n";
        assert_eq!(found("jo", LOCAL, switch, MUST_NOT_BE_ASKED), Some((7, 8)));
    }
}
