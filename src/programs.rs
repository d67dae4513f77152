//! Every program, under the name it is called by.

use dt_cli::Program;

/// In alphabetical order, one a line.
pub const PROGRAMS: &[(&str, Program)] = &[
    ("envdir", envdir::run),
    ("envini", envini::run),
    ("envuidgid", envuidgid::run),
    ("fghack", fghack::run),
    ("multilog", multilog::run),
    ("pgrphack", pgrphack::run),
    ("readproctitle", readproctitle::run),
    ("setlock", setlock::run),
    ("setuidgid", setuidgid::run),
    ("setuser", setuser::run),
    ("softlimit", softlimit::run),
    ("supervise", supervise::run),
    ("svc", svc::run),
    ("svcheck", svcheck::run),
    ("svdt", svdt::run),
    ("svnew", svnew::run),
    ("svok", svok::run),
    ("svscan", svscan::run),
    ("svscanboot", svscanboot::run),
    ("svscanctl", svscanctl::run),
    ("svstat", svstat::run),
    ("svup", svup::run),
    ("svwait", svwait::run),
    ("svwhy", svwhy::run),
    ("tai64n", tai64n::run),
    ("tai64nlocal", tai64nlocal::run),
    #[cfg(feature = "try")]
    ("trycode", trycode::run),
];

/// The program called `name`, if there is one.
#[must_use]
pub fn find(name: &str) -> Option<Program> {
    PROGRAMS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, program)| *program)
}
