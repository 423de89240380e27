//! XOR with a key of four bytes that repeats (RFC 6455, 5.3): in place, or while copying.
//!
//! Does not know where a payload begins: `key[0]` meets the first byte given, and whoever comes
//! back for the rest of a payload brings the key [`turn`]ed.
//!
//! Short runs go through a loop over eight bytes at a time that inlines at the caller; from
//! `WIDE` bytes on the same loop runs over thirty-two, if the processor has AVX2. Both end on
//! one more chunk, the last of the run, which overlaps the one before: a remainder byte by byte
//! costs more than all the rest of a short run.

use std::mem::MaybeUninit;

#[cfg(target_arch = "x86_64")]
use super::x86::Avx2;

/// Unmasks `bytes` where they lie. Masking is the same thing.
#[inline]
pub fn apply(bytes: &mut [u8], key: [u8; 4]) {
    // Some clients send no mask to speak of.
    if key == [0; 4] {
        return;
    }
    #[cfg(target_arch = "x86_64")]
    if let Some(avx2) = Avx2::worth(bytes.len()) {
        return avx2.apply(bytes, key);
    }
    apply_words(bytes, key);
}

/// Unmasks `bytes` where they lie, and tells whether all of them turned out to be ASCII.
#[inline]
pub fn apply_ascii(bytes: &mut [u8], key: [u8; 4]) -> bool {
    #[cfg(target_arch = "x86_64")]
    if let Some(avx2) = Avx2::worth(bytes.len()) {
        return avx2.apply_ascii(bytes, key);
    }
    apply_words(bytes, key)
}

/// Unmasks `bytes` on their way to the end of `to`: one pass, at the price of a copy.
///
/// The flag of [`append_ascii`] comes along unasked: four nanoseconds at 1 KiB, none past 64 KiB.
#[inline]
pub fn append(to: &mut Vec<u8>, bytes: &[u8], key: [u8; 4]) {
    append_ascii(to, bytes, key);
}

/// [`append`], and tells whether all of `bytes` turned out to be ASCII.
#[inline]
pub fn append_ascii(to: &mut Vec<u8>, bytes: &[u8], key: [u8; 4]) -> bool {
    to.reserve(bytes.len());
    let room = &mut to.spare_capacity_mut()[..bytes.len()];
    let ascii = copy(room, bytes, key);
    // SAFETY: `room` is the `bytes.len()` bytes behind the vector's last, inside its capacity (the
    // slicing above would have panicked), and `copy` has written every one of them.
    unsafe { to.set_len(to.len() + bytes.len()) };
    ascii
}

/// The key as it meets the byte `by` places on.
#[inline]
pub const fn turn(key: [u8; 4], by: usize) -> [u8; 4] {
    let steps = (by & 3) as u32;
    u32::from_le_bytes(key)
        .rotate_right(8 * steps)
        .to_le_bytes()
}

/// Writes all of `room`, which is as long as `bytes`.
#[inline]
fn copy(room: &mut [MaybeUninit<u8>], bytes: &[u8], key: [u8; 4]) -> bool {
    assert_eq!(room.len(), bytes.len());
    #[cfg(target_arch = "x86_64")]
    if let Some(avx2) = Avx2::worth(bytes.len()) {
        return avx2.copy(room, bytes, key);
    }
    copy_words(room, bytes, key)
}

/// The twin of [`Avx2::apply`] and [`Avx2::apply_ascii`]. Who ignores the answer does not pay for
/// it: the loop is inlined, and the compiler drops what nobody asks.
#[inline(always)]
pub(super) fn apply_words(bytes: &mut [u8], key: [u8; 4]) -> bool {
    match bytes.len() {
        16..=32 => return apply_ends::<16>(bytes, key),
        33..=64 => return apply_ends::<32>(bytes, key),
        _ => {}
    }
    let Some(&last) = bytes.last_chunk() else {
        return apply_bytes(bytes, key);
    };
    // Read before the loop stores to some of it, or it would be unmasked twice.
    let last = u64::from_ne_bytes(last) ^ repeat(turn(key, bytes.len()));
    let mut seen = last;
    for chunk in bytes.as_chunks_mut().0 {
        let word = u64::from_ne_bytes(*chunk) ^ repeat(key);
        *chunk = word.to_ne_bytes();
        seen |= word;
    }
    if let Some(end) = bytes.last_chunk_mut() {
        *end = last.to_ne_bytes();
    }
    seen & NOT_ASCII == 0
}

/// A run of `SIDE` to twice as many bytes, as two that may overlap: no loop, and nothing to be guessed.
#[inline(always)]
fn apply_ends<const SIDE: usize>(bytes: &mut [u8], key: [u8; 4]) -> bool {
    let turned = turn(key, bytes.len());
    let (Some(&front), Some(&back)) = (bytes.first_chunk(), bytes.last_chunk()) else {
        return apply_bytes(bytes, key);
    };
    let (front, front_seen) = meet::<SIDE>(front, key);
    let (back, back_seen) = meet::<SIDE>(back, turned);
    if let Some(begin) = bytes.first_chunk_mut() {
        *begin = front;
    }
    if let Some(end) = bytes.last_chunk_mut() {
        *end = back;
    }
    (front_seen | back_seen) & NOT_ASCII == 0
}

/// A few words, unmasked, and all that was seen in them.
#[inline(always)]
fn meet<const SIDE: usize>(mut bytes: [u8; SIDE], key: [u8; 4]) -> ([u8; SIDE], u64) {
    let mut seen = 0;
    for chunk in bytes.as_chunks_mut().0 {
        let word = u64::from_ne_bytes(*chunk) ^ repeat(key);
        *chunk = word.to_ne_bytes();
        seen |= word;
    }
    (bytes, seen)
}

/// Less than a word.
#[inline(always)]
fn apply_bytes(bytes: &mut [u8], key: [u8; 4]) -> bool {
    let mut seen = 0;
    for (byte, key) in bytes.iter_mut().zip(repeat(key).to_ne_bytes()) {
        *byte ^= key;
        seen |= *byte;
    }
    seen.is_ascii()
}

/// The twin of [`Avx2::copy`].
#[inline(always)]
pub(super) fn copy_words(room: &mut [MaybeUninit<u8>], bytes: &[u8], key: [u8; 4]) -> bool {
    let (Some(end), Some(&last)) = (room.last_chunk_mut(), bytes.last_chunk()) else {
        return copy_bytes(room, bytes, key);
    };
    let last = u64::from_ne_bytes(last) ^ repeat(turn(key, bytes.len()));
    *end = last.to_ne_bytes().map(MaybeUninit::new);
    let mut seen = last;
    for (chunk, bytes) in room.as_chunks_mut().0.iter_mut().zip(bytes.as_chunks().0) {
        let word = u64::from_ne_bytes(*bytes) ^ repeat(key);
        *chunk = word.to_ne_bytes().map(MaybeUninit::new);
        seen |= word;
    }
    seen & NOT_ASCII == 0
}

/// Less than a word.
#[inline(always)]
fn copy_bytes(room: &mut [MaybeUninit<u8>], bytes: &[u8], key: [u8; 4]) -> bool {
    let mut seen = 0u8;
    for ((room, byte), key) in room.iter_mut().zip(bytes).zip(repeat(key).to_ne_bytes()) {
        seen |= *room.write(byte ^ key);
    }
    seen.is_ascii()
}

/// The key twice, side by side: what meets eight bytes.
#[inline(always)]
pub(super) const fn repeat(key: [u8; 4]) -> u64 {
    // By halves: byte by byte the compiler takes two dozen instructions.
    let half = u32::from_ne_bytes(key) as u64;
    half << 32 | half
}

/// 64: from here on AVX2 wins over words whatever the remainder; below, the call costs what it saves.
pub(super) const WIDE: usize = 64;

/// The high bit of each byte.
const NOT_ASCII: u64 = 0x8080_8080_8080_8080;

#[cfg(test)]
mod tests {
    use super::*;

    /// Where there is AVX2, nobody else would try the words on long runs.
    #[test]
    fn words_do_what_bytes_do_at_every_length() {
        let key = [0x37, 0xfa, 0x21, 0x3d];
        for len in 0..=300 {
            for ascii in [true, false] {
                let mut wanted = vec![b'a'; len];
                if let (false, Some(byte)) = (ascii, wanted.get_mut(len * 7 / 11)) {
                    *byte = 0xe9;
                }
                let masked: Vec<u8> = (0..len).map(|i| wanted[i] ^ key[i % 4]).collect();

                let mut applied = masked.clone();
                assert_eq!(apply_words(&mut applied, key), wanted.is_ascii());
                assert_eq!(applied, wanted);

                let mut copied = vec![MaybeUninit::new(0); len];
                assert_eq!(copy_words(&mut copied, &masked, key), wanted.is_ascii());
                // SAFETY: every byte was made of a zero, whatever has been written since.
                let copied = copied.iter().map(|byte| unsafe { byte.assume_init() });
                assert!(copied.eq(wanted));
            }
        }
    }
}
