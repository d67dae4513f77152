//! Services of a suite in a directory of their own, which goes with all that runs
//! in it.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use dt_testkit::{Running, Scratch};

use crate::kit::{self, Outcome};
use crate::lines::{self, Tally};
use crate::suite::Suite;

/// The longest that starting, stopping or coming back may take: the slowest suite
/// looks for dead supervisors each five seconds.
pub const BOUND: Duration = Duration::from_secs(12);

/// A scan directory.
pub struct Tree<'a> {
    pub suite: &'a Suite,
    pub scratch: Scratch,
}

/// How a service is to be.
#[derive(Clone, Copy)]
pub struct Shape {
    /// Between its lines.
    pub pause: Duration,
    /// After how many lines it dies; 0 for never.
    pub lines: u64,
    pub log: bool,
}

impl Shape {
    /// Says something ten times in a second, for ever, into nothing.
    pub const PLAIN: Self = Self {
        pause: Duration::from_millis(100),
        lines: 0,
        log: false,
    };
    /// A line each five milliseconds, into a log.
    pub const LOGGED: Self = Self {
        pause: Duration::from_millis(5),
        lines: 0,
        log: true,
    };
}

impl<'a> Tree<'a> {
    pub fn new(suite: &'a Suite) -> Self {
        let scratch = Scratch::new();
        scratch.directory("sc");
        scratch.directory("counts");
        Self { suite, scratch }
    }

    /// Makes a service; it appears in the scan directory whole.
    pub fn service(&self, name: &str, shape: Shape) -> Outcome<()> {
        let counts = self.scratch.directory(format!("counts/{name}"));
        let made = format!(".making.{name}");
        let words = lines::writer_words(&counts, shape.pause, shape.lines)?;
        self.scratch
            .script(format!("{made}/run"), format!("#!/bin/sh\n{words}\n"));
        if shape.log {
            let place = self.scratch.directory(format!("{made}/log"));
            let logger = self.suite.logger(&place, 16_384, 100_000)?;
            let words: Vec<_> = logger.iter().map(|word| word.to_string_lossy()).collect();
            let script = format!("#!/bin/sh\nexec {}\n", words.join(" "));
            self.scratch.script(format!("{made}/log/run"), script);
        }
        fs::rename(self.scratch.join(made), self.directory(name))?;
        Ok(())
    }

    /// So many services of one shape, and their names.
    pub fn services(&self, count: usize, shape: Shape) -> Outcome<Vec<String>> {
        let names: Vec<String> = (0..count).map(|index| format!("s{index}")).collect();
        for name in &names {
            self.service(name, shape)?;
        }
        Ok(names)
    }

    pub fn directory(&self, name: &str) -> PathBuf {
        self.scratch.join("sc").join(name)
    }

    /// Starts words in the scratch directory; what they say is added to `err`.
    pub fn start(&self, words: &[OsString]) -> Outcome<Running> {
        self.start_saying(words, "err")
    }

    pub fn start_saying(&self, words: &[OsString], file: &str) -> Outcome<Running> {
        let mut command = self.command(words)?;
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(self.adding_to(file)?);
        Ok(Running::start(&mut command, &self.scratch))
    }

    /// A file of the scratch directory, to be written at its end.
    pub fn adding_to(&self, file: &str) -> Outcome<File> {
        let place = self.scratch.join(file);
        Ok(File::options().create(true).append(true).open(place)?)
    }

    pub fn command(&self, words: &[OsString]) -> Outcome<Command> {
        let (program, arguments) = words.split_first().ok_or("no words to start")?;
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.scratch.path());
        command.env("PATH", self.suite.path());
        Ok(command)
    }

    /// Starts the scanner and waits until all services are up, each once.
    pub fn scan(&self, names: &[String]) -> Outcome<Running> {
        let running = self.start(&self.suite.scanner(Path::new("sc")))?;
        kit::must("all services are up", BOUND * 2, || {
            names.iter().all(|name| self.is_up(name))
        })?;
        Ok(running)
    }

    /// The living copies of a service.
    pub fn copies(&self, name: &str) -> Vec<u32> {
        lines::copies(&self.scratch.join("counts").join(name))
    }

    /// Whether the supervisor says that it is up, as it is.
    pub fn is_up(&self, name: &str) -> bool {
        let pid = self.suite.pid(&self.directory(name));
        pid.is_some_and(|pid| self.copies(name).contains(&pid))
    }

    pub fn supervisors(&self, directory: &str) -> Vec<u32> {
        kit::named_in(self.suite.supervisor_name(), &self.directory(directory))
    }

    pub fn loggers(&self, name: &str) -> Vec<u32> {
        // One of the suites works in the log's own directory.
        let place = self.directory(name).join("log");
        let mut loggers = kit::named_in(self.suite.logger_name(), &place);
        loggers.extend(kit::named_in(self.suite.logger_name(), &place.join("main")));
        loggers
    }

    pub fn said(&self, file: &str) -> String {
        let bytes = fs::read(self.scratch.join(file)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// What became of a service's lines, once it has stopped and its log has had
    /// the time to take the last.
    pub fn tally(&self, name: &str) -> Tally {
        let counts = lines::counts(&self.scratch.join("counts").join(name));
        let log = self.directory(name).join("log/main");
        let mut tally = lines::tally(&log, &counts);
        kit::until(Duration::from_secs(3), || {
            tally = lines::tally(&log, &counts);
            tally.is_complete()
        });
        tally
    }

    /// What is known of a service whose lines are not all there.
    pub fn losses(&self, name: &str) -> String {
        let counts = lines::counts(&self.scratch.join("counts").join(name));
        let log = self.directory(name).join("log/main");
        let lost = lines::losses(&log, &counts).join("; ");
        let (loggers, supervisors) = (self.loggers(name), self.supervisors(&format!("{name}/log")));
        let files = fs::read_dir(&log).into_iter().flatten().flatten();
        let mut files: Vec<_> = files.map(|entry| entry.file_name()).collect();
        files.sort();
        format!("{name}: {lost}; loggers {loggers:?}, supervisors {supervisors:?}, files {files:?}")
    }

    /// Those of which not one process lives: no service, no logger, no supervisor.
    pub fn dead_wholly<'n>(&self, names: &'n [String]) -> Vec<&'n String> {
        let places = kit::worked_in_below(&self.scratch.join("sc"));
        let dead = |name: &&String| !places.iter().any(|place| place.starts_with(name));
        names.iter().filter(dead).collect()
    }

    /// Stops the services and adds up what became of their lines.
    pub fn stop_and_tally(&self, names: &[String]) -> Tally {
        let mut all = Tally::default();
        for (_, tally) in self.stop_and_tally_each(names) {
            all += tally;
        }
        all
    }

    /// Stops the services and tells what became of the lines of each.
    pub fn stop_and_tally_each<'n>(&self, names: &'n [String]) -> Vec<(&'n String, Tally)> {
        for name in names {
            self.suite
                .tell(crate::suite::Word::Down, &self.directory(name));
        }
        let none_left = || names.iter().all(|name| self.copies(name).is_empty());
        if kit::until(Duration::from_secs(3), none_left).is_none() {
            // Copies that nobody controls any more.
            let left = names.iter().flat_map(|name| self.copies(name));
            left.for_each(kit::kill);
            kit::until(Duration::from_secs(1), none_left);
        }
        let tallies = names.iter().map(|name| (name, self.tally(name)));
        let tallies: Vec<_> = tallies.collect();
        for (name, _) in tallies.iter().filter(|(_, tally)| !tally.is_complete()) {
            eprintln!("{}", self.losses(name));
        }
        tallies
    }
}
