//! The last words of a service's log.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use dt_client::look;
use dt_os::file::{self, Directory, How};
use dt_service::Place;

/// Bytes from the end that are looked at, and shown at the most.
const TAIL: i64 = 4096;
const SHOWN: usize = 300;

/// The last line that the log of the service in the working directory has
/// written, without its time stamp.
///
/// The logger has the file open, so nobody has to know how it was called: it is
/// the file `current` that its process writes to. Where that cannot be seen, the
/// usual place is looked at.
pub(crate) fn last_words() -> Option<Vec<u8>> {
    let files = logger().map(open_logs).unwrap_or_default();
    let usual = PathBuf::from("log/main/current");
    let mut lines = files.into_iter().chain([usual]);
    lines.find_map(|name| last_line(&name).ok().flatten())
}

/// The process of the log: in a directory of its own, or a program here.
fn logger() -> Option<u32> {
    let own = Place::here().ok()?;
    let program = look::status(&own).ok().and_then(|file| file.log);
    let pid = program.map(|log| log.status.pid).or_else(|| {
        let here = Directory::open(".").ok()?;
        file::chdir("log").ok()?;
        let status = Place::here()
            .ok()
            .and_then(|place| look::status(&place).ok());
        here.enter().ok()?;
        Some(status?.main.pid)
    })?;
    (pid != 0).then_some(pid)
}

/// The files called `current` that a process has open.
fn open_logs(pid: u32) -> Vec<PathBuf> {
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd"))
        .into_iter()
        .flatten();
    let targets = descriptors.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    targets
        .filter(|target| target.file_name().is_some_and(|name| name == "current"))
        .collect()
}

fn last_line(name: &Path) -> io::Result<Option<Vec<u8>>> {
    let mut file: File = How::READ.no_follow().open(name)?;
    let facts = file.metadata()?;
    if !facts.is_file() {
        return Ok(None);
    }
    let length = i64::try_from(facts.len()).unwrap_or(i64::MAX);
    file.seek(SeekFrom::End(-length.min(TAIL)))?;
    let mut tail = Vec::new();
    file.take(TAIL.unsigned_abs()).read_to_end(&mut tail)?;
    Ok(last_of(&tail))
}

fn last_of(tail: &[u8]) -> Option<Vec<u8>> {
    let mut lines = tail.rsplit(|byte| *byte == b'\n');
    let line = lines.find(|line| !line.trim_ascii().is_empty())?;
    let line = without_stamp(line);
    let shown = line.get(..SHOWN).unwrap_or(line);
    (!shown.is_empty()).then(|| shown.to_vec())
}

fn without_stamp(line: &[u8]) -> &[u8] {
    let rest = line
        .strip_prefix(b"@")
        .and_then(|rest| rest.split_first_chunk::<24>());
    match rest {
        Some((digits, rest)) if dt_tai::parse(digits).is_some() => rest.trim_ascii_start(),
        _ => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_that_says_something_without_its_stamp() {
        let stamp = "@400000006b0372ef00ddcfdc";
        for (tail, words) in [
            ("", None),
            ("\n\n", None),
            ("one\ntwo\n", Some("two")),
            ("one\ntwo", Some("two")),
            ("one\n \n\n", Some("one")),
            (&format!("{stamp} ended\n"), Some("ended")),
            ("@not a stamp\n", Some("@not a stamp")),
            (&format!("{stamp}\n"), None),
        ] {
            let expected = words.map(|words| words.as_bytes().to_vec());
            assert_eq!(last_of(tail.as_bytes()), expected, "{tail:?}");
        }
        assert_eq!(last_of(&[b'x'; 1000]).map(|line| line.len()), Some(SHOWN));
    }
}
