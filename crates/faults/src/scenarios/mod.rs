//! What is done to a suite, one function a scenario.

mod chains;
mod control;
mod daemons;
mod injections;
mod kill_points;
mod kills;
mod limits;
mod links;
mod logs;
mod many;
mod shortage;
mod steady;

use crate::kit::Outcome;
use crate::report::Cell;
use crate::suite::Suite;

/// How much of it.
pub struct Size {
    /// Services where several are hurt at a time.
    pub services: usize,
    /// How often each of them is hurt.
    pub rounds: usize,
    /// Services where there are many.
    pub many: usize,
    /// Kills of a logger.
    pub kills: u32,
    /// At how many calls of a program something is made to fail; each call with
    /// each error if there is no number.
    pub faults: Option<usize>,
    /// How many times two faults at once.
    pub pairs: usize,
    /// Files of an environment.
    pub variables: usize,
    /// What is drawn at random.
    pub seed: u64,
}

impl Size {
    /// For each day: under a minute for one suite.
    pub const SHORT: Self = Self {
        services: 5,
        rounds: 2,
        many: 300,
        kills: 40,
        faults: Some(16),
        pairs: 8,
        variables: 10_000,
        seed: 1,
    };
    /// Before a release.
    pub const LONG: Self = Self {
        services: 50,
        rounds: 20,
        many: 10_000,
        kills: 1000,
        faults: None,
        pairs: 200,
        variables: 100_000,
        seed: 1,
    };
}

type Scenario = fn(&Suite, &Size) -> Outcome<Cell>;

/// In the table's order.
pub const ALL: &[(&str, Scenario)] = &[
    ("kill-supervise", kills::supervise),
    ("kill-svscan", kills::svscan),
    ("kill-multilog", logs::kill_medium),
    ("kill-multilog-saturated", logs::kill_saturated),
    ("kill-points-supervise", kill_points::supervise),
    ("kill-points-svscan", kill_points::svscan),
    ("kill-points-log", kill_points::log),
    ("inject-supervise", injections::supervise),
    ("inject-svscan", injections::svscan),
    ("inject-log", injections::log),
    ("inject-chains", chains::inject),
    ("memory", injections::memory),
    ("pairs", injections::pairs),
    ("fork-failure", shortage::forks),
    ("fd-exhaustion", shortage::descriptors),
    ("limits", limits::memory),
    ("disk-full", shortage::disk),
    ("read-only", shortage::read_only),
    ("control-flood", control::flood),
    ("control-held", control::held),
    ("status-reads", control::status_reads),
    ("symlink-attack", links::attack),
    ("daemonizing", daemons::daemonizing),
    ("envdir-big", daemons::envdir_big),
    ("log-stopped", logs::stopped),
    ("clock-step", logs::clock_step),
    ("many", many::many),
    ("pacing", steady::pacing),
    ("identity", steady::identity),
];
