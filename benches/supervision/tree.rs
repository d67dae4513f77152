//! A scan directory full of services, and what they tell.

use std::collections::HashMap;
use std::error::Error;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use dt_os::clock::Moment;

use crate::suites::Suite;

/// Names the FIFO that services report to; set for the scanner, and so for them.
const FIFO: &str = "SUPERVISION_BENCH_FIFO";

/// The longest that anything here may take.
const BOUND: Duration = Duration::from_mins(5);

/// Index, process id, and nanoseconds of the monotonic clock.
const REPORT: usize = 24;

/// A service's word that it has started.
#[derive(Clone, Copy)]
pub struct Report {
    pub index: u64,
    pub pid: u32,
    pub at: Duration,
}

/// The FIFO, if we are to be a service.
pub fn fifo_of_a_service() -> Option<PathBuf> {
    std::env::var_os(FIFO).map(PathBuf::from)
}

/// Reports and sleeps. The only argument is the service's index.
pub fn be_a_service(fifo: &Path) -> Result<(), Box<dyn Error>> {
    let index: u64 = std::env::args().nth(1).ok_or("no index")?.parse()?;
    println!("service {index}");
    let mut report = Vec::with_capacity(REPORT);
    report.extend(index.to_le_bytes());
    report.extend(u64::from(std::process::id()).to_le_bytes());
    report.extend(u64::try_from(now().as_nanos())?.to_le_bytes());
    // Written whole: a FIFO takes up to 4096 bytes at once or not at all.
    OpenOptions::new()
        .write(true)
        .open(fifo)?
        .write_all(&report)?;
    loop {
        std::thread::park();
    }
}

/// The clock that all processes share and nobody sets.
pub fn now() -> Duration {
    Moment::now().since(Moment::at(Duration::ZERO))
}

/// A scanner and all that it started; ended when dropped.
pub struct Tree {
    directory: PathBuf,
    scanner: Child,
    reports: File,
    /// The newest report of each service.
    pub newest: HashMap<u64, Report>,
    pub started: Duration,
}

impl Tree {
    /// Makes `count` services and starts the scanner of `suite`.
    pub fn start(suite: &Suite, count: usize, scratch: &Path) -> Result<Self, Box<dyn Error>> {
        let directory = scratch.join(format!("supervision.{}", std::process::id()));
        fs::create_dir_all(directory.join("services"))?;
        let directory = directory.canonicalize()?;
        for index in 0..count {
            make_service(&directory, index, suite)?;
        }
        let fifo = directory.join("fifo");
        dt_os::file::make_fifo(&fifo, 0o600)?;
        // Open for both, it never ends and never blocks the one who opens it.
        let reports = OpenOptions::new().read(true).write(true).open(&fifo)?;
        let mut words = suite.scanner.iter();
        let mut command = Command::new(words.next().ok_or("no scanner")?);
        command.args(words).arg(directory.join("services"));
        command
            .env_clear()
            .env("PATH", &suite.path)
            .env(FIFO, &fifo);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.process_group(0).current_dir(&directory);
        let started = now();
        let scanner = command.spawn()?;
        Ok(Self {
            directory,
            scanner,
            reports,
            newest: HashMap::new(),
            started,
        })
    }

    pub fn scanner(&self) -> u32 {
        self.scanner.id()
    }

    pub fn service(&self, index: u64) -> PathBuf {
        self.directory.join("services").join(format!("s{index}"))
    }

    /// The next report.
    pub fn report(&mut self) -> Result<Report, Box<dyn Error>> {
        let deadline = Moment::now().plus(BOUND);
        let [ready] = dt_os::wait::until_readable([self.reports.as_fd()], Some(deadline))?;
        if !ready {
            return Err("services do not start".into());
        }
        let mut bytes = [0; REPORT];
        self.reports.read_exact(&mut bytes)?;
        let word = |at: usize| {
            let part = bytes.get(at..at + 8).and_then(|part| part.try_into().ok());
            u64::from_le_bytes(part.unwrap_or_default())
        };
        let report = Report {
            index: word(0),
            pid: u32::try_from(word(8))?,
            at: Duration::from_nanos(word(16)),
        };
        self.newest.insert(report.index, report);
        Ok(report)
    }
}

/// Waits until `condition` holds, looking often.
pub fn until(what: &str, condition: impl Fn() -> bool) -> Result<(), Box<dyn Error>> {
    let begun = Instant::now();
    while !condition() {
        if begun.elapsed() > BOUND {
            return Err(what.to_owned().into());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

fn make_service(directory: &Path, index: usize, suite: &Suite) -> Result<(), Box<dyn Error>> {
    let service = directory.join(format!("services/s{index}"));
    fs::create_dir_all(service.join("log/main"))?;
    let own = std::env::current_exe()?;
    script(
        &service.join("run"),
        &format!("exec {} {index}", own.display()),
    )?;
    script(&service.join("log/run"), &format!("exec {}", suite.logger))
}

fn script(file: &Path, command: &str) -> Result<(), Box<dyn Error>> {
    fs::write(file, format!("#!/bin/sh\n{command}\n"))?;
    fs::set_permissions(file, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

impl Drop for Tree {
    /// Everything that the scanner started lives in its directory: supervisors
    /// first, so that nothing comes back.
    fn drop(&mut self) {
        let _ = self.scanner.kill();
        let _ = self.scanner.wait();
        for _ in 0..20 {
            let left = crate::memory::living_in(&self.directory);
            if left.is_empty() {
                break;
            }
            for pid in left {
                if let Ok(pid) = i32::try_from(pid) {
                    let pid = dt_os::process::Pid::from_raw(pid);
                    let _ = dt_os::process::send(pid, dt_os::signals::Signal::SIGKILL);
                }
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = fs::remove_dir_all(&self.directory);
    }
}
