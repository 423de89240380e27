//! The name of a connection, for those who are not its worker.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::reactor::Token;
use crate::reactor::slots::GENERATION_MAX;

/// Names a connection; never used twice in a process.
///
/// Fourteen bits for the worker, counted through the whole process; twenty for the place; thirty for
/// how often the place had been used: a place whose count is used up is not used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(u64);

impl ConnectionId {
    pub(super) fn new(worker: usize, token: Token) -> Self {
        debug_assert!(worker < WORKERS && token.index < PLACES);
        debug_assert!(token.generation <= GENERATION_MAX);
        let id = (worker as u64) << 50 | u64::from(token.index) << 30 | u64::from(token.generation);
        ConnectionId(id)
    }

    /// The worker's number in the process.
    pub(super) fn worker(self) -> usize {
        (self.0 >> 50) as usize
    }

    pub(super) fn token(self) -> Token {
        Token {
            index: (self.0 >> 30) as u32 & (PLACES - 1),
            generation: self.0 as u32 & GENERATION_MAX,
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

/// Numbers for the workers of a new server, in a row; tells the first. `None` when the process has
/// used up its [`WORKERS`].
pub(super) fn number_workers(count: usize) -> Option<usize> {
    static USED: AtomicUsize = AtomicUsize::new(0);
    let more = |used: usize| used.checked_add(count).filter(|used| *used <= WORKERS);
    USED.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more)
        .ok()
}

/// 1 048 576 connections at a time on one worker: a worker refuses more.
pub(super) const PLACES: u32 = 1 << 20;
/// 16 384 workers in the life of a process.
const WORKERS: usize = 1 << 14;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_finds_its_worker_and_token() {
        for worker in [0, 1, WORKERS - 1] {
            for index in [0, 1, PLACES - 1] {
                for generation in [0, 1, GENERATION_MAX] {
                    let token = Token { index, generation };
                    let id = ConnectionId::new(worker, token);
                    assert_eq!((id.worker(), id.token()), (worker, token));
                }
            }
        }
    }
}
