//! One service directory.

use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use dt_os::file::Directory;
use dt_settings::{Kind, Setting, Settings};

use crate::finding::{Finding, Rule};
use crate::logger;
use crate::names;
use crate::script::Script;

/// Checks the service directory `path`, and that of its log.
pub fn check(path: &Path, findings: &mut Vec<Finding>) {
    check_entries(path, findings);
    let run = check_run(path, findings);
    let log = path.join("log");
    let has_log = match fs::metadata(&log) {
        Ok(found) if found.is_dir() => {
            check_log(run.as_ref(), path, &log, findings);
            return;
        }
        Ok(found) => {
            let program = found.is_file() && found.permissions().mode() & 0o111 != 0;
            if !program {
                let what = "is neither a directory nor a program";
                findings.push(Finding::new(&log, Rule::LogUseless, &[what.as_ref()]));
            }
            program
        }
        Err(_) => {
            check_link(&log, findings);
            false
        }
    };
    if has_log {
        let logger = Script::read(&log, findings);
        if let Some(logger) = &logger {
            logger.check_users(findings);
            logger.check_process(findings);
            logger::check(logger, &log, path, findings);
        }
        check_errors(run.as_ref(), path, logger.as_ref(), &log, findings);
    }
}

/// The program `run`; nothing where there is nothing to read.
fn check_run(path: &Path, findings: &mut Vec<Finding>) -> Option<Script> {
    let run = path.join("run");
    match fs::metadata(&run) {
        Err(why) if why.kind() == ErrorKind::NotFound => {
            if !check_link(&run, findings) && !has_only_start(path) {
                findings.push(Finding::new(
                    &run,
                    Rule::RunMissing,
                    &["does not exist".as_ref()],
                ));
            }
            return None;
        }
        Err(why) => {
            let message = [
                "cannot be looked at: ".as_ref(),
                dt_os::reason(&why).as_ref(),
            ];
            findings.push(Finding::new(&run, Rule::Unreadable, &message));
            return None;
        }
        Ok(_) => {}
    }
    let script = Script::read(&run, findings)?;
    script.check_users(findings);
    script.check_process(findings);
    Some(script)
}

/// With encore a service may be a program `start` alone.
fn has_only_start(path: &Path) -> bool {
    let start = fs::metadata(path.join("start"));
    start.is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// Says so where the name is that of a link to nothing.
fn check_link(path: &Path, findings: &mut Vec<Finding>) -> bool {
    let Ok(target) = fs::read_link(path) else {
        return false;
    };
    if path.exists() {
        return false;
    }
    let message: [&OsStr; 3] = [
        "is a link to ".as_ref(),
        target.as_os_str(),
        ", which does not exist".as_ref(),
    ];
    findings.push(Finding::new(path, Rule::DanglingLink, &message));
    true
}

fn check_log(run: Option<&Script>, path: &Path, log: &Path, findings: &mut Vec<Finding>) {
    check_entries(log, findings);
    let log_run = log.join("run");
    if fs::symlink_metadata(&log_run).is_err_and(|why| why.kind() == ErrorKind::NotFound) {
        let what = "does not exist";
        return findings.push(Finding::new(
            &log_run,
            Rule::LogRunMissing,
            &[what.as_ref()],
        ));
    }
    let logger = check_run(log, findings);
    if let Some(logger) = &logger {
        logger::check(logger, &log_run, log, findings);
    }
    check_errors(run, path, logger.as_ref(), &log_run, findings);
}

/// Whether the service's standard error goes to its log.
fn check_errors(
    run: Option<&Script>,
    path: &Path,
    logger: Option<&Script>,
    logger_path: &Path,
    findings: &mut Vec<Finding>,
) {
    let Some(run) = run.filter(|run| run.is_shell && run.joins_errors().is_none()) else {
        return;
    };
    if let Some(line) = logger.and_then(Script::joins_errors) {
        let what = "joins standard error to standard output, and run does not";
        findings.push(Finding::new(logger_path, Rule::StderrInLog, &[what.as_ref()]).at(line));
    } else if !run.hands_over() && !run.commands().is_empty() {
        let what = "does not join standard error to standard output";
        findings.push(Finding::new(
            &path.join("run"),
            Rule::StderrNotLogged,
            &[what.as_ref()],
        ));
    }
}

/// The names in the directory, and what the settings say.
fn check_entries(path: &Path, findings: &mut Vec<Finding>) {
    let directory = match Directory::open(path) {
        Ok(directory) => directory,
        Err(why) => return unreadable(path, &why, findings),
    };
    match Settings::read(&directory) {
        Ok((settings, problems)) => {
            for problem in problems {
                let mut file = path.join(problem.setting.name());
                if let Some(letter) = problem.letter {
                    file.push(OsStr::from_bytes(&[letter]));
                }
                let message: [&OsStr; 4] = [
                    "is ".as_ref(),
                    problem.fault.text().as_ref(),
                    ": using ".as_ref(),
                    problem.setting.default_text().as_ref(),
                ];
                let finding = Finding::new(&file, Rule::Setting, &message);
                let is_value = problem.setting.kind().is_value();
                findings.push(if is_value { finding.at(1) } else { finding });
            }
            check_hooks(path, &settings, findings);
            check_company(path, &settings, findings);
        }
        Err(why) => unreadable(path, &why, findings),
    }
    let Ok(entries) = fs::read_dir(path) else {
        return;
    };
    let mut found: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
    found.sort_unstable();
    for name in found {
        if let Some(meant) = names::meant(&name) {
            let message: [&OsStr; 3] = [
                "means nothing: is ".as_ref(),
                meant.as_ref(),
                " meant?".as_ref(),
            ];
            let finding = Finding::new(&path.join(&name), Rule::NameUnknown, &message);
            findings.push(finding.fixed_by(&["rename it to ".as_ref(), meant.as_ref()]));
        } else if names::looks_like_a_setting(&name) {
            let message = ["is no setting".as_ref()];
            findings.push(Finding::new(&path.join(&name), Rule::NameUnknown, &message));
        }
    }
}

/// The other programs of the directory.
fn check_hooks(path: &Path, settings: &Settings, findings: &mut Vec<Finding>) {
    for setting in settings.present.iter() {
        let mine = matches!(setting, Setting::Run | Setting::Log);
        if setting.kind() == Kind::Hook && !mine {
            let _ = Script::read(&path.join(setting.name()), findings);
        }
    }
}

/// Settings that say how another is meant, and those, of which one is enough.
const COMPANY: &[(Setting, &[Setting])] = &[
    (Setting::TimeoutKillGroup, &[Setting::TimeoutKill]),
    (Setting::FinishAsRunit, &[Setting::Finish]),
    (Setting::TimeoutFinish, &[Setting::Finish]),
    (Setting::StableAfter, &[Setting::RestartDelayMax]),
    (Setting::TimeoutWatchdog, &[Setting::NotifySocket]),
    (
        Setting::TimeoutUp,
        &[
            Setting::NotificationFd,
            Setting::NotifySocket,
            Setting::Check,
        ],
    ),
];

fn check_company(path: &Path, settings: &Settings, findings: &mut Vec<Finding>) {
    for (setting, others) in COMPANY {
        // One that is there and of no use is told of already.
        let is_there = |other: &Setting| path.join(other.name()).symlink_metadata().is_ok();
        if !settings.present.has(*setting) || others.iter().any(is_there) {
            continue;
        }
        let mut message: Vec<&OsStr> = vec!["has no effect without ".as_ref()];
        for (at, other) in others.iter().enumerate() {
            let or = if at == 0 { "" } else { " or " };
            message.extend::<[&OsStr; 2]>([or.as_ref(), other.name().as_ref()]);
        }
        findings.push(Finding::new(
            &path.join(setting.name()),
            Rule::NoEffect,
            &message,
        ));
    }
}

pub(crate) fn unreadable(path: &Path, why: &std::io::Error, findings: &mut Vec<Finding>) {
    let message = ["cannot be listed: ".as_ref(), dt_os::reason(why).as_ref()];
    findings.push(Finding::new(path, Rule::Unreadable, &message));
}
