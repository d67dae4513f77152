//! What suites of supervision programs lose when they are hurt, as a Markdown table.
//!
//! ```text
//! cargo run -p dt-faults
//! cargo run -p dt-faults -- --programs /usr/bin --suite runit kill-supervise
//! cargo run -p dt-faults -- --compare --long
//! cargo run -p dt-faults -- soak --services 200 --minutes 60
//! ```
//!
//! Each scenario makes its own directory, starts the programs in it, hurts them and
//! counts. What a suite cannot take part in has a dash. Figures that fall short of
//! what we promise are bold; `--check` makes them an exit code.
#![forbid(unsafe_code)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "printing is what the harness is for"
)]

mod kit;
mod lines;
mod minder;
mod points;
mod probe;
mod report;
mod scenarios;
mod soak;
mod suite;
mod tree;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use clap::{Args, Parser, Subcommand};

use kit::Outcome;
use report::Cell;
use suite::{Kind, Suite};

/// Hurts supervision programs in every way it can, and counts what is lost
#[derive(Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Options {
    #[command(subcommand)]
    soak: Option<Long>,
    #[command(flatten)]
    table: Table,
}

#[derive(Subcommand)]
enum Long {
    /// Services that die, are steered, upgraded and killed at random while they log
    Soak(soak::Plan),
}

#[derive(Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option")]
struct Table {
    /// Where the programs are; ours, beside this one, if not given
    #[arg(long)]
    programs: Option<PathBuf>,
    /// Which suite's programs those are
    #[arg(long, value_enum, default_value_t = Kind::Daemontools)]
    suite: Kind,
    /// Ours beside all that are installed in /usr/bin
    #[arg(long, conflicts_with_all = ["programs", "suite"])]
    compare: bool,
    /// Many more kills, and each call in place of some
    #[arg(long)]
    long: bool,
    /// How many there are in `many`; 300 if not given, 10,000 with --long
    #[arg(long)]
    services: Option<usize>,
    /// Of what is drawn at random; the time of the day if not given
    #[arg(long)]
    seed: Option<u64>,
    /// A figure that falls short makes the exit code 1
    #[arg(long)]
    check: bool,
    /// Names the scenarios
    #[arg(long)]
    list: bool,
    /// Only the scenarios with one of these in their names
    scenarios: Vec<String>,
}

fn main() -> ExitCode {
    if let Some(done) = lines::be_a_writer() {
        return finish(done.map(|()| true));
    }
    if let Some(done) = probe::be_a_probe() {
        return finish(done.map(|()| true));
    }
    let mut words: Vec<_> = std::env::args_os().collect();
    let minded = words.get(1).is_some_and(|word| word == minder::MINDED);
    if minded {
        words.remove(1);
    }
    let options = Options::parse_from(words);
    if !minded {
        return match minder::mind() {
            Ok(code) => ExitCode::from(code),
            Err(error) => finish(Err(error)),
        };
    }
    match options.soak {
        Some(Long::Soak(plan)) => finish(soak::run(&plan)),
        None => finish(options.table.run()),
    }
}

/// 0 where all is well, 1 where something falls short, 2 where it cannot be told.
fn finish(outcome: Outcome<bool>) -> ExitCode {
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("dt-faults: {error}");
            ExitCode::from(2)
        }
    }
}

impl Table {
    fn suites(&self) -> Outcome<Vec<Suite>> {
        let given = self.programs.clone().map_or_else(kit::beside_us, Ok)?;
        let given = given
            .canonicalize()
            .map_err(|error| format!("{}: {error}", given.display()))?;
        let mut suites = vec![Suite::new(self.suite, given)];
        if self.compare {
            let others = [Kind::Daemontools, Kind::Runit, Kind::S6];
            suites.extend(others.map(|kind| Suite::new(kind, "/usr/bin".into())));
            suites.retain(Suite::is_installed);
        }
        Ok(suites)
    }

    fn wants(&self, name: &str) -> bool {
        self.scenarios.is_empty() || self.scenarios.iter().any(|part| name.contains(&**part))
    }

    fn run(&self) -> Outcome<bool> {
        let scenarios: Vec<_> = scenarios::ALL
            .iter()
            .filter(|(name, _)| self.wants(name))
            .collect();
        if self.list {
            for (name, _) in scenarios {
                println!("{name}");
            }
            return Ok(true);
        }
        let suites = self.suites()?;
        let mut size = if self.long {
            scenarios::Size::LONG
        } else {
            scenarios::Size::SHORT
        };
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
        size.many = self.services.unwrap_or(size.many);
        size.seed = self.seed.unwrap_or(now.as_secs());
        let mut all_good = true;
        let mut rows = Vec::new();
        for (name, scenario) in scenarios {
            let mut row: Vec<Cell> = Vec::new();
            for suite in &suites {
                eprintln!("dt-faults: {name}: {}", suite.name);
                let cell = scenario(suite, &size).unwrap_or_else(|error| Cell::broken(&*error));
                all_good &= cell.good;
                row.push(cell);
            }
            rows.push((*name, row));
        }
        print!("{}", report::markdown(&suites, &rows));
        Ok(all_good || !self.check)
    }
}
