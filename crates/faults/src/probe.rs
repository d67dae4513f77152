//! A program that tells what it was made, to be told from one that was made less.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use dt_testkit::Scratch;

use crate::kit::{self, Outcome};

/// The first and only argument of a probe.
pub const PROBE: &str = "--probe";

/// What of `/proc/self/status` a program may have set before it became this one.
const SET: [&str; 6] = ["Umask", "Uid", "Gid", "Groups", "CapEff", "CapInh"];

/// Signals 32 and 33, which a C library that starts a program uses for itself.
const THE_LIBRARYS: u64 = 3 << 31;

/// Is one, if that is what we were started for.
pub fn be_a_probe() -> Option<Outcome<()>> {
    let mut words = std::env::args_os().skip(1);
    let wanted = words.next()? == PROBE && words.next().is_none();
    wanted.then(|| report().map(|report| print!("{report}")))
}

/// Ids, masks, limits, session, environment, descriptors and locks; nothing that is
/// another in each process.
fn report() -> Outcome<String> {
    let own = Path::new("/proc/self");
    let status = fs::read_to_string(own.join("status"))?;
    let is_set = |line: &&str| SET.iter().any(|name| line.starts_with(name));
    let mut report = String::new();
    for line in status.lines().filter(is_set) {
        let _ = writeln!(report, "{line}");
    }
    for name in ["SigBlk:", "SigIgn:"] {
        let mask = kit::mask(&status, name)? & !THE_LIBRARYS;
        let _ = writeln!(report, "{name} {mask:x}");
    }
    report += &fs::read_to_string(own.join("limits"))?;
    // The sixth field of proc(5)'s stat.
    let own_id = std::process::id();
    let session = kit::stat(own_id).and_then(|fields| fields.get(3)?.parse().ok());
    let _ = writeln!(report, "leads a session: {}", session == Some(own_id));
    let environment = std::env::vars_os().filter(|(name, _)| name != Scratch::MARK);
    let mut environment: Vec<_> = environment.collect();
    environment.sort();
    for variable in environment {
        let _ = writeln!(report, "{variable:?}");
    }
    let mut descriptors: Vec<_> = fs::read_dir(own.join("fdinfo"))?
        .flatten()
        .map(|entry| entry.file_name())
        .filter(|name| !opened_by_us(&own.join("fd").join(name)))
        .collect();
    descriptors.sort();
    for name in descriptors {
        let information = fs::read_to_string(own.join("fdinfo").join(&name))?;
        let locks = information.matches("lock:").count();
        let _ = writeln!(report, "descriptor {}: {locks} locks", name.display());
    }
    Ok(report)
}

fn opened_by_us(descriptor: &Path) -> bool {
    let place = fs::read_link(descriptor).unwrap_or_default();
    place.as_os_str().as_bytes().starts_with(b"/proc/")
}
