//! What is wrong with a program that supervise runs, as far as that can be seen
//! without running it.
//!
//! Where it cannot be seen, nothing is said: a warning that is wrong once is not
//! read the second time.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::chain::{self, Chain};
use crate::daemons;
use crate::finding::{Finding, Rule};
use crate::shell::{self, Command, End};
use crate::world;

/// Shells whose scripts are understood.
const SHELLS: &[&str] = &["sh", "ash", "bash", "dash", "ksh", "mksh", "yash", "zsh"];

/// Commands at the end of a script that need no exec: they end at once, or are
/// meant to be the shell's.
const ENDINGS: &[&str] = &[
    ".", ":", "[", "cd", "echo", "eval", "exit", "export", "false", "kill", "printf", "return",
    "rm", "s6-svc", "set", "source", "sv", "svc", "test", "touch", "trap", "true", "umask",
    "unset", "wait",
];

/// A program that was read.
#[derive(Debug)]
pub struct Script {
    path: PathBuf,
    /// Its commands, up to the one that it becomes; nothing where it is no shell's.
    commands: Vec<Command>,
    /// Whether it is a shell's.
    pub is_shell: bool,
    defines_functions: bool,
}

impl Script {
    /// Reads it, and says what keeps it from being run at all. No script: there is
    /// nothing that could be read.
    pub fn read(path: &Path, findings: &mut Vec<Finding>) -> Option<Self> {
        let found = fs::metadata(path).ok()?;
        if !found.is_file() || found.permissions().mode() & 0o111 == 0 {
            let what = if found.is_file() {
                "is not executable"
            } else {
                "is not an ordinary file"
            };
            findings.push(about(path, Rule::NotExecutable, what).fixed_by(&[
                "chmod +x ".as_ref(),
                OsStr::from_bytes(&dt_cli::quote(path.as_os_str())),
            ]));
        }
        let text = match world::read(path) {
            Ok(text) => text,
            Err(why) if why.kind() == io::ErrorKind::InvalidInput => return None,
            Err(why) => {
                let message = ["cannot be read: ".as_ref(), dt_os::reason(&why).as_ref()];
                findings.push(Finding::new(path, Rule::Unreadable, &message));
                return None;
            }
        };
        let is_shell = check_beginning(path, &text, findings);
        let mut commands = if is_shell {
            shell::commands(&text)
        } else {
            Vec::new()
        };
        // It becomes another program there; what follows is never reached.
        if let Some(last) = commands
            .iter()
            .position(|command| command.depth == 0 && becomes(command))
        {
            commands.truncate(last + 1);
        }
        Some(Self {
            path: path.to_owned(),
            commands,
            is_shell,
            defines_functions: has_functions(&text),
        })
    }

    /// The commands, those after the last that can be reached left out.
    #[must_use]
    pub fn commands(&self) -> &[Command] {
        &self.commands
    }

    /// What the commands become, with their lines.
    pub fn chains(&self) -> impl Iterator<Item = (u32, Chain<'_>)> {
        self.commands
            .iter()
            .map(|command| (command.line, chain::follow(command.call())))
    }

    /// Whether one of these commands is in it.
    #[must_use]
    pub fn uses(&self, names: &[&str]) -> bool {
        self.chains().any(|(_, chain)| {
            chain
                .name()
                .is_some_and(|name| names.iter().any(|known| name == *known))
        })
    }

    /// The accounts that it changes to and that there are not.
    pub fn check_users(&self, findings: &mut Vec<Finding>) {
        for (line, chain) in self.chains() {
            for user in &chain.users {
                if world::account(user).is_err() {
                    let message: [&OsStr; 3] = ["there is no account ".as_ref(), user, "".as_ref()];
                    findings.push(
                        Finding::new(&self.path, Rule::UserUnknown, &message)
                            .at(line)
                            .fixed_by(&[
                                "useradd --system --shell /usr/sbin/nologin ".as_ref(),
                                OsStr::from_bytes(&dt_cli::quote(user)),
                                ", or name an account that there is".as_ref(),
                            ]),
                    );
                }
            }
        }
    }

    /// Whether it stays the process that it was started as.
    pub fn check_process(&self, findings: &mut Vec<Finding>) {
        let Some(last) = self.commands.last() else {
            return;
        };
        let home = self.path.parent().unwrap_or(Path::new("."));
        for command in &self.commands {
            let ends_it = command.is("exec") || std::ptr::eq(command, last);
            if ends_it && let Some(remedy) = daemons::remedy(&chain::follow(command.call()), home) {
                let what = "puts itself in the background";
                return findings.push(
                    self.found(command, Rule::Background, what)
                        .fixed_by(&[remedy.as_ref()]),
                );
            }
            let left = command.end == End::Background && !self.waits();
            if ends_it && left && !command.call().is_empty() {
                let what = "is put in the background by the & at its end, and the script ends";
                let fix = "take the & away, and put exec before the command";
                return findings.push(
                    self.found(command, Rule::Background, what)
                        .fixed_by(&[fix.as_ref()]),
                );
            }
        }
        if self.stays_a_shell(last) {
            let what = "is run by the shell, which waits for it";
            findings.push(self.found(last, Rule::NoExec, what));
        }
    }

    fn waits(&self) -> bool {
        self.uses(&["wait", "trap"])
    }

    fn stays_a_shell(&self, last: &Command) -> bool {
        let name = last.call().first();
        let known = name.is_some_and(|word| {
            ENDINGS
                .iter()
                .any(|ending| word.bytes() == ending.as_bytes())
        });
        let becomes_elsewhere = self.commands.iter().any(becomes);
        last.depth == 0
            && name.is_some()
            && last.end != End::Background
            && !known
            && !last.is("exec")
            && !self.defines_functions
            && !self.waits()
            // `test || exec this` and the rest when it is not that.
            && !(becomes_elsewhere && last.is("sleep"))
    }

    /// The line that joins standard error to standard output.
    #[must_use]
    pub fn joins_errors(&self) -> Option<u32> {
        let joins = |command: &&Command| {
            command.errors_redirected
                && (command.is("exec") || command.call().is_empty() || command.end == End::Pipe)
        };
        let found = self.commands.iter().find(joins);
        let last = self
            .commands
            .last()
            .filter(|command| command.errors_redirected);
        found.or(last).map(|command| command.line)
    }

    /// Whether what it becomes may join them by itself: another script of the
    /// service, or one that is read in.
    #[must_use]
    pub fn hands_over(&self) -> bool {
        let relative = |name: &[u8]| name.contains(&b'/') && !name.starts_with(b"/");
        self.uses(&[
            ".", "source", "eval", "fdmove", "redirfd", "sh", "bash", "dash",
        ]) || self.chains().any(|(_, chain)| {
            chain
                .program
                .first()
                .is_some_and(|word| relative(word.bytes()))
        })
    }

    fn found(&self, command: &Command, rule: Rule, what: &str) -> Finding {
        let chain = chain::follow(command.call());
        let name = chain.program.first().or(command.call().first());
        let name = OsString::from_vec(name.map(|word| word.bytes().to_vec()).unwrap_or_default());
        Finding::new(&self.path, rule, &[&name, " ".as_ref(), what.as_ref()]).at(command.line)
    }
}

/// Whether the shell is no more after this command.
fn becomes(command: &Command) -> bool {
    command.is("exec")
        && command.call().len() > 1
        && !matches!(command.end, End::Background | End::Pipe)
}

fn has_functions(text: &[u8]) -> bool {
    let opens = |pair: &[u8]| pair == b"()";
    text.windows(2).any(opens) || text.windows(9).any(|word| word == b"function ")
}

fn about(path: &Path, rule: Rule, what: &str) -> Finding {
    Finding::new(path, rule, &[what.as_ref()])
}

/// What is wrong before the first command, and whether a shell is to read on.
fn check_beginning(path: &Path, text: &[u8], findings: &mut Vec<Finding>) -> bool {
    if text.starts_with(b"\x7fELF") {
        return false;
    }
    if text.starts_with(b"\xef\xbb\xbf#!") {
        let what = "has a byte order mark before #!";
        findings.push(about(path, Rule::ByteOrderMark, what).at(1));
        return false;
    }
    let Some(first) = text.strip_prefix(b"#!") else {
        let what = if text.is_empty() {
            "is empty"
        } else {
            "does not begin with #!"
        };
        findings.push(about(path, Rule::NoInterpreter, what).at(1));
        return false;
    };
    if let Some(line) = carriage_return(text) {
        let what = "has carriage returns at the ends of its lines";
        findings.push(about(path, Rule::CarriageReturn, what).at(line).fixed_by(&[
            "sed -i 's/\\r$//' ".as_ref(),
            OsStr::from_bytes(&dt_cli::quote(path.as_os_str())),
        ]));
    }
    let line = first
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    let mut words = line
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty());
    let interpreter = OsStr::from_bytes(words.next().unwrap_or_default());
    check_interpreter(path, interpreter, findings);
    let mut name = Path::new(interpreter).file_name().unwrap_or_default();
    // `env -S sh -e` as well.
    while name == "env" || name == "busybox" || name.as_bytes().starts_with(b"-") {
        name = OsStr::from_bytes(words.next().unwrap_or_default());
    }
    SHELLS.iter().any(|shell| name == *shell)
}

/// The first line that ends with one, where that is not only a single one.
fn carriage_return(text: &[u8]) -> Option<u32> {
    let mut lines = (1..).zip(text.split(|byte| *byte == b'\n'));
    lines
        .find(|(_, line)| line.ends_with(b"\r"))
        .map(|(number, _)| number)
}

fn check_interpreter(path: &Path, interpreter: &OsStr, findings: &mut Vec<Finding>) {
    let what = if interpreter.is_empty() {
        Some(" is named by #!, which needs a program")
    } else {
        match fs::metadata(interpreter) {
            Ok(found) if found.is_file() && found.permissions().mode() & 0o111 != 0 => None,
            Ok(_) => Some(", the interpreter, is not executable"),
            Err(why) if why.kind() == io::ErrorKind::NotFound => {
                Some(", the interpreter, does not exist")
            }
            // Whoever runs it may see more than we do.
            Err(_) => None,
        }
    };
    if let Some(what) = what {
        let interpreter = if interpreter.is_empty() {
            "nothing".as_ref()
        } else {
            interpreter
        };
        findings.push(
            Finding::new(
                path,
                Rule::InterpreterMissing,
                &[interpreter, what.as_ref()],
            )
            .at(1),
        );
    }
}
