//! Large buffers, used again while they are still in the cache and their pages are still there.
//!
//! One pool per thread, bounded, for powers of two and for a little more than these; buffers below 4 KiB
//! are left to the allocator, which is good at them. A fresh megabyte would cost more in page faults than
//! its message in everything else.

use std::cell::RefCell;

use crate::page;

/// An empty buffer with room for `size` bytes, rounded up to the next size that is kept.
pub(crate) fn take(size: usize) -> Vec<u8> {
    let round = size.next_power_of_two();
    let just_more = round / 2 + EXTRA;
    let size = if size <= just_more && round / 2 >= 1 << SMALLEST {
        just_more
    } else {
        round
    };
    let pooled = POOL
        .try_with(|pool| pool.borrow_mut().take(size))
        .ok()
        .flatten();
    pooled.unwrap_or_else(|| Vec::with_capacity(size))
}

/// A buffer with room for `size` bytes behind those that are in it, which keep what the kernel is to copy
/// clear of where a page begins.
pub(crate) fn take_clear(size: usize) -> Vec<u8> {
    let mut buffer = take(size + page::LEFT_OUT_MAX);
    buffer.resize(page::left_out(buffer.as_ptr()), 0);
    buffer
}

/// Takes a buffer back; what is in it is forgotten.
pub(crate) fn give(mut buffer: Vec<u8>) {
    if class(buffer.capacity()).is_some() {
        buffer.clear();
        // The thread may be ending, its pool gone: then the buffer is simply freed.
        let _ = POOL.try_with(|pool| pool.borrow_mut().give(buffer));
    }
}

struct Pool {
    /// Buffers of 4 KiB, of 4 KiB and `EXTRA`, of 8 KiB and so on.
    classes: [Vec<Vec<u8>>; CLASSES],
    /// Bytes in all of them: at most `BYTES_MAX`.
    bytes: usize,
}

impl Pool {
    fn take(&mut self, size: usize) -> Option<Vec<u8>> {
        let buffer = self.classes[class(size)?].pop()?;
        self.bytes -= buffer.capacity();
        Some(buffer)
    }

    fn give(&mut self, buffer: Vec<u8>) {
        if let Some(class) = class(buffer.capacity())
            && self.bytes + buffer.capacity() <= BYTES_MAX
        {
            self.bytes += buffer.capacity();
            self.classes[class].push(buffer);
        }
    }
}

/// Where buffers of a size are kept, if they are.
fn class(size: usize) -> Option<usize> {
    let extra = usize::from(!size.is_power_of_two());
    let round = size.checked_sub(extra * EXTRA)?;
    let class = round.checked_ilog2()?.checked_sub(SMALLEST)? as usize;
    let kept = round.is_power_of_two() && class < SIZES;
    kept.then_some(2 * class + extra)
}

thread_local! {
    static POOL: RefCell<Pool> = const {
        RefCell::new(Pool { classes: [const { Vec::new() }; CLASSES], bytes: 0 })
    };
}

/// 128: so that neither a payload of a round size and its header nor what is left out in front of one needs
/// the next size up.
const EXTRA: usize = 128;
const _: () = assert!(page::LEFT_OUT_MAX <= EXTRA);
/// 4 KiB: a page.
const SMALLEST: u32 = 12;
/// 9: up to 1 MiB, the largest message by default.
const SIZES: usize = 9;
const CLASSES: usize = 2 * SIZES;
/// 4 MiB on each thread: what is under way at once on a busy one.
const BYTES_MAX: usize = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_has_room_and_not_much_more() {
        for size in [
            0,
            1,
            4095,
            4096,
            5000,
            65_536,
            65_537,
            1 << 20,
            (1 << 20) + 1,
        ] {
            for _ in 0..3 {
                let buffer = take(size);
                assert!(buffer.is_empty() && buffer.capacity() >= size);
                assert!(
                    buffer.capacity() <= 2 * size.max(1) + EXTRA,
                    "{size}: {}",
                    buffer.capacity()
                );
                give(buffer);
            }
        }
    }

    #[test]
    fn what_is_kept_clear_needs_no_larger_size() {
        for size in [32 << 10, 64 << 10, 1 << 20, 2 << 20, 16 << 20] {
            let buffer = take_clear(size);
            assert!(buffer.capacity() - buffer.len() >= size);
            assert!(
                buffer.capacity() <= size + EXTRA,
                "{size}: {}",
                buffer.capacity()
            );
            give(buffer);
        }
    }

    #[test]
    fn the_pool_is_bounded() {
        for _ in 0..1000 {
            give(Vec::with_capacity(1 << 20));
        }
        assert!(POOL.with_borrow(|pool| pool.bytes) <= BYTES_MAX);
    }
}
