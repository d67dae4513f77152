//! Where a byte is among many that are looked at together: with the processor's own
//! instructions where every processor of the kind has them.

/// How many bytes are looked at together.
pub const TOGETHER: usize = 64;

/// A bit for each place where `byte` is, the lowest for the first one.
#[cfg(target_arch = "x86_64")]
#[must_use]
#[inline]
pub fn places(byte: u8, bytes: &[u8; TOGETHER]) -> u64 {
    let (quarters, _none) = bytes.as_chunks::<16>();
    quarters.iter().rev().fold(0, |all, quarter| {
        // SAFETY: SSE2, all that is asked for, is part of every x86-64.
        all << 16 | u64::from(unsafe { among(byte, quarter) })
    })
}

/// The same for sixteen bytes.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse2")]
#[inline]
fn among(byte: u8, bytes: &[u8; 16]) -> u16 {
    use std::arch::x86_64::{_mm_cmpeq_epi8, _mm_movemask_epi8, _mm_set_epi64x, _mm_set1_epi8};
    let all = u128::from_le_bytes(*bytes).cast_signed();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the halves are wanted, and the sixteen bits that there are"
    )]
    {
        let bytes = _mm_set_epi64x((all >> 64) as i64, all as i64);
        _mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(byte.cast_signed()))) as u16
    }
}

/// A bit for each place where `byte` is, the lowest for the first one.
#[cfg(not(target_arch = "x86_64"))]
#[must_use]
pub fn places(byte: u8, bytes: &[u8; TOGETHER]) -> u64 {
    let (words, _none) = bytes.as_chunks::<8>();
    words.iter().rev().fold(0, |all, word| {
        all << 8 | places_in(byte, u64::from_le_bytes(*word))
    })
}

/// The same for eight bytes, without the instructions that are made for it.
#[cfg(any(test, not(target_arch = "x86_64")))]
const fn places_in(byte: u8, word: u64) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const LOW: u64 = ONES * 0x7f;
    let zeroed = word ^ u64::from_le_bytes([byte; 8]);
    // The top bit of a byte is set unless the byte is zero; no carry leaves a byte.
    let other = ((zeroed & LOW) + LOW) | zeroed;
    let found = (!other >> 7) & ONES;
    // Each bit is moved to its place in the top byte.
    found.wrapping_mul(0x0102_0408_1020_4080) >> 56
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_is_found_among_bytes_that_look_alike() {
        for which in 0..256_u64 {
            for other in [0x0b, 0x09, 0x8a, 0, 0xff] {
                let byte = |at| if which >> at & 1 == 1 { b'\n' } else { other };
                let eight: [u8; 8] = std::array::from_fn(byte);
                assert_eq!(places_in(b'\n', u64::from_le_bytes(eight)), which);
                let many = std::array::from_fn(|at| byte(at % 8));
                assert_eq!(places(b'\n', &many), which * 0x0101_0101_0101_0101);
            }
        }
        let one = std::array::from_fn(|at| if at == 37 { 0xfe } else { 0x7e });
        assert_eq!(places(0xfe, &one), 1 << 37);
    }
}
