//! The file `supervise/deaths`.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};

use dt_os::Errno;
use dt_os::file::How;
use dt_os::identity;
use dt_service::Place;
use dt_service::deaths::{self, Death};

/// The greatest file there can be.
const MOST: usize = 4096 * deaths::SLOT;

/// Where deaths go. Nothing is held open: a death is rare.
#[derive(Debug, Default)]
pub(super) struct Deaths {
    /// The number of the next one, once that is known.
    next: Option<u64>,
    /// For how many there was room.
    capacity: u32,
}

impl Deaths {
    /// Notes a death, where there is room for `capacity` of them. What goes wrong with
    /// that is nobody's business.
    pub(super) fn note(&mut self, place: &Place, death: &Death, capacity: u32) -> io::Result<()> {
        if capacity == 0 {
            return Ok(());
        }
        let file = open(place)?;
        if self.next.is_none() || self.capacity != capacity {
            self.next = Some(prepare(&file, capacity)?);
            self.capacity = capacity;
        }
        let number = self.next.unwrap_or(0);
        let Some(offset) = deaths::offset(number, capacity) else {
            return Ok(());
        };
        self.next = number.checked_add(1);
        file.write_all_at(&death.encode(number), offset)
    }
}

/// The number to go on with, in a file that is a ring of this capacity.
fn prepare(file: &File, capacity: u32) -> io::Result<u64> {
    let length = usize::try_from(file.metadata()?.len()).unwrap_or(MOST);
    let mut bytes = vec![0; length.min(MOST)];
    let read = file.read_at(&mut bytes, 0)?;
    bytes.truncate(read);
    if !deaths::fits(&bytes, capacity) {
        let ring = deaths::relaid(&bytes, capacity);
        file.set_len(0)?;
        file.write_all_at(&ring, 0)?;
    }
    Ok(deaths::next_number(&bytes))
}

/// Like the record, it is nobody else's file.
fn open(place: &Place) -> io::Result<File> {
    let how = How::UPDATE.mode(0o644).no_follow();
    let file = how.open(place.file(deaths::NAME))?;
    let found = file.metadata()?;
    let owner = [0, identity::effective_user()].contains(&found.uid());
    if found.is_file() && found.nlink() == 1 && owner {
        Ok(file)
    } else {
        Err(Errno::EINVAL.into())
    }
}
