//! Hearing: what the kernel has done, and what follows from it.

use std::io;
use std::mem;

use socket2::Socket;

use super::ring::Completion;
use super::{Uring, WAKE};
use crate::reactor::socket::{is_starved, to_address};
use crate::reactor::tag::{Operation, Tag};
use crate::reactor::turn::{FAILURES_MAX, Raw, Turn};
use crate::reactor::uring_slot::{Input, Output, Slot};
use crate::reactor::{Event, Token};

impl Uring {
    /// Hears what has been done, as far as the turn has room for it.
    pub(super) fn hear_all(&mut self, turn: &mut Turn<'_, '_>) {
        while turn.has_room()
            && let Some(done) = self.ring.next()
        {
            self.hear(done, turn);
        }
    }

    fn hear(&mut self, done: Completion, turn: &mut Turn<'_, '_>) {
        let Tag(operation, token) = done.tag();
        let (result, more) = (done.result(), done.more());
        match operation {
            Operation::Receive => self.received(token, done, turn),
            Operation::Watch => self.watched(token, result, more),
            Operation::Send => self.sent(token, result, turn),
            Operation::Accept => self.accepted(token, done, turn),
            Operation::CancelInput => self.input_not_cancelled(token, result),
            Operation::CancelSend => self.send_not_cancelled(token, result),
            Operation::CancelAll => {}
        }
    }

    fn received(&mut self, token: Token, done: Completion, turn: &mut Turn<'_, '_>) {
        let (result, more) = (done.result(), done.more());
        // Whoever it is for, the buffer goes back.
        let mut loan = self.ring.lend(done);
        let Some(slot) = self.slots.get_mut(token) else {
            return;
        };
        if !more {
            slot.input = Input::Idle;
        }
        let open = slot.ending.is_open();
        match (loan.as_deref_mut(), result) {
            (Some(bytes), 1..) if open && token != WAKE => {
                // More of its bytes may be on their way to us already: it is not to be read by others.
                let raw = Raw::new(&slot.socket, WORTH_SENDING, false);
                turn.tell(Event::Received(token, bytes, &raw));
                let wished = raw.into_left().wished;
                slot.bulk.wish(wished);
            }
            (_, count @ 1..) => slot.ending.discard(count as usize),
            (_, 0) => {
                slot.ending.end();
                if open {
                    turn.tell(Event::Ended(token));
                }
            }
            // Kernels before 6.17 know no share.
            (_, error) if -error == libc::EINVAL && token == WAKE && self.share != 0 => {
                self.share = 0;
            }
            (_, error) if is_harmless(-error) => {}
            (_, error) => slot.ending.fail(io::Error::from_raw_os_error(-error)),
        }
        drop(loan);
        if more && slot.bulk.wanted {
            self.cancel_input(token);
        }
        if !more || !open {
            self.settle(token);
        }
    }

    fn watched(&mut self, token: Token, result: i32, more: bool) {
        let Some(slot) = self.slots.get_mut(token) else {
            return;
        };
        if !more {
            slot.input = Input::Idle;
        }
        if result >= 0 {
            if slot.bulk.note(result) {
                self.readable.push_back(token);
            }
        } else if !is_harmless(-result) {
            slot.ending.fail(io::Error::from_raw_os_error(-result));
        }
        if !more || !slot.ending.is_open() {
            self.settle(token);
        }
    }

    /// Reads those who have been watched, each once: who has more waits for the next turn. Tells whether
    /// there was room for all.
    pub(super) fn read_bulk(&mut self, turn: &mut Turn<'_, '_>) -> bool {
        for _ in 0..self.readable.len() {
            if !turn.has_room() {
                return false;
            }
            let Some(token) = self.readable.pop_front() else {
                break;
            };
            let Some(slot) = self.slots.get_mut(token) else {
                continue;
            };
            slot.bulk.readable = false;
            if slot.may_read_bulk() && slot.read_bulk(token, &mut self.passage, turn) {
                slot.bulk.readable = true;
                self.readable.push_back(token);
            }
            if !slot.bulk.wanted {
                self.cancel_input(token);
            }
            self.settle(token);
        }
        true
    }

    fn sent(&mut self, token: Token, result: i32, turn: &mut Turn<'_, '_>) {
        let Some(slot) = self.slots.get_mut(token) else {
            return;
        };
        debug_assert!(slot.has_send(), "a send has come home that never left");
        match usize::try_from(result) {
            Ok(count) => slot.chunks.advance(count),
            Err(_) if is_harmless(-result) => {}
            Err(_) => slot.ending.fail(io::Error::from_raw_os_error(-result)),
        }
        let open = slot.ending.is_open();
        if !slot.chunks.is_empty() && !open && !slot.ending.is_cut() {
            // Finishing: nobody would send the rest, so we do.
            slot.output = Output::Flying;
            return self.fly(token);
        }
        slot.output = Output::Idle;
        let chunks = mem::take(&mut slot.chunks);
        turn.tell(Event::Sent(token, chunks));
        if !open {
            self.settle(token);
        }
    }

    fn accepted(&mut self, token: Token, done: Completion, turn: &mut Turn<'_, '_>) {
        let more = done.more();
        // Whoever it is for, it is ours to close.
        let socket = done.into_socket();
        let Some(slot) = self.slots.get_mut(token) else {
            return;
        };
        if !more {
            slot.input = Input::Idle;
        }
        match socket {
            Ok(socket) => let_in(token, slot, socket, turn),
            Err(error) if error.raw_os_error() == Some(libc::ECANCELED) => {}
            Err(error) => accept_failed(token, slot, error, turn),
        }
        if !more {
            self.settle(token);
        }
    }

    /// A cancel finds nothing when its target has ended, which tells by itself, but also while the
    /// target changes hands inside the kernel.
    fn input_not_cancelled(&mut self, token: Token, result: i32) {
        if let Some(slot) = self.slots.get(token)
            && slot.input == Input::Cancelled
            && result == -libc::ENOENT
        {
            let target = Tag(slot.input_operation(), token);
            self.ring.cancel(Operation::CancelInput, target);
        }
    }

    fn send_not_cancelled(&mut self, token: Token, result: i32) {
        if let Some(slot) = self.slots.get(token)
            && slot.output == Output::Cancelled
            && result == -libc::ENOENT
        {
            self.ring
                .cancel(Operation::CancelSend, Tag(Operation::Send, token));
        }
    }

    /// Tells what no completion brings.
    pub(super) fn tell_due(&mut self, turn: &mut Turn<'_, '_>) {
        while turn.has_room()
            && let Some(token) = self.due.pop_front()
        {
            let Some(slot) = self.slots.get_mut(token) else {
                continue;
            };
            if slot.output == Output::Landed {
                slot.output = Output::Idle;
                turn.tell(Event::Sent(token, mem::take(&mut slot.chunks)));
            }
            if slot.is_over()
                && let Some(slot) = self.slots.remove(token)
            {
                let end = slot.ending.close(slot.socket);
                turn.tell(Event::Closed(token, end));
            } else {
                self.settle(token);
            }
        }
    }
}

fn let_in(listener: Token, slot: &mut Slot, socket: Socket, turn: &mut Turn<'_, '_>) {
    slot.failures = 0;
    // A peer that has no address any more is gone.
    let from = socket.peer_addr().ok();
    if !slot.ending.is_cut()
        && let Some(from) = from.as_ref().and_then(to_address)
    {
        turn.tell(Event::Accepted {
            listener,
            socket,
            from,
        });
    }
}

/// Pauses a listener that has run out of something.
fn accept_failed(token: Token, slot: &mut Slot, error: io::Error, turn: &mut Turn<'_, '_>) {
    slot.failures += 1;
    if is_starved(&error) || slot.failures >= FAILURES_MAX {
        slot.wanted = false;
        if slot.ending.is_open() {
            turn.tell(Event::Starved(token, error));
        }
    }
}

/// Nothing is wrong: no buffer was left, it was cancelled, or is to be tried again.
fn is_harmless(error: i32) -> bool {
    matches!(
        error,
        libc::ENOBUFS | libc::ECANCELED | libc::EINTR | libc::EAGAIN
    )
}

/// 32 KiB: measured, server's time per echo against a send by the ring: 8 to 10 % more at 4 and 8 KiB, where
/// a system call costs more than the copy it saves, level at 16 KiB, 14 % less at 64 KiB.
const WORTH_SENDING: usize = 32 << 10;
