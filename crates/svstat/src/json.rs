//! Everything at once, for programs. docs/svstat.schema.json describes it; what is
//! there stays there, under the same name and with the same meaning.

use std::ffi::OsStr;

use serde::Serialize;

use dt_client::look::Obstacle;
use dt_client::signal_name;
use dt_service::deaths::{Death, Ending};
use dt_service::{Status, Want};

use crate::facts::{Facts, Log, since_of};
use crate::fields::label;

/// One service. Of one that cannot be told about there are these three keys only;
/// of any other all of them, and what is not known is null.
#[derive(Debug, Serialize)]
pub(crate) struct Service {
    name: String,
    supervised: bool,
    error: Option<String>,
    #[serde(flatten)]
    known: Option<Known>,
}

#[derive(Debug, Serialize)]
struct Known {
    state: &'static str,
    #[serde(flatten)]
    process: Process,
    normally_up: bool,
    ready: bool,
    ready_seconds: Option<u64>,
    reason: Option<&'static str>,
    kept: Option<&'static str>,
    waiting_ms: Option<u64>,
    about: Option<String>,
    restart_delay_ms: Option<u64>,
    deaths: Option<u32>,
    problems: Option<u32>,
    words: Option<String>,
    last_death: Option<LastDeath>,
    log: Option<LogState>,
}

/// What is in every status.
#[derive(Debug, Serialize)]
struct Process {
    up: bool,
    pid: Option<u32>,
    paused: bool,
    want: &'static str,
    since_tai64n: String,
    since_unix: i64,
    seconds: u64,
}

#[derive(Debug, Serialize)]
struct LogState {
    state: &'static str,
    #[serde(flatten)]
    process: Process,
}

#[derive(Debug, Serialize)]
struct LastDeath {
    at_tai64n: String,
    at_unix: i64,
    pid: u32,
    uptime_ms: u64,
    exit_code: Option<u8>,
    signal: Option<String>,
    signal_number: Option<u8>,
    core_dumped: bool,
    out_of_memory: bool,
    peak_memory_kib: u64,
    user_time_us: u64,
    system_time_us: u64,
}

impl Service {
    /// A service that can be told about.
    pub(crate) fn known(name: &OsStr, facts: &Facts) -> Self {
        Self {
            name: text(name),
            supervised: true,
            error: None,
            known: Some(Known::of(facts)),
        }
    }

    /// One that cannot.
    pub(crate) fn unknown(name: &OsStr, obstacle: &Obstacle) -> Self {
        Self {
            name: text(name),
            supervised: false,
            error: Some(obstacle.to_string()),
            known: None,
        }
    }
}

/// A name that is no text loses the bytes that are none.
fn text(name: &OsStr) -> String {
    name.to_string_lossy().into_owned()
}

impl Known {
    fn of(facts: &Facts) -> Self {
        let details = facts.details.as_ref();
        let bytes = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let about = details.map(|details| bytes(details.about.as_bytes()));
        let words = details.map(|details| bytes(details.words.as_bytes()));
        Self {
            state: facts.state,
            process: Process::of(&facts.status, facts.phase.up, facts.age),
            normally_up: facts.normally_up,
            ready: facts.phase.ready,
            ready_seconds: facts.ready_for(),
            reason: details.map(|details| details.reason.word()),
            kept: details.map(|details| details.kept.word()),
            waiting_ms: facts.wait_left().map(millis),
            about: about.filter(|about| !about.is_empty()),
            restart_delay_ms: details.map(|details| millis(details.restart_delay)),
            deaths: details.map(|details| details.deaths),
            problems: details.map(|details| details.problems),
            words: words.filter(|words| !words.is_empty()),
            last_death: facts.last_death.as_ref().map(LastDeath::of),
            log: facts.log.as_ref().map(LogState::of),
        }
    }
}

impl Process {
    fn of(status: &Status, up: bool, age: u64) -> Self {
        let since = since_of(status);
        Self {
            up,
            pid: (status.pid != 0).then_some(status.pid),
            paused: status.paused,
            want: match status.want {
                Want::Up => "up",
                Want::Down => "down",
                Want::Neither => "neither",
            },
            since_tai64n: label(since),
            since_unix: dt_tai::unix_seconds(since),
            seconds: age,
        }
    }
}

impl LogState {
    fn of(log: &Log) -> Self {
        Self {
            state: log.state,
            process: Process::of(&log.status, log.status.pid != 0, log.age),
        }
    }
}

impl LastDeath {
    fn of(death: &Death) -> Self {
        let at = dt_tai::Tai64N(dt_tai::Tai64(death.at.0), death.at.1);
        let (exit_code, signal_number) = match death.ending {
            Ending::Code(code) => (Some(code), None),
            Ending::Signal(number) => (None, Some(number)),
            Ending::Unknown => (None, None),
        };
        Self {
            at_tai64n: label(at),
            at_unix: dt_tai::unix_seconds(at),
            pid: death.pid,
            uptime_ms: millis(death.uptime),
            exit_code,
            signal: signal_number.map(signal_name),
            signal_number,
            core_dumped: death.core_dumped,
            out_of_memory: death.out_of_memory,
            peak_memory_kib: death.peak_memory,
            user_time_us: micros(death.user_time),
            system_time_us: micros(death.system_time),
        }
    }
}

fn millis(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn micros(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// A list of all services, a service a line.
pub(crate) fn document(services: &[Service]) -> Vec<u8> {
    let mut document = b"[".to_vec();
    for (number, service) in services.iter().enumerate() {
        document.extend_from_slice(if number == 0 { b"\n" } else { b",\n" });
        // Strings, numbers and lists of known types: nothing that could fail.
        document.extend(serde_json::to_vec(service).unwrap_or_default());
    }
    document.extend_from_slice(b"\n]\n");
    document
}
