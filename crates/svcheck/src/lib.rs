//! Reads service directories and says what will go wrong with them.
//!
//! Nothing is run and nothing is changed. What is looked for is in [`finding`];
//! scripts are read in [`shell`], and judged in `script`.
#![forbid(unsafe_code)]

mod chain;
mod daemons;
pub mod finding;
mod logger;
mod names;
mod output;
mod scan;
mod script;
mod service;
pub mod shell;
mod world;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use clap::Parser;
use dt_cli::{Exit, Fatal};
use dt_os::descriptor;
use dt_settings::Setting;

pub use scan::check as check_scan;
pub use service::check as check_service;

use finding::{Finding, Level};

const PROGRAM: &str = "svcheck";

/// Says what will go wrong with service directories
///
/// Each DIR is a service directory, or a scan directory: then every service in it
/// is checked. Nothing is run, and nothing is changed.
///
/// Exits 0 where nothing was found, 1 where nothing but warnings, 2 where there are
/// errors, 100 if it was called wrongly and 111 if a directory cannot be read.
#[derive(Debug, Parser)]
#[command(name = PROGRAM, version, max_term_width = 80)]
struct Options {
    /// Print one JSON object instead of text
    #[arg(short, long)]
    json: bool,
    /// Take each DIR for a service directory
    #[arg(long, conflicts_with = "scan")]
    service: bool,
    /// Take each DIR for a scan directory
    #[arg(long)]
    scan: bool,
    /// Service directories or scan directories
    #[arg(value_name = "DIR", required = true)]
    directories: Vec<PathBuf>,
}

/// Runs the program with its arguments, argv\[0\] left out.
pub fn run(args: &[OsString]) -> Result<Exit, Fatal> {
    let words = [OsStr::new(PROGRAM)]
        .into_iter()
        .chain(args.iter().map(OsString::as_os_str));
    let options = match Options::try_parse_from(words) {
        Ok(options) => options,
        Err(problem) if problem.use_stderr() => {
            return Err(Fatal {
                lines: problem.render().to_string().into_bytes(),
                exit: Exit::PERMANENT,
            });
        }
        Err(help) => return print(help.render().to_string().as_bytes()).map(|()| Exit::OK),
    };
    let mut findings = Vec::new();
    let mut services = 0;
    for directory in &options.directories {
        services += options.check(directory, &mut findings).map_err(|why| {
            Fatal::system(
                PROGRAM,
                &["unable to read ".as_ref(), directory.as_os_str()],
                &why,
            )
        })?;
    }
    print(&if options.json {
        output::json(services, &findings)
    } else {
        output::text(&findings)
    })?;
    Ok(
        match findings.iter().map(|finding| finding.rule.level()).max() {
            None => Exit::OK,
            Some(Level::Warning) => Exit::from_child(1),
            Some(Level::Error) => Exit::from_child(2),
        },
    )
}

fn print(bytes: &[u8]) -> Result<(), Fatal> {
    descriptor::write_all(descriptor::stdout(), bytes)
        .map_err(|why| Fatal::system(PROGRAM, &["unable to write".as_ref()], &why))
}

impl Options {
    /// Gives the number of services.
    fn check(&self, directory: &Path, findings: &mut Vec<Finding>) -> io::Result<usize> {
        if self.scan || !self.service && is_scan_directory(directory)? {
            return scan::check(directory, findings);
        }
        fs::read_dir(directory)?;
        service::check(directory, findings);
        check_place(directory, findings);
        Ok(1)
    }
}

/// Whether it has none of a service's files, and directories in it. A directory
/// with nothing in it is a service without `run`.
fn is_scan_directory(directory: &Path) -> io::Result<bool> {
    let mut any = false;
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        if Setting::named(name.as_bytes()).is_some() {
            return Ok(false);
        }
        any |= name != "supervise"
            && (name == ".svscan" || is_directory_or_lost(&directory.join(name)));
    }
    Ok(any)
}

/// A link to nothing was a service's.
fn is_directory_or_lost(path: &Path) -> bool {
    fs::metadata(path).map_or(true, |found| found.is_dir())
}

/// What depends on where the one directory is: its name, and its neighbours.
fn check_place(directory: &Path, findings: &mut Vec<Finding>) {
    // `.` and `..` are no names.
    let Some(name) = directory.file_name() else {
        return;
    };
    if name.as_bytes().starts_with(b".") {
        scan::check_hidden(directory, findings);
    }
    let parent = directory
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    // Elsewhere the neighbours are not those that svscan will see.
    if parent.join(".svscan").is_dir() || parent.file_name() == Some(OsStr::new("service")) {
        let _ = scan::check_ties(parent, &[name.to_owned()], findings);
    }
}
