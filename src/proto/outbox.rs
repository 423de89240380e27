//! Bytes waiting to leave: whole frames, in order, with a limit and a policy.
//!
//! ```text
//! frame, share ─▶ waiting ─▶ take ─▶ under way (the kernel has them) ─▶ home ─▶ gone, or waiting again
//! ```
//!
//! Each chunk holds whole frames, so that what has not begun to leave can be dropped message by
//! message. An idle outbox holds no buffer.

use std::sync::Arc;

use super::frame::{Header, Opcode, Role};
use crate::chunk::{Chunk, Chunks};
use crate::random;
use crate::simd::mask;

/// How much may wait, and what happens past it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct OutboxLimits {
    /// A message is taken while less than this waits, so that one always fits an empty outbox.
    pub max: usize,
    /// Past this the peer's own requests are not read.
    pub high: usize,
    /// At or below this they are read again.
    pub low: usize,
    /// What happens to what others say to a peer that does not read.
    pub policy: SlowPolicy,
}

/// What happens past [`OutboxLimits::max`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SlowPolicy {
    /// The peer is told 1013 and let go: it hears everything or learns that it did not.
    #[default]
    Close,
    /// What would be said now is not said.
    DropNewest,
    /// Whole messages that have not begun to leave make room, oldest first.
    DropOldest,
}

/// What became of a message that was to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sent {
    /// The kernel has all of it.
    Now,
    /// It waits; so many bytes with it.
    Queued(usize),
    /// Not sent: the peer reads too slowly, and the policy says so.
    Dropped,
    /// Not sent: the connection is closing.
    Closing,
}

/// The outgoing frames of one connection.
#[derive(Debug)]
pub struct Outbox {
    waiting: Chunks,
    /// Bytes the kernel has been given and has not answered for, as far as 32 bits tell.
    under_way: u32,
    /// Whole pages of memory that those take besides, as far as 16 bits tell.
    idle_under_way: u16,
    /// Pong bytes among `waiting` and among `under_way`. Their sum stays near [`PONGS_MAX`].
    pongs_waiting: u16,
    pongs_under_way: u16,
    flight: Flight,
    /// Whose frames they are: a client's are masked (5.1).
    role: Role,
    /// The latest ping that could not be answered at once, for [`PONGS_MAX`] pongs were queued.
    /// Boxed: eight bytes in every connection, instead of twenty-four for a few.
    #[allow(clippy::box_collection)]
    unanswered: Option<Box<Vec<u8>>>,
}

impl Outbox {
    /// Nothing to say.
    pub const fn new(role: Role) -> Self {
        Outbox {
            waiting: Chunks::new(),
            under_way: 0,
            idle_under_way: 0,
            pongs_waiting: 0,
            pongs_under_way: 0,
            flight: Flight::Home,
            role,
            unanswered: None,
        }
    }

    /// Bytes that have not left: waiting, or with the kernel.
    pub fn len(&self) -> usize {
        self.waiting.len() + self.under_way as usize
    }

    /// Bytes of memory that [`len`](Self::len) takes: buffers are not always full.
    pub fn memory(&self) -> usize {
        let idle = usize::from(self.idle_under_way) * PAGE;
        self.waiting.memory() + self.under_way as usize + idle
    }

    /// Whether everything has left.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a send is under way.
    pub fn is_away(&self) -> bool {
        matches!(self.flight, Flight::Away | Flight::Cut)
    }

    /// Whether the kernel took nothing of what it was last given.
    pub fn is_stalled(&self) -> bool {
        self.flight == Flight::Stalled
    }

    /// Whether there is something to [`take`](Self::take).
    pub fn is_ready(&self) -> bool {
        !self.is_away() && !self.waiting.is_empty()
    }

    /// Whether nothing is to follow what is under way: no pong either that had to wait.
    pub fn is_at_its_last(&self) -> bool {
        self.is_away() && self.waiting.is_empty() && self.unanswered.is_none()
    }

    /// Whose frames they are.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Appends a frame with its payload, which `header` tells of; a client's is masked on the way,
    /// with a key of its own (5.3).
    // Inlined into whoever knows the header: little is left of its encoding then.
    #[inline(always)]
    pub fn frame(&mut self, header: Header, payload: &[u8]) {
        debug_assert!(header.mask.is_none() && header.len == payload.len() as u64);
        match self.role {
            Role::Server => self.append(header, |bytes| bytes.extend_from_slice(payload)),
            Role::Client => self.masked(header, payload),
        }
    }

    #[inline(never)]
    fn masked(&mut self, header: Header, payload: &[u8]) {
        let key = random::bytes();
        self.append(header.masked(key), |bytes| {
            mask::append(bytes, payload, key)
        });
    }

    #[inline(always)]
    fn append(&mut self, header: Header, payload: impl FnOnce(&mut Vec<u8>)) {
        let (head, size) = header.encode();
        self.waiting.append(size + header.len as usize, |bytes| {
            // All fourteen, at a known length, are quicker than the two or four that count.
            bytes.extend_from_slice(&head);
            bytes.truncate(bytes.len() - (head.len() - size));
            payload(bytes);
        });
    }

    /// Appends bytes that are not frames: the answer to the opening handshake.
    pub fn raw(&mut self, bytes: &[u8]) {
        // A chunk of its own: no frame may join what is not one.
        self.waiting.share(bytes.into());
    }

    /// Appends a server's frame of which the first `gone` bytes have left already.
    pub fn rest(&mut self, header: Header, payload: &[u8], gone: usize) {
        debug_assert!(self.is_empty(), "nothing may be overtaken");
        self.frame(header, payload);
        self.waiting.advance(gone);
    }

    /// Appends frames of a server that others get as well: few bytes are copied, when others wait with
    /// them, for the kernel spends more on finding them than on copying them.
    pub(super) fn share(&mut self, frames: &Arc<[u8]>) {
        debug_assert_eq!(self.role, Role::Server, "masked frames are nobody else's");
        if frames.len() < COPY_BELOW && !self.waiting.is_empty() {
            self.waiting
                .append(frames.len(), |bytes| bytes.extend_from_slice(frames));
        } else {
            self.waiting.share(frames.clone());
        }
    }

    /// Appends what a server's frame says, as a frame of our own.
    pub(super) fn copy(&mut self, frame: &[u8]) {
        if let Ok(Some((header, size))) = Header::decode(frame, Role::Client, true) {
            self.frame(header, &frame[size..]);
        }
    }

    /// Answers a ping (5.5.3). Each gets its pong, in order, while less than [`PONGS_MAX`] bytes of
    /// pongs wait; beyond that only the latest is answered, when there is room again.
    pub fn pong(&mut self, payload: &[u8]) {
        if self.pongs_waiting + self.pongs_under_way < PONGS_MAX {
            let before = self.waiting.len();
            self.frame(Header::whole(Opcode::Pong, payload.len()), payload);
            self.pongs_waiting += (self.waiting.len() - before) as u16;
        } else {
            self.unanswered = Some(Box::new(payload.to_vec()));
        }
    }

    /// Appends the Close, behind which nothing is said (5.5.1): not the answer to a ping either.
    pub fn close(&mut self, payload: &[u8]) {
        self.frame(Header::whole(Opcode::Close, payload.len()), payload);
        self.unanswered = None;
    }

    /// Takes what waits, to be sent, or the first [`LEND_MAX`] bytes of it. It counts as unsent until
    /// it comes [`home`](Self::home).
    pub fn take(&mut self) -> Chunks {
        debug_assert!(!self.is_away(), "one send at a time");
        let chunks = self.waiting.take(LEND_MAX);
        self.flight = Flight::Away;
        self.under_way = chunks.len().try_into().unwrap_or(u32::MAX);
        let idle = (chunks.memory() - chunks.len()) / PAGE;
        self.idle_under_way = idle.try_into().unwrap_or(u16::MAX);
        // When some pongs stay behind they count as under way too: fewer of them wait for it.
        self.pongs_under_way = std::mem::take(&mut self.pongs_waiting);
        chunks
    }

    /// The chunks are back, their cursor moved by what has left. Tells how many bytes that was.
    pub fn home(&mut self, mut chunks: Chunks) -> usize {
        let left = chunks.sent();
        let landed = if left == 0 {
            Flight::Stalled
        } else {
            Flight::Home
        };
        let flown = std::mem::replace(&mut self.flight, landed);
        self.under_way = 0;
        self.idle_under_way = 0;
        if flown == Flight::Cut {
            chunks.truncate(begun(&chunks, self.role));
        }
        let pongs = std::mem::take(&mut self.pongs_under_way);
        if !chunks.is_empty() {
            // Whatever left made room for as many bytes of pongs.
            let room = left.try_into().unwrap_or(u16::MAX);
            self.pongs_waiting += pongs.saturating_sub(room);
            let later = std::mem::replace(&mut self.waiting, chunks);
            self.waiting.join(later);
        }
        if self.pongs_waiting < PONGS_MAX
            && let Some(latest) = self.unanswered.take()
        {
            self.pong(&latest);
        }
        left
    }

    /// Drops everything but the frame that has begun to leave. Tells how many bytes that freed now;
    /// what the kernel has is dropped when it comes home. Only at the end of a connection: what is
    /// compressed with context takeover refers to what went before.
    pub fn drop_all(&mut self) -> usize {
        let before = self.waiting.len();
        let away = self.is_away();
        if away {
            self.flight = Flight::Cut;
        }
        self.unanswered = None;
        self.waiting.truncate(if away {
            0
        } else {
            begun(&self.waiting, self.role)
        });
        self.pongs_waiting = 0;
        before - self.waiting.len()
    }

    /// Drops the oldest message that has not begun to leave, and tells its size; 0 when there is none.
    /// Not where there is context takeover: what comes behind it may refer to it.
    pub fn drop_oldest(&mut self) -> usize {
        let Some((chunk, at, size)) = self.oldest() else {
            return 0;
        };
        self.waiting.remove(chunk, at..at + size);
        size
    }

    /// Where that message lies: chunk, offset, size.
    fn oldest(&self) -> Option<(usize, usize, usize)> {
        let mut gone = self.waiting.gone();
        for (index, chunk) in self.waiting.iter().enumerate() {
            for (at, opcode, size) in frames(chunk, self.role) {
                if at >= gone && !opcode.is_control() {
                    return Some((index, at, size));
                }
            }
            gone = 0;
        }
        None
    }
}

/// Bytes of the first frame that has begun to leave and has not left.
fn begun(chunks: &Chunks, role: Role) -> usize {
    let gone = chunks.gone();
    let Some(first) = chunks.iter().next() else {
        return 0;
    };
    // The answer to the handshake is no frame: without it nothing that follows would be understood.
    if gone == 0 && frames(first, role).next().is_some() {
        return 0;
    }
    let end = frames(first, role)
        .map(|(at, _, size)| at + size)
        .find(|end| *end >= gone);
    end.unwrap_or(first.as_slice().len()) - gone
}

/// The frames of a chunk of ours: offset, opcode, size.
fn frames(chunk: &Chunk, role: Role) -> impl Iterator<Item = (usize, Opcode, usize)> {
    let bytes = chunk.as_slice();
    let reader = match role {
        Role::Server => Role::Client,
        Role::Client => Role::Server,
    };
    let mut at = 0;
    std::iter::from_fn(move || {
        // Our own frames are lawful; the answer to a handshake is not a frame, and ends the walk.
        let (header, size) = Header::decode(&bytes[at..], reader, true).ok().flatten()?;
        let size = size + header.len as usize;
        let found = (at, header.opcode, size);
        at += size;
        (at <= bytes.len()).then_some(found)
    })
}

/// Where the chunks are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Flight {
    /// Here.
    #[default]
    Home,
    /// Here, and the kernel took nothing of them the last time.
    Stalled,
    /// With the kernel.
    Away,
    /// With the kernel; what of them has not begun to leave is dropped when they come home.
    Cut,
}

/// What idle memory is counted in.
const PAGE: usize = 4 << 10;
/// 4 KiB: two dozen of the longest pongs, hundreds of the usual ones.
pub const PONGS_MAX: u16 = 4 << 10;
/// 256 KiB: more than a socket takes at once, and what waits behind it can still be dropped.
pub const LEND_MAX: usize = 256 << 10;
/// 256: measured; below, copying into a chunk is cheaper than referring to one.
const COPY_BELOW: usize = 256;
