//! What the files of one directory say.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use dt_os::Errno;
use dt_os::entry::{self, Facts};
use dt_os::file::{Directory, How};
use dt_os::signals::Signal;

use crate::value::{self, DownSignals, Restart, StartLimit};
use crate::{Fault, Kind, Present, Problem, Setting};

/// A value's file is shorter than this many bytes.
pub const LIMIT: usize = 1024;

/// What a directory says: what is in force, be it said or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the table of settings says what each is")]
pub struct Settings {
    /// The files that there are. Of a hook: it can be executed; of the log: it is
    /// a program, and not the directory that svscan knows.
    pub present: Present,
    /// The programs in `control`.
    pub control: Letters,
    /// None: never.
    pub timeout_kill: Option<Duration>,
    pub down_signals: DownSignals,
    pub reload_signal: Signal,
    /// None: never.
    pub timeout_finish: Option<Duration>,
    pub restart: Restart,
    pub restart_delay: Duration,
    /// Never below `restart_delay`.
    pub restart_delay_max: Duration,
    pub stable_after: Duration,
    pub start_limit: Option<StartLimit>,
    /// None: never.
    pub retry_after: Option<Duration>,
    pub max_death_tally: u16,
    pub notification_fd: Option<i32>,
    /// None: never.
    pub timeout_up: Option<Duration>,
    /// None: never.
    pub timeout_watchdog: Option<Duration>,
}

/// Letters of commands, and digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Letters(u64);

impl Letters {
    /// None.
    pub const NONE: Self = Self(0);

    /// These.
    #[must_use]
    pub fn of(letters: &[u8]) -> Self {
        let mut all = Self::NONE;
        for letter in letters {
            all.add(*letter);
        }
        all
    }

    /// What runit and daemontools-encore have commands for, of which each but `c`,
    /// `x` and `w` sends a signal.
    const KNOWN: &'static [u8] = b"12acdhikopqtuwx";

    /// Whether there is a program for the command of this byte.
    #[must_use]
    pub const fn has(self, letter: u8) -> bool {
        self.0 & Self::bit(letter) != 0
    }

    /// Whether there is none at all.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    const fn bit(letter: u8) -> u64 {
        match letter {
            b'0'..=b'9' => 1 << (letter - b'0'),
            b'a'..=b'z' => 1 << (letter - b'a' + 10),
            _ => 0,
        }
    }

    fn add(&mut self, letter: u8) {
        self.0 |= Self::bit(letter);
    }

    fn iter(self) -> impl Iterator<Item = u8> {
        Self::KNOWN
            .iter()
            .copied()
            .filter(move |byte| self.has(*byte))
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            present: Present::default(),
            control: Letters::default(),
            timeout_kill: None,
            down_signals: DownSignals::TERM,
            reload_signal: Signal::SIGHUP,
            timeout_finish: Some(Duration::from_secs(5)),
            restart: Restart::ALWAYS,
            restart_delay: Duration::from_secs(1),
            restart_delay_max: Duration::from_secs(1),
            stable_after: Duration::from_mins(1),
            start_limit: None,
            retry_after: None,
            max_death_tally: 100,
            notification_fd: None,
            timeout_up: None,
            timeout_watchdog: None,
        }
    }
}

impl Settings {
    /// What is in force in `directory`, and what in it is of no use.
    ///
    /// One pass over the directory tells which files there are; no other is
    /// looked for. An error is the directory's own: it cannot be listed.
    pub fn read(directory: &Directory) -> io::Result<(Self, Vec<Problem>)> {
        let mut settings = Self::default();
        entry::for_each_name(directory, |name| {
            if let Some(setting) = Setting::named(name) {
                settings.present.add(setting);
            }
        })?;
        let mut problems = Vec::new();
        for setting in settings.present.iter() {
            if let Err(fault) = settings.take(setting, directory, &mut problems) {
                problems.push(Problem {
                    setting,
                    letter: None,
                    fault,
                });
            }
        }
        settings.order_delays(&mut problems);
        Ok((settings, problems))
    }

    fn take(
        &mut self,
        setting: Setting,
        directory: &Directory,
        problems: &mut Vec<Problem>,
    ) -> Result<(), Fault> {
        match setting.kind() {
            Kind::Flag => Ok(()),
            Kind::Hook => self.take_hook(setting, directory),
            Kind::Directory => {
                let taken = self.take_directory(setting, directory, problems);
                taken.inspect_err(|_| self.present.remove(setting))
            }
            _ => {
                let mut buffer = [0; LIMIT];
                let value = bytes(directory, setting.name(), &mut buffer)?;
                self.set(setting, value)
            }
        }
    }

    /// What `value`, the bytes of that file, means.
    pub fn set(&mut self, setting: Setting, value: &[u8]) -> Result<(), Fault> {
        match setting {
            Setting::TimeoutKill => self.timeout_kill = value::timeout(value)?,
            Setting::DownSignal => self.down_signals = value::down_signals(value)?,
            Setting::ReloadSignal => self.reload_signal = value::signal(value)?,
            Setting::TimeoutFinish => self.timeout_finish = value::timeout(value)?,
            Setting::Restart => self.restart = value::restart(value)?,
            Setting::RestartDelay => self.restart_delay = value::delay(value)?,
            Setting::RestartDelayMax => self.restart_delay_max = value::delay(value)?,
            Setting::StableAfter => self.stable_after = value::duration(value)?,
            Setting::StartLimit => self.start_limit = Some(value::start_limit(value)?),
            Setting::RetryAfter => self.retry_after = value::timeout(value)?,
            Setting::MaxDeathTally => self.max_death_tally = value::tally(value)?,
            Setting::NotificationFd => self.notification_fd = Some(value::descriptor(value)?),
            Setting::TimeoutUp => self.timeout_up = value::timeout(value)?,
            Setting::TimeoutWatchdog => self.timeout_watchdog = value::timeout(value)?,
            // No values.
            Setting::Run
            | Setting::Down
            | Setting::Log
            | Setting::TimeoutKillGroup
            | Setting::Control
            | Setting::Cgroup
            | Setting::Finish
            | Setting::FinishAsRunit
            | Setting::NotifySocket
            | Setting::Check
            | Setting::Dependencies
            | Setting::WaitsFor
            | Setting::Essential
            | Setting::Encore
            | Setting::NoSetsid
            | Setting::Start
            | Setting::Stop
            | Setting::Notify => {}
        }
        Ok(())
    }

    fn take_hook(&mut self, setting: Setting, directory: &Directory) -> Result<(), Fault> {
        let usable = match setting {
            // That it cannot be executed is a death like others, as ever.
            Setting::Run => Ok(()),
            _ => executable(directory, setting.name()),
        };
        if usable.is_err() {
            self.present.remove(setting);
        }
        match setting {
            // Most often a directory, and none of our business then.
            Setting::Log => Ok(()),
            _ => usable,
        }
    }

    fn take_directory(
        &mut self,
        setting: Setting,
        directory: &Directory,
        problems: &mut Vec<Problem>,
    ) -> Result<(), Fault> {
        let inner = directory.open_directory(setting.name()).map_err(opening)?;
        if setting == Setting::Control {
            self.take_control(&inner, problems).map_err(unreadable)?;
        }
        Ok(())
    }

    fn take_control(&mut self, control: &Directory, problems: &mut Vec<Problem>) -> io::Result<()> {
        let mut found = Letters::default();
        entry::for_each_name(control, |name| {
            if let [letter] = name {
                found.add(*letter);
            }
        })?;
        for letter in found.iter() {
            let name = [letter];
            match executable(control, OsStr::from_bytes(&name)) {
                Ok(()) => self.control.add(letter),
                Err(fault) => problems.push(Problem {
                    setting: Setting::Control,
                    letter: Some(letter),
                    fault,
                }),
            }
        }
        Ok(())
    }

    /// Where no longest delay is given, or one below the shortest, the delay does
    /// not grow.
    fn order_delays(&mut self, problems: &mut Vec<Problem>) {
        let setting = Setting::RestartDelayMax;
        let unusable = problems.iter().any(|problem| problem.setting == setting);
        if self.present.has(setting) && !unusable {
            if self.restart_delay_max >= self.restart_delay {
                return;
            }
            problems.push(Problem {
                setting,
                letter: None,
                fault: Fault::BelowDelay,
            });
        }
        self.restart_delay_max = self.restart_delay;
    }
}

/// Whether that entry is a program.
fn executable(directory: &Directory, name: impl AsRef<OsStr>) -> Result<(), Fault> {
    let found = facts(directory, name.as_ref())?;
    if found.ordinary && found.mode & 0o111 != 0 {
        Ok(())
    } else {
        Err(Fault::NotExecutable)
    }
}

/// The bytes of a value's file.
///
/// Links are followed: directories share values by them, and whoever can make one
/// here can replace `run` as well. What is no ordinary file is not even opened,
/// as opening a device may do something; and should it become one meanwhile,
/// opening it waits for nobody.
fn bytes<'a>(
    directory: &Directory,
    name: &str,
    buffer: &'a mut [u8; LIMIT],
) -> Result<&'a [u8], Fault> {
    if !facts(directory, OsStr::new(name))?.ordinary {
        return Err(Fault::NotOrdinary);
    }
    let mut file = directory
        .open_entry(OsStr::new(name), &How::READ)
        .map_err(opening)?;
    if !Facts::of(&file).map_err(unreadable)?.ordinary {
        return Err(Fault::NotOrdinary);
    }
    let length = fill(&mut file, buffer).map_err(unreadable)?;
    if length == LIMIT {
        return Err(Fault::TooLarge);
    }
    Ok(buffer.get(..length).unwrap_or_default())
}

/// Reads until the end or until there is no more room, and says how much.
fn fill(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while let Some(room) = buffer.get_mut(length..).filter(|room| !room.is_empty()) {
        match file.read(room) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(why) if why.kind() == ErrorKind::Interrupted => {}
            Err(why) => return Err(why),
        }
    }
    Ok(length)
}

fn facts(directory: &Directory, name: &OsStr) -> Result<Facts, Fault> {
    match entry::facts(directory, name) {
        Ok(found) => found.ok_or(Fault::Dangling),
        Err(why) => Err(unreadable(why)),
    }
}

fn opening(why: io::Error) -> Fault {
    match why.kind() {
        ErrorKind::NotFound => Fault::Dangling,
        ErrorKind::NotADirectory => Fault::NotDirectory,
        _ => unreadable(why),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn unreadable(why: io::Error) -> Fault {
    Fault::Unreadable(Errno::from_raw(why.raw_os_error().unwrap_or(0)))
}
