//! Bytes lent for one call, taken from the front.
//!
//! The frame decoder peeks at it, the stream takes from it; what it gives lives as long as the loan,
//! not as long as the `Input`, so that an event may point into it.

/// The bytes of one receive that have not been taken yet.
#[derive(Debug)]
pub struct Input<'i>(&'i mut [u8]);

impl<'i> Input<'i> {
    /// All of `bytes`, to be taken. Payloads in it are unmasked in place.
    pub fn new(bytes: &'i mut [u8]) -> Self {
        Input(bytes)
    }

    /// Bytes not taken yet.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether all has been taken.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What comes next, without taking it.
    pub fn peek(&self) -> &[u8] {
        self.0
    }

    /// Takes the next `count` bytes.
    ///
    /// # Panics
    /// When there are fewer.
    pub fn take(&mut self, count: usize) -> &'i mut [u8] {
        let (taken, rest) = std::mem::take(&mut self.0).split_at_mut(count);
        self.0 = rest;
        taken
    }

    /// Takes all that is left.
    pub fn take_all(&mut self) -> &'i mut [u8] {
        std::mem::take(&mut self.0)
    }
}
