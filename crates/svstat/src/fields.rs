//! Single values, for scripts: s6-svstat's names, its order and its forms.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use dt_client::{escaped, signal_name};
use dt_service::Want;
use dt_service::deaths::Ending;
use dt_tai::Tai64N;

use crate::facts::{Facts, since_of};

/// A value that can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    Up,
    WantedUp,
    NormallyUp,
    Ready,
    Paused,
    Pid,
    ExitCode,
    Signal,
    SignalNumber,
    Since,
    ReadySince,
    For,
    ReadyFor,
    Name,
    State,
    Reason,
    WaitsFor,
    Deaths,
    Problems,
    Status,
}

/// The first thirteen are s6's, the others ours.
const FIELDS: [(&str, Field); 20] = [
    ("up", Field::Up),
    ("wantedup", Field::WantedUp),
    ("normallyup", Field::NormallyUp),
    ("ready", Field::Ready),
    ("paused", Field::Paused),
    ("pid", Field::Pid),
    ("exitcode", Field::ExitCode),
    ("signal", Field::Signal),
    ("signum", Field::SignalNumber),
    ("updownsince", Field::Since),
    ("readysince", Field::ReadySince),
    ("updownfor", Field::For),
    ("readyfor", Field::ReadyFor),
    ("name", Field::Name),
    ("state", Field::State),
    ("reason", Field::Reason),
    ("waitsfor", Field::WaitsFor),
    ("deaths", Field::Deaths),
    ("problems", Field::Problems),
    ("status", Field::Status),
];

impl Field {
    /// The field of that name.
    pub(crate) fn named(name: &[u8]) -> Option<Self> {
        let found = FIELDS.iter().find(|(known, _)| known.as_bytes() == name);
        found.map(|(_, field)| *field)
    }

    /// Its value; `-1` and `NA` where there is none.
    fn value(self, name: &OsStr, facts: &Facts) -> Vec<u8> {
        let text = match self {
            Self::Name => return name.as_bytes().to_vec(),
            Self::Up => facts.phase.up.to_string(),
            Self::WantedUp => (facts.status.want == Want::Up).to_string(),
            Self::NormallyUp => facts.normally_up.to_string(),
            Self::Ready => facts.phase.ready.to_string(),
            Self::Paused => facts.status.paused.to_string(),
            Self::Pid => number((facts.status.pid != 0).then_some(facts.status.pid)),
            Self::ExitCode => number(match facts.ending() {
                Some(Ending::Code(code)) => Some(code),
                _ => None,
            }),
            Self::Signal => signal(facts).map_or_else(none, signal_name),
            Self::SignalNumber => number(signal(facts)),
            Self::Since => label(since_of(&facts.status)),
            Self::ReadySince => facts.ready_since().map_or_else(none, label),
            Self::For => facts.age.to_string(),
            Self::ReadyFor => number(facts.ready_for()),
            Self::State => facts.state.replace(' ', "-"),
            Self::Reason => facts.reason().word().to_owned(),
            Self::WaitsFor => number(facts.wait_left().map(|left| left.as_secs())),
            Self::Deaths => number(facts.details.map(|details| details.deaths)),
            Self::Problems => number(facts.details.map(|details| details.problems)),
            Self::Status => return status(facts),
        };
        text.into_bytes()
    }
}

/// The values in one line, with blanks between them.
pub(crate) fn line(fields: &[Field], name: &OsStr, facts: &Facts) -> Vec<u8> {
    let values: Vec<_> = fields
        .iter()
        .map(|field| field.value(name, facts))
        .collect();
    let mut line = values.join(&b' ');
    line.push(b'\n');
    line
}

/// What the service says about itself, in one piece.
fn status(facts: &Facts) -> Vec<u8> {
    let words = facts.details.map(|details| details.words);
    let words = words.as_ref().map_or(&b""[..], |words| words.as_bytes());
    if words.is_empty() {
        return none().into_bytes();
    }
    let shown = escaped(words);
    let pieces: Vec<_> = shown.split(|byte| *byte == b' ').collect();
    pieces.join(&b"\\x20"[..])
}

fn signal(facts: &Facts) -> Option<u8> {
    match facts.ending() {
        Some(Ending::Signal(number)) => Some(number),
        _ => None,
    }
}

fn none() -> String {
    "NA".to_owned()
}

fn number(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-1".to_owned(), |value| value.to_string())
}

/// A TAI64N label.
pub(crate) fn label(at: Tai64N) -> String {
    String::from_utf8_lossy(&dt_tai::label(at)).into_owned()
}
