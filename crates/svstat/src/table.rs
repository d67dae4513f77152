//! A table, for people.

use dt_service::Want;
use dt_service::deaths::Ending;
use dt_service::details::Reason;

use dt_client::{escaped, signal_name, span};

use crate::colour::Mood;
use crate::facts::Facts;

/// One line of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) name: Vec<u8>,
    pub(crate) state: String,
    pub(crate) pid: String,
    pub(crate) time: String,
    pub(crate) notes: String,
}

impl Row {
    fn heading() -> Self {
        Self {
            name: b"NAME".to_vec(),
            state: "STATE".to_owned(),
            pid: "PID".to_owned(),
            time: "FOR".to_owned(),
            notes: "NOTES".to_owned(),
        }
    }

    /// Of a service that can be told about.
    pub(crate) fn known(name: &[u8], facts: &Facts) -> Self {
        Self {
            name: escaped(name).into_owned(),
            state: facts.state.to_owned(),
            pid: process(facts.status.pid),
            time: span(facts.age),
            notes: notes(facts).join(", "),
        }
    }

    /// Of its log, if that is a program.
    pub(crate) fn log(name: &[u8], facts: &Facts) -> Option<Self> {
        let log = facts.log.as_ref()?;
        Some(Self {
            name: [&escaped(name), &b" log"[..]].concat(),
            state: log.state.to_owned(),
            pid: process(log.status.pid),
            time: span(log.age),
            notes: String::new(),
        })
    }

    /// Of one that cannot be told about.
    pub(crate) fn unknown(name: &[u8], why: &str) -> Self {
        Self {
            name: escaped(name).into_owned(),
            state: "unknown".to_owned(),
            pid: String::new(),
            time: String::new(),
            notes: why.to_owned(),
        }
    }
}

fn process(pid: u32) -> String {
    if pid == 0 {
        String::new()
    } else {
        pid.to_string()
    }
}

fn notes(facts: &Facts) -> Vec<String> {
    let up = facts.status.pid != 0;
    let want = facts.status.want;
    let all = [
        (up && facts.status.paused, "paused"),
        (up && !facts.phase.ready && facts.phase.up, "not ready"),
        (up && want == Want::Down, "want down"),
        (up && want == Want::Neither, "once"),
        (!up && want == Want::Up, "want up"),
        (up && !facts.normally_up, "normally down"),
        (!up && facts.normally_up, "normally up"),
    ];
    let holding = all.iter().filter(|(holds, _)| *holds);
    let mut notes: Vec<_> = holding.map(|(_, note)| (*note).to_owned()).collect();
    match (facts.reason(), facts.wait_left()) {
        (Reason::None, _) => {}
        (reason, None) => notes.push(reason.word().to_owned()),
        (reason, Some(left)) => notes.push(format!("{} {}", reason.word(), span(left.as_secs()))),
    }
    match facts.ending() {
        Some(Ending::Code(code)) => notes.push(format!("exit code {code}")),
        Some(Ending::Signal(number)) => notes.push(signal_name(number)),
        Some(Ending::Unknown) | None => {}
    }
    if let Some(details) = &facts.details {
        let words = details.words.as_bytes();
        if !words.is_empty() {
            notes.push(String::from_utf8_lossy(&escaped(words)).into_owned());
        }
    }
    notes
}

/// The table's lines. Columns are as wide as their widest entry, by characters.
pub(crate) fn render(rows: &[Row], colour: bool) -> Vec<u8> {
    let heading = Row::heading();
    let all = || std::iter::once(&heading).chain(rows);
    let widest = |of: fn(&Row) -> usize| all().map(of).max().unwrap_or(0);
    let widths = [
        widest(|row| width(&row.name)),
        widest(|row| row.state.len()),
        widest(|row| row.pid.len()),
        widest(|row| row.time.len()),
    ];
    let mut table = Vec::new();
    for (number, row) in all().enumerate() {
        let [name, state, pid, time] = widths;
        let mut line = row.name.clone();
        line.resize(line.len() + name - width(&row.name), b' ');
        line.extend_from_slice(
            format!(
                "  {:state$}  {:>pid$}  {:>time$}  {}",
                row.state, row.pid, row.time, row.notes
            )
            .as_bytes(),
        );
        let text = line.trim_ascii_end();
        if colour && number > 0 {
            table.extend(Mood::of(&row.state).paint(text));
        } else {
            table.extend_from_slice(text);
        }
        table.push(b'\n');
    }
    table
}

/// In characters, each taken to be one column wide.
fn width(text: &[u8]) -> usize {
    String::from_utf8_lossy(text).chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let row = |name: &str, state: &str, pid: &str| Row {
            name: name.into(),
            state: state.into(),
            pid: pid.into(),
            time: "5s".into(),
            notes: String::new(),
        };
        let rows = [
            row("gr\u{fc}n", "running", "7"),
            row("web", "stopped", ""),
            Row::unknown(b"a\n", "supervise not running"),
        ];
        let table = String::from_utf8(render(&rows, false)).unwrap();
        let expected = "NAME   STATE    PID  FOR  NOTES\n\
                        gr\u{fc}n   running    7   5s\n\
                        web    stopped        5s\n\
                        a\\x0a  unknown            supervise not running\n";
        assert_eq!(table, expected);
        let coloured = String::from_utf8(render(&rows, true)).unwrap();
        assert_eq!(coloured.matches("\x1b[0m\n").count(), 3);
        let plain = ["\x1b[32m", "\x1b[2m", "\x1b[31m", "\x1b[0m"]
            .iter()
            .fold(coloured, |text, code| text.replace(code, ""));
        assert_eq!(plain, expected);
    }
}
