//! io_uring as a driver.
//!
//! One ring and one thread. A listener has one multishot accept in the ring and a connection one
//! multishot receive, which takes its memory from `buffers`; there is at most one send
//! per connection. A turn is one system call: it submits what was asked since the last turn, and waits.
//!
//! `asking` is what the kernel is to do for a source, `hearing` what it has done and what follows, `ring`
//! the way there and back, and alone `unsafe`.
//!
//! What must hold:
//!
//! - A slot is freed when nothing of it is in the ring: until then the kernel may read its chunks.
//! - A receive is armed at the beginning of a turn only, after the buffers of the turn before were shown
//!   to the kernel. That it ends because the buffers ran out is not an error.
//! - A cancel is in the queue before whatever is armed later, so it can only hit what it was meant for.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::mem;
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::Instant;

use super::receive::Passage;
use super::slots::Slots;
use super::tag::INDEX_MAX;
use super::turn::Turn;
use super::uring_slot::Slot;
use super::{Close, Driver, Event, Source, Token, Waker};
use crate::chunk::Chunks;

mod asking;
mod hearing;
#[allow(unsafe_code)]
mod ring;

use ring::Ring;

/// The driver. It stays on the thread that made it.
pub struct Uring {
    ring: Ring,
    slots: Slots<Slot>,
    /// To be armed when the next turn begins.
    arm: Vec<Token>,
    /// Something is to be told of these that no completion brings.
    due: VecDeque<Token>,
    /// Watched ones that have something to read.
    readable: VecDeque<Token>,
    /// The last turn had no room for all of them: they come first now.
    readable_first: bool,
    passage: Passage,
    /// Bytes one connection may bring before the kernel turns to the next; 0: it does not know that.
    share: u32,
    wake: UnixStream,
    waker: Waker,
}

impl Uring {
    /// Sets up a ring for this thread.
    ///
    /// # Errors
    /// The kernel has no io_uring, an old one (before 6.1), or forbids it.
    pub fn new() -> io::Result<Self> {
        let (wake, woken) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        let waking = wake.try_clone()?;
        let mut uring = Uring {
            ring: Ring::new()?,
            slots: Slots::new(),
            arm: Vec::new(),
            due: VecDeque::new(),
            readable: VecDeque::new(),
            readable_first: false,
            passage: Passage::new(),
            share: SHARE,
            wake,
            // A full pipe wakes as well as one byte more would.
            waker: Waker::new(move || drop((&waking).write(&[1]))),
        };
        let token = uring.open(Source::Stream(OwnedFd::from(woken).into()))?;
        assert_eq!(token, WAKE);
        // Alone in the ring, it finds out whether the kernel takes a share.
        uring.wait(Some(Instant::now()), &mut |_| {})?;
        Ok(uring)
    }
}

impl Driver for Uring {
    fn open(&mut self, source: Source) -> io::Result<Token> {
        let waits = matches!(source, Source::Accepted(_));
        let (socket, listens) = match source {
            Source::Listener(socket) => (socket, true),
            // While it connects, receives and sends wait in the ring as they do for bytes and room. When
            // the connect fails, the first of them to try takes the reason and is the first to come
            // home; what the other brings then, EPIPE or what looks like a FIN, is not heard any more.
            Source::Stream(socket) | Source::Accepted(socket) | Source::Connecting(socket) => {
                (socket, false)
            }
        };
        // The ring waits for the socket by itself; told not to block, it would give up instead.
        if !waits {
            socket.set_nonblocking(false)?;
        }
        let token = self
            .slots
            .insert(Slot::new(socket, listens), INDEX_MAX)
            .map_err(|_| io::Error::from_raw_os_error(libc::EMFILE))?;
        self.arm.push(token);
        Ok(token)
    }

    fn send(&mut self, token: Token, chunks: Chunks) -> Option<Chunks> {
        self.launch(token, chunks, false);
        None
    }

    fn finish(&mut self, token: Token, chunks: Chunks) {
        self.launch(token, chunks, true);
    }

    fn read(&mut self, token: Token, on: bool) {
        let Some(slot) = self.slots.get_mut(token) else {
            return;
        };
        slot.wanted = on;
        slot.failures = 0;
        if on {
            self.arm.push(token);
        } else if slot.ending.is_open() {
            self.cancel_input(token);
        }
    }

    fn close(&mut self, token: Token, how: Close) {
        if let Some(slot) = self.slots.get_mut(token) {
            slot.ending.ask(how);
            self.settle(token);
        }
    }

    fn wait(
        &mut self,
        deadline: Option<Instant>,
        tell: &mut dyn FnMut(Event<'_>),
    ) -> io::Result<()> {
        self.arm();
        let busy = !self.due.is_empty() || !self.readable.is_empty();
        self.ring.enter(deadline, busy)?;
        let mut turn = Turn::new(tell);
        self.tell_due(&mut turn);
        // Neither those in the ring nor those past it take all turns for themselves.
        if mem::take(&mut self.readable_first) {
            self.read_bulk(&mut turn);
            self.hear_all(&mut turn);
        } else {
            self.hear_all(&mut turn);
            self.readable_first = !self.read_bulk(&mut turn);
        }
        self.tell_due(&mut turn);
        self.ring.publish();
        Ok(())
    }

    fn waker(&self) -> Waker {
        self.waker.clone()
    }
}

impl Drop for Uring {
    fn drop(&mut self) {
        if !self.ring.come_to_rest() {
            // The kernel may still read the chunks.
            mem::forget(mem::take(&mut self.slots));
        }
        // Whoever wakes us now writes into a socket that nobody reads.
        let _ = self.wake.shutdown(Shutdown::Both);
    }
}

/// The first source of every ring: what wakes it.
const WAKE: Token = Token {
    index: 0,
    generation: 0,
};
/// 64 KiB, four buffers: the kernel by itself would give one busy peer 32 before the others get one. No
/// difference was measured, at 200 x 32 B, 64 x 16 KiB and 8 x 1 MiB.
const SHARE: u32 = 64 << 10;

#[cfg(test)]
mod tests {
    use super::super::probe;
    use super::*;

    #[test]
    fn the_probe_passes_twice() {
        let mut uring = Uring::new().unwrap();
        probe(&mut uring).unwrap();
        probe(&mut uring).unwrap();
    }
}
