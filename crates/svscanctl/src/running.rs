//! A running program: which version it is, and which one is installed in its place.
//!
//! The version is in the program's file, which the kernel keeps as long as the
//! process lives, whatever has been installed since. So nothing old is executed to
//! ask for it, and a program that is not of this suite is known as such.

use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use dt_os::process::Pid;

/// Where the search goes when `PATH` is not set at all.
const DEFAULT_PATH: &[u8] = b"/bin:/usr/bin";

/// The largest file that is read to find a version, in bytes.
const LARGEST: u64 = 64 << 20;

/// A program's file, whatever its name.
pub(crate) type FileId = (u64, u64);

/// What is known of a process.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) pid: Pid,
    /// Which file it runs.
    pub(crate) file: FileId,
    /// What it was called.
    pub(crate) name: OsString,
    /// None where it is not of this suite.
    pub(crate) version: Option<String>,
}

impl Program {
    /// `None` where the process is gone, or may not be looked at.
    pub(crate) fn of(pid: Pid, versions: &mut Versions) -> Option<Self> {
        let file = PathBuf::from(format!("/proc/{pid}/exe"));
        let facts = fs::metadata(&file).ok()?;
        Some(Self {
            pid,
            file: id(&facts),
            // In the midst of becoming another it shows no arguments.
            name: base(&argument_zero(pid).unwrap_or_default()).to_os_string(),
            version: versions.of(&file, &facts),
        })
    }

    /// The file that is installed now where this process came from: along the
    /// `PATH` that it was given, if it was found so, or else at its own place.
    pub(crate) fn installed(&self) -> Option<PathBuf> {
        let name = argument_zero(self.pid)?;
        let name = name.as_bytes();
        if name.starts_with(b"/") {
            return Some(PathBuf::from(OsStr::from_bytes(name)));
        }
        let searched = (!name.contains(&b'/')).then(|| along_path(self.pid, name));
        searched.flatten().or_else(|| own_place(self.pid))
    }
}

/// The versions of files that have been looked into: of a thousand processes most
/// run the same.
#[derive(Debug, Default)]
pub(crate) struct Versions(Vec<(FileId, Option<String>)>);

impl Versions {
    /// The version of the program at `file`.
    pub(crate) fn of(&mut self, file: &Path, facts: &Metadata) -> Option<String> {
        if let Some((_, version)) = self.0.iter().find(|(known, _)| *known == id(facts)) {
            return version.clone();
        }
        let content = (facts.is_file() && facts.len() <= LARGEST).then(|| fs::read(file).ok());
        let version = content.flatten();
        let version = version.and_then(|content| dt_cli::version::of_program(&content));
        self.0.push((id(facts), version.clone()));
        version
    }
}

pub(crate) fn id(facts: &Metadata) -> FileId {
    (facts.dev(), facts.ino())
}

fn argument_zero(pid: Pid) -> Option<OsString> {
    let mut line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let end = line.iter().position(|byte| *byte == 0)?;
    line.truncate(end);
    Some(OsString::from_vec(line))
}

fn base(name: &OsStr) -> &OsStr {
    let last = name.as_bytes().rsplit(|byte| *byte == b'/').next();
    OsStr::from_bytes(last.unwrap_or_default())
}

fn along_path(pid: Pid, name: &[u8]) -> Option<PathBuf> {
    let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let mut entries = environment.split(|byte| *byte == 0);
    let path = entries.find_map(|entry| entry.strip_prefix(b"PATH="));
    let here = PathBuf::from(format!("/proc/{pid}/cwd"));
    let mut parts = path.unwrap_or(DEFAULT_PATH).split(|byte| *byte == b':');
    parts.find_map(|part| {
        let place = here
            .join(OsStr::from_bytes(part))
            .join(OsStr::from_bytes(name));
        let is_program = |facts: Metadata| facts.is_file() && facts.mode() & 0o111 != 0;
        fs::metadata(&place).is_ok_and(is_program).then_some(place)
    })
}

fn own_place(pid: Pid) -> Option<PathBuf> {
    let place = fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    let mut place = place.into_os_string().into_vec();
    if let Some(gone) = place.strip_suffix(b" (deleted)") {
        place.truncate(gone.len());
    }
    Some(PathBuf::from(OsString::from_vec(place)))
}
