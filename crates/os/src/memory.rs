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
}
