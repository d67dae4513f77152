//! Whether a logger can write where it is told to.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::chain::Chain;
use crate::finding::{Finding, Rule};
use crate::script::Script;
use crate::shell::Word;
use crate::world::{self, Access, Ids};

/// The account that a logger runs as.
enum Who {
    /// That of the supervise, most often root.
    Inherited,
    /// An account that is known.
    Known(OsString, Ids),
    /// One that there is not, told of elsewhere, or that cannot be looked up.
    Unknown(OsString),
}

/// Where a logger writes, and as whom.
struct Place<'a> {
    script: &'a Path,
    line: u32,
    who: Who,
    /// Whether the logger makes the directory itself, in one that there is.
    makes_it: bool,
}

/// Says where the logger that `script`, in the service directory `home`, ends up
/// as cannot write.
pub fn check(script: &Script, path: &Path, home: &Path, findings: &mut Vec<Finding>) {
    // What the script makes or gives away itself cannot be judged before.
    if script.uses(&["mkdir", "install", "chown", "s6-mkdir", "ln", "mount"]) {
        return;
    }
    let mut cwd = Some(home.to_owned());
    for (line, chain) in script.chains() {
        let name = chain.name().unwrap_or_default();
        if name == "cd" {
            cwd = chain
                .program
                .get(1)
                .and_then(Word::literal)
                .zip(cwd)
                .map(|(to, from)| from.join(to));
            if let Some(directory) = &cwd {
                check_entered(path, line, directory, findings);
            }
        }
        let makes_it = name == "multilog" || name == "s6-log";
        let Some(cwd) = cwd.as_ref().filter(|_| makes_it || name == "svlogd") else {
            continue;
        };
        let place = Place {
            script: path,
            line,
            who: who(&chain),
            makes_it,
        };
        for directory in directories(&chain) {
            place.check(cwd, directory, findings);
        }
    }
}

fn who(chain: &Chain<'_>) -> Who {
    match chain.users.last() {
        // An expansion, or chpst's other ways.
        None if chain
            .by
            .iter()
            .any(|link| link.contains("setuidgid") || *link == "setuser") =>
        {
            Who::Unknown(OsString::new())
        }
        None => Who::Inherited,
        Some(name) => match world::account(name) {
            Ok(Some(account)) => Who::Known(name.clone(), account),
            _ => Who::Unknown(name.clone()),
        },
    }
}

/// The arguments that are directories: they begin with a dot or a slash.
fn directories<'a>(chain: &Chain<'a>) -> impl Iterator<Item = &'a OsStr> {
    let arguments = chain.program.get(1..).unwrap_or_default();
    let literal = arguments.iter().filter_map(Word::literal);
    literal.filter(|word| matches!(word.as_bytes().first(), Some(b'.' | b'/')))
}

/// `cd` goes there before the account changes.
fn check_entered(script: &Path, line: u32, directory: &Path, findings: &mut Vec<Finding>) {
    if matches!(fs::metadata(directory), Err(why) if why.kind() == ErrorKind::NotFound) {
        let message: [&OsStr; 2] = [directory.as_os_str(), " does not exist".as_ref()];
        findings.push(
            Finding::new(script, Rule::LogDirectoryMissing, &message)
                .at(line)
                .fixed_by(&[
                    "mkdir -p ".as_ref(),
                    quoted(directory).as_ref(),
                    ", and give it to the logger's account".as_ref(),
                ]),
        );
    }
}

fn quoted(path: &Path) -> OsString {
    use std::os::unix::ffi::OsStringExt;
    OsString::from_vec(dt_cli::quote(path.as_os_str()))
}

impl Place<'_> {
    fn check(&self, cwd: &Path, directory: &OsStr, findings: &mut Vec<Finding>) {
        let path = cwd.join(directory);
        if directory.as_bytes().starts_with(b"/")
            && let Some(closed) = self.closed_above(&path)
        {
            return findings.push(self.unwritable(&closed, "cannot be entered by "));
        }
        match fs::metadata(&path) {
            Ok(found) if !found.is_dir() => {
                let message: [&OsStr; 2] = [path.as_os_str(), " is not a directory".as_ref()];
                findings.push(
                    Finding::new(self.script, Rule::LogDirectoryMissing, &message).at(self.line),
                );
            }
            Ok(found) if self.may(&found, Access::Change) => self.check_files(&path, findings),
            Ok(_) => findings.push(self.unwritable(&path, "cannot be written to by ")),
            Err(why) if why.kind() == ErrorKind::NotFound => self.check_missing(&path, findings),
            // We may not look; others may.
            Err(_) => {}
        }
    }

    fn may(&self, found: &fs::Metadata, access: Access) -> bool {
        match &self.who {
            Who::Known(_, account) => world::may(*account, found, access),
            Who::Inherited | Who::Unknown(_) => true,
        }
    }

    /// The first directory on the way there that the account may not pass.
    fn closed_above(&self, path: &Path) -> Option<PathBuf> {
        let mut above: Vec<&Path> = path.ancestors().skip(1).collect();
        above.reverse();
        let closed = |directory: &&Path| {
            fs::metadata(directory).is_ok_and(|found| !self.may(&found, Access::Enter))
        };
        above.into_iter().find(closed).map(Path::to_owned)
    }

    /// The logger's own files, of another account from an earlier time.
    fn check_files(&self, directory: &Path, findings: &mut Vec<Finding>) {
        for name in ["current", "lock"] {
            let path = directory.join(name);
            if fs::metadata(&path)
                .is_ok_and(|found| found.is_file() && !self.may(&found, Access::Write))
            {
                findings.push(self.unwritable(&path, "cannot be written to by "));
            }
        }
    }

    fn check_missing(&self, path: &Path, findings: &mut Vec<Finding>) {
        let parent = path.parent().unwrap_or(Path::new("/"));
        let can_be_made = match (fs::metadata(parent), &self.who) {
            (Err(why), _) => why.kind() != ErrorKind::NotFound,
            (Ok(_), _) if !self.makes_it => false,
            (Ok(found), Who::Known(..)) => self.may(&found, Access::Change),
            (Ok(_), Who::Inherited) => true,
            // Some account without rights of its own.
            (Ok(found), Who::Unknown(_)) => world::may(NOBODY, &found, Access::Change),
        };
        if can_be_made {
            return;
        }
        let mut message = vec![path.as_os_str(), " does not exist".as_ref()];
        if let Who::Known(name, _) | Who::Unknown(name) = &self.who
            && self.makes_it
            && parent.exists()
            && !name.is_empty()
        {
            message.extend::<[&OsStr; 4]>([
                ", and ".as_ref(),
                name,
                " cannot make it in ".as_ref(),
                parent.as_os_str(),
            ]);
        }
        let finding = Finding::new(self.script, Rule::LogDirectoryMissing, &message).at(self.line);
        findings.push(self.advise(finding, path, "mkdir -p "));
    }

    fn unwritable(&self, path: &Path, what: &str) -> Finding {
        let name = self.name();
        let message: [&OsStr; 4] = [path.as_os_str(), " ".as_ref(), what.as_ref(), name];
        let finding =
            Finding::new(self.script, Rule::LogDirectoryUnwritable, &message).at(self.line);
        self.advise(finding, path, "")
    }

    fn name(&self) -> &OsStr {
        match &self.who {
            Who::Known(name, _) | Who::Unknown(name) => name,
            Who::Inherited => OsStr::new(""),
        }
    }

    /// `mkdir -p DIR && chown USER DIR`
    fn advise(&self, finding: Finding, path: &Path, make: &str) -> Finding {
        let path = quoted(path);
        let mut fix: Vec<&OsStr> = Vec::new();
        if !make.is_empty() {
            fix.extend([make.as_ref(), path.as_os_str()]);
        }
        if !self.name().is_empty() {
            let and = if make.is_empty() { "" } else { " && " };
            fix.extend::<[&OsStr; 5]>([
                and.as_ref(),
                "chown ".as_ref(),
                self.name(),
                " ".as_ref(),
                &path,
            ]);
        }
        finding.fixed_by(&fix)
    }
}

/// An account with no rights but everybody's.
const NOBODY: Ids = Ids {
    user: u32::MAX - 1,
    group: u32::MAX - 1,
};
