//! Finding an account as the system does, without its C library's modules.
//!
//! Our programs are static, and a static C library cannot load the modules that
//! answer for LDAP, sssd or systemd. So `/etc/passwd` is read here, byte for byte,
//! and for every other source that `/etc/nsswitch.conf` names, the system's own
//! getent(1) is asked, which can load them.
#![forbid(unsafe_code)]

mod passwd;
mod sources;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use dt_os::ask::ask;
use dt_os::exec::Image;
use dt_os::process::Ending;

use sources::Order;

/// The ids of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// The user id.
    pub user: u32,
    /// The primary group's id.
    pub group: u32,
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
            nsswitch: "/etc/nsswitch.conf".into(),
            getent: "/usr/bin/getent".into(),
        }
    }

    fn find(&self, name: &OsStr) -> Option<Account> {
        let switch = std::fs::read(&self.nsswitch).unwrap_or_default();
        let order = sources::order(&switch);
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
        let words = ["getent", "passwd", "--"].map(OsStr::new);
        let words: Vec<&OsStr> = words.into_iter().chain([name]).collect();
        let asked =
            Image::named(&self.getent, &words, &[]).and_then(|getent| ask(&getent, LONGEST_ANSWER));
        match asked {
            Ok((answer, Ending::Exited(0))) => {
                understood(&answer, name).map_or(Answer::Nobody, Answer::Found)
            }
            Ok((_, Ending::Exited(NO_SUCH_NAME))) => Answer::Nobody,
            Ok((_, Ending::Exited(_) | Ending::Killed(_))) | Err(_) => Answer::Nothing,
        }
    }
}

/// The account in getent's answer.
///
/// getent takes a number for an id, so an answer to a number must bear it as its
/// name. Other names may come back spelt differently: some sources ignore case.
fn understood(answer: &[u8], name: &OsStr) -> Option<Account> {
    let line = answer.split(|byte| *byte == b'\n').next()?;
    let (found, account) = passwd::parse(line)?;
    (found == name.as_bytes() || !is_number(name.as_bytes())).then_some(account)
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
            nsswitch: scratch.file("nsswitch.conf", "passwd: sss files").into(),
            getent: scratch.join("none").into(),
        };
        let expected = Account { user: 7, group: 8 };
        assert_eq!(places.find("jo".as_ref()), Some(expected));
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
