//! Tells the state of the service in each directory named: in words, as a table,
//! as JSON, or as single values.
//!
//! The words are the original's, byte for byte, wherever the status file is.
#![forbid(unsafe_code)]

mod colour;
mod facts;
mod fields;
mod json;
mod line;
mod options;
mod table;

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use dt_cli::{Exit, Fatal, Message};
use dt_client::look::{self, Obstacle, Seen};
use dt_client::{Target, escaped, is_terminal, targets};
use dt_os::descriptor;
use dt_os::file::Directory;

use colour::Mood;
use facts::Facts;
use options::{Form, Which};

/// Lines are written out once there are this many bytes of them.
const BUFFER: usize = 1024;

/// One of the services has no `supervise`, which only scripts that ask for values
/// are told so.
const NOT_RUNNING: Exit = Exit::from_child(1);

/// Runs the program with its arguments, argv\[0\] left out.
///
/// Exits 0 also for services that are not running: configuration tools take any
/// other code for a failure of their own. With `-j` and `-o` it exits 1 where one
/// has no `supervise`, and 111 where one cannot be looked at.
pub fn run(args: &[OsString]) -> Result<Exit, Fatal> {
    let (form, which, operands) = options::read(args)?;
    let start =
        Directory::open(".").map_err(|why| fatal("unable to open current directory", &why))?;
    let terminal = is_terminal();
    let mut output = Output {
        terminal,
        colour: terminal
            && colour::is_wanted(std::env::var_os("NO_COLOR"), std::env::var_os("TERM")),
        form: &form,
        which,
        buffer: Vec::with_capacity(2 * BUFFER),
        rows: Vec::new(),
        services: Vec::new(),
        exit: Exit::OK,
    };
    for operand in operands {
        for target in targets(operand) {
            output.add(&target);
            start
                .enter()
                .map_err(|why| fatal("unable to set directory", &why))?;
        }
    }
    Ok(output.end())
}

fn fatal(what: &str, why: &io::Error) -> Fatal {
    Fatal::system("svstat", &[what.as_ref()], why)
}

/// What is to be printed.
struct Output<'a> {
    terminal: bool,
    colour: bool,
    form: &'a Form,
    which: Which,
    buffer: Vec<u8>,
    rows: Vec<table::Row>,
    services: Vec<json::Service>,
    exit: Exit,
}

impl Output<'_> {
    fn add(&mut self, target: &Target) {
        let seen = look::look(&target.path);
        let name = self.shown(&target.shown);
        match self.form {
            Form::Line => self.add_line(&name, &seen),
            Form::Table => self.add_row(&target.shown, &seen),
            Form::Json => self.services.push(match &seen {
                Ok(seen) => json::Service::known(&target.shown, &Facts::gather(seen)),
                Err(obstacle) => json::Service::unknown(&target.shown, obstacle),
            }),
            Form::Fields(fields) => match &seen {
                Ok(seen) => {
                    let line = fields::line(fields, &name, &Facts::gather(seen));
                    self.buffer.extend(line);
                }
                Err(obstacle) => warn(&name, obstacle),
            },
        }
        if matches!(self.form, Form::Json | Form::Fields(_)) {
            self.note(seen.as_ref().err());
        }
        if self.buffer.len() >= BUFFER {
            self.write_out();
        }
    }

    /// A name as it is in a pipe, and harmless on a terminal.
    fn shown(&self, name: &OsStr) -> OsString {
        if self.terminal {
            OsString::from_vec(escaped(name.as_bytes()).into_owned())
        } else {
            name.to_owned()
        }
    }

    fn add_line(&mut self, name: &OsStr, seen: &Result<Seen, Obstacle>) {
        if !self.colour {
            return line::describe(name, seen, self.which, &mut self.buffer);
        }
        let mut lines = Vec::new();
        line::describe(name, seen, self.which, &mut lines);
        let mood = seen
            .as_ref()
            .map_or(Mood::Bad, |seen| Mood::of(Facts::gather(seen).state));
        for line in lines
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
        {
            self.buffer.extend(mood.paint(line));
            self.buffer.push(b'\n');
        }
    }

    fn add_row(&mut self, name: &OsStr, seen: &Result<Seen, Obstacle>) {
        let name = name.as_bytes();
        let facts = match seen {
            Ok(seen) => Facts::gather(seen),
            Err(obstacle) => {
                let row = table::Row::unknown(name, &obstacle.to_string());
                return self.rows.push(row);
            }
        };
        if self.which != Which::Log {
            self.rows.push(table::Row::known(name, &facts));
        }
        if self.which != Which::Main {
            self.rows.extend(table::Row::log(name, &facts));
        }
    }

    /// The worst that has been met is the exit code.
    fn note(&mut self, obstacle: Option<&Obstacle>) {
        self.exit = match obstacle {
            None => self.exit,
            Some(obstacle) if is_absence(obstacle) && self.exit == Exit::OK => NOT_RUNNING,
            Some(obstacle) if is_absence(obstacle) => self.exit,
            Some(_) => Exit::TEMPORARY,
        };
    }

    fn end(mut self) -> Exit {
        match self.form {
            Form::Table => self.buffer = table::render(&self.rows, self.colour),
            Form::Json => self.buffer = json::document(&self.services),
            Form::Line | Form::Fields(_) => {}
        }
        self.write_out();
        self.exit
    }

    /// A reader that has gone is not our failure.
    fn write_out(&mut self) {
        let _ = descriptor::write_all(descriptor::stdout(), &self.buffer);
        self.buffer.clear();
    }
}

/// There is no `supervise`, or there has never been one.
fn is_absence(obstacle: &Obstacle) -> bool {
    match obstacle {
        Obstacle::NotRunning => true,
        Obstacle::BadFormat | Obstacle::NoProcess(_) => false,
        Obstacle::System(what, why) => {
            *what == "open supervise/ok" && why.kind() == io::ErrorKind::NotFound
        }
    }
}

fn warn(name: &OsStr, obstacle: &Obstacle) {
    let message = Message::new("svstat", "warning").pieces(&[name]);
    let line = message.text(": ").text(&obstacle.to_string()).line();
    // Nobody is left to tell that the telling failed.
    let _ = descriptor::write_all(descriptor::stderr(), &line);
}
