//! A kernel made of two lists: what it will tell, and what it was asked.
//!
//! It never sleeps and never surprises: each `wait` tells at most one send come home and one receive
//! per connection, in order of their places. It holds the server to its side of the contract, and
//! panics when the server does what it must not.
//!
//! Here is what a test says to it. [`driver`] is what the server asks of it and [`tell`] what it
//! answers; [`wire`] is one connection, and [`tap`] its line.

mod driver;
mod tap;
mod tell;
mod wire;

use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Instant;

use socket2::{Domain, Socket, Type};
use ws4rs::internal::reactor::{Address, Close, Token};

pub use tap::fill;
use wire::{Coming, Wire};
pub use wire::{Gone, Takes};

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

/// A connection of a script, in the order they came in; unlike a token it exists before it is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Conn(pub usize);

/// A place: a listener, a connection, or free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Guest {
    Nobody,
    Listener,
    Conn(Conn),
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
        self.wires.push(Wire::new());
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

    /// Of how many pieces each send to it was.
    pub fn pieces(&self, conn: Conn) -> &[usize] {
        &self.wires[conn.0].pieces
    }

    /// Each `read` that was asked.
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
}
