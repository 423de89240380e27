//! Asking: what the kernel is to do for a source.

use std::mem;

use super::Uring;
use crate::chunk::Chunks;
use crate::reactor::ending::Step;
use crate::reactor::tag::{Operation, Tag};
use crate::reactor::uring_slot::{Input, Output};
use crate::reactor::{Close, Token};

impl Uring {
    /// Does what follows from what has become of a source.
    pub(super) fn settle(&mut self, token: Token) {
        let Some(slot) = self.slots.get_mut(token) else {
            return;
        };
        match slot.step() {
            Step::Over if slot.is_over() => self.due.push_back(token),
            Step::Over => {
                self.cancel_input(token);
                self.cancel_output(token);
            }
            _ if slot.input == Input::Idle => self.arm.push(token),
            _ => {}
        }
    }

    /// Arms what was to wait for the beginning of a turn.
    pub(super) fn arm(&mut self) {
        let mut arm = mem::take(&mut self.arm);
        for token in arm.drain(..) {
            let Some(slot) = self.slots.get_mut(token) else {
                continue;
            };
            if !slot.is_to_be_armed() {
                continue;
            }
            slot.input = Input::Armed;
            slot.bulk.watched = slot.bulk.wanted;
            let operation = slot.input_operation();
            self.ring.arm(operation, token, &slot.socket, self.share);
        }
        self.arm = arm;
    }

    /// Puts a send into the ring. Behind the `last` goes our FIN: noted before they are sent, to travel
    /// with them.
    pub(super) fn launch(&mut self, token: Token, chunks: Chunks, last: bool) {
        let Some(slot) = self.slots.get_mut(token) else {
            return;
        };
        // The kernel reads the chunks that would be dropped here.
        assert!(slot.output == Output::Idle, "one send at a time");
        slot.chunks = chunks;
        let open = slot.ending.is_open();
        if open && last {
            slot.ending.ask(Close::Finish);
        }
        if open && !slot.chunks.is_empty() {
            slot.output = Output::Flying;
            self.fly(token);
        } else {
            slot.output = Output::Landed;
            self.due.push_back(token);
        }
    }

    pub(super) fn cancel_input(&mut self, token: Token) {
        if let Some(slot) = self.slots.get_mut(token)
            && slot.input == Input::Armed
        {
            slot.input = Input::Cancelled;
            let target = Tag(slot.input_operation(), token);
            self.ring.cancel(Operation::CancelInput, target);
        }
    }

    pub(super) fn cancel_output(&mut self, token: Token) {
        if let Some(slot) = self.slots.get_mut(token)
            && slot.output == Output::Flying
        {
            slot.output = Output::Cancelled;
            self.ring
                .cancel(Operation::CancelSend, Tag(Operation::Send, token));
        }
    }
}
