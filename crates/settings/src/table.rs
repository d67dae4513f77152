//! The table of all files.

/// What kind of thing a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Milliseconds, or a number with `ms`, `s`, `m` or `h`.
    Duration,
    /// A signal's name or number.
    Signal,
    /// Signals with the waits between them.
    Signals,
    /// After which deaths to start again.
    Restart,
    /// A number of starts and a duration.
    Limit,
    /// A number.
    Count,
    /// The number of a file descriptor.
    Descriptor,
    /// What matters is only that it is there.
    Flag,
    /// A program.
    Hook,
    /// A directory, whose entries say something.
    Directory,
}

impl Kind {
    /// The kind's name, as the documentation has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Duration => "duration",
            Self::Signal => "signal",
            Self::Signals => "signals",
            Self::Restart => "restart",
            Self::Limit => "limit",
            Self::Count => "count",
            Self::Descriptor => "descriptor",
            Self::Flag => "flag",
            Self::Hook => "hook",
            Self::Directory => "directory",
        }
    }

    /// Whether the file's bytes are the setting.
    #[must_use]
    pub const fn is_value(self) -> bool {
        !matches!(self, Self::Flag | Self::Hook | Self::Directory)
    }
}

/// A file of a service directory that means something, in the table's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "the table says what each is")]
pub enum Setting {
    Run,
    Down,
    Log,
    TimeoutKill,
    DownSignal,
    ReloadSignal,
    TimeoutKillGroup,
    Control,
    Cgroup,
    Finish,
    FinishAsRunit,
    TimeoutFinish,
    Restart,
    RestartDelay,
    RestartDelayMax,
    StableAfter,
    StartLimit,
    RetryAfter,
    MaxDeathTally,
    NotificationFd,
    NotifySocket,
    Check,
    TimeoutUp,
    TimeoutWatchdog,
    Dependencies,
    WaitsFor,
    Essential,
    Encore,
    NoSetsid,
    Start,
    Stop,
    Notify,
}

/// Name, default and description of each setting, in their order.
///
/// One text and not an array of texts: that would be an array of pointers.
const TABLE: &str = "\
run|none|the program that is the service
down|absent|the service is down until it is asked for
log|none|the log's directory, or, as a program, encore's log service
timeout-kill|never|how long after the service was told to stop it is killed
down-signal|TERM|what tells the service to stop: a signal, or several with the waits between them
reload-signal|HUP|what tells the service to read its configuration again
flag-timeout-killpg|absent|timeout-kill kills the whole process group
control|the signal itself|programs that are run instead of sending a signal, named by the command's letter
flag-cgroup|absent|the service runs in a cgroup of its own, and is down once that is empty
finish|none|run after each death of the service
flag-finish-runit|absent|finish gets runit's two arguments instead of s6's four
timeout-finish|5s|how long finish may take before it is killed
restart|always|after which deaths the service is started again
restart-delay|1s|the least time from one start to the next
restart-delay-max|restart-delay|up to which the delay doubles with each early death
stable-after|1m|how long the service must have run for the delay to begin anew
start-limit|none|more starts than this within that time, and the service has failed
retry-after|never|when a service that has failed is tried again
max-death-tally|100|how many deaths are remembered
notification-fd|none|the descriptor on which the service says, with a newline, that it is ready
flag-notify-socket|absent|the service gets NOTIFY_SOCKET, and says as with systemd that it is ready
check|none|run until it exits 0, and the service is ready
timeout-up|never|how long the service may take to get ready before it is stopped
timeout-watchdog|never|how long the service may be silent on NOTIFY_SOCKET before it is killed
dependencies.d|none|names of the services that must be ready before this one starts
waits-for.d|none|names of the services that this one waits for, whether they succeed or not
flag-essential|absent|the whole tree stops once this service has ended
flag-encore|absent|what daemontools-encore does otherwise than daemontools
no-setsid|absent|with flag-encore, the service stays in the session of supervise
start|none|run once before the service is started
stop|none|run once after the service has died for good
notify|none|run at each change, with what has changed
";

impl Setting {
    /// Every setting there is.
    pub const ALL: [Self; 32] = [
        Self::Run,
        Self::Down,
        Self::Log,
        Self::TimeoutKill,
        Self::DownSignal,
        Self::ReloadSignal,
        Self::TimeoutKillGroup,
        Self::Control,
        Self::Cgroup,
        Self::Finish,
        Self::FinishAsRunit,
        Self::TimeoutFinish,
        Self::Restart,
        Self::RestartDelay,
        Self::RestartDelayMax,
        Self::StableAfter,
        Self::StartLimit,
        Self::RetryAfter,
        Self::MaxDeathTally,
        Self::NotificationFd,
        Self::NotifySocket,
        Self::Check,
        Self::TimeoutUp,
        Self::TimeoutWatchdog,
        Self::Dependencies,
        Self::WaitsFor,
        Self::Essential,
        Self::Encore,
        Self::NoSetsid,
        Self::Start,
        Self::Stop,
        Self::Notify,
    ];

    /// What kind of thing the file is.
    #[must_use]
    pub const fn kind(self) -> Kind {
        match self {
            Self::TimeoutKill
            | Self::TimeoutFinish
            | Self::RestartDelay
            | Self::RestartDelayMax
            | Self::StableAfter
            | Self::RetryAfter
            | Self::TimeoutUp
            | Self::TimeoutWatchdog => Kind::Duration,
            Self::ReloadSignal => Kind::Signal,
            Self::DownSignal => Kind::Signals,
            Self::Restart => Kind::Restart,
            Self::StartLimit => Kind::Limit,
            Self::MaxDeathTally => Kind::Count,
            Self::NotificationFd => Kind::Descriptor,
            Self::Down
            | Self::TimeoutKillGroup
            | Self::Cgroup
            | Self::FinishAsRunit
            | Self::NotifySocket
            | Self::Essential
            | Self::Encore
            | Self::NoSetsid => Kind::Flag,
            Self::Run
            | Self::Log
            | Self::Finish
            | Self::Check
            | Self::Start
            | Self::Stop
            | Self::Notify => Kind::Hook,
            Self::Control | Self::Dependencies | Self::WaitsFor => Kind::Directory,
        }
    }

    /// The file's name in the service directory.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().0
    }

    /// What is in force where the file is absent or of no use.
    #[must_use]
    pub fn default_text(self) -> &'static str {
        self.row().1
    }

    /// What the file is for, in a few words.
    #[must_use]
    pub fn description(self) -> &'static str {
        self.row().2
    }

    /// The setting of this name.
    #[must_use]
    pub fn named(name: &[u8]) -> Option<Self> {
        let found = TABLE.lines().position(|row| {
            row.as_bytes()
                .strip_prefix(name)
                .is_some_and(begins_default)
        })?;
        Self::ALL.get(found).copied()
    }

    fn row(self) -> (&'static str, &'static str, &'static str) {
        let row = TABLE.lines().nth(self as usize).unwrap_or_default();
        let (name, rest) = row.split_once('|').unwrap_or_default();
        let (default, description) = rest.split_once('|').unwrap_or_default();
        (name, default, description)
    }
}

fn begins_default(rest: &[u8]) -> bool {
    rest.first() == Some(&b'|')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_a_whole_row_for_each_setting() {
        assert_eq!(TABLE.lines().count(), Setting::ALL.len());
        for (at, setting) in Setting::ALL.into_iter().enumerate() {
            assert_eq!(setting as usize, at);
            assert_eq!(Setting::named(setting.name().as_bytes()), Some(setting));
            assert!(!setting.default_text().is_empty(), "{setting:?}");
            assert!(!setting.description().is_empty(), "{setting:?}");
        }
    }

    #[test]
    fn a_row_is_its_settings_own() {
        assert_eq!(Setting::TimeoutKill.name(), "timeout-kill");
        assert_eq!(Setting::Dependencies.name(), "dependencies.d");
        assert_eq!(Setting::MaxDeathTally.default_text(), "100");
        assert_eq!(Setting::Notify.name(), "notify");
    }

    #[test]
    fn other_names_mean_nothing() {
        for name in [
            "",
            "timeout",
            "timeout-kill ",
            "runs",
            "ru",
            "|",
            "none",
            "supervise",
        ] {
            assert_eq!(Setting::named(name.as_bytes()), None, "{name:?}");
        }
    }
}
