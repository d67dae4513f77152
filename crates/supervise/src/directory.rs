//! The service directory's settings, as they are now.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;

use dt_cli::Message;
use dt_os::clock::Moment;
use dt_os::{descriptor, file, process};
use dt_settings::{Present, Problem, Setting, Settings};

use crate::PROGRAM;
use crate::machine::{Needs, PACE, Policy, Rest};
use crate::neighbours::Neighbours;

/// Has all directories behave as daemontools-encore's, if it is `encore`.
const COMPATIBLE: &str = "SUPERVISE_COMPAT";

/// The directory, held open, and what was last read there.
pub(crate) struct Directory {
    /// None where it may be entered but not listed: then it is as a plain one.
    held: Option<file::Directory>,
    /// Encore's behaviour by way of the environment.
    encore: bool,
    /// Which files there are.
    present: Present,
    notification_fd: Option<i32>,
    deaths_kept: u16,
    /// What the others say.
    policy: Policy,
    /// The services in the same scan directory, where this one needs some.
    neighbours: Option<Neighbours>,
    /// How the living service is kept together, whatever the directory says now.
    caged: Option<Rest>,
    /// That there is no cgroup for it was said, and there has been none since.
    pub(crate) uncaged: bool,
    /// Read in this turn.
    fresh: bool,
    /// Why what is needed will never be there, as it was said.
    hopeless: Option<&'static str>,
    /// What was said to be wrong.
    problems: Vec<Problem>,
}

impl Directory {
    /// The one we are in. Where it is known, `above` is the directory of all services,
    /// and the name of this one in it.
    pub(crate) fn here(above: Option<(file::Directory, OsString)>) -> Self {
        let encore = env::var_os(COMPATIBLE).is_some_and(|value| value == "encore");
        Self {
            held: file::Directory::open(".").ok(),
            encore,
            present: Present::default(),
            notification_fd: None,
            deaths_kept: Settings::default().max_death_tally,
            policy: Policy::PLAIN,
            neighbours: above.map(|(scan, own)| Neighbours::new(scan, own)),
            caged: None,
            uncaged: false,
            fresh: false,
            hopeless: None,
            problems: Vec::new(),
        }
    }

    const fn has_ties(&self) -> bool {
        let present = self.present;
        present.has(Setting::Dependencies) || present.has(Setting::WaitsFor)
    }

    /// Nothing is waited for now. Should there be something to wait for after all,
    /// it is looked at anew.
    pub(crate) fn rest(&mut self) {
        if let Some(neighbours) = &mut self.neighbours
            && neighbours.watched().is_some()
        {
            neighbours.rest();
            self.fresh = false;
        }
    }

    /// The services in the same scan directory, where this one needs some.
    pub(crate) const fn known_neighbours(&self) -> Option<&Neighbours> {
        self.neighbours.as_ref()
    }

    fn needs(&mut self, directory: &OsStr) -> Needs {
        let Some(held) = self.held.as_ref().filter(|_| self.has_ties()) else {
            self.neighbours = None;
            return Needs::Met;
        };
        if self.neighbours.is_none() {
            // They have come since we began, in the directory above, for all we know.
            let own = Path::new(directory).file_name().unwrap_or_default();
            let above = file::Directory::open("..");
            self.neighbours = above
                .ok()
                .map(|above| Neighbours::new(above, own.to_owned()));
        }
        let neighbours = self.neighbours.as_mut();
        neighbours.map_or(Needs::Met, |neighbours| neighbours.look(held))
    }

    /// Whether the service is to be kept together with all that it starts.
    pub(crate) const fn wants_cage(&self) -> bool {
        self.present.has(Setting::Cgroup)
    }

    /// Says how the service that is there is kept together, if it is.
    pub(crate) fn cage(&mut self, caged: Option<Rest>) {
        self.caged = caged;
        (self.policy.plain, self.policy.rest) = self.cage_policy();
    }

    /// Whether everything is as in 0.76, and what becomes of what `run` leaves behind.
    fn cage_policy(&self) -> (bool, Rest) {
        let plain = !self.present.beyond() && !self.encore && self.caged.is_none();
        let rest = match self.caged {
            Some(rest) => rest,
            None if self.wants_cage() => Rest::Told,
            None => Rest::Ignored,
        };
        (plain, rest)
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
            let (settings, problems) = match &self.held {
                Some(held) => Settings::read(held)?,
                None => Default::default(),
            };
            self.present = settings.present;
            self.notification_fd = settings.notification_fd;
            self.deaths_kept = settings.max_death_tally;
            self.policy = self.derived(&settings);
            self.tell_ties(directory);
            self.tell(directory, problems);
        }
        Ok(self.policy)
    }

    /// Finds out about the services that are needed; what keeps this one from ever
    /// starting is told, once.
    fn tell_ties(&mut self, directory: &OsStr) {
        let before = self.hopeless;
        self.policy.needs = self.needs(directory);
        self.hopeless = match self.policy.needs {
            Needs::Failed => Some("has failed or is not there"),
            Needs::Ring => Some("needs this one itself"),
            Needs::Met | Needs::Unmet => None,
        };
        if let (Some(why), Some(neighbours)) = (self.hopeless, &self.neighbours)
            && self.hopeless != before
        {
            let line = Message::new(PROGRAM, "warning").pieces(&[
                directory,
                " needs ".as_ref(),
                neighbours.about(),
                ", which ".as_ref(),
                why.as_ref(),
            ]);
            let _ = descriptor::write_all(descriptor::stderr(), &line.line());
        }
    }

    fn derived(&self, settings: &Settings) -> Policy {
        let present = settings.present;
        let speaks = present.has(Setting::NotifySocket);
        let (delay, delay_max) = if present.has(Setting::RestartDelay) {
            (settings.restart_delay, settings.restart_delay_max)
        } else {
            (PACE, PACE.max(settings.restart_delay_max))
        };
        let tells = settings.notification_fd.is_some() || present.has(Setting::NotifySocket);
        let check = present.has(Setting::Check) && !tells;
        let (plain, rest) = self.cage_policy();
        Policy {
            plain,
            start: present.has(Setting::Start),
            stop: present.has(Setting::Stop),
            finish: present.has(Setting::Finish),
            notify: present.has(Setting::Notify),
            runless: self.is_encores() && !present.has(Setting::Run),
            fails_on_100: self.opted_in(),
            needs: Needs::Met,
            down: settings.down_signals,
            reload: settings.reload_signal,
            kill_after: settings.timeout_kill,
            kill_group: present.has(Setting::TimeoutKillGroup),
            finish_limit: settings.timeout_finish,
            restart: settings.restart,
            delay,
            delay_max,
            stable_after: settings.stable_after,
            start_limit: settings.start_limit,
            retry_after: settings.retry_after,
            control: settings.control,
            check,
            tells_ready: tells || check,
            up_limit: settings.timeout_up,
            rest,
            watchdog: settings.timeout_watchdog.filter(|_| speaks),
            jitter: jitter(),
            unread: false,
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
        self.encore || self.present.has(Setting::Encore)
    }

    /// Whether there is anything of encore's.
    pub(crate) fn is_encores(&self) -> bool {
        let present = self.present;
        let files = [Setting::Start, Setting::Stop, Setting::Notify, Setting::Log];
        self.opted_in() || files.into_iter().any(|file| present.has(file))
    }

    /// Whether each process has a session of its own.
    pub(crate) fn own_session(&self) -> bool {
        self.opted_in() && !self.present.has(Setting::NoSetsid)
    }

    /// The descriptor on which `run` says that it is ready.
    pub(crate) const fn notification(&self) -> Option<i32> {
        self.notification_fd
    }

    /// Whether `run` gets a socket to say how it is.
    pub(crate) fn has_socket(&self) -> bool {
        self.present.has(Setting::NotifySocket)
    }

    /// How many deaths are kept.
    pub(crate) const fn deaths_kept(&self) -> u16 {
        self.deaths_kept
    }

    /// How many files make no sense.
    pub(crate) const fn problems(&self) -> usize {
        self.problems.len()
    }

    /// Whether `finish` is told in runit's way.
    pub(crate) fn finish_as_runit(&self) -> bool {
        self.present.has(Setting::FinishAsRunit)
    }

    /// Whether `log` is a program.
    pub(crate) fn has_log(&self) -> bool {
        self.present.has(Setting::Log)
    }
}

/// Not the same in two processes at the same moment: the clock's lowest digits, and
/// who we are.
fn jitter() -> u8 {
    let now = Moment::now().since(Moment::default()).subsec_nanos();
    let own = process::own_pid().as_raw().unsigned_abs();
    let mixed = (now ^ own.rotate_left(16)).wrapping_mul(0x9e37_79b9);
    mixed.to_be_bytes()[0]
}
