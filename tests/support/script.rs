//! A kernel made of two lists: what it will tell, and what it was asked.
//!
//! It never sleeps and never surprises: each `wait` tells at most one send come home and one receive
//! per connection, in order of their places. It holds the server to its side of the contract, and
//! panics when the server does what it must not.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Instant;

use socket2::{Domain, Socket, Type};
use ws4rs::Chunks;
use ws4rs::internal::reactor::{
    Address, Close, Driver, EVENTS_PER_TURN, Event, Line, Source, Token, Waker,
};

/// A connection of a script, in the order they came in; unlike a token it exists before it is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Conn(pub usize);

/// What a peer's socket takes of one send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// Everything.
    All,
    /// So many bytes, then the send comes home.
    Each(usize),
    /// Nothing: the send stays under way.
    Nothing,
}

/// How a connection ended, as the kernel saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// Our FIN, then the peer's.
    Finished,
    /// Cut by us.
    Aborted,
    /// Cut by the peer.
    Reset,
}

#[derive(Debug)]
enum Coming {
    Bytes(Vec<u8>),
    Fin,
}

/// One connection.
#[derive(Debug)]
struct Wire {
    token: Option<Token>,
    socket: Option<Socket>,
    coming: VecDeque<Coming>,
    /// Cut by the peer, or never connected: what the kernel will say.
    fault: Option<io::ErrorKind>,
    reading: bool,
    /// More was asked of the line than there was: what comes next is offered first.
    wished: bool,
    under_way: Option<Chunks>,
    asked: Option<Close>,
    takes: Takes,
    line: bool,
    /// Answers our FIN with its own.
    polite: bool,
    fin_told: bool,
    out: Vec<u8>,
    gone: Option<Gone>,
    reads_asked: Vec<bool>,
    /// Of each send.
    pieces: Vec<usize>,
    /// The server opened it.
    dialled: bool,
}

impl Wire {
    /// Lends bytes, and the line with what comes behind them.
    fn lend(&mut self, token: Token, bytes: &mut [u8], tell: &mut dyn FnMut(Event<'_>)) {
        let tap = Tap {
            takes: self.takes,
            offered: self.line,
            under_way: self.under_way.is_some(),
            out: RefCell::default(),
            coming: RefCell::new(std::mem::take(&mut self.coming)),
            dry: Cell::new(false),
            wished: Cell::new(false),
        };
        tell(Event::Received(token, bytes, &tap));
        self.out.append(&mut tap.out.into_inner());
        self.coming = tap.coming.into_inner();
        self.wished = tap.wished.get();
    }
}

/// A place: a listener, a connection, or free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Guest {
    Nobody,
    Listener,
    Conn(Conn),
}

#[derive(Debug, Default)]
pub struct Script {
    places: Vec<(u32, Guest)>,
    wires: Vec<Wire>,
    by_fd: HashMap<RawFd, Conn>,
    listener: Option<Token>,
    listener_reading: bool,
    listener_closing: bool,
    knocking: VecDeque<(Socket, Address)>,
    starving: Option<io::ErrorKind>,
    /// The next so many `open`s of a connection fail.
    pub opens_fail: usize,
    /// What is dialled takes nothing yet, as while TCP connects: [`takes`](Self::takes) ends that.
    pub dials_hang: bool,
    /// Receives told per connection and turn. One, unless a test wants more.
    pub per_turn: usize,
    /// What a peer takes all of leaves at once: its send is given back.
    pub at_once: bool,
    /// Calls to the driver, and events told: what tells a quiet turn from a busy one.
    pub asked: usize,
    pub told: usize,
    /// The last deadline `wait` was given.
    pub deadline: Option<Instant>,
}

impl Script {
    pub fn new() -> Self {
        Script {
            per_turn: 1,
            ..Script::default()
        }
    }

    /// A client connects. What it does may be said at once; it is heard when the server has opened it.
    pub fn connect(&mut self) -> Conn {
        self.connect_from("192.0.2.1:40000".parse().expect("an address"))
    }

    pub fn connect_from(&mut self, from: std::net::SocketAddr) -> Conn {
        let (ours, _) = Socket::pair(Domain::UNIX, Type::STREAM, None).expect("a socket pair");
        let conn = self.wire();
        self.by_fd.insert(ours.as_raw_fd(), conn);
        self.knocking.push_back((ours, Address::Ip(from)));
        conn
    }

    fn wire(&mut self) -> Conn {
        self.wires.push(Wire {
            token: None,
            socket: None,
            coming: VecDeque::new(),
            fault: None,
            reading: true,
            wished: false,
            under_way: None,
            asked: None,
            takes: Takes::All,
            line: true,
            polite: true,
            fin_told: false,
            out: Vec::new(),
            gone: None,
            reads_asked: Vec::new(),
            pieces: Vec::new(),
            dialled: false,
        });
        Conn(self.wires.len() - 1)
    }

    /// Bytes come, in one receive.
    pub fn feed(&mut self, conn: Conn, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.wires[conn.0]
                .coming
                .push_back(Coming::Bytes(bytes.to_vec()));
        }
    }

    pub fn fin(&mut self, conn: Conn) {
        self.wires[conn.0].coming.push_back(Coming::Fin);
    }

    pub fn reset(&mut self, conn: Conn) {
        self.fail(conn, io::ErrorKind::ConnectionReset);
    }

    /// The kernel gives it up, with this error.
    pub fn fail(&mut self, conn: Conn, why: io::ErrorKind) {
        self.wires[conn.0].fault = Some(why);
    }

    /// Those that the server dialled, in order.
    pub fn dialled(&self) -> Vec<Conn> {
        let wires = self.wires.iter().enumerate();
        let dialled = wires.filter(|(_, wire)| wire.dialled);
        dialled.map(|(conn, _)| Conn(conn)).collect()
    }

    pub fn takes(&mut self, conn: Conn, takes: Takes) {
        self.wires[conn.0].takes = takes;
    }

    /// Whether the line, the immediate send, takes bytes.
    pub fn line(&mut self, conn: Conn, offered: bool) {
        self.wires[conn.0].line = offered;
    }

    /// Whether the peer answers our FIN with its own.
    pub fn polite(&mut self, conn: Conn, polite: bool) {
        self.wires[conn.0].polite = polite;
    }

    /// The listener runs out of something.
    pub fn starve(&mut self) {
        self.starving = Some(io::ErrorKind::OutOfMemory);
    }

    pub fn is_accepting(&self) -> bool {
        self.listener.is_some() && self.listener_reading
    }

    /// All bytes that reached the peer.
    pub fn out(&self, conn: Conn) -> &[u8] {
        &self.wires[conn.0].out
    }

    pub fn take_out(&mut self, conn: Conn) -> Vec<u8> {
        std::mem::take(&mut self.wires[conn.0].out)
    }

    pub fn put_back(&mut self, conn: Conn, bytes: &[u8]) {
        self.wires[conn.0].out.splice(0..0, bytes.iter().copied());
    }

    pub fn gone(&self, conn: Conn) -> Option<Gone> {
        self.wires[conn.0].gone
    }

    /// What was asked: to finish, to abort, or neither.
    pub fn close_asked(&self, conn: Conn) -> Option<Close> {
        self.wires[conn.0].asked
    }

    pub fn is_reading(&self, conn: Conn) -> bool {
        self.wires[conn.0].reading
    }

    /// Each `read` that was asked.
    /// Of how many pieces each send to it was.
    pub fn pieces(&self, conn: Conn) -> &[usize] {
        &self.wires[conn.0].pieces
    }

    pub fn reads_asked(&self, conn: Conn) -> &[bool] {
        &self.wires[conn.0].reads_asked
    }

    /// Whether something that was fed has not been told.
    pub fn has_unheard(&self, conn: Conn) -> bool {
        !self.wires[conn.0].coming.is_empty()
    }

    pub fn token(&self, conn: Conn) -> Option<Token> {
        self.wires[conn.0].token
    }

    pub fn connections(&self) -> usize {
        self.wires.len()
    }

    fn seat(&mut self, guest: Guest) -> Token {
        let free = self
            .places
            .iter()
            .position(|(_, guest)| *guest == Guest::Nobody);
        let index = free.unwrap_or_else(|| {
            self.places.push((0, Guest::Nobody));
            self.places.len() - 1
        });
        self.places[index].1 = guest;
        Token {
            index: index as u32,
            generation: self.places[index].0,
        }
    }

    fn leave(&mut self, token: Token) {
        let place = &mut self.places[token.index as usize];
        *place = (place.0 + 1, Guest::Nobody);
    }

    fn guest(&self, token: Token) -> Guest {
        let (generation, guest) = self.places[token.index as usize];
        assert!(
            token.generation <= generation,
            "a token that was never given"
        );
        if generation == token.generation {
            guest
        } else {
            Guest::Nobody
        }
    }

    /// A send that the contract allows.
    fn begin_send(&mut self, token: Token, chunks: &Chunks) -> &mut Wire {
        self.asked += 1;
        let Guest::Conn(conn) = self.guest(token) else {
            panic!("a send to a source that is closed, or listens");
        };
        let wire = &mut self.wires[conn.0];
        assert!(wire.under_way.is_none(), "one send under way at a time");
        assert!(wire.asked.is_none(), "a send behind our FIN");
        assert!(!chunks.is_empty(), "a send of nothing");
        wire.pieces.push(chunks.iter().count());
        wire
    }

    fn tell_listener(&mut self, tell: &mut dyn FnMut(Event<'_>)) {
        let Some(listener) = self.listener else {
            return;
        };
        if self.listener_closing {
            self.listener = None;
            self.leave(listener);
            self.told += 1;
            return tell(Event::Closed(listener, Ok(())));
        }
        if let Some(kind) = self.starving.take() {
            self.listener_reading = false;
            self.told += 1;
            return tell(Event::Starved(listener, kind.into()));
        }
        while self.listener_reading
            && let Some((socket, from)) = self.knocking.pop_front()
        {
            self.told += 1;
            tell(Event::Accepted {
                listener,
                socket,
                from,
            });
        }
    }

    fn tell_wire(&mut self, conn: Conn, tell: &mut dyn FnMut(Event<'_>)) {
        let wire = &mut self.wires[conn.0];
        let Some(token) = wire.token.filter(|_| wire.gone.is_none()) else {
            return;
        };
        let cut = wire.asked == Some(Close::Abort) || wire.fault.is_some();
        if let Some(mut chunks) = wire.under_way.take() {
            match wire.takes {
                Takes::Nothing if !cut => wire.under_way = Some(chunks),
                _ if cut => {
                    self.told += 1;
                    tell(Event::Sent(token, chunks));
                }
                takes => {
                    let most = match takes {
                        // What is finished is seen through to its last byte.
                        Takes::Each(most) if wire.asked.is_none() => most,
                        _ => usize::MAX,
                    };
                    let bytes = peek(&chunks, most);
                    chunks.advance(bytes.len());
                    wire.out.extend_from_slice(&bytes);
                    self.told += 1;
                    tell(Event::Sent(token, chunks));
                }
            }
        }
        if cut {
            let gone = if wire.asked == Some(Close::Abort) {
                Gone::Aborted
            } else {
                Gone::Reset
            };
            let result = match gone {
                Gone::Reset => wire.fault.map_or(Ok(()), |why| Err(why.into())),
                _ => Ok(()),
            };
            return self.over(conn, token, gone, result, tell);
        }
        if wire.asked == Some(Close::Finish) {
            // What still comes is read and thrown away.
            let fin = wire
                .coming
                .drain(..)
                .any(|coming| matches!(coming, Coming::Fin));
            wire.fin_told |= fin;
            if wire.under_way.is_none() && (wire.fin_told || wire.polite) {
                self.over(conn, token, Gone::Finished, Ok(()), tell);
            }
            return;
        }
        for _ in 0..self.per_turn {
            if !wire.reading || wire.fin_told {
                return;
            }
            match wire.coming.pop_front() {
                None => return,
                Some(Coming::Fin) => {
                    wire.fin_told = true;
                    self.told += 1;
                    tell(Event::Ended(token));
                }
                Some(Coming::Bytes(bytes)) if std::mem::take(&mut wire.wished) => {
                    let coming = wire.coming.len();
                    wire.coming.push_front(Coming::Bytes(bytes));
                    self.told += 1;
                    wire.lend(token, &mut [], tell);
                    // As usual, if they were not taken.
                    if wire.coming.len() > coming
                        && !wire.wished
                        && let Some(Coming::Bytes(mut bytes)) = wire.coming.pop_front()
                    {
                        self.told += 1;
                        wire.lend(token, &mut bytes, tell);
                    }
                }
                Some(Coming::Bytes(mut bytes)) => {
                    self.told += 1;
                    wire.lend(token, &mut bytes, tell);
                }
            }
        }
    }

    fn over(
        &mut self,
        conn: Conn,
        token: Token,
        gone: Gone,
        result: io::Result<()>,
        tell: &mut dyn FnMut(Event<'_>),
    ) {
        let wire = &mut self.wires[conn.0];
        assert!(wire.under_way.is_none(), "Sent comes before Closed");
        wire.gone = Some(gone);
        wire.socket = None;
        self.leave(token);
        self.told += 1;
        tell(Event::Closed(token, result));
    }
}

impl Driver for Script {
    fn open(&mut self, source: Source) -> io::Result<Token> {
        self.asked += 1;
        match source {
            Source::Listener(_) => {
                assert!(self.listener.is_none(), "one listener is enough");
                let token = self.seat(Guest::Listener);
                self.listener = Some(token);
                self.listener_reading = true;
                Ok(token)
            }
            // What is behind the socket of one that dials does not matter: the script tells.
            source => {
                let (socket, dialled) = match source {
                    Source::Connecting(socket) => (socket, true),
                    Source::Stream(socket)
                    | Source::Accepted(socket)
                    | Source::Listener(socket) => (socket, false),
                };
                if self.opens_fail > 0 {
                    self.opens_fail -= 1;
                    return Err(io::ErrorKind::OutOfMemory.into());
                }
                // One that another script has accepted is new here.
                let known = self.by_fd.remove(&socket.as_raw_fd());
                let known = known.filter(|_| !dialled);
                let conn = known.unwrap_or_else(|| self.wire());
                let token = self.seat(Guest::Conn(conn));
                let wire = &mut self.wires[conn.0];
                wire.token = Some(token);
                wire.dialled = dialled;
                if dialled && self.dials_hang {
                    wire.takes = Takes::Nothing;
                }
                wire.socket = Some(socket);
                Ok(token)
            }
        }
    }

    fn send(&mut self, token: Token, mut chunks: Chunks) -> Option<Chunks> {
        let at_once = self.at_once;
        let wire = self.begin_send(token, &chunks);
        if at_once && wire.takes == Takes::All && wire.fault.is_none() {
            wire.out.extend(peek(&chunks, usize::MAX));
            chunks.advance(chunks.len());
            return Some(chunks);
        }
        wire.under_way = Some(chunks);
        None
    }

    fn finish(&mut self, token: Token, chunks: Chunks) {
        let wire = self.begin_send(token, &chunks);
        wire.under_way = Some(chunks);
        self.close(token, Close::Finish);
    }

    fn read(&mut self, token: Token, on: bool) {
        self.asked += 1;
        match self.guest(token) {
            Guest::Nobody => panic!("a read of a closed source"),
            Guest::Listener => self.listener_reading = on,
            Guest::Conn(conn) => {
                let wire = &mut self.wires[conn.0];
                wire.reads_asked.push(on);
                wire.reading = on;
            }
        }
    }

    fn close(&mut self, token: Token, how: Close) {
        self.asked += 1;
        match self.guest(token) {
            // Cutting twice is as good as once.
            Guest::Nobody => assert_eq!(how, Close::Abort, "a finish of a closed source"),
            Guest::Listener => self.listener_closing = true,
            Guest::Conn(conn) => {
                let wire = &mut self.wires[conn.0];
                if wire.asked != Some(Close::Abort) {
                    wire.asked = Some(how);
                }
            }
        }
    }

    fn wait(
        &mut self,
        deadline: Option<Instant>,
        tell: &mut dyn FnMut(Event<'_>),
    ) -> io::Result<()> {
        self.deadline = deadline;
        let before = self.told;
        self.tell_listener(tell);
        for conn in 0..self.wires.len() {
            self.tell_wire(Conn(conn), tell);
            if self.told - before + 3 * self.per_turn > EVENTS_PER_TURN {
                // The others come first next time only if somebody cares: order is by place.
                break;
            }
        }
        Ok(())
    }

    fn waker(&self) -> Waker {
        Waker::new(|| {})
    }
}

/// The line: writes past the queue, and reads past the buffers, one piece at a time.
struct Tap {
    takes: Takes,
    offered: bool,
    under_way: bool,
    out: RefCell<Vec<u8>>,
    coming: RefCell<VecDeque<Coming>>,
    /// There was less than was asked for: nothing more before the next receive.
    dry: Cell<bool>,
    wished: Cell<bool>,
}

impl Line for Tap {
    fn try_send(&self, parts: &[IoSlice<'_>]) -> usize {
        assert!(!self.under_way, "the line overtakes a send");
        let most = match self.takes {
            _ if !self.offered => 0,
            Takes::All => usize::MAX,
            Takes::Each(most) => most,
            Takes::Nothing => 0,
        };
        let all: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        let gone = all.len().min(most);
        self.out.borrow_mut().extend_from_slice(&all[..gone]);
        gone
    }

    fn worth_sending(&self) -> usize {
        32 << 10
    }

    fn try_receive<'m>(&self, into: &'m mut [MaybeUninit<u8>]) -> &'m mut [u8] {
        assert!(!into.is_empty(), "a wish for nothing");
        self.wished.set(true);
        let mut coming = self.coming.borrow_mut();
        let Some(Coming::Bytes(bytes)) = coming.front_mut().filter(|_| !self.dry.get()) else {
            return &mut [];
        };
        let asked = into.len();
        let come = fill(into, bytes);
        bytes.drain(..come.len());
        if bytes.is_empty() {
            coming.pop_front();
        }
        self.dry.set(come.len() < asked);
        self.wished.set(come.len() < asked);
        come
    }
}

/// Writes what fits of `bytes` into `room`, and tells what that was.
#[allow(unsafe_code)]
pub fn fill<'m>(room: &'m mut [MaybeUninit<u8>], bytes: &[u8]) -> &'m mut [u8] {
    let count = room.len().min(bytes.len());
    for (place, byte) in room.iter_mut().zip(bytes) {
        place.write(*byte);
    }
    // SAFETY: the first `count` places have just been written.
    unsafe { std::slice::from_raw_parts_mut(room.as_mut_ptr().cast(), count) }
}

fn peek(chunks: &Chunks, most: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut gone = chunks.gone();
    for chunk in chunks.iter() {
        bytes.extend_from_slice(&chunk.as_slice()[gone..]);
        gone = 0;
        if bytes.len() >= most {
            bytes.truncate(most);
            break;
        }
    }
    bytes
}
