//! What processes weigh, and which there are.

use std::fs;
use std::path::Path;

/// The processes whose working directory is in `directory`.
pub fn living_in(directory: &Path) -> Vec<u32> {
    let in_directory = |pid: &u32| {
        let place = fs::read_link(format!("/proc/{pid}/cwd"));
        place.is_ok_and(|place| place.starts_with(directory)) && *pid != std::process::id()
    };
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(in_directory)
        .collect()
}

/// Memory of one process in kB: its share of all pages that it maps, and the
/// tables that say where they are.
pub fn weight(pid: u32) -> Option<u64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    Some(field(&rollup, "Pss:")? + field(&status, "VmPTE:")?)
}

/// Wake-ups of one process until now: how often it gave the processor up or lost it.
pub fn switches(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    Some(
        field(&status, "voluntary_ctxt_switches:")?
            + field(&status, "nonvoluntary_ctxt_switches:")?,
    )
}

/// The number after a word.
fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}
