//! What each program takes on its command line, as data.
//!
//! `daemontools help` prints it; the shell completions are made of it, and the
//! manual pages are checked against it. That the programs know these options and
//! no others is found out by running them: tests/manuals.
//!
//! Not for the programs themselves: nothing of this is to be in their memory.
#![forbid(unsafe_code)]

pub mod completions;
mod table;

pub use table::GUIDES;

/// One program.
#[derive(Debug)]
pub struct Guide {
    /// The name it is called by.
    pub name: &'static str,
    /// What it does, as in the first line of its manual page.
    pub summary: &'static str,
    /// Its command line, one line for each form.
    pub usage: &'static [&'static str],
    /// What may stand before the operands.
    pub flags: &'static [Flag],
    /// What may stand in its script, decided by the first byte: only multilog has one.
    pub words: &'static [Word],
    /// What comes after the flags, in order.
    pub operands: &'static [Operand],
}

/// An option.
#[derive(Debug)]
pub struct Flag {
    /// With its dashes: `-d`, `--upgrade`.
    pub name: &'static str,
    /// What it takes, if anything.
    pub value: Option<Operand>,
    /// What it does, in a few words.
    pub what: &'static str,
}

/// A word of multilog's script.
#[derive(Debug)]
pub struct Word {
    /// Its first byte.
    pub first: &'static str,
    /// What follows that, empty where nothing does.
    pub rest: &'static str,
    /// What may follow that.
    pub kind: Kind,
    /// What it does, in a few words.
    pub what: &'static str,
}

/// An argument that is no option.
#[derive(Clone, Copy, Debug)]
pub struct Operand {
    /// What usage lines call it.
    pub name: &'static str,
    /// What it may be.
    pub kind: Kind,
    /// Any number of them may follow.
    pub many: bool,
}

/// What an argument may be: what a shell offers for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A service directory: what is linked in a scan directory, or any other.
    Service,
    /// Any directory.
    Directory,
    /// Any file.
    File,
    /// The name of an account.
    Account,
    /// A program, and its arguments after it.
    Command,
    /// The same behind `--`, up to which options may stand among the operands.
    CommandAfterDashes,
    /// Words of multilog's script.
    Script,
    /// One of these.
    Choice(&'static [&'static str]),
    /// Nothing that could be guessed.
    Text,
}

/// The guide to a program.
#[must_use]
pub fn find(name: &str) -> Option<&'static Guide> {
    GUIDES.iter().find(|guide| guide.name == name)
}

impl Guide {
    /// A page for a terminal.
    #[must_use]
    pub fn page(&self) -> String {
        let head = format!("{}: {}", self.name, self.summary);
        let usage = self.usage.iter().map(|usage| format!("    {usage}"));
        let takes = self.takes();
        let width = takes.iter().map(|(left, _)| left.len()).max().unwrap_or(0);
        let takes = takes.iter();
        let takes = takes.map(|(left, what)| format!("    {left:width$}  {what}"));
        let foot = format!("man 8 {} tells the rest.", self.name);
        let parts = [vec![head], usage.collect(), takes.collect(), vec![foot]];
        let parts = parts.iter().filter(|part| !part.is_empty());
        let parts: Vec<String> = parts.map(|part| part.join("\n")).collect();
        parts.join("\n\n") + "\n"
    }

    /// Each flag and word as one would type it, and what it does.
    fn takes(&self) -> Vec<(String, &'static str)> {
        let flags = self.flags.iter().map(|flag| (flag.spelt(), flag.what));
        let words = self.words.iter();
        let words = words.map(|word| ([word.first, word.rest].concat(), word.what));
        flags.chain(words).collect()
    }
}

impl Flag {
    /// As one would type it: `-o openfiles`, `--wait=what`.
    #[must_use]
    pub fn spelt(&self) -> String {
        let between = if self.name.starts_with("--") {
            "="
        } else {
            " "
        };
        self.value.map_or(self.name.to_owned(), |value| {
            [self.name, between, value.name].concat()
        })
    }
}
