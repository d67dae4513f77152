//! Fixed-size slots with a checksum: fields are put in and taken out in order.

use std::time::Duration;

/// Bytes of the checksum at a slot's end.
const SUM: usize = 8;

/// A slot of `N` bytes that is being filled from its beginning; what is not
/// filled is zero.
pub(crate) struct Slot<const N: usize> {
    bytes: [u8; N],
    used: usize,
}

impl<const N: usize> Slot<N> {
    pub(crate) const fn new() -> Self {
        Self {
            bytes: [0; N],
            used: 0,
        }
    }

    pub(crate) fn put(&mut self, field: &[u8]) {
        let places = self.bytes.iter_mut().skip(self.used);
        places.zip(field).for_each(|(place, byte)| *place = *byte);
        self.used += field.len();
    }

    /// With its checksum in the last eight bytes.
    pub(crate) fn sealed(mut self) -> [u8; N] {
        debug_assert!(self.used + SUM <= N, "the fields do not fit");
        if let Some((content, sum)) = self.bytes.split_last_chunk_mut::<SUM>() {
            *sum = checksum(content).to_le_bytes();
        }
        self.bytes
    }
}

/// What is left of a slot to be read.
pub(crate) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// Of a slot that is whole; `None` for any other.
    pub(crate) fn of(slot: &'a [u8], length: usize) -> Option<Self> {
        let (content, sum) = slot.split_last_chunk::<SUM>()?;
        let whole = slot.len() == length && checksum(content) == u64::from_le_bytes(*sum);
        whole.then_some(Self(content))
    }

    pub(crate) fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*field)
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        self.take().map(|[byte]| byte)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    /// In nanoseconds.
    pub(crate) fn time(&mut self) -> Option<Duration> {
        self.u64().map(Duration::from_nanos)
    }
}

/// In nanoseconds; 584 years of them fit.
pub(crate) fn time(time: Duration) -> [u8; 8] {
    u64::try_from(time.as_nanos())
        .unwrap_or(u64::MAX)
        .to_le_bytes()
}

/// FNV-1a: no change of a single byte goes unnoticed.
fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
