//! Becoming the `svscan` that is installed now, without an end in between.
//!
//! The process stays, and with it its children and its pipes. What it knows goes
//! into a file in memory that the new program finds in its environment. The new
//! program is asked first whether it understands that: one that is broken, older
//! or somebody else's is not executed.

use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::time::Duration;

use dt_cli::Exit;
use dt_os::ask::ask_until;
use dt_os::clock::Moment;
use dt_os::exec::Image;
use dt_os::process::{Ending, Pid};
use dt_os::{descriptor, process, startup, store};

use crate::control::Control;
use crate::held::{Held, Pipe};
use crate::machine::{Half, Process};
use crate::state;
use crate::table::Table;

/// The number of the descriptor with the state, in the environment; `?` where
/// only the version of the state is asked for.
const VARIABLE: &str = "SVSCAN_STATE";

/// What the new program answers, before the version of the state.
const ANSWER: &str = "svscan state ";

/// A program that does not know the question takes this for its directory.
const QUESTION: &str = "./.svscan/no such directory";

/// How long the new program may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// What we have been executed for.
pub enum Purpose {
    /// To begin.
    Begin,
    /// To tell what state we understand.
    Answer,
    /// To go on with these services, and to be asked as before.
    GoOn(Box<(Table<Held>, Option<Control>)>),
}

/// Asks the environment.
pub fn purpose() -> Purpose {
    match std::env::var_os(VARIABLE) {
        None => Purpose::Begin,
        Some(word) if word == "?" => Purpose::Answer,
        Some(number) => load(&number).unwrap_or(Purpose::Begin),
    }
}

/// Tells what state we understand.
pub fn answer() -> Exit {
    let line = format!("{ANSWER}{}\n", state::VERSION);
    match descriptor::write_all(descriptor::stdout(), line.as_bytes()) {
        Ok(()) => Exit::OK,
        Err(_) => Exit::TEMPORARY,
    }
}

/// The environment that our children get.
pub fn environment() -> Vec<CString> {
    let ours = [VARIABLE, store::VARIABLE].map(|name| format!("{name}="));
    let is_ours = |entry: &CString| {
        let mut ours = ours.iter();
        ours.any(|name| entry.as_bytes().starts_with(name.as_bytes()))
    };
    let all = startup::environment().iter();
    all.filter(|entry| !is_ours(entry)).cloned().collect()
}

fn load(number: &OsStr) -> Option<Purpose> {
    let number = number.to_str()?.parse().ok()?;
    let mut text = Vec::new();
    let memory = descriptor::left_to_us(number).ok()?;
    File::from(memory).read_to_end(&mut text).ok()?;
    let mut table = Table::new(Moment::now());
    let (control, services) = state::read(&text)?;
    let control = control.and_then(|parts| {
        let [reader, writer, lock] = parts.map(|number| descriptor::left_to_us(number).ok());
        Some(Control::from_parts([reader?, writer?, lock?]))
    });
    for service in services {
        let pipe = match service.pipe {
            // Without its pipe it is none that we could go on with; the next scan
            // finds it.
            Some((reading, writing)) => {
                let left = |number| descriptor::left_to_us(number).ok();
                let apart = reading != writing;
                let (Some(writing), reading) = (left(writing), left(reading)) else {
                    continue;
                };
                match reading {
                    Some(reading) => Some(Pipe::of((reading, writing))),
                    None if apart => continue,
                    None => Some(Pipe::of_both(writing)),
                }
            }
            None => None,
        };
        let name = OsString::from_vec(service.name);
        let held = Held::of(pipe);
        for half in [Half::Main, Half::Log] {
            if let Some(Process::Running { pid, .. }) = service.service.process(half) {
                held.keep(half).fetch_from_child(pid);
            }
        }
        table.restore(service.identity, name, service.service, held);
    }
    Some(Purpose::GoOn(Box::new((table, control))))
}

/// Returns only where it fails, with the reason.
pub fn attempt(
    table: &Table<Held>,
    control: Option<&Control>,
    is_stranger: impl Fn(Pid) -> bool,
) -> String {
    if table.stopping().is_some() || table.services().any(|(_, is)| is.stop.is_some()) {
        return "services are being stopped".to_owned();
    }
    match check().and_then(|()| replace(table, control, is_stranger)) {
        Ok(never) => match never {},
        Err(why) => why,
    }
}

fn check() -> Result<(), String> {
    let name = own_name();
    let image = image(&[name, QUESTION.into()], "?").map_err(|why| reason(&why))?;
    let deadline = Moment::now().plus(PATIENCE);
    let (answer, ending) = ask_until(&image, 256, Some(deadline)).map_err(|why| reason(&why))?;
    let version = answer.strip_prefix(ANSWER.as_bytes());
    if ending != Ending::Exited(0) || version.is_none() {
        return Err("it does not know how to go on".to_owned());
    }
    let ours = format!("{}\n", state::VERSION);
    if version != Some(ours.as_bytes()) {
        return Err("it does not understand our state".to_owned());
    }
    Ok(())
}

fn replace(
    table: &Table<Held>,
    control: Option<&Control>,
    is_stranger: impl Fn(Pid) -> bool,
) -> Result<std::convert::Infallible, String> {
    let parts = control.map(Control::parts);
    let text = state::write(table, parts, is_stranger);
    let memory = descriptor::memory_for_exec(c"svscan", &text).map_err(|why| reason(&why))?;
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let number = memory.as_raw_fd().to_string();
    let image = image(&arguments, &number).map_err(|why| reason(&why))?;
    let kept =
        keep(table, control, |end| descriptor::keep_on_exec(end)).map_err(|why| reason(&why));
    let why = kept.map(|()| reason(&process::become_image(&image)));
    let _ = keep(table, control, |end| descriptor::close_on_exec(end));
    Err(why.unwrap_or_else(|why| why))
}

fn keep(
    table: &Table<Held>,
    control: Option<&Control>,
    how: impl Fn(BorrowedFd<'_>) -> io::Result<()>,
) -> io::Result<()> {
    let pipes = table
        .services()
        .filter_map(|(service, _)| table.held(service)?.pipe.as_ref());
    for pipe in pipes {
        for end in pipe.ends() {
            how(end.as_fd())?;
        }
    }
    for part in control.map(Control::parts).into_iter().flatten() {
        how(part)?;
    }
    Ok(())
}

fn own_name() -> OsString {
    std::env::args_os().next().unwrap_or_default()
}

/// What is installed now under the name that we were called by. Where that leads
/// through a directory that we have left, it is what has our file's place.
fn image(arguments: &[impl AsRef<OsStr>], state: &str) -> io::Result<Image> {
    let mut environment = environment();
    environment.push(dt_os::file::c_name(format!("{VARIABLE}={state}"))?);
    let name = own_name();
    let bytes = name.as_bytes();
    if !bytes.contains(&b'/') {
        let path = dt_chain::inherited_path();
        return Image::searched(arguments, path.as_deref(), &environment);
    }
    let file = if bytes.starts_with(b"/") {
        PathBuf::from(name)
    } else {
        own_file()?
    };
    Image::named(file, arguments, &environment)
}

fn own_file() -> io::Result<PathBuf> {
    let file = std::fs::read_link("/proc/self/exe")?.into_os_string();
    let bytes = file.as_bytes();
    let place = bytes.strip_suffix(b" (deleted)").unwrap_or(bytes);
    Ok(PathBuf::from(OsStr::from_bytes(place)))
}

fn reason(why: &io::Error) -> String {
    dt_os::reason(why).to_owned()
}
