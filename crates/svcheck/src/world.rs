//! The files as they are: what may be read of them, and who may write.

use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use dt_os::file::How;

/// No script is longer than this; of one that is, so much is read.
const LIMIT: u64 = 256 * 1024;

/// What is in an ordinary file. Nothing else is opened, as opening a device may do
/// something and opening a FIFO waits.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let ordinary = |found: Metadata| {
        let no = io::Error::from(io::ErrorKind::InvalidInput);
        if found.is_file() { Ok(()) } else { Err(no) }
    };
    ordinary(fs::metadata(path)?)?;
    let file = How::READ.open(path)?;
    ordinary(file.metadata()?)?;
    let mut content = Vec::new();
    file.take(LIMIT).read_to_end(&mut content)?;
    Ok(content)
}

/// An account's own ids.
#[derive(Clone, Copy, Debug)]
pub struct Ids {
    pub user: u32,
    pub group: u32,
}

/// What may be done with a file or directory.
#[derive(Clone, Copy)]
pub enum Access {
    /// Its names used.
    Enter = 1,
    /// Names in it made and taken away.
    Change = 3,
    /// Its bytes written.
    Write = 2,
}

/// Whether the account may do that.
///
/// By the mode alone. Where a group that is not the account's own may, perhaps the
/// account may too: by another group of its, or by an access control list, which
/// shows as the group's bits. Nobody is accused then.
#[must_use]
pub fn may(account: Ids, found: &Metadata, access: Access) -> bool {
    let wanted = access as u32;
    let mode = found.mode();
    if account.user == 0 {
        return true;
    }
    if found.uid() == account.user {
        return mode >> 6 & wanted == wanted;
    }
    mode >> 3 & wanted == wanted || mode & wanted == wanted && found.gid() != account.group
}

/// The account that a program's user option names; `Ok(None)` where it cannot be
/// told.
pub fn account(name: &OsStr) -> Result<Option<Ids>, ()> {
    let text = name.as_encoded_bytes();
    // Ids, or a group as well: not for every program, and none of them looks it up.
    if text.is_empty() || text.contains(&b':') || text.iter().all(u8::is_ascii_digit) {
        return Ok(None);
    }
    let found = dt_account::find(name).ok_or(())?;
    Ok(Some(Ids {
        user: found.user,
        group: found.group,
    }))
}
