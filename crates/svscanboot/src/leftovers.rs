//! The directories that an earlier run may have supervised.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// What a shell makes of `scanned/*` and `scanned/*/log`: sorted, without hidden
/// names, and the pattern itself where nothing matches it.
pub fn directories(scanned: &Path) -> Vec<OsString> {
    let services = visible(scanned);
    let logs = services.iter().map(|service| service.join("log"));
    let logs = logs
        .filter(|log| fs::symlink_metadata(log).is_ok())
        .collect();
    let services = or_pattern(services, scanned.join("*"));
    let logs = or_pattern(logs, scanned.join("*/log"));
    services
        .into_iter()
        .chain(logs)
        .map(OsString::from)
        .collect()
}

fn visible(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name());
    let mut visible: Vec<PathBuf> = names
        .filter(|name| !name.as_bytes().starts_with(b"."))
        .map(|name| directory.join(name))
        .collect();
    visible.sort_by(|one, other| one.as_os_str().cmp(other.as_os_str()));
    visible
}

fn or_pattern(matches: Vec<PathBuf>, pattern: PathBuf) -> Vec<PathBuf> {
    if matches.is_empty() {
        vec![pattern]
    } else {
        matches
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dt_testkit::Scratch;

    fn found(scratch: &Scratch) -> Vec<String> {
        let names = directories(&scratch.join("service")).into_iter();
        let prefix = format!("{}/", scratch.path().display());
        names
            .map(|name| name.to_str().unwrap().replace(&prefix, ""))
            .collect()
    }

    #[test]
    fn services_come_before_logs_and_both_sorted() {
        let scratch = Scratch::new();
        for name in ["b/log", "a-b/log", "a", ".hidden/log", "B"] {
            scratch.directory(format!("service/{name}"));
        }
        std::os::unix::fs::symlink("nowhere", scratch.join("service/link")).unwrap();
        let services = [
            "service/B",
            "service/a",
            "service/a-b",
            "service/b",
            "service/link",
        ];
        let logs = ["service/a-b/log", "service/b/log"];
        assert_eq!(found(&scratch), [&services[..], &logs[..]].concat());
    }

    #[test]
    fn where_nothing_matches_the_pattern_is_passed_on() {
        let scratch = Scratch::new();
        assert_eq!(found(&scratch), ["service/*", "service/*/log"]);
        scratch.directory("service/a");
        assert_eq!(found(&scratch), ["service/a", "service/*/log"]);
    }
}
