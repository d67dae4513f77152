//! What can be found, and what to say about it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// It works, but not as somebody will expect.
    Warning,
    /// It does not work.
    Error,
}

impl Level {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

macro_rules! rules {
    ($($(#[$doc:meta])* $rule:ident $name:literal $level:ident, $why:literal, $fix:literal;)*) => {
        /// What can be found. The names stay what they are: machines read them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Rule {
            $($(#[$doc])* $rule,)*
        }

        impl Rule {
            /// Every rule there is.
            pub const ALL: &[Self] = &[$(Self::$rule,)*];

            /// The name in the output.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$rule => $name,)* }
            }

            /// How bad it is.
            #[must_use]
            pub const fn level(self) -> Level {
                match self { $(Self::$rule => Level::$level,)* }
            }

            /// Why it matters.
            #[must_use]
            pub const fn why(self) -> &'static str {
                match self { $(Self::$rule => $why,)* }
            }

            /// What to do about it, where nothing more exact is known.
            #[must_use]
            pub const fn fix(self) -> &'static str {
                match self { $(Self::$rule => $fix,)* }
            }
        }
    };
}

rules! {
    /// No `run`.
    RunMissing "run-missing" Error,
        "supervise runs this file, and tries again every second without it",
        "write the program that is the service into it";
    /// A program that may not be executed, or is a directory.
    NotExecutable "not-executable" Error,
        "the system refuses to run it",
        "chmod +x";
    /// A script without `#!`.
    NoInterpreter "no-interpreter" Error,
        "it is run by the system and not by a shell, which fails with: exec format error",
        "make #!/bin/sh its first line";
    /// `#!` names what is not there.
    InterpreterMissing "interpreter-missing" Error,
        "the script cannot be run without its interpreter: file does not exist",
        "name one that is installed, by its absolute path";
    /// Lines that end as on Windows.
    CarriageReturn "carriage-return" Error,
        "the carriage return becomes part of the interpreter's name and of each line's last word",
        "sed -i 's/\\r$//'";
    /// Bytes before `#!`.
    ByteOrderMark "byte-order-mark" Error,
        "the file has to begin with #!, and this mark is before it: exec format error",
        "save it as UTF-8 without a byte order mark";
    /// A daemon that leaves.
    Background "background" Error,
        "a program in the background has died as far as supervise can see: it is started again each \
         second, beside itself, and no signal reaches it",
        "run it in the foreground";
    /// The shell stays.
    NoExec "no-exec" Warning,
        "the shell stays as the service's process: svc's signals reach the shell, and the program \
         lives on when it dies",
        "put exec before the last command";
    /// Errors that nobody logs.
    StderrNotLogged "stderr-not-logged" Warning,
        "standard error does not go to the log: what goes wrong is told to svscan's terminal or to nobody",
        "put this line before the others: exec 2>&1";
    /// In the wrong script.
    StderrInLog "stderr-in-log" Warning,
        "here it joins the standard error of the logger itself; that of the service still does not go \
         to the log",
        "move the line to the service's own run";
    /// No `log/run`.
    LogRunMissing "log-run-missing" Error,
        "the log's supervise has nothing to run, and once the pipe is full the service waits for ever",
        "write a log/run, or remove the directory log";
    /// Neither directory nor program.
    LogUseless "log-useless" Warning,
        "log is neither a directory with a run in it nor a program, so nothing is logged",
        "make it a directory with a run in it";
    /// The logger has nowhere to write.
    LogDirectoryMissing "log-directory-missing" Error,
        "the logger cannot start, and once the pipe is full the service waits for ever",
        "make the directory, and give it to the logger's account";
    /// The logger may not write there.
    LogDirectoryUnwritable "log-directory-unwritable" Error,
        "the logger cannot start, and once the pipe is full the service waits for ever",
        "give the directory to the logger's account";
    /// No such account.
    UserUnknown "user-unknown" Error,
        "the program that changes to the account fails, and the service dies at once, each second",
        "make the account, or name one that there is";
    /// A name with a dot.
    NameSkipped "name-skipped" Warning,
        "svscan passes over names that begin with a dot: this service is not started",
        "give it another name, or move it elsewhere if that is meant";
    /// A link to nothing.
    DanglingLink "dangling-link" Error,
        "the link leads nowhere",
        "remove it, or make what it leads to";
    /// In a scan directory.
    NotADirectory "not-a-directory" Warning,
        "svscan starts a supervise for each name, which fails for this one, again and again",
        "move it out of the scan directory, or let its name begin with a dot";
    /// Two names for one.
    Twice "twice" Error,
        "the second supervise cannot lock the directory, and is started again and again",
        "remove one of the two names";
    /// A name that nearly means something.
    NameUnknown "name-unknown" Warning,
        "nothing reads a file of this name",
        "see docs/settings.md for the names there are";
    /// A value that makes no sense.
    Setting "setting" Warning,
        "supervise does as if the file were not there",
        "see docs/settings.md for its format";
    /// A setting that needs another.
    NoEffect "no-effect" Warning,
        "the setting says something about another, which is not there",
        "write the other file as well, or remove this one";
    /// A dependency that there is not.
    DependencyMissing "dependency-missing" Error,
        "the service waits for one that is never started",
        "link that service into the scan directory, or remove the file";
    /// Services that wait for each other.
    DependencyRing "dependency-ring" Error,
        "each of them waits for the next, and none is ever started",
        "remove one of the dependencies";
    /// What could not be read.
    Unreadable "unreadable" Warning,
        "what cannot be read cannot be checked, and perhaps not be run",
        "check it as root";
}

/// One thing that will go wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file.
    pub path: PathBuf,
    /// The line in it, from 1.
    pub line: Option<u32>,
    /// What kind of thing.
    pub rule: Rule,
    /// What is wrong, in bytes, as there may be names in it.
    pub message: Vec<u8>,
    /// What to do about it.
    pub fix: Vec<u8>,
}

impl Finding {
    /// At no line of the file.
    #[must_use]
    pub fn new(path: &Path, rule: Rule, message: &[&OsStr]) -> Self {
        Self {
            path: path.to_owned(),
            line: None,
            rule,
            message: joined(message),
            fix: rule.fix().as_bytes().to_vec(),
        }
    }

    /// At this line.
    #[must_use]
    pub fn at(mut self, line: u32) -> Self {
        self.line = Some(line);
        self
    }

    /// With exact advice.
    #[must_use]
    pub fn fixed_by(mut self, fix: &[&OsStr]) -> Self {
        self.fix = joined(fix);
        self
    }
}

fn joined(pieces: &[&OsStr]) -> Vec<u8> {
    pieces
        .iter()
        .flat_map(|piece| piece.as_bytes())
        .copied()
        .collect()
}
