//! Makes a service directory with a log, and links it where svscan finds it.
//!
//! The directory is complete from the moment that its name is there: it is made
//! under a hidden name and renamed. Nothing that exists is ever written over.
#![forbid(unsafe_code)]

mod make;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use clap::Parser;
use dt_account::Account;
use dt_cli::{Exit, Fatal};
use dt_os::{descriptor, identity};

const PROGRAM: &str = "svnew";

/// Makes a service directory with a log
///
/// Makes DIR/NAME, with a run that changes to the account and becomes COMMAND, its
/// standard error joined to its standard output, and a log/run that becomes
/// multilog; and makes the log's directory. What exists is never written over.
/// Prints what was made.
///
/// Exits 100 if it was called wrongly and 111 if something could not be made; then
/// nothing is left behind.
#[derive(Debug, Parser)]
#[command(name = PROGRAM, version, max_term_width = 80)]
struct Options {
    /// The service's name
    name: OsString,
    /// The account that the service runs as; needed by root
    #[arg(short, long, value_name = "ACCOUNT")]
    user: Option<OsString>,
    /// The account that the log runs as, where it is another
    #[arg(long, value_name = "ACCOUNT", requires = "user")]
    log_user: Option<OsString>,
    /// Where the service directory is made
    #[arg(short, long, value_name = "DIR", default_value = "/srv")]
    dir: PathBuf,
    /// The log's directory [default: /var/log/NAME]
    #[arg(long, value_name = "DIR")]
    log_dir: Option<PathBuf>,
    /// Link it into the scan directory
    #[arg(short, long)]
    enable: bool,
    /// The scan directory
    #[arg(long, value_name = "DIR", default_value = "/etc/service")]
    scan: PathBuf,
    /// The program that is the service, with its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// What is to be made; all of it looked at, nothing made yet.
#[derive(Debug)]
struct Plan {
    name: OsString,
    /// Absolute, without links.
    parent: PathBuf,
    run: Vec<u8>,
    log_run: Vec<u8>,
    log_directory: PathBuf,
    log_account: Option<Account>,
    /// The link's name.
    link: Option<PathBuf>,
}

/// Runs the program with its arguments, argv\[0\] left out.
pub fn run(args: &[OsString]) -> Result<Exit, Fatal> {
    let words = [OsStr::new(PROGRAM)]
        .into_iter()
        .chain(args.iter().map(OsString::as_os_str));
    let options = match Options::try_parse_from(words) {
        Ok(options) => options,
        Err(problem) if problem.use_stderr() => {
            return Err(Fatal {
                lines: problem.render().to_string().into_bytes(),
                exit: Exit::PERMANENT,
            });
        }
        Err(help) => return print(help.render().to_string().as_bytes()).map(|()| Exit::OK),
    };
    print(&options.plan()?.carry_out()?)?;
    Ok(Exit::OK)
}

fn print(bytes: &[u8]) -> Result<(), Fatal> {
    descriptor::write_all(descriptor::stdout(), bytes)
        .map_err(|why| Fatal::system(PROGRAM, &["unable to write".as_ref()], &why))
}

fn wrong(what: &[&OsStr]) -> Fatal {
    Fatal {
        exit: Exit::PERMANENT,
        ..Fatal::plain(PROGRAM, what)
    }
}

impl Options {
    fn plan(&self) -> Result<Plan, Fatal> {
        self.check_name()?;
        self.check_users()?;
        check_program(
            self.command
                .first()
                .map(OsString::as_os_str)
                .unwrap_or_default(),
        )?;
        let parent = absolute(&self.dir)?;
        let log_user = self.log_user.as_ref().or(self.user.as_ref());
        let log_account = log_user.map(|user| account(user)).transpose()?;
        if let Some(user) = &self.user {
            account(user)?;
        }
        let log_directory = match &self.log_dir {
            None => Path::new("/var/log").join(&self.name),
            Some(given) => {
                std::path::absolute(given).map_err(|why| unable("find ", given, &why))?
            }
        };
        let link = match absolute(&self.scan) {
            // It is there already.
            Ok(scan) if scan == parent => None,
            Ok(scan) => Some(scan.join(&self.name)),
            Err(why) if self.enable => return Err(why),
            Err(_) => None,
        };
        Ok(Plan {
            run: script(&[b"exec 2>&1\n"], self.user.as_deref(), &self.command),
            log_run: script(
                &[],
                log_user.map(OsString::as_os_str),
                &logger(&log_directory),
            ),
            name: self.name.clone(),
            parent,
            log_directory,
            log_account,
            link: link.filter(|_| self.enable),
        })
    }

    /// Names that svscan would pass over, and those that are no names.
    fn check_name(&self) -> Result<(), Fatal> {
        let name = self.name.as_bytes();
        if name.is_empty() || name.starts_with(b".") || name.contains(&b'/') {
            let what = ": a service's name is not empty, begins with no dot and has no slash in it";
            return Err(wrong(&[&self.name, what.as_ref()]));
        }
        Ok(())
    }

    /// Root's service must not run as root for want of a word; and nobody else can
    /// change to another account.
    fn check_users(&self) -> Result<(), Fatal> {
        match (identity::effective_user(), &self.user) {
            (0, None) => Err(wrong(&["--user is needed, as you are root".as_ref()])),
            (0, Some(_)) | (_, None) => Ok(()),
            (_, Some(_)) => Err(wrong(
                &["--user is of no use, as you are not root".as_ref()],
            )),
        }
    }
}

fn account(name: &OsStr) -> Result<Account, Fatal> {
    dt_account::find(name).ok_or_else(|| wrong(&["there is no account ".as_ref(), name]))
}

/// That directory, which exists, without links: what is linked to must be found
/// from everywhere.
fn absolute(directory: &Path) -> Result<PathBuf, Fatal> {
    directory
        .canonicalize()
        .map_err(|why| unable("find ", directory, &why))
}

fn unable(verb: &str, path: &Path, why: &std::io::Error) -> Fatal {
    let what = ["unable to ".as_ref(), verb.as_ref(), path.as_os_str()];
    Fatal::system(PROGRAM, &what, why)
}

/// A service's working directory is its own, so that no other relative path means
/// the same there.
fn check_program(program: &OsStr) -> Result<(), Fatal> {
    if program.as_bytes().contains(&b'/') {
        if !program.as_bytes().starts_with(b"/") {
            let what = ": a program is named by its absolute path or by its name alone";
            return Err(wrong(&[program, what.as_ref()]));
        }
        if is_program(Path::new(program)) {
            return Ok(());
        }
    } else {
        let path = std::env::var_os("PATH").unwrap_or_else(|| "/bin:/usr/bin".into());
        if std::env::split_paths(&path).any(|directory| is_program(&directory.join(program))) {
            return Ok(());
        }
    }
    Err(wrong(&["there is no program ".as_ref(), program]))
}

fn is_program(path: &Path) -> bool {
    std::fs::metadata(path)
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// Ten megabytes a file and five files, each line with its time.
fn logger(directory: &Path) -> Vec<OsString> {
    let words = ["multilog", "t", "s10485760", "n5"].map(OsString::from);
    words.into_iter().chain([directory.into()]).collect()
}

/// A script that becomes the command, as that account.
fn script(before: &[&[u8]], user: Option<&OsStr>, command: &[OsString]) -> Vec<u8> {
    let mut text = [b"#!/bin/sh\n".as_slice(), &before.concat(), b"exec"].concat();
    let change = user.map(|user| [OsStr::new("setuidgid"), user]);
    let words = change.iter().flatten().copied();
    for word in words.chain(command.iter().map(OsString::as_os_str)) {
        text.push(b' ');
        text.extend(dt_cli::quote(word));
    }
    text.push(b'\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_becomes_the_command() {
        let command = ["prog", "it's", "a b"].map(OsString::from);
        let text = script(&[b"exec 2>&1\n"], Some("www".as_ref()), &command);
        let expected = "#!/bin/sh\nexec 2>&1\nexec setuidgid www prog 'it'\\''s' 'a b'\n";
        assert_eq!(String::from_utf8(text).unwrap(), expected);
    }
}
