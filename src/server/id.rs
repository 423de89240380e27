//! The name of a connection, for those who are not its worker.

use std::fmt;

use crate::reactor::Token;

/// Names a connection; never used twice in a process.
///
/// Ten bits for the worker, twenty-two for the place, thirty-two for how often the place had been
/// used: a place whose count is used up is not used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(u64);

impl ConnectionId {
    pub(super) fn new(worker: usize, token: Token) -> Self {
        debug_assert!(worker < 1 << 10 && token.index < PLACES);
        let id = (worker as u64) << 54 | u64::from(token.index) << 32 | u64::from(token.generation);
        ConnectionId(id)
    }

    pub(super) fn worker(self) -> usize {
        (self.0 >> 54) as usize
    }

    pub(super) fn token(self) -> Token {
        Token {
            index: (self.0 >> 32) as u32 & (PLACES - 1),
            generation: self.0 as u32,
        }
    }

    /// As a number: for logs, and for maps that are keyed by numbers.
    pub fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

/// 4 194 304 connections at a time on one worker: a worker refuses more.
pub(super) const PLACES: u32 = 1 << 22;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_finds_its_worker_and_token() {
        for worker in [0, 1, 1023] {
            for index in [0, 1, PLACES - 1] {
                for generation in [0, 1, u32::MAX] {
                    let token = Token { index, generation };
                    let id = ConnectionId::new(worker, token);
                    assert_eq!((id.worker(), id.token()), (worker, token));
                }
            }
        }
    }
}
