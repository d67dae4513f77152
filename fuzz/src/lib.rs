//! What is fuzzed: every parser and decoder, and the pure machines.
//!
//! A target takes any bytes and panics where what the project makes of them is
//! not what it should be. What it should be is reckoned a second time, slowly and
//! plainly, or is a rule that always holds (what is written reads back the same).
//! Each target also takes `planted`: then the answer that it checks is spoiled for
//! rare inputs, and it has to notice. That shows, again and again, that it can.

mod logs;
mod model;
mod oracle;
mod programs;
mod scanning;
mod services;
mod settings;
mod stamps;
mod states;
mod supervising;

/// Something to be fuzzed.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name, and that of its directory below `corpus/`.
    pub name: &'static str,
    /// Panics where something is wrong.
    pub check: fn(&[u8], bool),
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target {
        name: "status",
        check: states::status,
    },
    Target {
        name: "service_record",
        check: states::service_record,
    },
    Target {
        name: "details",
        check: states::details,
    },
    Target {
        name: "deaths",
        check: states::deaths,
    },
    Target {
        name: "settings",
        check: settings::values,
    },
    Target {
        name: "supervise_machine",
        check: services::machine,
    },
    Target {
        name: "supervise_settings",
        check: supervising::settings,
    },
    Target {
        name: "svscan_machine",
        check: scanning::machine,
    },
    Target {
        name: "multilog_script",
        check: logs::script,
    },
    Target {
        name: "multilog_record",
        check: logs::record,
    },
    Target {
        name: "multilog_crash",
        check: logs::crash,
    },
    Target {
        name: "tai64n",
        check: stamps::label,
    },
    Target {
        name: "tai64nlocal",
        check: stamps::local,
    },
    Target {
        name: "envdir",
        check: programs::envdir,
    },
    Target {
        name: "envini",
        check: programs::envini,
    },
    Target {
        name: "softlimit",
        check: programs::softlimit,
    },
];

/// Whether faults are to be planted: `FUZZ_PLANTED` is set.
#[must_use]
pub fn is_planted() -> bool {
    std::env::var_os("FUZZ_PLANTED").is_some()
}
