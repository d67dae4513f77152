//! What supervision costs: our programs beside the original's, runit's and s6's, as
//! a Markdown table.
//!
//! ```text
//! cargo bench --bench supervision
//! cargo bench --bench supervision -- --services 100 --rounds 1
//! ```
//!
//! All get the same services, one after the other, in each round in turn. A
//! service is this program under another name: it says when it started and
//! sleeps. What is not installed is left out.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "printing is what a bench is for"
)]

#[path = "../built/mod.rs"]
mod built;
mod measure;
mod memory;
mod suites;
mod tree;

use std::error::Error;
use std::path::{Path, PathBuf};

use clap::Parser;

use measure::Figures;
use suites::Suite;

/// Measures our programs beside the others'.
#[derive(Parser)]
struct Options {
    /// Services, each with a log, for the start; the other figures come from up to a hundred
    #[arg(long, default_value_t = 1000)]
    services: usize,
    /// How often each suite is measured
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Where ours are; built in the release profile if not given
    #[arg(long)]
    ours: Option<PathBuf>,
    /// Where the scratch directory is made, and removed in the end
    #[arg(long, default_value = env!("CARGO_TARGET_TMPDIR"))]
    scratch: PathBuf,
    /// Measures only the suites with this in their names
    only: Option<String>,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

/// The packages with what is measured.
const PROGRAMS: [&str; 4] = ["svscan", "supervise", "multilog", "svc"];

fn main() -> Result<(), Box<dyn Error>> {
    if let Some(fifo) = tree::fifo_of_a_service() {
        return tree::be_a_service(&fifo);
    }
    let options = Options::parse();
    if !options.bench {
        eprintln!("supervision: measures nothing unless run by `cargo bench`");
        return Ok(());
    }
    let ours = options
        .ours
        .clone()
        .map_or_else(|| built::build(&PROGRAMS), Ok)?;
    let suites: Vec<Suite> = suites::all(&ours)
        .into_iter()
        .filter(|suite| {
            options
                .only
                .as_ref()
                .is_none_or(|only| suite.name.contains(only))
        })
        .filter(installed)
        .collect();
    let mut rounds: Vec<Vec<Figures>> = suites.iter().map(|_| Vec::new()).collect();
    for round in 1..=options.rounds {
        for (suite, figures) in suites.iter().zip(&mut rounds) {
            eprintln!(
                "supervision: {}, round {round} of {}",
                suite.name, options.rounds
            );
            figures.push(measure::measure(suite, options.services, &options.scratch)?);
        }
    }
    print!("{}", measure::markdown(&suites, &rounds, options.services));
    Ok(())
}

/// Whether it is there; says so where it is not.
fn installed(suite: &Suite) -> bool {
    let there = suite
        .scanner
        .first()
        .is_some_and(|program| Path::new(program).is_file());
    if !there {
        eprintln!("supervision: {} is not installed and left out", suite.name);
    }
    there
}
