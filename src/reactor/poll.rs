//! mio as a driver: readiness made into completions.
//!
//! Every socket is registered once, for both directions and for edges only. An edge is noted in its
//! slot and the slot queues for its turn; there it reads one buffer, tries its send, or ends, and queues
//! again while it still can do something. So nobody is served twice before everybody was served once,
//! and what a turn had no room for waits for the next, which does not sleep.
//!
//! A read that does not fill the buffer has emptied the socket, and is not tried again before the next
//! edge, unless the edge spoke of an end: then there is one more to be read.

use std::collections::VecDeque;
use std::io;
use std::mem;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use mio::Events;
use mio::unix::SourceFd;

use super::ending::Step;
use super::poll_slot::Slot;
use super::receive::Passage;
use super::slots::Slots;
use super::turn::Turn;
use super::{Close, Driver, Event, Source, Token, Waker};
use crate::chunk::Chunks;

/// The driver.
pub struct Poll {
    poll: mio::Poll,
    edges: Events,
    slots: Slots<Slot>,
    /// Who can do something, each once.
    queue: VecDeque<Token>,
    passage: Passage,
    waker: Waker,
}

impl Poll {
    /// Sets up a poll.
    ///
    /// # Errors
    /// What the kernel says, above all that descriptors have run out.
    pub fn new() -> io::Result<Self> {
        let poll = mio::Poll::new()?;
        let waker = mio::Waker::new(poll.registry(), WAKE)?;
        Ok(Poll {
            poll,
            edges: Events::with_capacity(EDGES),
            slots: Slots::new(),
            queue: VecDeque::new(),
            passage: Passage::new(),
            // It fails when the poll is gone: nobody sleeps there any more.
            waker: Waker::new(move || drop(waker.wake())),
        })
    }
}

impl Driver for Poll {
    fn open(&mut self, source: Source) -> io::Result<Token> {
        let slot = Slot::new(source)?;
        let token = self
            .slots
            .insert(slot, INDEX_MAX)
            .map_err(|_| io::Error::from_raw_os_error(libc::EMFILE))?;
        let registry = self.poll.registry();
        let registered = self.slots.get(token).map(|slot| {
            registry.register(
                &mut SourceFd(&slot.socket.as_raw_fd()),
                mio::Token(token.index as usize),
                slot.interest(),
            )
        });
        if let Some(Err(error)) = registered {
            self.slots.remove(token);
            return Err(error);
        }
        Ok(token)
    }

    fn send(&mut self, token: Token, chunks: Chunks) -> Option<Chunks> {
        let slot = self.slots.get_mut(token)?;
        slot.launch(chunks, false);
        let home = slot.landed_whole();
        if home.is_none() {
            self.enqueue(token);
        }
        home
    }

    fn finish(&mut self, token: Token, chunks: Chunks) {
        if let Some(slot) = self.slots.get_mut(token) {
            slot.launch(chunks, true);
            self.enqueue(token);
        }
    }

    fn read(&mut self, token: Token, on: bool) {
        if let Some(slot) = self.slots.get_mut(token) {
            slot.wanted = on;
            slot.failures = 0;
            self.enqueue(token);
        }
    }

    fn close(&mut self, token: Token, how: Close) {
        if let Some(slot) = self.slots.get_mut(token) {
            if slot.ending.is_open() {
                slot.take_off_again();
            }
            slot.ending.ask(how);
            self.enqueue(token);
        }
    }

    fn wait(
        &mut self,
        deadline: Option<Instant>,
        tell: &mut dyn FnMut(Event<'_>),
    ) -> io::Result<()> {
        self.ask(deadline)?;
        let mut turn = Turn::new(tell);
        // Once around: whoever queues again meanwhile waits for the next turn.
        for _ in 0..self.queue.len() {
            if !turn.has_room() {
                break;
            }
            if let Some(token) = self.queue.pop_front() {
                self.serve(token, &mut turn);
            }
        }
        Ok(())
    }

    fn waker(&self) -> Waker {
        self.waker.clone()
    }
}

impl Poll {
    /// Asks the kernel what there is, and sleeps if there is nothing to tell.
    fn ask(&mut self, deadline: Option<Instant>) -> io::Result<()> {
        let timeout = if self.queue.is_empty() {
            deadline.map(|at| at.saturating_duration_since(Instant::now()))
        } else {
            Some(Duration::ZERO)
        };
        match self.poll.poll(&mut self.edges, timeout) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => self.note_edges(),
        }
        Ok(())
    }

    fn note_edges(&mut self) {
        for edge in &self.edges {
            // The place may have a new guest since: then it tries in vain, which harms nobody.
            if let Ok(index) = u32::try_from(edge.token().0)
                && let Some(token) = self.slots.at(index)
                && let Some(slot) = self.slots.get_mut(token)
            {
                slot.note(edge);
                if slot.can_do_something() && !mem::replace(&mut slot.queued, true) {
                    self.queue.push_back(token);
                }
            }
        }
    }

    fn enqueue(&mut self, token: Token) {
        if let Some(slot) = self.slots.get_mut(token)
            && slot.can_do_something()
            && !mem::replace(&mut slot.queued, true)
        {
            self.queue.push_back(token);
        }
    }

    /// One turn of one source.
    fn serve(&mut self, token: Token, turn: &mut Turn<'_, '_>) {
        let Some(slot) = self.slots.get_mut(token) else {
            return;
        };
        slot.queued = false;
        slot.try_send();
        if let Some(chunks) = slot.landed() {
            turn.tell(Event::Sent(token, chunks));
        }
        if slot.may_read() {
            match slot.ending.listens() {
                false => slot.receive(token, &mut self.passage, turn),
                true => slot.accept(token, turn),
            }
        }
        if slot.ending.is_cut() {
            // A fault has just been seen, perhaps: it takes the send along.
            slot.land();
        }
        if let Some(chunks) = slot.landed() {
            turn.tell(Event::Sent(token, chunks));
        }
        if slot.step() != Step::Over {
            return self.enqueue(token);
        }
        if let Some(slot) = self.slots.remove(token) {
            let end = slot.close(self.poll.registry());
            turn.tell(Event::Closed(token, end));
        }
    }
}

/// Not an index: there are never so many.
const WAKE: mio::Token = mio::Token(usize::MAX);
/// One less than 32 bits hold, so that no index is ever taken for `WAKE`.
const INDEX_MAX: u32 = u32::MAX - 1;
/// 1024: edges beyond that are fetched by the next turn.
const EDGES: usize = 1024;
