//! The command line of `daemontools` itself.

use std::ffi::{OsStr, OsString};

use clap::{CommandFactory, Parser, Subcommand};
use dt_cli::{Exit, Fatal};
use dt_os::descriptor;

use crate::programs;

/// The name in messages of our own.
pub const NAME: &str = "daemontools";

/// The daemontools in one file.
///
/// Called by the name of one of its programs, through a link, it is that
/// program; `daemontools PROGRAM ARGUMENTS` runs it as well.
#[derive(Debug, Parser)]
#[command(name = NAME, version, arg_required_else_help = true, disable_help_subcommand = true)]
struct Front {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs a web service under supervision until Ctrl-C, to see how it is done
    #[cfg(feature = "try")]
    Try(crate::demo::Options),
    /// Prints the names of the programs, one a line
    Programs,
    /// Says what a program takes on its command line
    Help {
        /// One of the programs; without one, what daemontools itself takes
        program: Option<String>,
    },
}

/// Runs `daemontools` with its arguments, argv\[0\] left out.
pub fn run(arguments: &[OsString]) -> Result<Exit, Fatal> {
    if let Some((name, rest)) = arguments.split_first()
        && let Some(program) = name.to_str().and_then(programs::find)
    {
        return program(rest);
    }
    let words = [OsStr::new(NAME)]
        .into_iter()
        .chain(arguments.iter().map(OsString::as_os_str));
    match Front::try_parse_from(words) {
        Ok(front) => front.command.run(),
        Err(problem) if problem.use_stderr() => Err(Fatal {
            lines: problem.render().to_string().into_bytes(),
            exit: Exit::PERMANENT,
        }),
        Err(help) => print(help.render().to_string()).map(|()| Exit::OK),
    }
}

impl Command {
    fn run(&self) -> Result<Exit, Fatal> {
        match self {
            #[cfg(feature = "try")]
            Self::Try(options) => crate::demo::run(options),
            Self::Programs => {
                let names = programs::PROGRAMS.iter().map(|(name, _)| *name);
                print(names.flat_map(|name| [name, "\n"]).collect::<String>()).map(|()| Exit::OK)
            }
            Self::Help { program } => help(program.as_deref()),
        }
    }
}

fn help(program: Option<&str>) -> Result<Exit, Fatal> {
    let page = match program.map(|name| (name, dt_guide::find(name))) {
        None => Front::command().render_help().to_string(),
        Some((_, Some(guide))) => guide.page(),
        Some((name, None)) => {
            let what = ["no program called ".as_ref(), OsStr::new(name)];
            let exit = Exit::PERMANENT;
            return Err(Fatal {
                exit,
                ..Fatal::plain(NAME, &what)
            });
        }
    };
    print(page).map(|()| Exit::OK)
}

/// Prints text on standard output.
pub fn print(text: impl AsRef<[u8]>) -> Result<(), Fatal> {
    descriptor::write_all(descriptor::stdout(), text.as_ref())
        .map_err(|why| Fatal::system(NAME, &["unable to write".as_ref()], &why))
}
