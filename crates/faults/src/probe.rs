//! A program that tells what it was made, to be told from one that was made less.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use dt_testkit::Scratch;

use crate::kit::Outcome;

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
    let mut report: String = status.lines().filter(is_set).fold(String::new(), add);
    for name in ["SigBlk:", "SigIgn:"] {
        let mask = status.lines().find_map(|line| line.strip_prefix(name));
        let mask = u64::from_str_radix(mask.ok_or("no signal masks")?.trim(), 16)?;
        let _ = writeln!(report, "{name} {:x}", mask & !THE_LIBRARYS);
    }
    report += &fs::read_to_string(own.join("limits"))?;
    let _ = writeln!(report, "leads a session: {}", leads_a_session()?);
    let environment = std::env::vars_os().filter(|(name, _)| name != Scratch::MARK);
    let mut environment: Vec<_> = environment.collect();
    environment.sort();
    report = environment.iter().fold(report, add_debug);
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

fn add(mut report: String, line: &str) -> String {
    report += line;
    report + "\n"
}

fn add_debug(mut report: String, what: &impl std::fmt::Debug) -> String {
    let _ = writeln!(report, "{what:?}");
    report
}

/// The sixth field of proc(5)'s stat is the session.
fn leads_a_session() -> Outcome<bool> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let (_, rest) = stat.rsplit_once(") ").ok_or("no end of the name")?;
    Ok(rest.split(' ').nth(3) == Some(&std::process::id().to_string()))
}

fn opened_by_us(descriptor: &Path) -> bool {
    let place = fs::read_link(descriptor).unwrap_or_default();
    place.as_os_str().as_bytes().starts_with(b"/proc/")
}
