//! One source of a poll: what it waits for, and what it does when that has come. Does not know the poll.

use std::io;
use std::mem;
use std::os::fd::AsRawFd;

use mio::event::Event as Edge;
use mio::unix::SourceFd;
use mio::{Interest, Registry};
use socket2::{SockAddr, Socket};

use super::ending::{Ending, Step};
use super::receive::{Passage, Prospect};
#[cfg(not(target_os = "linux"))]
use super::socket::no_delay;
use super::socket::{is_starved, to_address};
use super::turn::{FAILURES_MAX, Turn, send};
use super::{Close, Event, Source, Token};
use crate::chunk::Chunks;

pub(super) struct Slot {
    pub(super) socket: Socket,
    /// In the queue of those who can do something.
    pub(super) queued: bool,
    /// The caller wishes to read, or to accept.
    pub(super) wanted: bool,
    /// There may be something to read: the edge has been and not all has been read since.
    readable: bool,
    prospect: Prospect,
    /// There may be room to send.
    writable: bool,
    /// Accepts that failed in a row.
    pub(super) failures: u8,
    output: Output,
    /// What waits, or is on its way home; empty while the output is idle.
    chunks: Chunks,
    pub(super) ending: Ending,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Output {
    Idle,
    /// Nothing went: waits for the edge.
    Waiting,
    /// Goes home in the next turn.
    Landed,
}

impl Slot {
    pub(super) fn new(source: Source) -> io::Result<Self> {
        // The first edge tells that the connect is over, also when it was so before. To send sooner
        // fails on macOS.
        let writable = !matches!(source, Source::Connecting(_));
        let ending = Ending::new(matches!(source, Source::Listener(_)));
        Ok(Slot {
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
        })
    }

    pub(super) fn note(&mut self, edge: &Edge) {
        self.prospect.ending_near |= edge.is_read_closed() || edge.is_error();
        self.readable |= edge.is_readable() || self.prospect.ending_near;
        self.writable |= edge.is_writable() || edge.is_write_closed() || edge.is_error();
    }

    pub(super) fn can_do_something(&mut self) -> bool {
        self.may_read()
            || match self.output {
                Output::Idle => self.step() == Step::Over,
                Output::Waiting => self.writable || self.ending.is_cut(),
                Output::Landed => true,
            }
    }

    pub(super) fn interest(&self) -> Interest {
        match self.ending.listens() {
            false => Interest::READABLE | Interest::WRITABLE,
            true => Interest::READABLE,
        }
    }

    pub(super) fn step(&mut self) -> Step {
        self.ending.step(self.is_sending(), &self.socket)
    }

    pub(super) fn may_read(&mut self) -> bool {
        let sending = self.is_sending();
        self.readable && self.ending.may_read(self.wanted, sending, &self.socket)
    }

    /// Whether a send has not come home yet.
    fn is_sending(&self) -> bool {
        self.output != Output::Idle
    }

    /// Sends, as far as there is room already. Behind the `last` goes our FIN: noted before they are sent,
    /// to travel with them.
    #[inline]
    pub(super) fn launch(&mut self, chunks: Chunks, last: bool) {
        assert!(self.output == Output::Idle, "one send at a time");
        self.chunks = chunks;
        if self.ending.is_open() {
            if last {
                self.ending.ask(Close::Finish);
            }
            self.output = Output::Waiting;
            self.try_send();
        } else {
            self.output = Output::Landed;
        }
    }

    /// The chunks, if all of them have left.
    pub(super) fn landed_whole(&mut self) -> Option<Chunks> {
        match self.chunks.is_empty() {
            true => self.landed(),
            false => None,
        }
    }

    /// Sends what waits, if there may be room. What moved goes home at once.
    pub(super) fn try_send(&mut self) {
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

    pub(super) fn land(&mut self) {
        if self.output == Output::Waiting {
            self.output = Output::Landed;
        }
    }

    /// A send that went in part is still under way for the caller, who has not been told.
    pub(super) fn take_off_again(&mut self) {
        if self.output == Output::Landed {
            self.output = Output::Waiting;
        }
    }

    pub(super) fn landed(&mut self) -> Option<Chunks> {
        if self.output != Output::Landed {
            return None;
        }
        self.output = Output::Idle;
        Some(mem::take(&mut self.chunks))
    }

    pub(super) fn receive(&mut self, token: Token, passage: &mut Passage, turn: &mut Turn<'_, '_>) {
        let (socket, ending, prospect) = (&self.socket, &mut self.ending, &mut self.prospect);
        self.readable = passage.read(token, socket, ending, prospect, turn).more;
    }

    pub(super) fn accept(&mut self, token: Token, turn: &mut Turn<'_, '_>) {
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

    pub(super) fn close(self, registry: &Registry) -> io::Result<()> {
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
