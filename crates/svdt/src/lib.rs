//! Lists how the last processes of a service ended, as s6-svdt does, from what
//! `supervise` has put on record.
#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;

use dt_cli::getopt::{Opt, Options};
use dt_cli::{Exit, Fatal};
use dt_client::{look, signal_name, targets};
use dt_os::descriptor;
use dt_os::file::{self, How};
use dt_service::Place;
use dt_service::deaths::{self, Death, Ending, Role};
use dt_tai::{Tai64, Tai64N};

const USAGE: &str = "svdt [ -S | -s ] [ -l ] [ -n maxentries ] dir, or svdt --clear dir";

/// Runs the program with its arguments, argv\[0\] left out.
///
/// A line a death of `run`, the oldest first: a TAI64N label, and `exitcode` and
/// the code or `signal` and the name. `-s` has signals' numbers instead, `-S` their
/// names again; `-n` lists the newest so many. `-l` lists those of the other
/// programs as well, and has more columns. `svdt --clear` forgets all of them.
///
/// Exits 0, 100 when it is called wrongly, and 111 where there is no record to read.
pub fn run(args: &[OsString]) -> Result<Exit, Fatal> {
    if let [first, rest @ ..] = args
        && first == "--clear"
    {
        let [directory] = rest else {
            return Err(usage());
        };
        return clear(directory);
    }
    let request = Request::read(args)?;
    let deaths = enter(request.directory)
        .and_then(|place| read(&place))
        .map_err(|why| unable("read", request.directory, &why))?;
    let listed: Vec<_> = deaths
        .iter()
        .filter(|death| request.long || death.role == Role::Run)
        .collect();
    let newest = listed
        .iter()
        .skip(listed.len().saturating_sub(request.most));
    let lines: String = newest.map(|death| request.line(death)).collect();
    // A reader that has gone is not our failure.
    let _ = descriptor::write_all(descriptor::stdout(), lines.as_bytes());
    Ok(Exit::OK)
}

fn usage() -> Fatal {
    Fatal::usage("svdt", USAGE)
}

fn unable(verb: &str, directory: &OsStr, why: &io::Error) -> Fatal {
    let verb = format!("unable to {verb} death tally for service ");
    Fatal::system("svdt", &[verb.as_ref(), directory], why)
}

/// What the command line asks for.
struct Request<'a> {
    names: bool,
    long: bool,
    most: usize,
    directory: &'a OsStr,
}

impl<'a> Request<'a> {
    fn read(args: &'a [OsString]) -> Result<Self, Fatal> {
        let (mut names, mut long, mut most) = (true, false, usize::MAX);
        let mut options = Options::new("Ssln:", args);
        for option in &mut options {
            match option {
                Ok(Opt::Flag(b'S')) => names = true,
                Ok(Opt::Flag(b's')) => names = false,
                Ok(Opt::Flag(_)) => long = true,
                Ok(Opt::Value(_, count)) => most = number(count).ok_or_else(usage)?,
                Err(problem) => return Err(problem.fatal(&format!("svdt: usage: {USAGE}"))),
            }
        }
        // As with s6, what follows the first is ignored.
        let [directory, _ignored @ ..] = options.operands() else {
            return Err(usage());
        };
        Ok(Self {
            names,
            long,
            most,
            directory,
        })
    }

    fn line(&self, death: &Death) -> String {
        let label = dt_tai::label(Tai64N(Tai64(death.at.0), death.at.1));
        let label = String::from_utf8_lossy(&label);
        let ending = match death.ending {
            Ending::Code(code) => format!("exitcode {code}"),
            Ending::Signal(number) if self.names => format!("signal {}", signal_name(number)),
            Ending::Signal(number) => format!("signal {number}"),
            Ending::Unknown => "unknown".to_owned(),
        };
        let more = if self.long {
            columns(death)
        } else {
            String::new()
        };
        format!("{label} {ending}{more}\n")
    }
}

/// Our own columns, each a word and its value.
fn columns(death: &Death) -> String {
    let seconds =
        |time: std::time::Duration| format!("{}.{:03}", time.as_secs(), time.subsec_millis());
    let yes_or_no = |is: bool| if is { "yes" } else { "no" };
    format!(
        " of {} pid {} uptime {} core {} oom {} peak {} user {} system {}",
        death.role.word(),
        death.pid,
        seconds(death.uptime),
        yes_or_no(death.core_dumped),
        yes_or_no(death.out_of_memory),
        death.peak_memory,
        seconds(death.user_time),
        seconds(death.system_time),
    )
}

fn number(text: &OsStr) -> Option<usize> {
    let text = text.as_bytes();
    let digits = text.iter().all(u8::is_ascii_digit);
    str::from_utf8(text).ok().filter(|_| digits)?.parse().ok()
}

fn enter(directory: &OsStr) -> io::Result<Place> {
    let found = targets(directory);
    let path = found
        .first()
        .map_or(directory.as_ref(), |target| target.path.as_path());
    file::chdir(path)?;
    Place::here()
}

/// A service that is supervised and has lost no process yet has no record, which
/// is an empty one.
fn read(place: &Place) -> io::Result<Vec<Death>> {
    match look::deaths(place) {
        Err(why) if why.kind() == ErrorKind::NotFound => {
            std::fs::metadata(place.file("status")).map(|_| Vec::new())
        }
        other => other,
    }
}

/// Empties the file, which stays the one that `supervise` may have open.
fn clear(directory: &OsStr) -> Result<Exit, Fatal> {
    let cleared = enter(directory).and_then(|place| {
        let how = How::WRITE.no_follow();
        match how.open(place.file(deaths::NAME)) {
            Ok(file) => file.set_len(0),
            // As empty as can be, if this is a service at all.
            Err(why) if why.kind() == ErrorKind::NotFound => read(&place).map(drop),
            Err(why) => Err(why),
        }
    });
    match cleared {
        Ok(()) => Ok(Exit::OK),
        Err(why) => Err(unable("clear", directory, &why)),
    }
}
