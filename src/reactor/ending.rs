//! How a source comes to its end: the same in every kernel.
//!
//! Knows the wishes and the faults, not how a kernel reads, sends or cancels. The driver notes here
//! what it was asked and what it saw, and [`step`](Ending::step) says what is to be done next.

use std::io;
use std::net::Shutdown;
use std::time::Duration;

use socket2::Socket;

use super::{Close, DISCARD_MAX};

/// What leads to the end of one source.
#[derive(Debug, Default)]
pub(super) struct Ending {
    wish: Option<Close>,
    /// The first fault of the socket. None after `Abort` was asked.
    fault: Option<io::Error>,
    /// Bytes thrown away since our FIN went out.
    discarded: usize,
    /// Our FIN is out.
    finished: bool,
    /// A listener has neither FIN nor reset, and its options may be shared with another process.
    listens: bool,
    /// The peer's FIN is in.
    pub(super) ended: bool,
}

/// What is to be done with a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Read as the caller wishes, and tell it.
    Open,
    /// Wait for the last send; what is read is thrown away.
    Flush,
    /// Read and throw away until the peer's FIN.
    Drain,
    /// Stop everything; when nothing is under way any more, it is over.
    Over,
}

impl Ending {
    /// The end of a listener, or of a connection.
    pub(super) fn new(listens: bool) -> Self {
        Ending {
            listens,
            ..Ending::default()
        }
    }

    /// Notes a wish. The harder one holds.
    pub(super) fn ask(&mut self, how: Close) {
        if self.wish != Some(Close::Abort) {
            self.wish = Some(how);
        }
    }

    /// Notes a fault. The first one is told, and none that our own `Abort` brought about.
    pub(super) fn fail(&mut self, error: io::Error) {
        if self.wish != Some(Close::Abort) {
            self.fault.get_or_insert(error);
        }
    }

    /// Whether the caller still hears and is heard.
    pub(super) fn is_open(&self) -> bool {
        self.wish.is_none() && self.fault.is_none()
    }

    /// Whether it is to end at once.
    pub(super) fn is_cut(&self) -> bool {
        self.fault.is_some() || self.wish == Some(Close::Abort)
    }

    /// Notes bytes that were thrown away.
    pub(super) fn discard(&mut self, bytes: usize) {
        if self.finished {
            self.discarded += bytes;
        }
    }

    /// What is to be done now; sends our FIN when it is time.
    pub(super) fn step(&mut self, sending: bool, socket: &Socket) -> Step {
        if self.is_cut() {
            return Step::Over;
        }
        if self.wish.is_none() {
            return Step::Open;
        }
        if self.listens {
            return Step::Over;
        }
        if sending {
            return Step::Flush;
        }
        if !self.finished {
            if let Err(error) = socket.shutdown(Shutdown::Write) {
                self.fail(error);
                return Step::Over;
            }
            self.finished = true;
        }
        if self.ended || self.discarded > DISCARD_MAX {
            return Step::Over;
        }
        Step::Drain
    }

    /// Closes the socket and tells what is to be told of it.
    pub(super) fn close(self, socket: Socket) -> io::Result<()> {
        if !self.finished && !self.listens {
            // A reset: the peer shall not take what it has for the whole. On a dead socket it fails,
            // and nothing is lost.
            let _ = socket.set_linger(Some(Duration::ZERO));
        }
        match self.fault {
            Some(error) if !self.finished => Err(error),
            _ => Ok(()),
        }
    }
}
