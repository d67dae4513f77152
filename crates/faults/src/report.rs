//! The table.

use std::error::Error;
use std::fmt::{self, Write};
use std::time::Duration;

use crate::suite::Suite;

/// What came of one scenario with one suite.
pub struct Cell {
    parts: Vec<(String, bool)>,
    /// Whether all of it is as we promise.
    pub good: bool,
}

impl Cell {
    pub const fn new() -> Self {
        Self {
            parts: Vec::new(),
            good: true,
        }
    }

    /// The scenario needs something that is not there.
    pub fn without(reason: &str) -> Self {
        Self::new().says(format_args!("– ({reason})"))
    }

    /// Something that is neither good nor bad.
    pub fn says(self, what: impl fmt::Display) -> Self {
        self.judged(what, true)
    }

    /// Something that falls short unless `good`.
    pub fn judged(mut self, what: impl fmt::Display, good: bool) -> Self {
        self.parts.push((what.to_string(), good));
        self.good &= good;
        self
    }

    /// How long something took. Too long is bold, but no more: a machine may have
    /// other work. Never is bad.
    pub fn took(mut self, what: &str, time: Option<Duration>, limit: Duration) -> Self {
        let soon = time.is_some_and(|time| time <= limit);
        let text = time.map_or_else(
            || format!("{what}: not in time"),
            |time| format!("{what} after {:.1} s", time.as_secs_f64()),
        );
        self.parts.push((text, soon));
        self.good &= time.is_some();
        self
    }

    /// A count that ought to be nought.
    pub fn none(self, count: impl Into<u64>, what: &str) -> Self {
        let count = count.into();
        self.judged(format_args!("{count} {what}"), count == 0)
    }

    /// What another says, under a name.
    pub fn with(mut self, name: &str, other: Self) -> Self {
        let mut before = format!("{name}: ");
        for (text, good) in other.parts {
            self.parts.push((std::mem::take(&mut before) + &text, good));
        }
        self.good &= other.good;
        self
    }

    /// The scenario did not get to its end, which is no good sign either.
    pub fn broken(error: &(dyn Error + Send + Sync)) -> Self {
        Self::new().judged(format_args!("stopped: {error}"), false)
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (text, good)) in self.parts.iter().enumerate() {
            let before = if index == 0 { "" } else { ", " };
            let mark = if *good { "" } else { "**" };
            write!(to, "{before}{mark}{text}{mark}")?;
        }
        Ok(())
    }
}

/// A row for each scenario, a column for each suite.
pub fn markdown(suites: &[Suite], rows: &[(&str, Vec<Cell>)]) -> String {
    let mut table = String::from("| scenario |");
    for suite in suites {
        let _ = write!(table, " {} |", suite.name);
    }
    table += "\n|---|";
    table += &"---|".repeat(suites.len());
    table += "\n";
    for (name, cells) in rows {
        let _ = write!(table, "| {name} |");
        for cell in cells {
            let _ = write!(table, " {cell} |");
        }
        table += "\n";
    }
    table
}
