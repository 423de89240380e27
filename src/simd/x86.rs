//! The loops of `mask`, thirty-two bytes at a time.
//!
//! They are the safe loops, compiled for AVX2: the compiler makes one instruction of each line, and
//! intrinsics for loading, storing and XOR were no faster. Only the ASCII flag needs them: gathered
//! by block without them it ends in general registers, and a kilobyte takes four times as long; by
//! word, everything up to 256 bytes takes a third longer.
//!
//! AVX-512 gains a tenth at most, and its masked stores stall whoever reads next: not used.

use std::arch::x86_64::*;
use std::mem::MaybeUninit;

use super::mask::{WIDE, apply_words, copy_words, repeat, turn};

/// Proof that the processor has AVX2: there is one only where it was found.
#[derive(Clone, Copy)]
pub(super) struct Avx2(());

impl Avx2 {
    /// The wide loops, if `len` bytes are worth them and the processor has them. The standard
    /// library asks the processor once; after that this is one load.
    #[inline(always)]
    pub(super) fn worth(len: usize) -> Option<Self> {
        (len >= WIDE && is_x86_feature_detected!("avx2")).then_some(Avx2(()))
    }

    #[inline(always)]
    pub(super) fn apply(self, bytes: &mut [u8], key: [u8; 4]) {
        // SAFETY: `self` proves AVX2.
        unsafe { apply(bytes, key) }
    }

    #[inline(always)]
    pub(super) fn apply_ascii(self, bytes: &mut [u8], key: [u8; 4]) -> bool {
        // SAFETY: `self` proves AVX2.
        unsafe { apply_ascii(bytes, key) }
    }

    /// Writes all of `room`, which is as long as `bytes`.
    #[inline(always)]
    pub(super) fn copy(self, room: &mut [MaybeUninit<u8>], bytes: &[u8], key: [u8; 4]) -> bool {
        // SAFETY: `self` proves AVX2.
        unsafe { copy(room, bytes, key) }
    }
}

#[target_feature(enable = "avx2")]
fn apply(bytes: &mut [u8], key: [u8; 4]) {
    let (head, bytes) = bytes.split_at_mut(head(bytes));
    apply_words(head, key);
    let key = turn(key, head.len());
    let last = meet(last(bytes), turn(key, bytes.len()));
    for block in bytes.as_chunks_mut().0 {
        *block = meet(*block, key);
    }
    *last_mut(bytes) = last;
}

#[target_feature(enable = "avx2")]
fn apply_ascii(bytes: &mut [u8], key: [u8; 4]) -> bool {
    let (head, bytes) = bytes.split_at_mut(head(bytes));
    let head_ascii = apply_words(head, key);
    let key = turn(key, head.len());
    let last = meet(last(bytes), turn(key, bytes.len()));
    let mut seen = load(&last);
    for block in bytes.as_chunks_mut().0 {
        *block = meet(*block, key);
        seen = _mm256_or_si256(seen, load(block));
    }
    *last_mut(bytes) = last;
    head_ascii & (_mm256_movemask_epi8(seen) == 0)
}

#[target_feature(enable = "avx2")]
fn copy(room: &mut [MaybeUninit<u8>], bytes: &[u8], key: [u8; 4]) -> bool {
    let (begin, room) = room.split_at_mut(head(room));
    let (head, bytes) = bytes.split_at(begin.len());
    let head_ascii = copy_words(begin, head, key);
    let key = turn(key, head.len());
    let last = meet(last(bytes), turn(key, bytes.len()));
    *last_mut(room) = last.map(MaybeUninit::new);
    let mut seen = load(&last);
    for (room, block) in room.as_chunks_mut().0.iter_mut().zip(bytes.as_chunks().0) {
        let block = meet(*block, key);
        *room = block.map(MaybeUninit::new);
        seen = _mm256_or_si256(seen, load(&block));
    }
    head_ascii & (_mm256_movemask_epi8(seen) == 0)
}

/// How many bytes come before where stores are aligned, if that is worth asking. Every second block that
/// is not meets two cache lines, and takes twice as long.
#[inline(always)]
fn head<T>(to: &[T]) -> usize {
    if to.len() < LONG {
        return 0;
    }
    // `align_offset` may answer `usize::MAX`, that it cannot tell: then the head is all but the last block,
    // unmasked by words, which is slower and as right.
    let head = to.as_ptr().align_offset(size_of::<Block>());
    head.min(to.len() - WIDE)
}

/// What one register holds.
type Block<T = u8> = [T; 32];

/// A block, unmasked. By words: a key of thirty-two bytes takes longer to lay out than to apply.
#[inline(always)]
fn meet(mut block: Block, key: [u8; 4]) -> Block {
    for word in block.as_chunks_mut().0 {
        *word = (u64::from_ne_bytes(*word) ^ repeat(key)).to_ne_bytes();
    }
    block
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(block: &Block) -> __m256i {
    // SAFETY: the reference is to thirty-two bytes, and `loadu` asks for no alignment.
    unsafe { _mm256_loadu_si256(block.as_ptr().cast()) }
}

/// The last block, read before a loop stores to some of it, or it would be unmasked twice.
#[inline(always)]
fn last(bytes: &[u8]) -> Block {
    *bytes.last_chunk().expect("at least WIDE bytes")
}

#[inline(always)]
fn last_mut<T>(bytes: &mut [T]) -> &mut Block<T> {
    bytes.last_chunk_mut().expect("at least WIDE bytes")
}

/// 1 KiB: below it the head costs what its alignment saves.
const LONG: usize = 1024;
