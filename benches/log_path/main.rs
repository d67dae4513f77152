//! What a log costs: our programs beside the original's, as Markdown tables.
//!
//! ```text
//! cargo bench --bench log_path
//! cargo bench --bench log_path -- --megabytes 50 --rounds 3 tai64
//! ```
//!
//! Both get the same input and run alternately, so that whatever else the
//! machine does strikes both. Processor time is the figure to compare: it
//! includes the children (multilog's processor), and a busy machine hardly
//! changes it.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "printing is what a bench is for"
)]

#[path = "../built/mod.rs"]
mod built;
mod cases;
mod floor;
mod idle;
mod input;
mod run;
mod safety;
mod table;

use std::error::Error;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use clap::Parser;

use cases::Case;
use floor::Files;
use run::Sample;
use table::Row;

/// Measures our programs beside the original's.
#[derive(Parser)]
struct Options {
    /// Size of the input
    #[arg(long, default_value_t = 200)]
    megabytes: u32,
    /// How often each program gets each input
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Where the original's programs are
    #[arg(long, default_value = "/usr/bin")]
    original: PathBuf,
    /// Where ours are; built in the release profile if not given
    #[arg(long)]
    ours: Option<PathBuf>,
    /// Where the scratch directory is made, and removed in the end
    #[arg(long, default_value = env!("CARGO_TARGET_TMPDIR"))]
    scratch: PathBuf,
    /// Runs only the cases with this in their names
    only: Option<String>,
    /// Reads so many bytes, writes so many to files of a size, and keeps so many of those,
    /// and nothing else; for the bench itself
    #[arg(long, hide = true, num_args = 4)]
    only_write: Vec<u64>,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

/// The packages with what is measured.
const PROGRAMS: [&str; 4] = ["multilog", "tai64n", "tai64nlocal", "supervise"];

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    if !options.bench {
        eprintln!("log_path: measures nothing unless run by `cargo bench`");
        return Ok(());
    }
    if let [reads, bytes, size, kept] = options.only_write[..] {
        return Ok(floor::write(reads, bytes, Files { size, kept })?);
    }
    let ours = options
        .ours
        .clone()
        .map_or_else(|| built::build(&PROGRAMS), Ok)?;
    let original = original(&options.original);
    let scratch = Scratch::new(&options.scratch)?;
    speed(&options, &ours, original, &scratch.0);
    if options.only.as_ref().is_none_or(|only| only == "floor") {
        floor::report(&options, &scratch.0);
    }
    if options.only.as_ref().is_none_or(|only| only == "idle") {
        idle::report(&ours, original, &scratch.0);
    }
    if options.only.as_ref().is_none_or(|only| only == "kill") {
        safety::report(&options, &ours, &scratch.0);
    }
    Ok(())
}

/// The directory of the original's programs, if they are there.
fn original(directory: &Path) -> Option<&Path> {
    let missing: Vec<_> = ["multilog", "tai64n", "tai64nlocal", "supervise"]
        .into_iter()
        .filter(|name| !directory.join(name).is_file())
        .collect();
    if missing.is_empty() {
        return Some(directory);
    }
    eprintln!(
        "log_path: the original is not in {} ({} missing), so only ours are measured; \
         `apt-get install daemontools` installs it, `--original DIR` names another place",
        directory.display(),
        missing.join(", ")
    );
    None
}

fn speed(options: &Options, ours: &Path, original: Option<&Path>, scratch: &Path) {
    let chosen = |name: &str| options.only.as_ref().is_none_or(|only| name.contains(only));
    let mut rows = Vec::new();
    for case in cases::CASES.iter().filter(|case| chosen(case.name)) {
        match measure(case, options, ours, original, scratch) {
            Ok(row) => rows.push(row),
            Err(error) => {
                progress("");
                eprintln!("log_path: left out: {}: {error}", case.name);
            }
        }
    }
    progress("");
    if !rows.is_empty() {
        print!("{}", table::markdown(&rows, options.megabytes));
    }
}

/// Gives both suites their turns.
fn measure(
    case: &Case,
    options: &Options,
    ours: &Path,
    original: Option<&Path>,
    scratch: &Path,
) -> Result<Row, Box<dyn Error>> {
    let input = case.input.make(scratch, options.megabytes)?;
    let mut row = Row::new(case.name);
    for round in 1..=options.rounds {
        progress(&format!(
            "{}: round {round} of {}",
            case.name, options.rounds
        ));
        if let Some(original) = original {
            row.original
                .push(case.run(original, &input, scratch, false)?);
        }
        row.ours.push(case.run(ours, &input, scratch, false)?);
    }
    Ok(row)
}

/// Shows on a terminal what is going on, in one line.
fn progress(doing: &str) {
    if std::io::stderr().is_terminal() {
        eprint!("\r\x1b[K{doing}");
    }
}

/// A directory that is removed in the end, whatever the end is.
struct Scratch(PathBuf);

impl Scratch {
    fn new(place: &Path) -> std::io::Result<Self> {
        let path = place.join(format!("log_path.{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path.canonicalize()?))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
