//! What whole directories say, and what cannot hold their reader up.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::Duration;

use dt_os::file::{self, Directory};
use dt_os::signals::Signal;
use dt_settings::{Fault, Problem, Setting, Settings};
use dt_testkit::Scratch;

fn read(directory: &Path) -> (Settings, Vec<Problem>) {
    Settings::read(&Directory::open(directory).unwrap()).unwrap()
}

fn write(directory: &Path, files: &[(&str, &str)]) {
    for (name, content) in files {
        fs::write(directory.join(name), content).unwrap();
    }
}

fn program(path: &Path) {
    fs::write(path, "#!/bin/sh\n").unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// The only problem of a directory with one file, which the caller makes.
fn fault_of(setting: Setting, make: impl Fn(&Path)) -> Option<Fault> {
    let scratch = Scratch::new();
    make(&scratch.path().join(setting.name()));
    let (settings, problems) = read(scratch.path());
    let default = Settings {
        present: settings.present,
        ..Settings::default()
    };
    assert_eq!(settings, default, "the default is in force");
    match problems[..] {
        [] => None,
        [problem] => {
            assert_eq!((problem.setting, problem.letter), (setting, None));
            Some(problem.fault)
        }
        _ => panic!("{problems:?}"),
    }
}

#[test]
fn an_empty_directory_is_as_with_0_76() {
    let scratch = Scratch::new();
    let (settings, problems) = read(scratch.path());
    assert_eq!(settings, Settings::default());
    assert!(problems.is_empty());
    assert!(!settings.present.beyond());
    assert_eq!(settings.restart_delay, Duration::from_secs(1));
    assert_eq!(settings.restart_delay_max, settings.restart_delay);
    assert_eq!(settings.timeout_kill, None);
    assert!(settings.restart.after_exit(0));
}

#[test]
fn a_directory_of_0_76_is_not_beyond_it() {
    let scratch = Scratch::new();
    program(&scratch.path().join("run"));
    write(
        scratch.path(),
        &[("down", ""), ("README", ""), (".keep", "")],
    );
    fs::create_dir(scratch.path().join("log")).unwrap();
    fs::create_dir(scratch.path().join("supervise")).unwrap();
    let (settings, problems) = read(scratch.path());
    assert!(problems.is_empty());
    assert!(!settings.present.beyond());
    assert!(settings.present.has(Setting::Down) && settings.present.has(Setting::Run));
}

#[test]
fn every_value_is_taken() {
    let scratch = Scratch::new();
    let files = [
        ("timeout-kill", "10s\n"),
        ("down-signal", "QUIT 30s TERM\n"),
        ("reload-signal", "USR1\n"),
        ("timeout-finish", "0\n"),
        ("restart", "on-failure !100\n"),
        ("restart-delay", "500\n"),
        ("restart-delay-max", "1m\n"),
        ("stable-after", "30s\n"),
        ("start-limit", "5 60s\n"),
        ("retry-after", "1h\n"),
        ("max-death-tally", "7\n"),
        ("notification-fd", "3\n"),
        ("timeout-up", "20s\n"),
    ];
    write(scratch.path(), &files);
    let (settings, problems) = read(scratch.path());
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!(settings.present.iter().count(), files.len());
    assert_eq!(settings.timeout_kill, Some(Duration::from_secs(10)));
    assert_eq!(settings.down_signals.steps().len(), 2);
    assert_eq!(settings.reload_signal, Signal::SIGUSR1);
    assert_eq!(settings.timeout_finish, None);
    assert!(!settings.restart.after_exit(100) && settings.restart.after_exit(1));
    assert_eq!(settings.restart_delay, Duration::from_millis(500));
    assert_eq!(settings.restart_delay_max, Duration::from_mins(1));
    assert_eq!(settings.stable_after, Duration::from_secs(30));
    assert_eq!(settings.start_limit.unwrap().starts, 5);
    assert_eq!(settings.retry_after, Some(Duration::from_hours(1)));
    assert_eq!(settings.max_death_tally, 7);
    assert_eq!(settings.notification_fd, Some(3));
    assert_eq!(settings.timeout_up, Some(Duration::from_secs(20)));
}

#[test]
fn every_malformed_value_leaves_its_default() {
    for setting in Setting::ALL.into_iter().filter(|s| s.kind().is_value()) {
        for content in ["", "\n", "\0", "what", "-1", "5s 5s 5s\0"] {
            let fault = fault_of(setting, |path| fs::write(path, content).unwrap());
            assert!(fault.is_some(), "{setting:?} {content:?}");
        }
    }
}

#[test]
fn what_is_no_file_is_no_value_and_holds_nobody_up() {
    let fifo = |path: &Path| file::make_fifo(path, 0o600).unwrap();
    let directory = |path: &Path| fs::create_dir(path).unwrap();
    let device = |path: &Path| symlink("/dev/zero", path).unwrap();
    let makers: [&dyn Fn(&Path); 3] = [&fifo, &directory, &device];
    for make in makers {
        let fault = fault_of(Setting::TimeoutKill, make);
        assert_eq!(fault, Some(Fault::NotOrdinary));
    }
}

#[test]
fn links_lead_to_values_or_to_nothing() {
    let scratch = Scratch::new();
    write(scratch.path(), &[("shared", "3s")]);
    symlink("shared", scratch.path().join("timeout-kill")).unwrap();
    let (settings, problems) = read(scratch.path());
    assert!(problems.is_empty());
    assert_eq!(settings.timeout_kill, Some(Duration::from_secs(3)));

    let dangling = fault_of(Setting::TimeoutKill, |path| symlink("no", path).unwrap());
    assert_eq!(dangling, Some(Fault::Dangling));
    let ring = fault_of(Setting::Restart, |path| symlink("restart", path).unwrap());
    assert_eq!(ring.unwrap().text(), "symbolic link loop");
}

#[test]
fn a_huge_file_is_not_read_to_its_end() {
    let fault = fault_of(Setting::Restart, |path| {
        let file = fs::File::create(path).unwrap();
        file.set_len(1 << 40).unwrap();
    });
    assert_eq!(fault, Some(Fault::TooLarge));
    let most = format!("always{}", " ".repeat(dt_settings::LIMIT - 7));
    assert_eq!(
        fault_of(Setting::Restart, |path| fs::write(path, &most).unwrap()),
        None
    );
}

#[test]
fn a_hook_that_cannot_be_executed_is_none() {
    for setting in [
        Setting::Finish,
        Setting::Check,
        Setting::Start,
        Setting::Notify,
    ] {
        let fault = fault_of(setting, |path| fs::write(path, "#!/bin/sh\n").unwrap());
        assert_eq!(fault, Some(Fault::NotExecutable));
        let fault = fault_of(setting, |path| fs::create_dir(path).unwrap());
        assert_eq!(fault, Some(Fault::NotExecutable));
        assert_eq!(fault_of(setting, program), None);
    }
}

#[test]
fn a_log_is_beyond_0_76_only_as_a_program() {
    for make in [
        |path: &Path| fs::create_dir(path).unwrap(),
        |path: &Path| fs::write(path, "").unwrap(),
    ] {
        let scratch = Scratch::new();
        make(&scratch.path().join("log"));
        let (settings, problems) = read(scratch.path());
        assert!(problems.is_empty() && !settings.present.beyond());
    }
    let scratch = Scratch::new();
    program(&scratch.path().join("log"));
    assert!(read(scratch.path()).0.present.has(Setting::Log));
}

#[test]
fn control_has_a_program_a_letter() {
    let scratch = Scratch::new();
    let control = scratch.path().join("control");
    fs::create_dir(&control).unwrap();
    program(&control.join("t"));
    program(&control.join("1"));
    program(&control.join("term"));
    program(&control.join("z"));
    fs::write(control.join("d"), "").unwrap();
    let (settings, problems) = read(scratch.path());
    for letter in 0..=u8::MAX {
        assert_eq!(settings.control.has(letter), b"t1".contains(&letter));
    }
    assert_eq!(problems.len(), 1);
    let text = "control/d: not executable: using the signal itself";
    assert_eq!(problems[0].text(), text);
}

#[test]
fn a_directory_that_is_none_is_a_problem() {
    for setting in [Setting::Control, Setting::Dependencies, Setting::WaitsFor] {
        let fault = fault_of(setting, |path| fs::write(path, "a").unwrap());
        assert_eq!(fault, Some(Fault::NotDirectory));
    }
}

#[test]
fn a_longest_delay_below_the_shortest_is_none() {
    let scratch = Scratch::new();
    write(
        scratch.path(),
        &[("restart-delay", "10s"), ("restart-delay-max", "5s")],
    );
    let (settings, problems) = read(scratch.path());
    assert_eq!(settings.restart_delay_max, Duration::from_secs(10));
    let text = "restart-delay-max: shorter than restart-delay: using restart-delay";
    assert_eq!(problems[0].text(), text);
}

#[test]
fn the_only_delay_is_the_longest_as_well() {
    let scratch = Scratch::new();
    write(scratch.path(), &[("restart-delay", "10s")]);
    let (settings, problems) = read(scratch.path());
    assert!(problems.is_empty());
    assert_eq!(settings.restart_delay_max, Duration::from_secs(10));
    write(scratch.path(), &[("restart-delay", "20")]);
    assert_eq!(
        read(scratch.path()).0.restart_delay_max,
        Duration::from_millis(20)
    );
}

#[test]
fn a_problem_never_repeats_what_the_file_says() {
    let scratch = Scratch::new();
    write(scratch.path(), &[("timeout-kill", "secret")]);
    let (_, problems) = read(scratch.path());
    let text = problems[0].text();
    assert_eq!(
        text,
        "timeout-kill: not a duration like 500, 500ms, 5s, 2m or 1h: using never"
    );
}

#[test]
fn a_directory_that_cannot_be_listed_is_an_error() {
    if !scratch_permissions_count() {
        return eprintln!("skipped: root may list every directory");
    }
    let scratch = Scratch::new();
    let closed = scratch.path().join("closed");
    fs::create_dir(&closed).unwrap();
    let directory = Directory::open(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o111)).unwrap();
    assert!(Settings::read(&directory).is_err());
}

fn scratch_permissions_count() -> bool {
    let scratch = Scratch::new();
    let closed = scratch.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o111)).unwrap();
    fs::read_dir(OsStr::new(&closed)).is_err()
}
