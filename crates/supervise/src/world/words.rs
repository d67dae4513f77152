//! What is told on standard error.

use std::ffi::OsStr;
use std::io;

use dt_cli::{Message, warn};
use dt_os::process::Pid;
use dt_os::{descriptor, family};

use super::Kernel;
use crate::files::Step;
use crate::{PROGRAM, takeover};

impl Kernel {
    pub(super) fn warn_of_upgrade(&self, why: &io::Error) {
        let what: [&OsStr; 2] = [
            "unable to start supervise anew for ".as_ref(),
            &self.directory,
        ];
        warn(PROGRAM, &what, why);
        self.leave_word(Some(dt_os::reason(why)));
    }

    pub(super) fn warn_of_refusal(&self) {
        let line = Message::new(PROGRAM, "warning")
            .text("the supervise now installed cannot take over for ")
            .pieces(&[&self.directory])
            .line();
        let _ = descriptor::write_all(descriptor::stderr(), &line);
        self.leave_word(Some("the one installed cannot take over"));
    }

    /// Says which process `run` has left behind, if there is one.
    pub(super) fn name_stray(&self) -> Option<Pid> {
        let beside = self.people.besides();
        let ours = [self.people.log.process, self.people.notify.process];
        let ours = ours.into_iter().chain(beside).flatten().map(takeover::pid);
        let ours: Vec<Pid> = ours.chain(self.probe).collect();
        let stray = family::children()
            .into_iter()
            .find(|pid| !ours.contains(pid));
        let stray = stray?;
        let line = Message::new(PROGRAM, "warning")
            .pieces(&[&self.directory])
            .text("/run has ended and left process ")
            .text(&stray.to_string())
            .text(" behind, which svc does not reach: it should stay in the foreground, or run under fghack")
            .line();
        let _ = descriptor::write_all(descriptor::stderr(), &line);
        Some(stray)
    }

    pub(super) fn warn_of_slow_notify(&self) {
        let line = Message::new(PROGRAM, "warning")
            .pieces(&[&self.directory])
            .text("/notify takes too long: of what it is to be told the oldest is lost")
            .line();
        let _ = descriptor::write_all(descriptor::stderr(), &line);
    }

    pub(super) fn warn_of_record(&self, verb: &str, why: &io::Error) {
        let name = crate::shown(&self.directory, &self.place, "record");
        let what: [&OsStr; 4] = ["unable to ".as_ref(), verb.as_ref(), " ".as_ref(), &name];
        warn(PROGRAM, &what, why);
    }

    pub(super) fn warn_of_socket(&self, why: &io::Error) {
        let name = crate::shown(&self.directory, &self.place, "notify");
        warn(PROGRAM, &["unable to make ".as_ref(), &name], why);
    }

    pub(super) fn warn_of_doubt(&self, pid: Pid) {
        let line = Message::new(PROGRAM, "warning")
            .text("process ")
            .text(&pid.to_string())
            .text(" may still be ")
            .pieces(&[&self.directory, "/run".as_ref()])
            .text(" of an earlier supervise: not starting another")
            .line();
        let _ = descriptor::write_all(descriptor::stderr(), &line);
    }

    pub(super) fn warn_of_lost_pipe(&self) {
        let line = Message::new(PROGRAM, "warning")
            .text("the pipe to ")
            .pieces(&[&self.directory, "/log".as_ref()])
            .text(" of an earlier supervise is not to be found: another is used")
            .line();
        let _ = descriptor::write_all(descriptor::stderr(), &line);
    }

    pub(super) fn warn_of_status(&self, step: Step, why: Option<io::Error>) {
        let (verb, rest) = match step {
            Step::Open => ("unable to open ", ""),
            Step::Write => ("unable to write ", ""),
            Step::Rename => ("unable to rename ", " to status"),
        };
        let name = crate::shown(&self.directory, &self.place, "status.new");
        let what: [&OsStr; 3] = [verb.as_ref(), &name, rest.as_ref()];
        let line = Message::new(PROGRAM, "warning").pieces(&what);
        let line = if let Some(why) = why {
            line.because(&why)
        } else {
            line.text(": partial write").line()
        };
        let _ = descriptor::write_all(descriptor::stderr(), &line);
    }
}
