//! Memory that can be given back.

use std::io;
use std::num::NonZeroUsize;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

use nix::errno::Errno;

/// Zeroed bytes in pages of their own. Pages never touched cost nothing, and
/// those that were can be given back.
#[derive(Debug)]
pub struct Buffer {
    start: NonNull<u8>,
    length: NonZeroUsize,
}

const PAGE: usize = 4096;

impl Buffer {
    /// `length` bytes.
    pub fn new(length: NonZeroUsize) -> io::Result<Self> {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let kind = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: asks for new memory at an address of the kernel's choice, and so
        // touches none that is in use.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), length.get(), access, kind, -1, 0) };
        if start == libc::MAP_FAILED {
            return Err(Errno::last().into());
        }
        let start = NonNull::new(start.cast()).ok_or(Errno::ENOMEM)?;
        Ok(Self { start, length })
    }

    /// Gives the pages behind the first `keep` bytes back; they read as zeroes.
    pub fn release(&mut self, keep: usize) {
        let from = keep.next_multiple_of(PAGE);
        let Some(length) = self.length.get().checked_sub(from) else {
            return;
        };
        // SAFETY: `from` is at most the mapping's length, so this stays within it.
        let start = unsafe { self.start.as_ptr().add(from) };
        // SAFETY: the range lies in our own private mapping, which is borrowed
        // mutably: nobody reads it while it turns to zeroes. A failure changes nothing.
        unsafe { libc::madvise(start.cast(), length, libc::MADV_DONTNEED) };
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the mapping is that long, readable and zeroed by the kernel, and
        // lives as long as `self`.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.length.get()) }
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as for `deref`; writable, and `self` is the only owner.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.length.get()) }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and no reference to it can outlive `self`.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.length.get()) };
    }
}

/// Has the kernel take back the pages of a range, which it fills anew when they are
/// read again; a failure changes nothing.
///
/// # Safety
///
/// Nothing in the range may be needed that the kernel cannot bring back.
unsafe fn forget(start: usize, length: usize) {
    let start = std::ptr::without_provenance_mut(start);
    // SAFETY: as for this function.
    unsafe { libc::madvise(start, length, libc::MADV_DONTNEED) };
}

/// How far below us the stack is given back.
const DEPTH: usize = 64 << 10;

/// Gives back the pages of the stack that calls before this one have used and
/// nobody uses now. For the main thread, when it is about to wait for long: the
/// deepest call that there ever was would else cost its memory for ever.
pub fn give_back_stack() {
    let here = std::hint::black_box(0_u8);
    // What is used below our frame, by the call that is made here, is less than a
    // page.
    let end = (&raw const here).addr() & !(PAGE - 1);
    let Some(start) = end.checked_sub(PAGE + DEPTH) else {
        return;
    };
    // SAFETY: the stack grows downwards, and nothing that lives is below the frame of
    // the innermost call, which is less than a page below ours. So what the range
    // has of the stack is unused; the rest is the gap of a megabyte that the kernel
    // keeps free below the main thread's, where the call only gives an error. (Other
    // threads have it if 68 KiB of their stack are left.)
    unsafe { forget(start, DEPTH) };
}

/// Gives back the pages of the program itself: its code and its constants, as far as
/// nothing was ever written there. What is needed again comes back out of the
/// kernel's cache, and what only the start has needed does not.
pub fn give_back_code() {
    unsafe extern "C" {
        // The linker's: where the program begins in memory, and where its code ends.
        static __executable_start: u8;
        static etext: u8;
    }
    let start = (&raw const __executable_start).addr();
    let end = (&raw const etext).addr() & !(PAGE - 1);
    let Some(length) = end
        .checked_sub(start)
        .filter(|_| start.is_multiple_of(PAGE))
    else {
        return;
    };
    // SAFETY: what the linker puts between the two is mapped from the program's file
    // and is written neither by us nor, in a program without relocations in its code,
    // by the loader: each page reads the same when the kernel brings it back. The file
    // cannot change, as it is being executed.
    unsafe { forget(start, length) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_stays_and_the_pages_behind_it_are_zero_again() {
        let mut buffer = Buffer::new(NonZeroUsize::new(3 * PAGE).unwrap()).unwrap();
        assert!(buffer.iter().all(|byte| *byte == 0));
        buffer.fill(7);
        buffer.release(5);
        assert!(buffer[..PAGE].iter().all(|byte| *byte == 7));
        assert!(buffer[PAGE..].iter().all(|byte| *byte == 0));
        buffer.release(usize::MAX / 2);
        assert_eq!(buffer.len(), 3 * PAGE);
    }

    fn deep(left: usize) -> usize {
        let block = std::hint::black_box([left; 500]);
        match left {
            0 => 0,
            _ => deep(left - 1) + block[left % 500],
        }
    }

    fn resident() -> usize {
        let pages = std::fs::read_to_string("/proc/thread-self/statm").unwrap();
        pages.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    #[test]
    fn code_that_was_given_back_goes_on() {
        let sum = deep(12);
        let given_back = (0..1000).any(|_| {
            assert_eq!(deep(12), sum);
            let before = resident();
            give_back_code();
            before >= resident() + 8
        });
        assert!(given_back);
        assert_eq!(deep(12), sum);
    }

    #[test]
    fn the_stack_that_nobody_uses_any_more_is_given_back_and_can_be_used_again() {
        let sum = deep(12);
        // Other tests of this process come and go: once of many times is enough.
        let given_back = (0..1000).any(|_| {
            assert_eq!(deep(12), sum);
            let before = resident();
            give_back_stack();
            before >= resident() + 8
        });
        assert!(given_back);
        assert_eq!(deep(12), sum);
    }
}
