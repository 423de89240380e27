//! Where in a large buffer the bytes of a message should begin, for the kernel to copy quickly.
//!
//! AMD processors copy fifteen times slower (`rep movsb`: 3 GB/s instead of 45) to where is 1 to 31 bytes
//! behind what they copy from, counted within pages. With a header in front that is where things come to
//! lie: what is received in one go begins a page in the kernel, and a large allocation, but for the
//! allocator's 16 bytes, does so here. Knows nobody.

/// At most so many bytes are left out.
pub(crate) const LEFT_OUT_MAX: usize = 2 * CLEAR;

/// How many bytes to leave out at the beginning of a buffer, so that what follows keeps clear of where a
/// page begins.
pub(crate) fn left_out(buffer: *const u8) -> usize {
    let near = (buffer.addr() + CLEAR) % PAGE < 2 * CLEAR;
    if near { LEFT_OUT_MAX } else { 0 }
}

/// 64: a header, and the distance that is slow.
const CLEAR: usize = 64;
const PAGE: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_keeps_clear_of_every_page() {
        for at in 16 * PAGE..17 * PAGE {
            let begin = at + left_out(std::ptr::without_provenance(at));
            assert!((CLEAR..PAGE - CLEAR).contains(&(begin % PAGE)), "{at}");
            assert!(begin - at <= LEFT_OUT_MAX);
        }
    }
}
