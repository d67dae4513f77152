//! The file `supervise/record`, held open.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};

use dt_os::Errno;
use dt_os::file::How;
use dt_os::{identity, incarnation, process};
use dt_service::{Incarnation, Record, names};

/// Where records go, and the last one.
#[derive(Debug)]
pub(crate) struct Ledger {
    file: Option<File>,
    /// The last record's.
    number: u64,
    /// Its content, as far as it is known to be in the file.
    last: Option<Record>,
    /// The boot that we live in.
    pub(crate) boot: Option<[u8; 16]>,
    /// Ourselves.
    pub(crate) supervise: Incarnation,
}

impl Ledger {
    /// Opens the file, and makes it where there is none. Without a usable file
    /// there is an error besides, and a ledger that keeps nothing.
    pub(crate) fn open() -> (Self, io::Result<()>) {
        let opened = open().and_then(|file| Ok((newest(&file)?, file)));
        let (file, newest, outcome) = match opened {
            Ok((newest, file)) => (Some(file), newest, Ok(())),
            Err(why) => (None, None, Err(why)),
        };
        let ledger = Self {
            file,
            number: newest.map_or(0, |(number, _)| number),
            last: newest.map(|(_, record)| record),
            boot: incarnation::boot_id(),
            supervise: incarnation_of(process::own_pid()),
        };
        (ledger, outcome)
    }

    /// The newest record, be it ours or another's.
    pub(crate) const fn last(&self) -> Option<Record> {
        self.last
    }

    /// Writes `record`, unless it is what was written last. One call of the
    /// system: whoever kills us finds the old one or the new one.
    pub(crate) fn write(&mut self, record: Record) -> io::Result<()> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        if self.last == Some(record) {
            return Ok(());
        }
        let number = self.number.wrapping_add(1);
        self.last = None;
        let taken = file.write_at(&record.encode(number), Record::offset(number))?;
        if taken != Record::SLOT {
            return Err(Errno::ENOSPC.into());
        }
        self.number = number;
        self.last = Some(record);
        Ok(())
    }
}

/// The process that has the number `pid` now.
pub(crate) fn incarnation_of(pid: process::Pid) -> Incarnation {
    Incarnation {
        pid: pid.as_raw().unsigned_abs(),
        start: incarnation::look_up(pid).ok().map(|seen| seen.start),
    }
}

/// Nothing that could be meant for something else is written to or believed: the
/// owner of the directory need not be us.
fn open() -> io::Result<File> {
    let file = How::UPDATE.mode(0o600).no_follow().open(names::RECORD)?;
    let found = file.metadata()?;
    let owner = [0, identity::effective_user()].contains(&found.uid());
    if found.is_file() && found.nlink() == 1 && owner {
        Ok(file)
    } else {
        Err(Errno::EINVAL.into())
    }
}

fn newest(file: &File) -> io::Result<Option<(u64, Record)>> {
    let mut bytes = [0; Record::FILE];
    let length = file.read_at(&mut bytes, 0)?;
    Ok(Record::newest(bytes.get(..length).unwrap_or_default()))
}
