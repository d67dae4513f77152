//! A service under a supervise, and waiting until both have come to rest.

use std::fmt::Write;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use dt_os::clock::Moment;
use dt_os::file::How;
use dt_testkit::{Running, Suite, until};

use crate::harness::Case;

/// How a service takes TERM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manners {
    /// Dies of it, as most do.
    Dies,
    /// Writes it down and lives on, as one that takes long to stop.
    LivesOn,
}

/// Somewhat more than the pause that supervise makes after a start.
const PAUSE: Duration = Duration::from_millis(1200);

/// The signals that the service writes down.
const HEARD: [&str; 5] = ["HUP", "INT", "ALRM", "TERM", "CONT"];

/// A supervise and its service in the directory `d` of the scratch directory.
pub struct Service {
    directory: PathBuf,
    supervise: Running,
    pids: Vec<u32>,
    stamp: Vec<u8>,
    changed: (i64, i64),
    read: usize,
    started: (usize, Instant),
}

impl Service {
    /// Starts supervise on a new service and waits until it rests; with `down`,
    /// the service has a file of that name.
    pub fn start(case: &Case, manners: Manners, down: bool) -> Self {
        write_run(case, manners);
        if down {
            case.scratch.file("d/down", "");
        }
        Self::supervise(case, &case.suite)
    }

    /// Starts the supervise of `suite` on the directory `d`.
    ///
    /// Whoever runs the tests may ignore INT, as a shell makes its background
    /// jobs do; here every signal has its default.
    pub fn supervise(case: &Case, suite: &Suite) -> Self {
        let mut command = Command::new("env");
        command
            .arg("--default-signal")
            .arg(suite.program("supervise"))
            .arg("d")
            .current_dir(case.scratch.path())
            .env("PATH", suite.path());
        let mut service = Self {
            directory: case.scratch.join("d"),
            supervise: start_quietly(case, &mut command),
            pids: Vec::new(),
            stamp: Vec::new(),
            changed: (0, 0),
            read: 0,
            started: (0, Instant::now()),
        };
        service.rest();
        service.look();
        service
    }

    /// Writes bytes to the control FIFO in one go, and waits for rest.
    pub fn send(&mut self, bytes: &[u8]) {
        let mut control = open(&self.directory.join("supervise/control"), true).unwrap();
        std::io::Write::write_all(&mut control, bytes).unwrap();
        drop(control);
        self.rest();
    }

    /// Kills the service, not by way of supervise, and waits for rest.
    pub fn kill_service(&mut self) {
        let pid = self.pid();
        assert_ne!(pid, 0, "no service to kill");
        signal(pid, "KILL");
        until("the service is gone", || {
            matches!(state(pid), None | Some('Z'))
        });
        self.rest();
    }

    /// The service's process id by the status file; 0 when it is down.
    pub fn pid(&self) -> u32 {
        let status = fs::read(self.directory.join("supervise/status")).unwrap();
        u32::from_le_bytes(status[12..16].try_into().unwrap())
    }

    /// The process id of the first service that was seen.
    pub fn first_pid(&self) -> u32 {
        self.pids[0]
    }

    /// The supervise.
    pub fn process(&mut self) -> &mut Running {
        &mut self.supervise
    }

    /// Whether supervise lives.
    pub fn is_supervised(&mut self) -> bool {
        self.supervise.ended().is_none()
    }

    /// Waits until nothing moves any more: no command waits in the FIFO, supervise
    /// sleeps, no start is due, and the service is either down or sleeps with its
    /// signals taken.
    pub fn rest(&mut self) {
        let mut rests = 0;
        let mut last = Vec::new();
        until("supervise and the service rest", || {
            std::thread::sleep(Duration::from_millis(5));
            let now = fs::read(self.directory.join("supervise/status")).unwrap_or_default();
            let resting = self.is_resting();
            rests = if resting && last == now { rests + 1 } else { 0 };
            last = now;
            rests >= 4
        });
    }

    fn is_resting(&mut self) -> bool {
        let status = fs::read(self.directory.join("supervise/status")).unwrap_or_default();
        if status.len() != 18 {
            return !self.is_supervised();
        }
        let pid = self.pid();
        let supervise = self.supervise.pid();
        if !self.is_supervised() {
            return pid == 0 || self.service_rests(pid);
        }
        let starts = self.log().matches("ready ").count();
        if starts != self.started.0 {
            self.started = (starts, Instant::now());
        }
        // What is due is started when the pause since the last start is over.
        let due = self.started.1.elapsed() < PAUSE || pid == 0 && status[17] == b'u';
        !due && !waits(&self.directory.join("supervise/control"))
            && state(supervise) == Some('S')
            && (pid == 0 || self.service_rests(pid))
    }

    fn service_rests(&mut self, pid: u32) -> bool {
        let ready = format!("ready {pid}\n");
        match state(pid) {
            // It has been stopped, and keeps its signals for later.
            Some('T') => true,
            Some('S') => self.log().contains(&ready) && !signals_pending(pid),
            None | Some('Z') => !self.is_supervised(),
            _ => false,
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }

    /// What there is to see now, in one line: the status file, what changed since
    /// the last look, and whether supervise lives. Pids become letters.
    pub fn look(&mut self) -> String {
        let status = fs::read(self.directory.join("supervise/status")).unwrap();
        let metadata = fs::metadata(self.directory.join("supervise/status")).unwrap();
        let changed = (metadata.ctime(), metadata.ctime_nsec());
        let rewritten = std::mem::replace(&mut self.changed, changed) != changed;
        let stamp = status[..12].to_vec();
        let name = self.name(self.pid());
        let mut line = match name {
            None => "down".to_owned(),
            Some(letter) => format!("up {letter}"),
        };
        line += match status[16] {
            0 => "",
            1 => " paused",
            _ => " paused-by-an-odd-byte",
        };
        line += match status[17] {
            b'u' => ", want up",
            b'd' => ", want down",
            0 => ", want nothing",
            _ => ", want an odd byte",
        };
        if std::mem::replace(&mut self.stamp, stamp) != status[..12] {
            line += "; new stamp";
        }
        line += if rewritten { "; status written" } else { "" };
        line += &self.heard();
        if let Some(code) = self.supervise.ended() {
            write!(line, "; supervise exited {code}").unwrap();
        }
        line
    }

    fn name(&mut self, pid: u32) -> Option<char> {
        if pid == 0 {
            return None;
        }
        let known = self.pids.iter().position(|known| *known == pid);
        let index = known.unwrap_or_else(|| {
            self.pids.push(pid);
            self.pids.len() - 1
        });
        char::from_digit(u32::try_from(index).unwrap() + 10, 36).map(|c| c.to_ascii_uppercase())
    }

    /// What the service has written down since the last time, each kind once: of
    /// signals that come together the kernel gives the lowest first.
    fn heard(&mut self) -> String {
        let log = self.log();
        let new = &log[self.read..];
        self.read = log.len();
        let starts = new
            .lines()
            .filter(|line| line.starts_with("ready "))
            .count();
        let mut words = String::new();
        // One that has died again may or may not have come as far as its note.
        if starts > 0 && self.pid() != 0 {
            write!(words, "; started {starts}x").unwrap();
        }
        let signals: Vec<_> = HEARD
            .into_iter()
            .filter(|name| new.lines().any(|line| line == *name))
            .collect();
        if !signals.is_empty() {
            write!(words, "; heard {}", signals.join(" ")).unwrap();
        }
        words
    }
}

/// Starts a daemon whose standard error goes to the file `err`.
pub fn start_quietly(case: &Case, command: &mut Command) -> Running {
    let errors = fs::File::options()
        .append(true)
        .create(true)
        .open(case.scratch.join("err"))
        .unwrap();
    command.stdout(errors.try_clone().unwrap()).stderr(errors);
    Running::start(command.stdin(Stdio::null()), &case.scratch)
}

/// Writes the service directory `d`: its `run` writes the signals that it takes
/// into `log`, and waits in a FIFO for a line that never comes.
pub fn write_run(case: &Case, manners: Manners) {
    let mut traps = String::new();
    for name in HEARD {
        if name != "TERM" || manners == Manners::LivesOn {
            writeln!(traps, "trap 'echo {name} >>log' {name}").unwrap();
        }
    }
    let script = format!(
        "#!/bin/sh\n{traps}exec 3<>fifo\necho \"ready $$\" >>log\nwhile :; do read -r line <&3; done\n"
    );
    case.scratch.script("d/run", script);
    make_fifo(&case.scratch.join("d/fifo"));
}

/// Makes a FIFO with mode 600.
pub fn make_fifo(path: &Path) {
    dt_os::file::make_fifo(path, 0o600).unwrap();
}

/// Opens a FIFO without waiting.
pub fn open(path: &Path, write: bool) -> std::io::Result<fs::File> {
    if write { How::WRITE } else { How::READ }.open(path)
}

/// Whether something waits in a FIFO to be read.
fn waits(path: &Path) -> bool {
    let Ok(file) = open(path, false) else {
        return false;
    };
    let fd = std::os::fd::AsFd::as_fd(&file);
    dt_os::wait::until_readable([fd], Some(Moment::now())).unwrap()[0]
}

/// Sends a signal by its name.
pub fn signal(pid: u32, name: &str) {
    let mut command = Command::new("kill");
    command.args([&format!("-{name}"), &pid.to_string()]);
    assert!(command.status().unwrap().success(), "{command:?}");
}

/// A process's state letter; `None` when it is gone.
pub fn state(pid: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

/// A field of a process's `/proc` status.
pub fn field(pid: u32, name: &str) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim_start_matches(':').trim().to_owned())
}

fn signals_pending(pid: u32) -> bool {
    ["SigPnd", "ShdPnd"].iter().any(|name| {
        field(pid, name).is_some_and(|bits| u64::from_str_radix(&bits, 16).unwrap() != 0)
    })
}
