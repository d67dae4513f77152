//! How a program begins, and what it was given by its parent.
//!
//! Programs begin at a `main` of ours ([`entry!`](macro@crate::entry)), not at that of Rust's
//! runtime. That one ignores SIGPIPE, which services would inherit, and prepares for
//! telling of an overflown stack: for that it reads /proc/self/maps and takes pages that
//! stay, in each of the three processes that a service with its log has. What it does
//! besides is done here.

use std::ffi::{CStr, CString, c_char, c_int};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, Ordering::Relaxed};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::stat::Mode;

static PIPE_WAS_IGNORED: AtomicBool = AtomicBool::new(false);
static CHILD_WAS_IGNORED: AtomicBool = AtomicBool::new(false);
static CHILD_WAS_BLOCKED: AtomicBool = AtomicBool::new(false);
/// Which of 0, 1 and 2 were open. Until it is recorded, and in a program that the
/// record does not reach, all of them count as open.
static STANDARD_WAS_OPEN: [AtomicBool; 3] = [const { AtomicBool::new(true) }; 3];
static ARGUMENT_COUNT: AtomicI32 = AtomicI32::new(0);
static ARGUMENTS: AtomicPtr<*mut c_char> = AtomicPtr::new(std::ptr::null_mut());

/// glibc calls the functions of this section with `main`'s arguments, before
/// `main`, whosever that is: a test's is that of Rust's runtime.
#[used]
#[unsafe(link_section = ".init_array")]
static RECORD: extern "C" fn(c_int, *mut *mut c_char, *mut *mut c_char) = record;

/// Only asks; changes nothing.
extern "C" fn record(count: c_int, arguments: *mut *mut c_char, _envp: *mut *mut c_char) {
    PIPE_WAS_IGNORED.store(is_ignored(libc::SIGPIPE), Relaxed);
    CHILD_WAS_IGNORED.store(is_ignored(libc::SIGCHLD), Relaxed);
    CHILD_WAS_BLOCKED.store(is_blocked(Signal::SIGCHLD), Relaxed);
    for (number, open) in (0..).zip(&STANDARD_WAS_OPEN) {
        open.store(is_open(number), Relaxed);
    }
    ARGUMENT_COUNT.store(count, Relaxed);
    ARGUMENTS.store(arguments, Relaxed);
}

pub(crate) fn is_ignored(signal: c_int) -> bool {
    let mut old = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: a null new action makes this a query, and `old` has room for the answer.
    let asked = unsafe { libc::sigaction(signal, std::ptr::null(), old.as_mut_ptr()) };
    // SAFETY: all zeroes is a valid `sigaction`, and a successful call has filled it.
    asked == 0 && unsafe { old.assume_init() }.sa_sigaction == libc::SIG_IGN
}

fn is_open(number: c_int) -> bool {
    // SAFETY: asks about a number, which need not be open, and touches no memory.
    let asked = Errno::result(unsafe { libc::fcntl(number, libc::F_GETFD) });
    // Any other error says nothing about the number.
    asked != Err(Errno::EBADF)
}

fn is_blocked(signal: Signal) -> bool {
    SigSet::thread_get_mask().is_ok_and(|mask| mask.contains(signal))
}

/// Has the program begin with this: a function without arguments that gives the exit
/// code, from 0 to 255. The crate is to be `#![cfg_attr(not(test), no_main)]`: its unit
/// tests have a `main` of their own.
#[macro_export]
macro_rules! entry {
    ($begin:expr) => {
        #[cfg(test)]
        const _: fn() -> u8 = $begin;

        // SAFETY: the C library calls what has this name, with these arguments, and nothing
        // else in a program that is `no_main` has it.
        #[cfg(not(test))]
        #[unsafe(no_mangle)]
        extern "C" fn main(
            _: core::ffi::c_int,
            _: *const *const core::ffi::c_char,
        ) -> core::ffi::c_int {
            $crate::startup::enter($begin)
        }
    };
}

/// What [`entry!`](macro@crate::entry) calls, and nobody else.
///
/// A panic that unwinds ends the program with 101, as in Rust's own runtime.
#[doc(hidden)]
#[expect(clippy::exit, reason = "the end of main")]
pub fn enter(begin: fn() -> u8) -> ! {
    if fill_up_standard().is_err() {
        // What is opened next would be taken for standard output.
        std::process::abort();
    }
    let code = std::panic::catch_unwind(begin).unwrap_or(101);
    // Not by returning: what the standard library has yet to print, it prints here.
    std::process::exit(code.into())
}

/// Puts /dev/null where standard input, output or error is closed.
fn fill_up_standard() -> nix::Result<()> {
    for open in &STANDARD_WAS_OPEN {
        if !open.load(Relaxed) {
            // The lowest number there is, which is the one that is wanted.
            let null = nix::fcntl::open("/dev/null", OFlag::O_RDWR, Mode::empty())?;
            std::mem::forget(null);
        }
    }
    Ok(())
}

/// Whether our parent had us ignore SIGPIPE.
#[must_use]
pub fn pipe_was_ignored() -> bool {
    PIPE_WAS_IGNORED.load(Relaxed)
}

/// Whether our parent had us ignore SIGCHLD.
#[must_use]
pub fn child_was_ignored() -> bool {
    CHILD_WAS_IGNORED.load(Relaxed)
}

/// Whether our parent had SIGCHLD blocked.
#[must_use]
pub fn child_was_blocked() -> bool {
    CHILD_WAS_BLOCKED.load(Relaxed)
}

/// Whether our parent gave us a descriptor `number`, one of 0, 1 and 2; where it
/// did not, /dev/null is there.
#[must_use]
pub fn standard_was_open(number: usize) -> bool {
    STANDARD_WAS_OPEN
        .get(number)
        .is_some_and(|open| open.load(Relaxed))
}

/// The environment as it was given, entry by entry, in order; entries without
/// `=` and repeated names included, which std's view leaves out.
#[must_use]
pub fn environment() -> &'static [CString] {
    static ENVIRONMENT: OnceLock<Vec<CString>> = OnceLock::new();
    ENVIRONMENT.get_or_init(|| {
        let mut entries = Vec::new();
        // SAFETY: `environ` is the C library's null-terminated array of
        // NUL-terminated strings; this workspace calls neither setenv nor putenv, and
        // what `take` does is done by the only thread, so no entry can move while it
        // is read.
        unsafe {
            let mut entry = environ;
            while !entry.is_null() && !(*entry).is_null() {
                entries.push(CStr::from_ptr(*entry).to_owned());
                entry = entry.add(1);
            }
        }
        entries
    })
}

/// What the environment has under `name`, which it does not have from then on: nor do
/// the programs started later. To be called before anything else asks for the
/// environment, and before there is a second thread.
#[must_use]
pub fn take(name: &str) -> Option<CString> {
    let name = name.as_bytes();
    let value = |entry: &CStr| {
        let rest = entry.to_bytes().strip_prefix(name)?;
        CString::new(rest.strip_prefix(b"=")?).ok()
    };
    let mut taken = None;
    // SAFETY: `environ` is the C library's null-terminated array of NUL-terminated
    // strings, in writable memory. No other thread reads it yet, and no pointer into it
    // has been kept; it only gets shorter.
    unsafe {
        let mut from = environ.cast_mut();
        let mut to = from;
        while !from.is_null() && !(*from).is_null() {
            if let Some(value) = value(CStr::from_ptr(*from)) {
                taken = Some(value);
            } else {
                to.write(*from);
                to = to.add(1);
            }
            from = from.add(1);
        }
        if taken.is_some() {
            to.write(std::ptr::null());
        }
    }
    taken
}

/// The environment as it was given, in the C library's own place: a
/// null-terminated array of NUL-terminated strings that stays as it is, but for what
/// is [taken](take) out.
pub(crate) fn environment_block() -> *const *const c_char {
    // SAFETY: reads a pointer that is set before `main` and never after: this
    // workspace calls neither setenv nor putenv, and `take` leaves it where it is.
    let block = unsafe { environ };
    if block.is_null() {
        const NONE: &[usize; 1] = &[0];
        return NONE.as_ptr().cast();
    }
    block
}

unsafe extern "C" {
    static environ: *const *const c_char;
}

/// The memory of our last argument, NUL left out, for writing a process title
/// into; `None` without arguments besides the program's name.
///
/// What is written there is what ps(1) shows. Only the first call gives it.
#[must_use]
pub fn last_argument() -> Option<&'static mut [u8]> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    let count = usize::try_from(ARGUMENT_COUNT.load(Relaxed)).unwrap_or(0);
    let arguments = ARGUMENTS.load(Relaxed);
    if arguments.is_null() || count < 2 || TAKEN.swap(true, Relaxed) {
        return None;
    }
    // SAFETY: `argv` holds `argc` NUL-terminated strings for the life of the
    // process, in writable memory; `TAKEN` makes this the only mutable view, and
    // std's arguments are copies that were made before or read the same bytes
    // from this thread only while no such view is used.
    unsafe {
        let text = *arguments.add(count - 1);
        let length = CStr::from_ptr(text).to_bytes().len();
        Some(std::slice::from_raw_parts_mut(text.cast(), length))
    }
}
