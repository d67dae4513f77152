//! Becoming the program that is installed now, under the same process id.
//!
//! It is asked first whether it can go on from our record. Then it is executed
//! with what must not be closed for a moment: the lock, the control FIFO (and the
//! commands in it) and `ok`. All else is in the record.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::FileTypeExt;

use dt_os::Errno;
use dt_os::exec::Image;
use dt_os::file::Directory;
use dt_os::store::{self, Store};
use dt_os::{descriptor, oom, startup};

/// Second argument of one that takes over, first of one that is asked; the version
/// of the record follows. The original takes neither for an invocation.
const TAKES_OVER: &str = "--takes-over=";

const QUESTION: &str = "?";

/// What `supervise` was called for.
pub(crate) enum Call<'a> {
    /// To begin in a directory.
    Begin(&'a OsStr),
    /// To go on, in the directory that we are in already.
    GoOn(&'a OsStr, Handed),
    /// To say that it could.
    Answer,
}

/// What the program before us has left open.
pub(crate) struct Handed {
    pub(crate) lock: File,
    pub(crate) control: File,
    pub(crate) ok: File,
    /// The log's pipe, where there is one.
    pub(crate) pipe: Option<(File, File)>,
    /// The scan directory, where something in it is needed.
    pub(crate) scan: Option<Directory>,
    /// The socket on which the service says how it is, where there is one.
    pub(crate) socket: Option<File>,
    /// Where it is kept, with others.
    pub(crate) store: Option<Store>,
}

/// What the arguments say; `None` where that is nothing.
pub(crate) fn call(args: &[OsString]) -> Option<Call<'_>> {
    match args {
        [dir] => Some(Call::Begin(dir)),
        [asked, question] if is_known(asked) && question == QUESTION => Some(Call::Answer),
        [dir, goes_on, numbers] if is_known(goes_on) => Some(Call::GoOn(dir, handed(numbers)?)),
        _ => None,
    }
}

/// Whether we read the record of which `argument` has the version.
fn is_known(argument: &OsStr) -> bool {
    let version = argument.as_bytes().strip_prefix(TAKES_OVER.as_bytes());
    version.is_some_and(|version| version == b"1" || version == b"2")
}

const _: () = assert!(dt_service::Record::VERSION == 1);
const _: () = assert!(dt_service::record::More::VERSION == 2);

fn handed(numbers: &OsStr) -> Option<Handed> {
    let numbers = numbers.to_str()?.split(',').map(str::parse::<RawFd>);
    let mut left = Vec::new();
    let (mut socket, mut ends) = (None, Vec::new());
    for number in numbers {
        let file = File::from(descriptor::left_to_us(number.ok()?).ok()?);
        if store::is_end(&file) {
            ends.push(OwnedFd::from(file));
        } else if file.metadata().ok()?.file_type().is_socket() {
            socket = Some(file);
        } else {
            left.push(file);
        }
    }
    let mut left = left.into_iter();
    let mut file = || left.next();
    let (lock, control, ok) = (file()?, file()?, file()?);
    // Three, and then two of the pipe, or one of the scan directory, or all of them.
    let pipe = if left.len() >= 2 {
        left.next().zip(left.next())
    } else {
        None
    };
    Some(Handed {
        lock,
        control,
        ok,
        pipe,
        scan: left.next().map(|file| Directory::from(OwnedFd::from(file))),
        socket,
        store: <[OwnedFd; 2]>::try_from(ends).ok().and_then(Store::of),
    })
}

/// Where `svscan` and we keep things for the next of us, where it has given us that.
/// To be called first of all, as no service may get to know of it.
pub(crate) fn store() -> Option<Store> {
    let numbers = startup::take(store::VARIABLE)?;
    let numbers = numbers.to_str().ok()?.split(',').map(str::parse::<RawFd>);
    let ends = numbers.map(|number| descriptor::left_to_us(number.ok()?).ok());
    let ends: Vec<OwnedFd> = ends.collect::<Option<_>>()?;
    Store::of(ends.try_into().ok()?)
}

/// What asks the program installed now about a record of this version.
pub(crate) fn question(version: u8) -> io::Result<Image> {
    let takes_over = format!("{TAKES_OVER}{version}");
    image(&[takes_over.as_ref(), QUESTION.as_ref()])
}

/// Becomes that program; gives the reason where it cannot.
pub(crate) fn become_installed(
    directory: &OsStr,
    version: u8,
    kept: &[BorrowedFd<'_>],
) -> io::Error {
    let numbers = kept.iter().map(|file| file.as_raw_fd().to_string());
    let numbers = numbers.collect::<Vec<_>>().join(",");
    let takes_over = format!("{TAKES_OVER}{version}");
    let image = match image(&[directory, takes_over.as_ref(), numbers.as_ref()]) {
        Ok(image) => image,
        Err(why) => return why,
    };
    let kept = kept.iter().copied();
    let why = match kept.clone().try_for_each(descriptor::keep_on_exec) {
        Ok(()) => {
            let Err(errno) = oom::with_old(|| image.execute());
            errno.into()
        }
        Err(why) => why,
    };
    // The service must not get them.
    for file in kept {
        let _ = descriptor::close_on_exec(file);
    }
    why
}

/// The program installed now, with these arguments: the one of our own name along
/// `PATH`, as `svscan` found us, or the one at the same place.
fn image(arguments: &[&OsStr]) -> io::Result<Image> {
    let name = std::env::args_os().next().unwrap_or_default();
    let arguments = [&[name.as_os_str()], arguments].concat();
    let environment = startup::environment();
    if name.as_bytes().starts_with(b"/") {
        Image::named(&name, &arguments, environment)
    } else if name.as_bytes().contains(&b'/') {
        // From a directory that we have left.
        Image::named(own_place()?, &arguments, environment)
    } else {
        let path = environment
            .iter()
            .find_map(|entry| entry.to_bytes().strip_prefix(b"PATH="));
        Image::searched(&arguments, path.map(OsStr::from_bytes), environment)
    }
}

/// Where our program is or was.
fn own_place() -> io::Result<OsString> {
    let place = std::fs::read_link("/proc/self/exe")?;
    let mut place = place.into_os_string().into_vec();
    if let Some(gone) = place.strip_suffix(b" (deleted)") {
        place.truncate(gone.len());
    }
    if place.is_empty() {
        return Err(Errno::ENOENT.into());
    }
    Ok(OsString::from_vec(place))
}
