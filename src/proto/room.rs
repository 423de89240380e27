//! How much room a message has that comes in parts: it grows with the bytes received, to at most twice
//! them (and 128), never with the bytes announced. Only of a long one that comes without a pause it grows
//! ahead. Does not know frames.

use crate::simd::text;
use crate::{page, pool};

/// What the next growth depends on, besides what is held.
#[derive(Debug, Default)]
pub(super) struct Room {
    /// The message has begun with the bytes that are being read: most likely it is about to come.
    fresh: bool,
}

impl Room {
    /// What comes from now on is a new message.
    pub(super) fn begin(&mut self) {
        self.fresh = true;
    }

    /// Makes room for `count` more bytes of the `left` that may be about to come, 0 where they are not read
    /// to here: the largest power of two that is at most twice what has come then. Of something long that
    /// has just begun up to sixteen times that, but no more than is to come, for moving costs more.
    pub(super) fn make(&self, held: &mut text::Buffer, count: usize, left: u64) {
        let received = held.len() + count;
        if received <= held.capacity() {
            return;
        }
        let double = 1 << (2 * received).max(LEAST).ilog2();
        let size = if received < LONG || !self.fresh {
            double
        } else {
            let all = (held.len() as u64).saturating_add(left);
            double.max(all.min(1 << (16 * received as u64).ilog2()) as usize)
        };
        move_to(held, size, left > 0);
    }

    /// Nothing more has come for now: gives back room beyond as much again as has. From now on it grows
    /// by doubling, or a peer that sends slowly would have it moved again and again.
    pub(super) fn tighten(&mut self, held: &mut text::Buffer) {
        self.fresh = false;
        let most = (2 * held.len()).max(LEAST);
        if held.memory() > most + page::LEFT_OUT_MAX {
            move_to(held, 1 << most.ilog2(), true);
        }
    }
}

/// Moves to a room of `size` bytes. If more is read to there, it keeps clear of where a page begins.
fn move_to(held: &mut text::Buffer, size: usize, read: bool) {
    let room = match size {
        LONG.. if read => pool::take_clear(size),
        _ => pool::take(size),
    };
    pool::give(held.move_to(room));
}

/// 64: below this an allocation is not worth sizing.
const LEAST: usize = 64;
/// 32 KiB: what is shorter grows by doubling, and lies where it comes to lie.
const LONG: usize = 32 << 10;
