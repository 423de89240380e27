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

use mio::event::Event as Edge;
use mio::unix::SourceFd;
use mio::{Events, Interest, Registry};
use socket2::{SockAddr, Socket};

use super::ending::{Ending, Step};
use super::receive::{Passage, Prospect};
use super::slots::Slots;
#[cfg(not(target_os = "linux"))]
use super::socket::no_delay;
use super::socket::{is_starved, to_address};
use super::turn::{FAILURES_MAX, Turn, send};
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

/// One source.
struct Slot {
    socket: Socket,
    queued: bool,
    /// The caller wishes to read, or to accept.
    wanted: bool,
    /// There may be something to read: the edge has been and not all has been read since.
    readable: bool,
    prospect: Prospect,
    /// There may be room to send.
    writable: bool,
    /// Accepts that failed in a row.
    failures: u8,
    output: Output,
    /// What waits, or is on its way home; empty while the output is idle.
    chunks: Chunks,
    ending: Ending,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Output {
    Idle,
    /// Nothing went: waits for the edge.
    Waiting,
    /// Goes home in the next turn.
    Landed,
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
        // The first edge tells that the connect is over, also when it was so before. To send sooner
        // fails on macOS.
        let writable = !matches!(source, Source::Connecting(_));
        let ending = Ending::new(matches!(source, Source::Listener(_)));
        let slot = Slot {
            socket: prepare(source)?,
            queued: false,
            wanted: true,
            readable: false,
            prospect: Prospect::default(),
            writable,
            failures: 0,
            output: Output::Idle,
            chunks: Chunks::new(),
            ending,
        };
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
        let slot = self.launch(token, chunks, false)?;
        if slot.output == Output::Landed && slot.chunks.is_empty() {
            return slot.landed();
        }
        self.enqueue(token);
        None
    }

    fn finish(&mut self, token: Token, chunks: Chunks) {
        if self.launch(token, chunks, true).is_some() {
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
    /// Sends, as far as there is room already. Behind the `last` goes our FIN: noted before they are sent,
    /// to travel with them.
    fn launch(&mut self, token: Token, chunks: Chunks, last: bool) -> Option<&mut Slot> {
        let slot = self.slots.get_mut(token)?;
        assert!(slot.output == Output::Idle, "one send at a time");
        slot.chunks = chunks;
        if slot.ending.is_open() {
            if last {
                slot.ending.ask(Close::Finish);
            }
            slot.output = Output::Waiting;
            slot.try_send();
        } else {
            slot.output = Output::Landed;
        }
        Some(slot)
    }

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

impl Slot {
    fn note(&mut self, edge: &Edge) {
        self.prospect.ending_near |= edge.is_read_closed() || edge.is_error();
        self.readable |= edge.is_readable() || self.prospect.ending_near;
        self.writable |= edge.is_writable() || edge.is_write_closed() || edge.is_error();
    }

    fn can_do_something(&mut self) -> bool {
        self.may_read()
            || match self.output {
                Output::Idle => self.step() == Step::Over,
                Output::Waiting => self.writable || self.ending.is_cut(),
                Output::Landed => true,
            }
    }

    fn interest(&self) -> Interest {
        match self.ending.listens() {
            false => Interest::READABLE | Interest::WRITABLE,
            true => Interest::READABLE,
        }
    }

    fn step(&mut self) -> Step {
        self.ending.step(self.is_sending(), &self.socket)
    }

    fn may_read(&mut self) -> bool {
        let sending = self.is_sending();
        self.readable && self.ending.may_read(self.wanted, sending, &self.socket)
    }

    /// Whether a send has not come home yet.
    fn is_sending(&self) -> bool {
        self.output != Output::Idle
    }

    /// Sends what waits, if there may be room. What moved goes home at once.
    fn try_send(&mut self) {
        if self.output != Output::Waiting {
            return;
        }
        if self.ending.listens() {
            return self.land();
        }
        let (socket, chunks) = (&self.socket, &mut self.chunks);
        while self.writable && !self.ending.is_cut() && !chunks.is_empty() {
            match send(socket, chunks, !self.ending.is_open()) {
                Ok((offered, sent)) => {
                    // There is an edge to come when not all had room.
                    self.writable = sent == offered;
                    chunks.advance(sent);
                    if self.ending.is_open() {
                        return self.land();
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.writable = false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => self.ending.fail_for(socket, error),
            }
        }
        if chunks.is_empty() || self.ending.is_cut() {
            self.land();
        }
    }

    fn land(&mut self) {
        if self.output == Output::Waiting {
            self.output = Output::Landed;
        }
    }

    /// A send that went in part is still under way for the caller, who has not been told.
    fn take_off_again(&mut self) {
        if self.output == Output::Landed {
            self.output = Output::Waiting;
        }
    }

    fn landed(&mut self) -> Option<Chunks> {
        if self.output != Output::Landed {
            return None;
        }
        self.output = Output::Idle;
        Some(mem::take(&mut self.chunks))
    }

    fn receive(&mut self, token: Token, passage: &mut Passage, turn: &mut Turn<'_, '_>) {
        let (socket, ending, prospect) = (&self.socket, &mut self.ending, &mut self.prospect);
        self.readable = passage.read(token, socket, ending, prospect, turn).more;
    }

    fn accept(&mut self, token: Token, turn: &mut Turn<'_, '_>) {
        for _ in 0..ACCEPTS {
            if !turn.has_room() {
                return;
            }
            match accept(&self.socket) {
                Ok((socket, from)) => {
                    self.failures = 0;
                    // Linux hands the option of the listener down. Where it fails the peer is gone.
                    #[cfg(not(target_os = "linux"))]
                    let _ = no_delay(&socket);
                    if let Some(from) = to_address(&from) {
                        turn.tell(Event::Accepted {
                            listener: token,
                            socket,
                            from,
                        });
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.readable = false;
                    return;
                }
                Err(error) => {
                    self.failures += 1;
                    if is_starved(&error) || self.failures >= FAILURES_MAX {
                        self.wanted = false;
                        turn.tell(Event::Starved(token, error));
                        return;
                    }
                }
            }
        }
    }

    fn close(self, registry: &Registry) -> io::Result<()> {
        if self.ending.listens() {
            // Closing unregisters a socket, but not one that another process has as well.
            return registry.deregister(&mut SourceFd(&self.socket.as_raw_fd()));
        }
        self.ending.close(self.socket)
    }
}

/// Accepts a connection; on Linux one that does not block.
fn accept(listener: &Socket) -> io::Result<(Socket, SockAddr)> {
    #[cfg(target_os = "linux")]
    return listener.accept4(libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK);
    #[cfg(not(target_os = "linux"))]
    listener.accept()
}

/// The socket, which is not to block.
fn prepare(source: Source) -> io::Result<Socket> {
    match source {
        Source::Listener(socket) => {
            socket.set_nonblocking(true)?;
            Ok(socket)
        }
        Source::Accepted(socket) if cfg!(target_os = "linux") => Ok(socket),
        Source::Stream(socket) | Source::Accepted(socket) => {
            socket.set_nonblocking(true)?;
            #[cfg(target_vendor = "apple")]
            socket.set_nosigpipe(true)?;
            Ok(socket)
        }
        Source::Connecting(socket) => {
            socket.set_nonblocking(true)?;
            // A socket whose connect has failed takes no option: the edge will tell why.
            #[cfg(target_vendor = "apple")]
            let _ = socket.set_nosigpipe(true);
            Ok(socket)
        }
    }
}

/// Not an index: there are never so many.
const WAKE: mio::Token = mio::Token(usize::MAX);
/// One less than 32 bits hold, so that no index is ever taken for `WAKE`.
const INDEX_MAX: u32 = u32::MAX - 1;
/// 1024: edges beyond that are fetched by the next turn.
const EDGES: usize = 1024;
/// 32: a burst of connects leaves room for the connections there are.
const ACCEPTS: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_32_bytes_here() {
        assert_eq!(size_of::<Option<Slot>>(), 32);
    }
}
