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
use std::mem::{self, MaybeUninit};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use mio::event::Event as Edge;
use mio::net::{TcpListener, UnixListener};
use mio::unix::SourceFd;
use mio::{Events, Interest, Registry};
use socket2::Socket;

use super::ending::{Ending, Step};
use super::receive::receive;
use super::slots::Slots;
use super::socket::is_starved;
use super::turn::{FAILURES_MAX, Raw, Turn, send};
use super::{Address, Close, Driver, Event, Source, Token, Waker};
use crate::chunk::Chunks;

/// The driver.
pub struct Poll {
    poll: mio::Poll,
    edges: Events,
    slots: Slots<Slot>,
    /// Who can do something, each once.
    queue: VecDeque<Token>,
    /// The last turn has asked the kernel.
    asked: bool,
    /// What is received passes through here, lent for the call.
    buffer: Box<[MaybeUninit<u8>]>,
    waker: Waker,
}

/// One source.
struct Slot {
    socket: Inlet,
    queued: bool,
    /// The caller wishes to read, or to accept.
    wanted: bool,
    /// There may be something to read: the edge has been and not all has been read since.
    readable: bool,
    /// The edge spoke of an end: read until it comes.
    ending_near: bool,
    /// What is to be read is offered before it is.
    wished: bool,
    /// There may be room to send.
    writable: bool,
    output: Output,
    ending: Ending,
    /// Accepts that failed in a row.
    failures: u32,
}

/// What bytes or connections come in by.
enum Inlet {
    Stream(Socket),
    Tcp(TcpListener),
    Unix(UnixListener),
}

enum Output {
    Idle,
    /// Nothing went: waits for the edge.
    Waiting(Chunks),
    /// Goes home in the next turn.
    Landed(Chunks),
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
            asked: false,
            buffer: Box::new_uninit_slice(BUFFER),
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
        let socket = Inlet::new(source)?;
        let slot = Slot {
            ending: Ending::new(!matches!(socket, Inlet::Stream(_))),
            socket,
            queued: false,
            wanted: true,
            readable: false,
            ending_near: false,
            wished: false,
            writable,
            output: Output::Idle,
            failures: 0,
        };
        let token = self
            .slots
            .insert(slot, INDEX_MAX)
            .map_err(|_| io::Error::from_raw_os_error(libc::EMFILE))?;
        let registered = self.slots.get_mut(token).map(|slot| {
            slot.socket
                .register(self.poll.registry(), mio::Token(token.index as usize))
        });
        if let Some(Err(error)) = registered {
            self.slots.remove(token);
            return Err(error);
        }
        Ok(token)
    }

    fn send(&mut self, token: Token, chunks: Chunks) {
        let Some(slot) = self.slots.get_mut(token) else {
            return;
        };
        assert!(matches!(slot.output, Output::Idle), "one send at a time");
        if slot.ending.is_open() {
            slot.output = Output::Waiting(chunks);
            slot.try_send();
        } else {
            slot.output = Output::Landed(chunks);
        }
        self.enqueue(token);
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
        // Every other turn that has something to tell does so without asking the kernel for more: most
        // often it is only that sends have gone, and the sleep that follows will ask.
        if self.queue.is_empty() || !mem::replace(&mut self.asked, false) {
            self.ask(deadline)?;
        }
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
        let sleep = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        let timeout = if self.queue.is_empty() {
            sleep
        } else {
            Some(Duration::ZERO)
        };
        self.asked = true;
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
            match slot.socket {
                Inlet::Stream(_) => slot.receive(token, &mut self.buffer, turn),
                Inlet::Tcp(_) | Inlet::Unix(_) => slot.accept(token, turn),
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
        self.ending_near |= edge.is_read_closed() || edge.is_error();
        self.readable |= edge.is_readable() || self.ending_near;
        self.writable |= edge.is_writable() || edge.is_write_closed() || edge.is_error();
    }

    fn can_do_something(&mut self) -> bool {
        self.may_read()
            || match self.output {
                Output::Idle => self.step() == Step::Over,
                Output::Waiting(_) => self.writable || self.ending.is_cut(),
                Output::Landed(_) => true,
            }
    }

    fn step(&mut self) -> Step {
        let sending = !matches!(self.output, Output::Idle);
        match &self.socket {
            Inlet::Stream(socket) => self.ending.step(sending, socket),
            _ if self.ending.is_open() => Step::Open,
            _ => Step::Over,
        }
    }

    fn may_read(&mut self) -> bool {
        self.readable
            && !self.ending.ended
            && match self.step() {
                Step::Open | Step::Flush => self.wanted,
                Step::Drain => true,
                Step::Over => false,
            }
    }

    /// Sends what waits, if there may be room. What moved goes home at once.
    fn try_send(&mut self) {
        let Inlet::Stream(socket) = &self.socket else {
            return self.land();
        };
        let Output::Waiting(chunks) = &mut self.output else {
            return;
        };
        while self.writable && !self.ending.is_cut() && !chunks.is_empty() {
            match send(socket, chunks) {
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
        self.output = match mem::replace(&mut self.output, Output::Idle) {
            Output::Waiting(chunks) => Output::Landed(chunks),
            other => other,
        };
    }

    /// A send that went in part is still under way for the caller, who has not been told.
    fn take_off_again(&mut self) {
        self.output = match mem::replace(&mut self.output, Output::Idle) {
            Output::Landed(chunks) => Output::Waiting(chunks),
            other => other,
        };
    }

    fn landed(&mut self) -> Option<Chunks> {
        match mem::replace(&mut self.output, Output::Idle) {
            Output::Landed(chunks) => Some(chunks),
            other => {
                self.output = other;
                None
            }
        }
    }

    fn receive(&mut self, token: Token, buffer: &mut [MaybeUninit<u8>], turn: &mut Turn<'_, '_>) {
        if self.wished && self.ending.is_open() {
            self.lend(token, &mut [], true, turn);
        }
        let Inlet::Stream(socket) = &self.socket else {
            return;
        };
        if !self.readable || self.ending.is_cut() {
            return;
        }
        let room = buffer.len();
        match receive(socket, buffer) {
            Ok([]) => {
                self.ending.ended = true;
                if self.ending.is_open() {
                    turn.tell(Event::Ended(token));
                }
            }
            Ok(bytes) => {
                let full = bytes.len() == room;
                if self.ending.is_open() {
                    self.lend(token, bytes, full, turn);
                } else {
                    self.ending.discard(bytes.len());
                    self.readable = full || self.ending_near;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.readable = false;
                self.ending_near = false;
            }
            Err(error) => self.ending.fail(error),
        }
    }

    /// Lends bytes, and the socket with what it may have besides.
    fn lend(&mut self, token: Token, bytes: &mut [u8], readable: bool, turn: &mut Turn<'_, '_>) {
        let Inlet::Stream(socket) = &self.socket else {
            return;
        };
        let raw = Raw::new(socket, readable);
        turn.tell(Event::Received(token, bytes, &raw));
        let left = raw.into_left();
        self.wished = left.wished;
        self.readable = left.readable || self.ending_near;
        if let Some(error) = left.fault {
            self.ending.fail(error);
        }
    }

    fn accept(&mut self, token: Token, turn: &mut Turn<'_, '_>) {
        for _ in 0..ACCEPTS {
            if !turn.has_room() {
                return;
            }
            match self.socket.accept() {
                Ok((socket, from)) => {
                    self.failures = 0;
                    turn.tell(Event::Accepted {
                        listener: token,
                        socket,
                        from,
                    });
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
        match self.socket {
            Inlet::Stream(socket) => self.ending.close(socket),
            // Closing unregisters a socket, but not one that another process has as well.
            Inlet::Tcp(mut listener) => registry.deregister(&mut listener),
            Inlet::Unix(mut listener) => registry.deregister(&mut listener),
        }
    }
}

impl Inlet {
    fn new(source: Source) -> io::Result<Self> {
        match source {
            Source::Stream(socket) => {
                socket.set_nonblocking(true)?;
                #[cfg(target_vendor = "apple")]
                socket.set_nosigpipe(true)?;
                Ok(Inlet::Stream(socket))
            }
            Source::Connecting(socket) => {
                socket.set_nonblocking(true)?;
                // A socket whose connect has failed takes no option: the edge will tell why.
                #[cfg(target_vendor = "apple")]
                let _ = socket.set_nosigpipe(true);
                Ok(Inlet::Stream(socket))
            }
            Source::Listener(socket) => {
                socket.set_nonblocking(true)?;
                if socket.local_addr()?.is_unix() {
                    Ok(Inlet::Unix(UnixListener::from_std(
                        OwnedFd::from(socket).into(),
                    )))
                } else {
                    Ok(Inlet::Tcp(TcpListener::from_std(socket.into())))
                }
            }
        }
    }

    fn register(&mut self, registry: &Registry, token: mio::Token) -> io::Result<()> {
        let both = Interest::READABLE | Interest::WRITABLE;
        match self {
            Inlet::Stream(socket) => {
                registry.register(&mut SourceFd(&socket.as_raw_fd()), token, both)
            }
            Inlet::Tcp(listener) => registry.register(listener, token, Interest::READABLE),
            Inlet::Unix(listener) => registry.register(listener, token, Interest::READABLE),
        }
    }

    /// Nobody asks a stream.
    fn accept(&self) -> io::Result<(Socket, Address)> {
        match self {
            Inlet::Tcp(listener) => {
                let (stream, from) = listener.accept()?;
                let socket = Socket::from(OwnedFd::from(stream));
                // Linux hands the option of the listener down. Where it fails the peer is gone.
                #[cfg(not(target_os = "linux"))]
                let _ = socket.set_tcp_nodelay(true);
                Ok((socket, Address::Ip(from)))
            }
            Inlet::Unix(listener) => {
                let (stream, _) = listener.accept()?;
                Ok((OwnedFd::from(stream).into(), Address::Unix))
            }
            Inlet::Stream(_) => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

/// Not an index: there are never so many.
const WAKE: mio::Token = mio::Token(usize::MAX);
/// One less than 32 bits hold, so that no index is ever taken for `WAKE`.
const INDEX_MAX: u32 = u32::MAX - 1;
/// 1024: edges beyond that are fetched by the next turn.
const EDGES: usize = 1024;
/// 128 KiB: what is longer is worth a place of its own, see [`Line::try_receive`](super::Line::try_receive).
const BUFFER: usize = 128 << 10;
/// 32: a burst of connects leaves room for the connections there are.
const ACCEPTS: usize = 32;
