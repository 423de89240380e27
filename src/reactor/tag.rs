//! The word that goes into the ring with every operation and comes back with its completions.
//!
//! ```text
//!   63        56 55                      24 23                     0
//!   ┌───────────┬──────────────────────────┬────────────────────────┐
//!   │ operation │ generation               │ index                  │
//!   └───────────┴──────────────────────────┴────────────────────────┘
//! ```

use super::Token;

/// What was asked, and for whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag(pub(super) Operation, pub(super) Token);

/// What the ring is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Operation {
    Accept = 1,
    Receive = 2,
    Send = 3,
    /// Of the accept or the receive.
    CancelInput = 4,
    CancelSend = 5,
    CancelAll = 6,
    /// For bytes to be there, which are then read without the ring.
    Watch = 7,
}

impl Operation {
    /// Whether it is the socket's own, and the slot must outlive it.
    #[inline]
    pub(super) fn flies(self) -> bool {
        matches!(
            self,
            Operation::Accept | Operation::Receive | Operation::Watch | Operation::Send
        )
    }
}

impl Tag {
    /// As the ring wants it.
    #[inline]
    pub(super) fn pack(self) -> u64 {
        let Tag(operation, token) = self;
        (operation as u64) << 56 | u64::from(token.generation) << 24 | u64::from(token.index)
    }

    /// As the ring gives it back: only what we put in.
    #[inline]
    pub(super) fn unpack(user_data: u64) -> Self {
        let operation = match user_data >> 56 {
            1 => Operation::Accept,
            2 => Operation::Receive,
            3 => Operation::Send,
            4 => Operation::CancelInput,
            5 => Operation::CancelSend,
            7 => Operation::Watch,
            _ => Operation::CancelAll,
        };
        let token = Token {
            index: user_data as u32 & INDEX_MAX,
            generation: (user_data >> 24) as u32,
        };
        Tag(operation, token)
    }
}

/// 24 bits: sixteen million sources.
pub(super) const INDEX_MAX: u32 = (1 << 24) - 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out() {
        let operations = [
            Operation::Accept,
            Operation::Receive,
            Operation::Send,
            Operation::CancelInput,
            Operation::CancelSend,
            Operation::CancelAll,
            Operation::Watch,
        ];
        for operation in operations {
            for index in [0, 1, INDEX_MAX] {
                for generation in [0, 1, u32::MAX] {
                    let tag = Tag(operation, Token { index, generation });
                    assert_eq!(Tag::unpack(tag.pack()), tag);
                }
            }
        }
    }
}
