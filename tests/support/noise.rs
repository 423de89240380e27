//! Bytes without a pattern.

#![allow(unreachable_pub, dead_code)]

/// Bytes that are different at every place of a few pages, and for every `seed`.
pub fn noise(seed: u32, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9) | 1;
    let mut step = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 24) as u8
    };
    (0..len).map(|_| step()).collect()
}
