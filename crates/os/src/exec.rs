//! Finding a program and becoming it.

use std::convert::Infallible;
use std::ffi::{CStr, CString, OsStr, c_char};
use std::io;
use std::os::unix::ffi::OsStrExt;

use nix::errno::Errno;

/// Where the search goes when `PATH` is not set at all.
const DEFAULT_PATH: &[u8] = b"/bin:/usr/bin";

/// A program, its arguments and its environment, laid out for execve(2).
///
/// Everything is allocated when this is made; [`Image::execute`] allocates
/// nothing and may be called between fork and exec.
#[derive(Debug)]
pub struct Image {
    candidates: Vec<CString>,
    arguments: Pointers,
    /// `None`: the one that this process was given.
    environment: Option<Pointers>,
}

impl Image {
    /// The program `arguments[0]`, searched for along `path` as the original
    /// does: a name with a slash is taken as it is; an empty component of
    /// `path` is the working directory; no `path` means `/bin:/usr/bin`.
    ///
    /// The name may differ from the first argument (see [`Image::named`]).
    pub fn searched(
        arguments: &[impl AsRef<OsStr>],
        path: Option<&OsStr>,
        environment: &[CString],
    ) -> io::Result<Self> {
        let name = arguments.first().map(AsRef::as_ref).unwrap_or_default();
        Self::with_candidates(candidates(name, path)?, arguments, environment)
    }

    /// The program at `file`, with any arguments, the first of them included.
    pub fn named(
        file: impl AsRef<OsStr>,
        arguments: &[impl AsRef<OsStr>],
        environment: &[CString],
    ) -> io::Result<Self> {
        Self::with_candidates(vec![crate::file::c_name(file)?], arguments, environment)
    }

    /// The same with the environment that this process was given. Nothing of that
    /// is copied: who waits for years with an image at hand has it only once.
    pub fn inheriting(
        file: impl AsRef<OsStr>,
        arguments: &[impl AsRef<OsStr>],
    ) -> io::Result<Self> {
        Ok(Self {
            environment: None,
            ..Self::named(file, arguments, &[])?
        })
    }

    fn with_candidates(
        candidates: Vec<CString>,
        arguments: &[impl AsRef<OsStr>],
        environment: &[CString],
    ) -> io::Result<Self> {
        let arguments = arguments
            .iter()
            .map(crate::file::c_name)
            .collect::<io::Result<Vec<_>>>()?;
        Ok(Self {
            candidates,
            arguments: Pointers::new(arguments),
            environment: Some(Pointers::new(environment.to_vec())),
        })
    }

    /// Becomes the program; returns only where that fails, with the reason.
    ///
    /// The search goes on past components that hold no such program and past
    /// those that are no directory (the original stops at the latter, which
    /// hides everything behind a stray file). Where a program of the name was
    /// found that may not be executed, that is the reason; a component that
    /// may not be searched is not.
    pub fn execute(&self) -> Result<Infallible, Errno> {
        let searching = self.candidates.len() > 1;
        let mut reason = Errno::ENOENT;
        for candidate in &self.candidates {
            let errno = self.execute_at(candidate);
            match errno {
                Errno::ENOENT => {}
                Errno::ENOTDIR if searching => {}
                Errno::EACCES if searching && !exists(candidate) => {}
                Errno::EACCES | Errno::EPERM | Errno::EISDIR => reason = errno,
                _ => return Err(errno),
            }
        }
        Err(reason)
    }

    fn execute_at(&self, file: &CStr) -> Errno {
        let environment = self
            .environment
            .as_ref()
            .map_or_else(crate::startup::environment_block, Pointers::as_ptr);
        // SAFETY: `file` is NUL-terminated, and both arrays are null-terminated and
        // point to strings that `self` owns, or that nobody ever changes.
        unsafe { libc::execve(file.as_ptr(), self.arguments.as_ptr(), environment) };
        Errno::last()
    }
}

/// The longest argument or environment entry that execve(2) takes, its final NUL
/// included, in bytes: 32 pages on Linux.
#[must_use]
pub fn longest_string() -> usize {
    const PAGES: usize = 32;
    // SAFETY: asks for a constant of the system.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(page).unwrap_or(4096).saturating_mul(PAGES)
}

/// Asked with access(2), which neither allocates nor opens anything.
fn exists(file: &CStr) -> bool {
    // SAFETY: `file` is NUL-terminated and only read.
    unsafe { libc::access(file.as_ptr(), libc::F_OK) == 0 }
}

/// The files to try for `name`, in order.
fn candidates(name: &OsStr, path: Option<&OsStr>) -> io::Result<Vec<CString>> {
    if name.as_bytes().contains(&b'/') {
        return Ok(vec![crate::file::c_name(name)?]);
    }
    let path = path.map_or(DEFAULT_PATH, OsStr::as_bytes);
    path.split(|byte| *byte == b':')
        .map(|directory| join(directory, name.as_bytes()))
        .collect()
}

fn join(directory: &[u8], name: &[u8]) -> io::Result<CString> {
    let directory = if directory.is_empty() {
        b"."
    } else {
        directory
    };
    crate::file::c_name(OsStr::from_bytes(&[directory, b"/", name].concat()))
}

/// Strings that C code can walk through.
#[derive(Debug)]
struct Pointers {
    pointers: Vec<*const c_char>,
    /// What `pointers` points to; a `CString`'s text does not move with it.
    _strings: Vec<CString>,
}

impl Pointers {
    fn new(strings: Vec<CString>) -> Self {
        let ends = std::iter::once(std::ptr::null());
        let pointers = strings
            .iter()
            .map(|string| string.as_ptr())
            .chain(ends)
            .collect();
        Self {
            pointers,
            _strings: strings,
        }
    }

    fn as_ptr(&self) -> *const *const c_char {
        self.pointers.as_ptr()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(name: &str, path: Option<&str>) -> Vec<String> {
        let found = candidates(name.as_ref(), path.map(OsStr::new)).unwrap();
        found
            .into_iter()
            .map(|file| file.into_string().unwrap())
            .collect()
    }

    #[test]
    fn a_name_with_a_slash_is_not_searched_for() {
        assert_eq!(tried("./run", Some("/bin")), ["./run"]);
    }

    #[test]
    fn empty_components_are_the_working_directory() {
        assert_eq!(tried("x", Some(":/a:")), ["./x", "/a/x", "./x"]);
        assert_eq!(tried("x", Some("")), ["./x"]);
    }

    #[test]
    fn without_a_path_the_search_goes_through_two_directories() {
        assert_eq!(tried("x", None), ["/bin/x", "/usr/bin/x"]);
    }

    #[test]
    fn a_component_that_is_a_file_hides_nothing() {
        let image =
            Image::searched(&["no-such-program"], Some("/etc/passwd:/bin".as_ref()), &[]).unwrap();
        assert_eq!(image.execute().unwrap_err(), Errno::ENOENT);
    }

    #[test]
    fn an_image_that_inherits_has_the_environment_as_it_was_given() {
        let script = "cmp /proc/$$/environ /proc/$PPID/environ";
        let image = Image::inheriting("/bin/sh", &["sh", "-c", script]).unwrap();
        let launch = crate::process::Launch {
            image: &image,
            descriptors: &[],
            directory: None,
            child_signal: crate::process::ChildSignal::Default,
            descriptor_excuse: &[],
            directory_excuse: &[],
            exec_excuse: &[],
        };
        let child = launch.start().unwrap();
        let ending = crate::process::wait_for(child).unwrap();
        assert_eq!(ending, crate::process::Ending::Exited(0));
    }

    #[test]
    fn a_file_that_may_not_be_executed_is_the_reason() {
        let image = Image::searched(&["passwd"], Some("/etc:/nowhere".as_ref()), &[]).unwrap();
        assert_eq!(image.execute().unwrap_err(), Errno::EACCES);
    }
}
