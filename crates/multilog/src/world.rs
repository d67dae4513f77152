//! Everything that multilog asks of the system once it has read its script.
//!
//! One implementation calls the kernel (`kernel`); those of the tests
//! fail the call they are told to, or forget what was not synced.

use std::ffi::{OsStr, OsString};
use std::io;
use std::time::Duration;

pub use dt_os::clock::{Moment, UnixTime};
pub use dt_os::entry::Facts;

/// How a file is opened; all but `Read` make it if it is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    /// For reading.
    Read,
    /// For reading and changing what is in it.
    Update,
    /// For writing at its end.
    Append,
    /// For writing; only if there is no such name yet.
    New,
}

/// Why a wait ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "several things may come at once"
)]
pub struct Woken {
    /// There is input, or its end, or the reason why there is none.
    pub input: bool,
    /// TERM has come.
    pub term: bool,
    /// ALRM has come.
    pub alarm: bool,
    /// The processor has ended; only a wait for input tells.
    pub processor: bool,
}

/// How a processor ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With this code.
    Exited(i32),
    /// This signal killed it.
    Killed(i32),
}

/// The number of a process and when it started, by the kernel's count: no other
/// process of the same boot has both. Zeroes are no process.
pub type Who = (u64, u64);

/// The system. Log directories go by their number in the script, and so do
/// status files.
pub trait World {
    /// An open file of a log directory.
    type File;
    /// A processor that has been started.
    type Child;

    /// Device and inode of a log directory.
    fn identity(&mut self, log: usize) -> io::Result<(u64, u64)>;
    /// Opens a file; the mode is that of one that is made.
    fn open(&mut self, log: usize, name: &OsStr, how: Open, mode: u32) -> io::Result<Self::File>;
    /// What a name stands for, through a symbolic link.
    fn facts(&mut self, log: usize, name: &OsStr) -> io::Result<Option<Facts>>;
    /// What an open file is.
    fn file_facts(&mut self, file: &Self::File) -> io::Result<Facts>;
    /// All names in a log directory, with their inodes.
    fn list(&mut self, log: usize) -> io::Result<Vec<(OsString, u64)>>;
    /// Renames, whatever had the new name.
    fn rename(&mut self, log: usize, from: &OsStr, to: &OsStr) -> io::Result<()>;
    /// Renames, unless there is such a name.
    fn rename_to_new(&mut self, log: usize, from: &OsStr, to: &OsStr) -> io::Result<()>;
    /// Gives a file a second name.
    fn link(&mut self, log: usize, from: &OsStr, to: &OsStr) -> io::Result<()>;
    /// Takes a name away.
    fn remove(&mut self, log: usize, name: &OsStr) -> io::Result<()>;
    /// Sets the mode of a named file.
    fn set_mode(&mut self, log: usize, name: &OsStr, mode: u32) -> io::Result<()>;
    /// Waits until the directory's names are on disk.
    fn sync_names(&mut self, log: usize) -> io::Result<()>;

    /// Writes at the end.
    fn append(&mut self, file: &mut Self::File, bytes: &[u8]) -> io::Result<usize>;
    /// Reads from an offset; 0 is the end.
    fn read_at(&mut self, file: &Self::File, bytes: &mut [u8], at: u64) -> io::Result<usize>;
    /// Writes at an offset.
    fn write_at(&mut self, file: &mut Self::File, bytes: &[u8], at: u64) -> io::Result<usize>;
    /// Cuts a file off.
    fn truncate(&mut self, file: &mut Self::File, size: u64) -> io::Result<()>;
    /// Waits until what is in the file is on disk.
    fn sync(&mut self, file: &mut Self::File) -> io::Result<()>;
    /// Sets the mode of an open file.
    fn set_file_mode(&mut self, file: &mut Self::File, mode: u32) -> io::Result<()>;

    /// Goes into the log directory for the processor; the next start leaves it.
    fn enter(&mut self, log: usize) -> io::Result<()>;
    /// Starts a log directory's processor, which has `previous`, a new `processed`,
    /// `state` and a new `newstate` as its descriptors 0, 1, 4 and 5. It does nothing
    /// before it is let go, and ends if we do.
    fn start(&mut self, log: usize) -> io::Result<Self::Child>;
    /// Who that is; zeroes if nobody can say.
    fn who(&mut self, child: &Self::Child) -> Who;
    /// Whether a process still runs.
    fn lives(&mut self, who: Who) -> bool;
    /// Lets a processor go, which must be the only one then. Says whether
    /// [`World::wait`] will tell that it has ended.
    fn let_go(&mut self, child: Self::Child) -> io::Result<bool>;
    /// Waits for the processor that was let go to end.
    fn wait_for_processor(&mut self) -> io::Result<Ending>;

    /// Writes a status file from its beginning.
    fn write_status(&mut self, status: usize, content: &[u8]) -> io::Result<()>;
    /// Prints, in one piece; whether that works is nobody's business.
    fn say(&mut self, bytes: &[u8]);

    /// Whether there is all that [`World::look`] needs, and enough to work beside it.
    fn can_look(&mut self) -> io::Result<()>;
    /// Copies the beginning of the input, a pipe, and leaves it there; 0 is the end.
    fn look(&mut self, into: &mut [u8]) -> io::Result<usize>;
    /// Has up to `most` bytes looked at in one go, and the pipe hold twice that: who
    /// fills it does so with one half while we deal with the other, and neither
    /// waits for the pipe's lock. It changes nothing else, and may not work.
    fn widen(&mut self, most: usize);
    /// Undoes that, if it can be undone now.
    fn narrow(&mut self);
    /// Takes up to `most` bytes of input and forgets them, all or none of what is
    /// there; 0 is the end.
    fn discard(&mut self, most: usize) -> io::Result<usize>;
    /// Moves up to `most` bytes of input to the offset `at` of a file; 0 is the end.
    fn splice(&mut self, file: &mut Self::File, at: u64, most: usize) -> io::Result<usize>;
    /// Reads input, if there is some; 0 is the end.
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize>;
    /// Waits for a signal, for input (or the end of the processor) where that is
    /// asked for, and until the deadline if there is one.
    fn wait(&mut self, input: bool, deadline: Option<Moment>) -> Woken;
    /// Which signals have come, without waiting; `input` means nothing.
    fn signals(&mut self) -> Woken;
    /// The clock that waits go by.
    fn moment(&mut self) -> Moment;
    /// The clock that stamps show.
    fn unix_time(&mut self) -> UnixTime;
}

/// How long a failed step waits for its next attempt.
pub const PAUSE: Duration = Duration::from_secs(5);
