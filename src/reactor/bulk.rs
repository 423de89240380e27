//! How a connection of a ring is read that brings a lot.
//!
//! It is only watched by the ring, and read by plain calls into one buffer, or to where the bytes shall
//! be: the ring's many buffers would be cold every time, and copied once more. It becomes bulk when the
//! caller wishes for more than a buffer of the ring has brought, and is no more when for a while it
//! brings only what such a buffer holds.

use std::mem;

use socket2::Socket;

use super::Token;
use super::buffers;
use super::ending::Ending;
use super::receive::{Passage, Prospect};
use super::turn::Turn;

/// What of that concerns one connection: nothing, of most.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bulk {
    pub(super) wanted: bool,
    /// What is in the ring, if something is, is a watch.
    pub(super) watched: bool,
    /// In the list of those who have something to read.
    pub(super) readable: bool,
    prospect: Prospect,
    /// Reads in a row that brought little.
    small: u8,
}

impl Bulk {
    /// Notes whether more was wished for than a buffer of the ring has brought.
    #[inline]
    pub(super) fn wish(&mut self, wished: bool) {
        if wished {
            self.prospect.wished = true;
            self.wanted = true;
            self.small = 0;
        }
    }

    /// Notes what the watch has told. Tells whether it is new that there is something to read.
    #[inline]
    pub(super) fn note(&mut self, told: i32) -> bool {
        self.prospect.ending_near |= told & ENDING != 0;
        !mem::replace(&mut self.readable, true)
    }

    /// Reads past the ring, once. Tells whether there may be more.
    pub(super) fn read(
        &mut self,
        token: Token,
        socket: &Socket,
        ending: &mut Ending,
        passage: &mut Passage,
        turn: &mut Turn<'_, '_>,
    ) -> bool {
        let wished = self.prospect.wished;
        let found = passage.read(token, socket, ending, &mut self.prospect, turn);
        self.count(found.count, wished || self.prospect.wished);
        found.more
    }

    /// Counts what a read has brought by the passage; if it was `wished` for, it is none of the small.
    fn count(&mut self, brought: usize, wished: bool) {
        match brought {
            _ if wished => self.small = 0,
            0 => {}
            1..buffers::SIZE => self.small += 1,
            _ => self.small = 0,
        }
        self.wanted = self.small < SMALL_MAX;
    }
}

/// What the ring watches for: bytes, the peer's FIN; faults come unasked.
pub(super) const WATCHED: u32 = (libc::POLLIN | libc::POLLRDHUP) as u32;
/// What a watch tells of an end.
const ENDING: i32 = (libc::POLLRDHUP | libc::POLLHUP | libc::POLLERR) as i32;
/// 64 reads that would have fitted a buffer of the ring: it is bulk no more.
const SMALL_MAX: u8 = 64;
