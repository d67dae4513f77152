//! An upgrade, and what comes of it.

use std::ffi::OsStr;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dt_cli::{Exit, Fatal};
use dt_os::clock::Moment;
use dt_os::descriptor;
use dt_service::scanning::{Command, names};

use crate::PROGRAM;

/// How long `svscan` may take; it gives the new program half of that to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Between two looks at the file.
const PAUSE: Duration = Duration::from_millis(10);

/// What `svscan` has left word of: which file, its version, and why it is no other.
#[derive(Debug)]
struct Word {
    file: u64,
    version: String,
    refusal: Option<String>,
}

pub(crate) fn run(directory: &OsStr) -> Result<Exit, Fatal> {
    let file = Path::new(directory).join(names::VERSION);
    let before = read(&file);
    crate::ask(directory, &[Command::Upgrade.byte()])?;
    let after = wait(&file, before.as_ref().map(|word| word.file));
    let Some(after) = after else {
        return Err(Fatal::plain(
            PROGRAM,
            &["no answer from ".as_ref(), directory],
        ));
    };
    if let Some(refusal) = after.refusal {
        let words = format!("svscan {} stays: {refusal}", after.version);
        return Err(Fatal::plain(PROGRAM, &[words.as_ref()]));
    }
    let before = before.map_or("unknown".to_owned(), |word| word.version);
    let line = format!("svscan: {before} -> {}\n", after.version);
    descriptor::write_all(descriptor::stdout(), line.as_bytes()).map_err(|why: io::Error| {
        Fatal::system(PROGRAM, &["unable to write output".as_ref()], &why)
    })?;
    Ok(Exit::OK)
}

/// Until there is another file.
fn wait(file: &PathBuf, before: Option<u64>) -> Option<Word> {
    let end = Moment::now().plus(PATIENCE);
    while Moment::now() < end {
        let word = read(file).filter(|word| Some(word.file) != before);
        if word.is_some() {
            return word;
        }
        std::thread::sleep(PAUSE);
    }
    None
}

fn read(file: &PathBuf) -> Option<Word> {
    let number = std::fs::symlink_metadata(file)
        .ok()
        .filter(std::fs::Metadata::is_file)?;
    let text = std::fs::read_to_string(file).ok()?;
    let text = text.strip_suffix('\n')?;
    let (version, refusal) = match text.split_once(' ') {
        Some((version, refusal)) => (version, Some(refusal.to_owned())),
        None => (text, None),
    };
    Some(Word {
        file: number.ino(),
        version: version.to_owned(),
        refusal,
    })
}
