//! How each suite is started, told things and asked.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::ValueEnum;

use crate::kit::Outcome;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Ours are of this kind as well
    Daemontools,
    Runit,
    S6,
}

/// What a supervisor is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    Down,
    Up,
    Term,
}

/// One suite of programs.
pub struct Suite {
    pub name: String,
    pub kind: Kind,
    directory: PathBuf,
}

impl Suite {
    pub fn new(kind: Kind, directory: PathBuf) -> Self {
        let name = match (kind, directory == Path::new("/usr/bin")) {
            (Kind::Daemontools, true) => "daemontools",
            (Kind::Daemontools, false) => "ours",
            (Kind::Runit, _) => "runit",
            (Kind::S6, _) => "s6",
        };
        Self {
            name: name.to_owned(),
            kind,
            directory,
        }
    }

    pub fn is_installed(&self) -> bool {
        self.has(self.choose("svscan", "runsvdir", "s6-svscan"))
    }

    const fn choose<T: Copy>(&self, daemontools: T, runit: T, s6: T) -> T {
        match self.kind {
            Kind::Daemontools => daemontools,
            Kind::Runit => runit,
            Kind::S6 => s6,
        }
    }

    pub fn path(&self) -> OsString {
        let mut path = self.directory.clone().into_os_string();
        path.push(":/usr/bin:/bin:/usr/sbin:/sbin");
        path
    }

    /// A program of the suite by its full name: an upgrade starts it again by that.
    fn program(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Whether it has a program of this name.
    pub fn has(&self, name: &str) -> bool {
        self.program(name).is_file()
    }

    /// The words for one of its programs, which is called by its full name.
    pub fn chain(&self, words: &[&str]) -> Vec<OsString> {
        let own = words.first().map(|name| self.program(name).into());
        own.into_iter()
            .chain(words.iter().skip(1).map(OsString::from))
            .collect()
    }

    /// The words that start the scanner of a directory.
    pub fn scanner(&self, directory: &Path) -> Vec<OsString> {
        let program = self.program(self.choose("svscan", "runsvdir", "s6-svscan"));
        let mut words = vec![program.into_os_string()];
        if self.kind == Kind::S6 {
            // Without the second it looks for new services only when asked to.
            words.extend(["-c", "1000", "-t", "5000"].map(OsString::from));
        }
        words.push(directory.into());
        words
    }

    /// What a supervisor is called.
    pub const fn supervisor_name(&self) -> &'static str {
        self.choose("supervise", "runsv", "s6-supervise")
    }

    /// What a logger is called.
    pub const fn logger_name(&self) -> &'static str {
        self.choose("multilog", "svlogd", "s6-log")
    }

    pub fn supervisor(&self, directory: &Path) -> Vec<OsString> {
        vec![
            self.program(self.supervisor_name()).into(),
            directory.into(),
        ]
    }

    /// The words that start a logger which keeps all that it gets in `./main` of
    /// `directory`, in files of `size` bytes; makes what it needs there.
    pub fn logger(&self, directory: &Path, size: u32, count: u32) -> Outcome<Vec<OsString>> {
        self.logger_with(directory, size, count, None)
    }

    /// The same, with a command that each finished file goes through.
    pub fn logger_with(
        &self,
        directory: &Path,
        size: u32,
        count: u32,
        processor: Option<&str>,
    ) -> Outcome<Vec<OsString>> {
        let program = self.program(self.logger_name());
        let mut settings = vec![format!("s{size}"), format!("n{count}")];
        settings.extend(processor.map(|command| format!("!{command}")));
        Ok(if self.kind == Kind::Runit {
            fs::create_dir_all(directory.join("main"))?;
            fs::write(directory.join("main/config"), settings.join("\n") + "\n")?;
            vec![program.into(), "main".into()]
        } else {
            let mut words = vec![program.into_os_string()];
            words.extend(settings.into_iter().map(OsString::from));
            words.push("./main".into());
            words
        })
    }

    /// What holds a program that goes into the background, where there is such a thing.
    pub fn holder(&self) -> Option<String> {
        let name = match self.kind {
            Kind::Daemontools => "fghack",
            Kind::S6 => "s6-fghack",
            Kind::Runit => return None,
        };
        Some(self.program(name).display().to_string())
    }

    /// The words that run `true` with the variables of a directory.
    pub fn environment(&self, directory: &Path) -> Vec<OsString> {
        let program = self.program(self.choose("envdir", "chpst", "s6-envdir"));
        let mut words = vec![program.into_os_string()];
        words.extend((self.kind == Kind::Runit).then(|| "-e".into()));
        words.extend([directory.into(), "true".into()]);
        words
    }

    /// Tells the supervisor of a directory; gives whether it was told.
    pub fn tell(&self, word: Word, directory: &Path) -> bool {
        let letter = match word {
            Word::Down => "d",
            Word::Up => "u",
            Word::Term => "t",
        };
        let mut command = Command::new(self.program(self.choose("svc", "sv", "s6-svc")));
        if self.kind == Kind::Runit {
            command.arg(letter);
        } else {
            command.arg(format!("-{letter}"));
        }
        silent(command.arg(directory)).is_ok_and(|status| status.success())
    }

    /// Lets a whole tree become what is installed now; only ours can.
    pub fn upgrade(&self, directory: &Path) -> bool {
        let mut command = Command::new(self.program("svscanctl"));
        silent(command.arg("--upgrade").arg(directory)).is_ok_and(|status| status.success())
    }

    /// Has the scanner stop all services and end; only ours can.
    pub fn stop_all(&self, directory: &Path) -> bool {
        let mut command = Command::new(self.program("svscanctl"));
        silent(command.arg("-t").arg(directory)).is_ok_and(|status| status.success())
    }

    /// The process id that the suite says its service has.
    pub fn pid(&self, directory: &Path) -> Option<u32> {
        let text = self.status(directory)?;
        // runit tells the log's after it.
        let own = text.split(';').next()?;
        let (_, rest) = own.split_once("(pid ")?;
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    }

    /// The command that asks about a directory.
    pub fn ask(&self, directory: &Path) -> Command {
        let mut command = Command::new(self.program(self.choose("svstat", "sv", "s6-svstat")));
        if self.kind == Kind::Runit {
            command.arg("status");
        }
        command.arg(directory);
        command
    }

    fn status(&self, directory: &Path) -> Option<String> {
        let answer = self.ask(directory).stderr(Stdio::null()).output().ok()?;
        Some(String::from_utf8_lossy(&answer.stdout).into_owned())
    }

    /// Whether somebody reads what goes into that.
    pub fn listens(directory: &Path) -> bool {
        dt_os::file::How::WRITE
            .open(Self::control(directory))
            .is_ok()
    }

    /// The FIFO that commands go into.
    pub fn control(directory: &Path) -> PathBuf {
        directory.join("supervise/control")
    }
}

/// Runs a command whose output is nobody's business.
fn silent(command: &mut Command) -> std::io::Result<std::process::ExitStatus> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
}
