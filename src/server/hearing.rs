//! What the driver tells: connections, bytes, sends that have come home, and ends.

use std::io;
use std::sync::atomic::Ordering;

use socket2::Socket;

use super::connection::{Inlet, Outlet, Stage};
use super::flags::Flag;
use super::hall::Voice;
use super::handler::{Cause, Closed, Handler};
use super::worker::{Newcomer, Worker};
use crate::chunk::Chunks;
use crate::proto::CloseCode;
use crate::reactor::{Address, Event, Line, Token};

impl<H: Handler> Worker<H> {
    pub(super) fn hear(&mut self, event: Event<'_>) {
        self.read_clock();
        match event {
            Event::Received(token, bytes, line) => self.received(token, bytes, line),
            Event::Sent(token, chunks) => self.sent(token, chunks),
            Event::Accepted {
                listener,
                socket,
                from,
            } => self.accepted(listener, socket, from),
            Event::Ended(token) => self.ended(token),
            Event::Closed(token, result) => self.closed(token, result),
            Event::Starved(_, error) => {
                if self.hall.now >= self.quiet_until {
                    self.quiet_until = self.hall.now + QUIET;
                    tracing::warn!(%error, "accepting pauses until it can go on");
                }
                self.retry = Some(self.hall.now + RETRY);
            }
        }
    }

    fn accepted(&mut self, listener: Token, socket: Socket, from: Address) {
        let place = self.listeners.iter().find(|known| known.token == listener);
        let listener = place.map_or(0, |known| known.place);
        self.newcomers.push(Newcomer {
            socket,
            from,
            listener,
            adopted: false,
        });
    }

    fn received(&mut self, token: Token, bytes: &mut [u8], line: &dyn Line) {
        let stamp = self.hall.stamp();
        let Some(outlet) = self.hall.outlets.get_mut(token) else {
            return;
        };
        outlet.clock.heard = stamp;
        let answered = outlet.unmark(Flag::Pinged);
        self.hall.outlets.touch(token);
        if answered {
            // The next ping may be due before the pong would have been.
            self.arm(token);
        }
        self.take_in(token, bytes, Some(line));
    }

    /// Bytes for whatever stage the connection is in.
    pub(super) fn take_in(&mut self, token: Token, bytes: &mut [u8], line: Option<&dyn Line>) {
        let Some(outlet) = self.hall.outlets.get(token) else {
            return;
        };
        let holds = outlet.holds();
        let role = outlet.half.outbox.role();
        let Some(Some(inlet)) = self.inlets.get_mut(token.index as usize) else {
            return;
        };
        match &mut inlet.stage {
            Stage::Refused => {}
            Stage::Dialing(_) => self.answered(token, bytes),
            Stage::Deferred(_) => inlet.keep(bytes),
            // What came before must be read first.
            _ if holds || inlet.rest.is_some() => inlet.keep(bytes),
            Stage::Open(..) => self.read(token, bytes, line, role),
            Stage::Opening(_) => self.open(token, bytes),
        }
    }

    fn sent(&mut self, token: Token, chunks: Chunks) {
        let stamp = self.hall.stamp();
        let low = self.hall.outlets.limits.low;
        let Some(outlet) = self.hall.outlets.get_mut(token) else {
            return;
        };
        let rearm = outlet.home(chunks, stamp);
        let drained = outlet.drains(low);
        self.hall.outlets.touch(token);
        if rearm {
            self.arm(token);
        }
        if drained {
            self.tell_drained(token);
        }
    }

    pub(super) fn tell_drained(&mut self, token: Token) {
        let outlet = self.hall.outlets.get(token);
        if outlet.is_some_and(Outlet::is_talking) {
            self.call(token, Voice::Other, None, |handler, peer| {
                handler.on_drain(peer)
            });
        }
    }

    fn ended(&mut self, token: Token) {
        if let Some(outlet) = self.hall.outlets.get_mut(token) {
            outlet.mark(Flag::Ended);
            self.hall.outlets.touch(token);
            self.end_of_input(token);
        }
    }

    /// The peer has finished sending and everything it sent has been read: what is queued for it
    /// still leaves, then the connection ends.
    pub(super) fn end_of_input(&mut self, token: Token) {
        self.hall.tell_first(token);
        let Some(outlet) = self.hall.outlets.get_mut(token) else {
            return;
        };
        let Some(Some(inlet)) = self.inlets.get(token.index as usize) else {
            return;
        };
        if outlet.is(Flag::Ended) && inlet.rest.is_none() {
            // 7.1.5: without a Close the code is 1006. Has there been one, that is what is told.
            let cause = Cause::Lost(io::ErrorKind::UnexpectedEof.into());
            outlet.ends(cause, CloseCode::ABNORMAL, "", true);
            outlet.half.hang_up();
        }
    }

    fn closed(&mut self, token: Token, result: io::Result<()>) {
        // A descriptor is free again.
        self.retry = self.retry.map(|_| self.hall.now);
        let Some(outlet) = self.hall.outlets.get_mut(token) else {
            return self.listener_closed(token, result);
        };
        let lost = result
            .err()
            .unwrap_or_else(|| io::ErrorKind::UnexpectedEof.into());
        outlet.ends(Cause::Lost(lost), CloseCode::ABNORMAL, "", true);
        outlet.half.hang_up();
        self.tell_end(token);
        self.clear_place(token);
    }

    /// Tells the handler why a connection has ended, or could not be opened, if it knew of it.
    fn tell_end(&mut self, token: Token) {
        let Some(outlet) = self.hall.outlets.get_mut(token) else {
            return;
        };
        let ending = outlet.extra_mut().ending.take();
        let unsent = outlet.half.outbox.len();
        let open = outlet.is(Flag::Open);
        let inlet = self.inlets.get_mut(token.index as usize);
        if let Some(Some(Inlet { stage, .. })) = inlet
            && matches!(stage, Stage::Dialing(_))
            && let Stage::Dialing(awaiting) = std::mem::replace(stage, Stage::Refused)
        {
            self.never_opened(*awaiting, ending.map(|ending| ending.cause));
        } else if open && let Some(ending) = ending {
            tracing::debug!(code = %ending.code, cause = %ending.cause, "closed");
            self.call(token, Voice::Other, None, |handler, peer| {
                let closed = Closed {
                    cause: ending.cause,
                    code: ending.code,
                    reason: &ending.reason,
                    by_peer: ending.by_peer,
                    unsent,
                };
                handler.on_close(peer, closed);
            });
            let opened = self.hall.shared.open(self.hall.worker);
            opened.fetch_sub(1, Ordering::Relaxed);
            self.hall.topics.leave(token);
        }
    }

    fn clear_place(&mut self, token: Token) {
        let Some(outlet) = self.hall.outlets.remove(token) else {
            return;
        };
        self.memory -= outlet.counted as usize;
        let inlet = self.inlets.get_mut(token.index as usize);
        let inlet = inlet.and_then(Option::take);
        // The state's `Drop` is the handler's code too.
        self.hall.guard(|| drop(inlet));
        if outlet.is(Flag::Refused) {
            self.refused -= 1;
        } else {
            let sockets = self.hall.shared.sockets(self.hall.worker);
            sockets.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn listener_closed(&mut self, token: Token, result: io::Result<()>) {
        self.listeners.retain(|listener| listener.token != token);
        if let Err(error) = result {
            tracing::error!(%error, "a listener failed");
        }
    }
}

/// 10 s between warnings of the same thing.
const QUIET: u64 = 10_000;
/// 100 ms: what ran out is looked for ten times a second.
const RETRY: u64 = 100;
