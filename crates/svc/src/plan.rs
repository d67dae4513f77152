//! What the command line asks for.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use dt_cli::getopt::{Opt, Options};
use dt_cli::{Exit, Fatal, Message};
use dt_client::vigil::Goal;
use dt_service::Command;
use dt_settings::value;

/// The letters of daemontools 0.76, then encore's, then those that remember.
const LETTERS: &str = "udopchaitkxq12w+=LlDUQ";

const WORDS: &str = "svc options: u up, d down, o once, x exit, p pause, c continue, h hup, a alarm, \
     i interrupt, t term, k kill";

const ENCORE_WORDS: &str = "svc options: + kill process group, = kill parent process, L kill log, \
     l kill main, u up, d down, o once, x exit, p pause, c continue, h hup, a alarm, i interrupt, \
     t term, k kill, q quit, 1 SIGUSR1, 2 SIGUSR2, w SIGWINCH";

/// As many letters as encore takes, once repeated ones are dropped.
const MOST: usize = 31;

/// What is done to the file `down`, before any command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Down {
    /// It is made.
    Make,
    /// It is removed.
    Remove,
}

/// What to do with each directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// The command bytes.
    pub(crate) bytes: Vec<u8>,
    /// The place in them of a command to run at most once, which is none where the
    /// service is down.
    pub(crate) unless_down: Option<usize>,
    /// What is remembered.
    pub(crate) down: Option<Down>,
    /// What is waited for afterwards.
    pub(crate) wait: Option<Goal>,
    /// For how long.
    pub(crate) timeout: Option<Duration>,
}

impl Plan {
    /// From the arguments; the operands are given back.
    pub(crate) fn read(args: &[OsString]) -> Result<(Self, Vec<OsString>), Fatal> {
        let (mut plan, words) = long_options(args)?;
        let mut options = Options::new(LETTERS, &words);
        let mut letters = Letters::default();
        for option in &mut options {
            match option {
                Ok(Opt::Flag(letter) | Opt::Value(letter, _)) => letters.add(letter, &mut plan),
                Err(problem) => return Err(problem.fatal(usage())),
            }
        }
        if letters.count > MOST {
            return Err(wrong("too many options"));
        }
        let reload = std::mem::take(&mut plan.bytes);
        plan.bytes = letters.finished();
        plan.bytes.extend(reload);
        Ok((plan, options.operands().to_vec()))
    }
}

/// 0.76's line where 0.76 prints it; encore's for those who have asked for encore.
fn usage() -> &'static str {
    if std::env::var_os("SUPERVISE_COMPAT").is_some_and(|value| value == "encore") {
        ENCORE_WORDS
    } else {
        WORDS
    }
}

fn wrong(what: &str) -> Fatal {
    Fatal {
        lines: Message::new("svc", "fatal").text(what).line(),
        exit: Exit::PERMANENT,
    }
}

/// The bytes for the letters, in their order.
///
/// Each letter is sent once, but again after an `L` or `l`: what follows those is
/// for another process. Where only letters of 0.76 are used the bytes are these
/// letters. Where another is, they begin with `l`, as encore's do, for one `svc`
/// must not be misunderstood because of another before it; and for the same
/// reason ours end with `l` or `=` where they would have left something else.
#[derive(Debug, Default)]
struct Letters {
    bytes: Vec<u8>,
    /// Since the last `L` or `l`.
    sent: Vec<u8>,
    count: usize,
    beyond_plain: bool,
    to_log: bool,
    to_group: bool,
}

impl Letters {
    fn add(&mut self, letter: u8, plan: &mut Plan) {
        let byte = match letter {
            b'D' => {
                plan.down = Some(Down::Make);
                b'd'
            }
            b'U' => {
                plan.down = Some(Down::Remove);
                b'u'
            }
            b'Q' => {
                plan.down = Some(Down::Make);
                b'o'
            }
            other => other,
        };
        match byte {
            b'L' | b'l' => {
                self.sent.clear();
                self.beyond_plain = true;
                if self.to_log == (byte == b'L') {
                    return;
                }
                self.to_log = byte == b'L';
            }
            b'+' | b'=' => {
                self.beyond_plain = true;
                if self.to_group == (byte == b'+') {
                    return;
                }
                self.to_group = byte == b'+';
            }
            _ if self.sent.contains(&byte) => return,
            _ => self.sent.push(byte),
        }
        self.count += 1;
        self.beyond_plain |= !Command::from_byte(byte).is_some_and(Command::is_plain);
        if letter == b'Q' {
            plan.unless_down = Some(self.bytes.len());
        }
        self.bytes.push(byte);
    }

    fn finished(self) -> Vec<u8> {
        let mut bytes = self.bytes;
        if self.to_group {
            bytes.push(Command::Single.byte());
        }
        if self.to_log {
            bytes.push(Command::Main.byte());
        }
        if self.beyond_plain && !bytes.is_empty() {
            bytes.insert(0, Command::Main.byte());
        }
        bytes
    }
}

/// Takes our long options off the front, wherever they stand between the letters.
///
/// Every other word that begins with `--` still ends the options, whatever it is:
/// scripts use it so.
fn long_options(args: &[OsString]) -> Result<(Plan, Vec<OsString>), Fatal> {
    let mut plan = Plan::default();
    let mut words = Vec::with_capacity(args.len());
    let mut rest = args.iter();
    for word in rest.by_ref() {
        let is_ours = plan.take_long(word)?;
        if is_ours {
            continue;
        }
        words.push(word.clone());
        let bytes = word.as_bytes();
        if bytes.starts_with(b"--") || !bytes.starts_with(b"-") || bytes == b"-" {
            break;
        }
    }
    words.extend(rest.cloned());
    if plan.timeout.is_some() && plan.wait.is_none() {
        return Err(wrong("--timeout is for --wait"));
    }
    Ok((plan, words))
}

impl Plan {
    /// Whether `word` is one of our long options.
    fn take_long(&mut self, word: &OsStr) -> Result<bool, Fatal> {
        let word = word.as_bytes();
        if word == b"--reload" {
            self.bytes = vec![Command::Reload.byte()];
        } else if let Some(goal) = word.strip_prefix(b"--wait=") {
            let goal = goal_of(goal);
            self.wait = Some(goal.ok_or_else(|| wrong("--wait=up, ready, down or restart"))?);
        } else if let Some(time) = word.strip_prefix(b"--timeout=") {
            let time = value::duration(time).ok();
            self.timeout = Some(time.ok_or_else(|| wrong("--timeout=500ms, 5s, 2m or 1h"))?);
        } else {
            return Ok(false);
        }
        Ok(true)
    }
}

fn goal_of(word: &[u8]) -> Option<Goal> {
    match word {
        b"up" => Some(Goal::Up),
        b"ready" => Some(Goal::Ready),
        b"down" => Some(Goal::Finished),
        b"restart" => Some(Goal::RestartedReady),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> (Plan, Vec<OsString>) {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        Plan::read(&words).unwrap()
    }

    fn bytes(words: &[&str]) -> String {
        String::from_utf8(read(words).0.bytes).unwrap()
    }

    #[test]
    fn plain_letters_are_the_bytes() {
        assert_eq!(bytes(&["-udopchaitkx"]), "udopchaitkx");
        assert_eq!(bytes(&["-udu", "-x"]), "udx");
    }

    #[test]
    fn encore_s_letters_begin_with_l_and_leave_nothing_behind() {
        for (words, expected) in [
            (&["-1"][..], "l1"),
            (&["-q", "-2", "-w"], "lq2w"),
            (&["-L", "-d", "-l"], "lLdl"),
            (&["-L", "-d"], "lLdl"),
            (&["-d", "-L", "-d"], "ldLdl"),
            (&["-l", "-d"], "ld"),
            (&["-+h"], "l+h="),
            (&["-+h", "-=", "-t"], "l+h=t"),
            (&["-+", "-L", "-t"], "l+Lt=l"),
            (&["-l"], ""),
        ] {
            assert_eq!(bytes(words), expected, "{words:?}");
        }
    }

    #[test]
    fn more_than_thirty_one_are_too_many() {
        let many = |count: usize| -> Vec<OsString> {
            (0..count)
                .map(|at| if at % 2 == 0 { "-L" } else { "-l" }.into())
                .collect()
        };
        assert!(Plan::read(&many(31)).is_ok());
        let fatal = Plan::read(&many(32)).unwrap_err();
        assert_eq!(fatal.lines, b"svc: fatal: too many options\n");
        assert_eq!(fatal.exit, Exit::PERMANENT);
    }

    #[test]
    fn other_words_with_two_dashes_end_the_options_as_ever() {
        for word in [
            "--",
            "--x",
            "--help",
            "--reloa",
            "--reload=1",
            "--wait",
            "--timeout",
        ] {
            let (plan, operands) = read(&["-u", word, "-d", "--reload"]);
            assert_eq!(plan.bytes, b"u", "{word}");
            assert_eq!(operands, ["-d", "--reload"], "{word}");
        }
        let (plan, operands) = read(&["-u", "dir", "--reload"]);
        assert_eq!(
            (plan.bytes, operands),
            (b"u".to_vec(), vec!["dir".into(), "--reload".into()])
        );
    }

    #[test]
    fn long_options_stand_among_the_letters() {
        let (plan, operands) = read(&["--wait=restart", "-t", "--timeout=5s", "--reload", "d"]);
        assert_eq!(plan.bytes, b"t@");
        assert_eq!(plan.wait, Some(Goal::RestartedReady));
        assert_eq!(plan.timeout, Some(Duration::from_secs(5)));
        assert_eq!(operands, ["d"]);
        for words in [
            &["--wait=sometime"][..],
            &["--wait=up", "--timeout=x"],
            &["--timeout=1"],
        ] {
            let words: Vec<OsString> = words.iter().map(OsString::from).collect();
            assert_eq!(Plan::read(&words).unwrap_err().exit, Exit::PERMANENT);
        }
    }

    #[test]
    fn what_is_remembered_is_commanded_too() {
        assert_eq!(
            (read(&["-D"]).0.down, bytes(&["-D"])),
            (Some(Down::Make), "d".into())
        );
        assert_eq!(
            (read(&["-U"]).0.down, bytes(&["-U"])),
            (Some(Down::Remove), "u".into())
        );
        let (plan, _) = read(&["-Q"]);
        assert_eq!((plan.bytes, plan.unless_down), (b"o".to_vec(), Some(0)));
    }
}
