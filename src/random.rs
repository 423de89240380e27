//! Bytes that nobody can guess: masking keys and handshake keys (RFC 6455 5.3, 10.3).
//!
//! A process that forks and goes on as two gives the same ones in both for a while: still nobody
//! outside can guess them.
//!
//! Knows nobody. They come from the operating system, a block at a time for each thread: asking it
//! for every frame would cost more than the frame.

use std::cell::RefCell;

/// Fresh bytes.
///
/// # Panics
/// When the operating system has none to give, which it does not do after its start.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    const { assert!(N <= BLOCK) };
    // The thread may be ending, its block gone: then the system is asked at once.
    BLOCKS
        .try_with(|block| block.borrow_mut().take())
        .unwrap_or_else(|_| {
            let mut bytes = [0; N];
            fill(&mut bytes);
            bytes
        })
}

struct Block {
    bytes: [u8; BLOCK],
    /// How many of them have been given away.
    used: usize,
}

impl Block {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        if self.used + N > BLOCK {
            fill(&mut self.bytes);
            self.used = 0;
        }
        let mut taken = [0; N];
        let given = &mut self.bytes[self.used..self.used + N];
        taken.copy_from_slice(given);
        // What has been given away is not kept.
        given.fill(0);
        self.used += N;
        taken
    }
}

fn fill(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the operating system has random bytes");
}

thread_local! {
    static BLOCKS: RefCell<Block> = const { RefCell::new(Block { bytes: [0; BLOCK], used: BLOCK }) };
}

/// 4 KiB: a thousand masking keys for one system call.
const BLOCK: usize = 4 << 10;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    #[test]
    fn nothing_comes_twice() {
        // Past the end of a block, and of several.
        let many: HashSet<[u8; 16]> = (0..10_000).map(|_| super::bytes()).collect();
        assert_eq!(many.len(), 10_000);
    }
}
