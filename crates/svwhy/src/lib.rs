//! Says in a sentence why a service is as it is.
//!
//! What is known is gathered in `evidence` and put into words in `sentence`;
//! `log` finds the last words of a service's log, `run_file` why `run` cannot
//! be executed.
#![forbid(unsafe_code)]

mod evidence;
mod log;
mod run_file;
mod sentence;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use dt_cli::{Exit, Fatal};
use dt_client::{Target, escaped, is_terminal, targets};
use dt_os::descriptor;
use dt_os::file::{self, Directory};

use evidence::Evidence;

/// Runs the program with its arguments, argv\[0\] left out: `svwhy [dir ...]`, all
/// services of the scan directory where none is named.
///
/// Exits 0, and 111 only where it cannot work at all.
pub fn run(args: &[OsString]) -> Result<Exit, Fatal> {
    let start =
        Directory::open(".").map_err(|why| fatal("unable to open current directory", &why))?;
    let all = [OsString::from("*")];
    let operands = if args.is_empty() { &all } else { args };
    let terminal = is_terminal();
    for operand in operands {
        for target in targets(operand) {
            let text = explain(&target, terminal);
            // A reader that has gone is not our failure.
            let _ = descriptor::write_all(descriptor::stdout(), &text);
            start
                .enter()
                .map_err(|why| fatal("unable to set directory", &why))?;
        }
    }
    Ok(Exit::OK)
}

fn fatal(what: &str, why: &std::io::Error) -> Fatal {
    Fatal::system("svwhy", &[what.as_ref()], why)
}

/// `NAME: SENTENCE`, and below it the last words of the log where they may help.
fn explain(target: &Target, terminal: bool) -> Vec<u8> {
    let mut text = shown(&target.shown, terminal).into_vec();
    text.extend_from_slice(b": ");
    if let Err(why) = file::chdir(&target.path) {
        let reason = format!("unable to chdir: {}\n", dt_os::reason(&why));
        text.extend_from_slice(reason.as_bytes());
        return text;
    }
    let evidence = Evidence::gather();
    text.extend(sentence::of(&evidence).into_bytes());
    text.push(b'\n');
    if !evidence.is_well()
        && let Some(words) = log::last_words()
    {
        text.extend_from_slice(b"    its log ends: ");
        // Whatever wrote them, and wherever they go, they are one line.
        text.extend_from_slice(&escaped(&words));
        text.push(b'\n');
    }
    text
}

fn shown(name: &OsStr, terminal: bool) -> OsString {
    if terminal {
        OsString::from_vec(escaped(name.as_bytes()).into_owned())
    } else {
        name.to_owned()
    }
}
