//! A scan directory: its names, and who waits for whom.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use dt_os::file::Directory;
use dt_settings::Setting;
use dt_settings::graph::{Graph, Tie};

use crate::finding::{Finding, Rule};
use crate::service;

/// Checks every service that svscan would start in `path`, and gives their number.
pub fn check(path: &Path, findings: &mut Vec<Finding>) -> io::Result<usize> {
    let mut names: Vec<OsString> = fs::read_dir(path)?
        .map(|entry| entry.map(|entry| entry.file_name()))
        .collect::<io::Result<_>>()?;
    names.sort_unstable();
    let mut services = Vec::new();
    let mut seen: HashMap<(u64, u64), OsString> = HashMap::new();
    for name in names {
        let entry = path.join(&name);
        if name.as_bytes().starts_with(b".") {
            check_hidden(&entry, findings);
            continue;
        }
        match fs::metadata(&entry) {
            Ok(found) if found.is_dir() => {
                if let Some(other) = seen.insert((found.dev(), found.ino()), name.clone()) {
                    let message: [&OsStr; 2] = ["is the same directory as ".as_ref(), &other];
                    findings.push(Finding::new(&entry, Rule::Twice, &message));
                    continue;
                }
                service::check(&entry, findings);
                services.push(name);
            }
            Ok(_) => findings.push(Finding::new(
                &entry,
                Rule::NotADirectory,
                &["is not a directory".as_ref()],
            )),
            Err(why) => findings.push(lost(&entry, &why)),
        }
    }
    check_ties(path, &services, findings)?;
    Ok(services.len())
}

fn lost(entry: &Path, why: &io::Error) -> Finding {
    match fs::read_link(entry) {
        Ok(target) if why.kind() == io::ErrorKind::NotFound => {
            let message: [&OsStr; 3] = [
                "is a link to ".as_ref(),
                target.as_os_str(),
                ", which does not exist".as_ref(),
            ];
            Finding::new(entry, Rule::DanglingLink, &message)
        }
        _ => {
            let message = [
                "cannot be looked at: ".as_ref(),
                dt_os::reason(why).as_ref(),
            ];
            Finding::new(entry, Rule::Unreadable, &message)
        }
    }
}

/// Only what would be a service: other directories have reasons for their dots.
pub(crate) fn check_hidden(entry: &Path, findings: &mut Vec<Finding>) {
    if fs::metadata(entry.join("run")).is_ok_and(|found| found.is_file()) {
        let message = ["has a name that begins with a dot".as_ref()];
        findings.push(Finding::new(entry, Rule::NameSkipped, &message));
    }
}

/// Who waits for whom, from these services on.
pub(crate) fn check_ties(
    scan: &Path,
    services: &[OsString],
    findings: &mut Vec<Finding>,
) -> io::Result<()> {
    let graph = Graph::explore(&Directory::open(scan)?, services);
    for (who, tie) in graph.missing() {
        let message: [&OsStr; 3] = [
            "there is no service ".as_ref(),
            &tie.on,
            " in the scan directory".as_ref(),
        ];
        findings.push(Finding::new(
            &file(scan, who, tie),
            Rule::DependencyMissing,
            &message,
        ));
    }
    report_rings(scan, &graph, findings);
    Ok(())
}

/// Each ring, at the file of its first service.
pub(crate) fn report_rings(scan: &Path, graph: &Graph, findings: &mut Vec<Finding>) {
    for ring in graph.rings() {
        let (Some(first), Some(second)) = (ring.first(), ring.iter().cycle().nth(1)) else {
            continue;
        };
        let mut message: Vec<&OsStr> = Vec::new();
        for name in &ring {
            message.extend::<[&OsStr; 2]>([*name, " waits for ".as_ref()]);
        }
        message.push(*first);
        let file = [Setting::Dependencies, Setting::WaitsFor]
            .into_iter()
            .map(|kind| scan.join(first).join(kind.name()).join(second))
            .find(|file| file.symlink_metadata().is_ok());
        let file = file.unwrap_or_else(|| scan.join(first));
        findings.push(Finding::new(&file, Rule::DependencyRing, &message));
    }
}

fn file(scan: &Path, who: &OsStr, tie: &Tie) -> std::path::PathBuf {
    scan.join(who).join(tie.kind.name()).join(&tie.on)
}
