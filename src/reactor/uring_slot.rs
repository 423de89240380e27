//! One source of a ring: what of it is in there, and what it may do next. Does not know the ring.

use socket2::Socket;

use super::Token;
use super::bulk::Bulk;
use super::ending::{Ending, Step};
use super::receive::Passage;
use super::tag::Operation;
use super::turn::Turn;
use crate::chunk::Chunks;

pub(super) struct Slot {
    pub(super) socket: Socket,
    /// The caller wishes to read, or to accept.
    pub(super) wanted: bool,
    /// The receive, the watch, or the accept.
    pub(super) input: Input,
    pub(super) bulk: Bulk,
    pub(super) output: Output,
    /// Accepts that failed in a row.
    pub(super) failures: u8,
    /// What is under way, or on its way home; empty while the output is idle.
    pub(super) chunks: Chunks,
    pub(super) ending: Ending,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    Idle,
    Armed,
    Cancelled,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Output {
    Idle,
    Flying,
    Cancelled,
    /// No operation any more: it goes home when the next turn begins.
    Landed,
}

impl Slot {
    pub(super) fn new(socket: Socket, listens: bool) -> Self {
        Slot {
            socket,
            wanted: true,
            input: Input::Idle,
            bulk: Bulk::default(),
            output: Output::Idle,
            failures: 0,
            chunks: Chunks::new(),
            ending: Ending::new(listens),
        }
    }

    /// What of it brings its bytes, or connections.
    pub(super) fn input_operation(&self) -> Operation {
        match (self.ending.listens(), self.bulk.watched) {
            (true, _) => Operation::Accept,
            (_, true) => Operation::Watch,
            _ => Operation::Receive,
        }
    }

    /// Whether nothing but us reads it, and we are to.
    pub(super) fn may_read_bulk(&mut self) -> bool {
        // The watch speaks once of what has come. Left unread while the last send is seen through, the
        // peer's FIN might not be heard of again.
        let wanted = self.wanted || !self.ending.is_open();
        self.bulk.watched && self.bulk.wanted && self.may_read(wanted)
    }

    /// Reads it past the ring. Tells whether there may be more.
    pub(super) fn read_bulk(
        &mut self,
        token: Token,
        passage: &mut Passage,
        turn: &mut Turn<'_, '_>,
    ) -> bool {
        let (socket, ending) = (&self.socket, &mut self.ending);
        self.bulk.read(token, socket, ending, passage, turn)
    }

    pub(super) fn is_to_be_armed(&mut self) -> bool {
        self.input == Input::Idle && self.may_read(self.wanted)
    }

    pub(super) fn may_read(&mut self, wanted: bool) -> bool {
        let sending = self.is_sending();
        self.ending.may_read(wanted, sending, &self.socket)
    }

    pub(super) fn step(&mut self) -> Step {
        self.ending.step(self.is_sending(), &self.socket)
    }

    /// Whether a send has not come home yet.
    pub(super) fn is_sending(&self) -> bool {
        self.output != Output::Idle
    }

    /// Whether a send of it is in the ring.
    pub(super) fn has_send(&self) -> bool {
        matches!(self.output, Output::Flying | Output::Cancelled)
    }

    /// Nothing is in the ring, and nothing is to come.
    pub(super) fn is_over(&mut self) -> bool {
        self.input == Input::Idle && !self.has_send() && self.step() == Step::Over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_32_bytes_here() {
        assert_eq!(size_of::<Option<Slot>>(), 32);
    }
}
