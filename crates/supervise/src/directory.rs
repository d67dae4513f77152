//! The service directory's settings, as they are now.

use std::env;
use std::ffi::OsStr;
use std::io;

use dt_cli::Message;
use dt_os::descriptor;
use dt_os::file;
use dt_settings::{Problem, Setting, Settings};

use crate::PROGRAM;
use crate::machine::Policy;

/// Has all directories behave as daemontools-encore's, if it is `encore`.
const COMPATIBLE: &str = "SUPERVISE_COMPAT";

/// The directory, held open, and what was last read there.
pub(crate) struct Directory {
    /// None where it may be entered but not listed: then it is as a plain one.
    held: Option<file::Directory>,
    /// Encore's behaviour by way of the environment.
    encore: bool,
    settings: Settings,
    policy: Policy,
    /// Read in this turn.
    fresh: bool,
    /// What was said to be wrong.
    problems: Vec<Problem>,
}

impl Directory {
    /// The one we are in.
    pub(crate) fn here() -> Self {
        let encore = env::var_os(COMPATIBLE).is_some_and(|value| value == "encore");
        Self {
            held: file::Directory::open(".").ok(),
            encore,
            settings: Settings::default(),
            policy: Policy::PLAIN,
            fresh: false,
            problems: Vec::new(),
        }
    }

    /// Has it read again when it is asked for next.
    pub(crate) fn forget(&mut self) {
        self.fresh = false;
    }

    /// What was read last.
    pub(crate) const fn known(&self) -> &Policy {
        &self.policy
    }

    /// What is in force now. What is wrong is told in the name of `directory`, once
    /// until it changes.
    pub(crate) fn policy(&mut self, directory: &OsStr) -> io::Result<Policy> {
        if !self.fresh {
            // Also where it fails: once in a turn.
            self.fresh = true;
            let mut problems = Vec::new();
            if let Some(held) = &self.held {
                (self.settings, problems) = Settings::read(held)?;
            }
            self.policy = self.derived();
            self.tell(directory, problems);
        }
        Ok(self.policy)
    }

    fn derived(&self) -> Policy {
        let present = self.settings.present;
        Policy {
            plain: !present.beyond() && !self.encore,
            start: present.has(Setting::Start),
            stop: present.has(Setting::Stop),
            notify: present.has(Setting::Notify),
            runless: self.is_encores() && !present.has(Setting::Run),
            fails_on_100: self.opted_in(),
        }
    }

    fn tell(&mut self, directory: &OsStr, problems: Vec<Problem>) {
        if self.problems == problems {
            return;
        }
        for problem in &problems {
            let name = problem.setting.name();
            let line =
                Message::new(PROGRAM, "warning").pieces(&[directory, "/".as_ref(), name.as_ref()]);
            let line = line.text(": ").text(problem.fault.text()).text(": using ");
            let line = line.text(problem.setting.default_text()).line();
            let _ = descriptor::write_all(descriptor::stderr(), &line);
        }
        self.problems = problems;
    }

    /// Whether encore's behaviour is asked for where it contradicts 0.76.
    pub(crate) fn opted_in(&self) -> bool {
        self.encore || self.settings.present.has(Setting::Encore)
    }

    /// Whether there is anything of encore's.
    pub(crate) fn is_encores(&self) -> bool {
        let present = self.settings.present;
        let files = [Setting::Start, Setting::Stop, Setting::Notify, Setting::Log];
        self.opted_in() || files.into_iter().any(|file| present.has(file))
    }

    /// Whether each process has a session of its own.
    pub(crate) fn own_session(&self) -> bool {
        self.opted_in() && !self.settings.present.has(Setting::NoSetsid)
    }

    /// Whether `log` is a program.
    pub(crate) fn has_log(&self) -> bool {
        self.settings.present.has(Setting::Log)
    }
}
