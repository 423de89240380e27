//! What a script is asked: it finds a place for who comes, and writes down the rest.

use std::io;
use std::os::fd::AsRawFd;
use std::time::Instant;

use ws4rs::Chunks;
use ws4rs::internal::reactor::{Close, Driver, EVENTS_PER_TURN, Event, Source, Token, Waker};

use super::tell::peek;
use super::wire::{Takes, Wire};
use super::{Conn, Guest, Script};

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

impl Script {
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

    pub(super) fn leave(&mut self, token: Token) {
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
}
