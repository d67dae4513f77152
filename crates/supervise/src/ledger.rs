//! The file `supervise/record`, held open.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};

use dt_os::Errno;
use dt_os::file::How;
use dt_os::process::Asked;
use dt_os::{identity, incarnation, process};
use dt_service::record::{self, More};
use dt_service::{Incarnation, Place, Record};

/// Where records go, and the last one.
#[derive(Debug)]
pub(crate) struct Ledger {
    file: Option<File>,
    /// The last record's.
    number: u64,
    /// Its content, as far as it is known to be in the file. A plain directory has
    /// no more, and no memory for it.
    last: Option<(Record, Option<Box<More>>)>,
    /// The boot that we live in.
    pub(crate) boot: Option<[u8; 16]>,
    /// Ourselves.
    pub(crate) supervise: Incarnation,
}

impl Ledger {
    /// Opens the file, and makes it where there is none. Without a usable file
    /// there is an error besides, and a ledger that keeps nothing.
    pub(crate) fn open(place: &Place) -> (Self, io::Result<()>) {
        let opened = open(place).and_then(|file| Ok((newest(&file)?, file)));
        let (file, newest, outcome) = match opened {
            Ok((newest, file)) => (Some(file), newest, Ok(())),
            Err(why) => (None, None, Err(why)),
        };
        let ledger = Self {
            file,
            number: newest.map_or(0, |(number, ..)| number),
            last: newest.map(|(_, record, more)| (record, more.map(Box::new))),
            boot: incarnation::boot_id(),
            supervise: incarnation_of(process::own_pid()),
        };
        (ledger, outcome)
    }

    /// The newest record, be it ours or another's.
    pub(crate) fn last(&self) -> Option<(Record, Option<More>)> {
        let (record, more) = self.last.as_ref()?;
        Some((*record, more.as_deref().copied()))
    }

    /// Where a process of ours finds out whether it is on record, and how; it asks
    /// when we have died.
    pub(crate) fn witness(&self) -> Option<(&File, Asked)> {
        let file = self.file.as_ref()?;
        Some((file, names_us))
    }

    /// The version of the newest record.
    pub(crate) const fn version(&self) -> u8 {
        match self.last {
            Some((_, Some(_))) => More::VERSION,
            Some((_, None)) | None => Record::VERSION,
        }
    }

    /// Writes `record` and what `more` there is, unless it is what was written
    /// last. One call of the system: whoever kills us finds the old one or the new
    /// one.
    pub(crate) fn write(&mut self, record: Record, more: Option<&More>) -> io::Result<()> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        let same = |(last, beyond): &(Record, Option<Box<More>>)| {
            *last == record && beyond.as_deref() == more
        };
        if self.last.as_ref().is_some_and(same) {
            return Ok(());
        }
        // The first longer one goes where it leaves those before it whole.
        let fresh = more.is_some() && !matches!(self.last, Some((_, Some(_))));
        let odd = u64::from(fresh && self.number % 2 == 1);
        let number = self.number.wrapping_add(1 + odd);
        self.last = None;
        let (taken, length) = if let Some(more) = more {
            let slot = more.encode(&record, number);
            (file.write_at(&slot, More::offset(number))?, slot.len())
        } else {
            let slot = record.encode(number);
            (file.write_at(&slot, Record::offset(number))?, slot.len())
        };
        if taken != length {
            return Err(Errno::ENOSPC.into());
        }
        self.number = number;
        self.last = Some((record, more.copied().map(Box::new)));
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
fn open(place: &Place) -> io::Result<File> {
    let file = How::UPDATE
        .mode(0o600)
        .no_follow()
        .open(place.file("record"))?;
    let found = file.metadata()?;
    let owner = [0, identity::effective_user()].contains(&found.uid());
    if found.is_file() && found.nlink() == 1 && owner {
        Ok(file)
    } else {
        Err(Errno::EINVAL.into())
    }
}

fn newest(file: &File) -> io::Result<Option<(u64, Record, Option<More>)>> {
    let mut bytes = [0; Record::FILE];
    let length = file.read_at(&mut bytes, 0)?;
    Ok(record::newest(bytes.get(..length).unwrap_or_default()))
}

/// Whether the newest record, whosever it is, has us as one who is looked after.
/// Allocates nothing.
fn names_us(file: &File) -> bool {
    let Ok(Some((_, record, more))) = newest(file) else {
        return false;
    };
    let others = more.map(|more| {
        [
            more.log.and_then(|log| log.service),
            more.notify.map(|helper| helper.process),
            more.beside.hook.map(|(_, helper)| helper.process),
            more.beside.check.map(|helper| helper.process),
        ]
    });
    let us = Some(incarnation_of(process::own_pid()));
    record.service == us || others.is_some_and(|others| others.contains(&us))
}
