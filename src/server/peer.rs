//! What a handler holds of the connection it is called for.

use std::io::IoSlice;
use std::time::Duration;

use super::connection::Outlet;
use super::flags::Flag;
use super::hall::{Hall, Voice};
use super::handle::Handle;
use super::handler::{Cause, Handler};
use super::id::ConnectionId;
use crate::proto::{CloseCode, Header, Message, Prepared, Sent};
use crate::reactor::{Address, Line, Token};

/// One connection, for the time of a callback.
///
/// Sending never blocks and never fails for being closed; what it tells may be ignored. What is sent
/// in one callback, and in one turn of the loop, leaves together.
pub struct Peer<'a, H: Handler> {
    /// What the handler keeps for this connection.
    pub state: &'a mut H::State,
    pub(super) hall: &'a mut Hall<H>,
    pub(super) token: Token,
    /// Who is speaking, and past the queue if that is possible.
    pub(super) voice: Voice,
    pub(super) line: Option<&'a dyn Line>,
}

impl<H: Handler> Peer<'_, H> {
    /// The connection's name, for [`Handle`] and for logs.
    pub fn id(&self) -> ConnectionId {
        self.hall.shared.id(self.hall.worker, self.token)
    }

    /// Sends text.
    pub fn text(&mut self, text: &str) -> Sent {
        self.send(Message::Text(text))
    }

    /// Sends bytes.
    pub fn binary(&mut self, bytes: &[u8]) -> Sent {
        self.send(Message::Binary(bytes))
    }

    /// Sends a message.
    #[inline]
    pub fn send<'m>(&mut self, message: impl Into<Message<'m>>) -> Sent {
        let message = message.into();
        if message.len() >= AT_ONCE_FROM
            && self
                .outlet()
                .is_some_and(|outlet| !outlet.half.compresses(message))
            && let Some(sent) = self.send_at_once(message)
        {
            return sent;
        }
        self.hall
            .say(self.token, self.voice, |half| half.send(message))
    }

    /// Sends a message as it is, though compression was agreed on: for what is compressed already, or
    /// secret beside what an attacker may choose.
    pub fn send_uncompressed<'m>(&mut self, message: impl Into<Message<'m>>) -> Sent {
        let message = message.into();
        if message.len() >= AT_ONCE_FROM
            && let Some(sent) = self.send_at_once(message)
        {
            return sent;
        }
        self.hall.say(self.token, self.voice, |half| {
            half.send_uncompressed(message)
        })
    }

    /// Sends a message that others get as well, without copying it.
    pub fn prepared(&mut self, message: &Prepared) -> Sent {
        self.hall
            .say(self.token, self.voice, |half| half.share(message))
    }

    /// Sends a ping; of a longer payload the first 125 bytes. Not to a peer that does not read: no
    /// policy acts for the sake of a ping.
    pub fn ping(&mut self, payload: &[u8]) -> Sent {
        if self.buffered() >= self.hall.config.outbox_max {
            return Sent::Dropped;
        }
        self.hall
            .say(self.token, Voice::Answer, |half| half.ping(payload))
    }

    /// Begins the closing handshake: `code` and the first 123 bytes of `reason` are sent behind what
    /// was sent before, and nothing more is received. A code that may not be sent sends none.
    pub fn close(&mut self, code: CloseCode, reason: &str) {
        if let Some(outlet) = self.outlet_mut()
            && outlet.is_talking()
        {
            outlet.ends(Cause::Local, code, reason, false);
            outlet.half.close(code, reason);
            self.hall.outlets.touch(self.token);
        }
    }

    /// Cuts the connection, without a word and without what is queued.
    pub fn terminate(&mut self) {
        if let Some(outlet) = self.outlet_mut() {
            outlet.doom(Cause::Terminated);
            self.hall.outlets.touch(self.token);
        }
    }

    /// Bytes that are queued and that the kernel has not taken.
    pub fn buffered(&self) -> usize {
        self.outlet().map_or(0, |outlet| outlet.half.outbox.len())
    }

    /// Adds the connection to a topic. False when it is there already, is closing, or listens to
    /// [`topics_max`](crate::Config::topics_max) topics.
    pub fn subscribe(&mut self, topic: &str) -> bool {
        self.outlet().is_some_and(Outlet::is_talking)
            && self.hall.topics.count(self.token) < self.hall.config.topics_max
            && self.hall.subscribe(self.token, topic)
    }

    /// Takes the connection from a topic. False when it was not there.
    pub fn unsubscribe(&mut self, topic: &str) -> bool {
        self.hall.topics.unsubscribe(self.token, topic)
    }

    /// The topics the connection listens to.
    pub fn topics(&self) -> impl Iterator<Item = &str> {
        self.hall.topics.of(self.token)
    }

    /// Sends a message to all other subscribers of a topic, on all workers. It is framed once, and
    /// compressed once for each window that was agreed on.
    ///
    /// When another worker has too much to do, this connection is not read until it has less.
    pub fn publish(&mut self, topic: &str, message: impl Into<Prepared>) {
        let message = message.into();
        self.hall.publish_here(topic, &message, Some(self.token));
        if !self.hall.publish_there(topic, &message)
            && let Some(outlet) = self.outlet_mut()
        {
            outlet.mark(Flag::Choked);
            self.hall.outlets.touch(self.token);
        }
    }

    /// Pauses reading, or resumes it: while paused the peer is held back by TCP, and neither its
    /// silence nor its end is noticed.
    pub fn pause(&mut self, paused: bool) {
        if let Some(outlet) = self.outlet_mut() {
            outlet.flags.set(Flag::Paused, paused);
            self.hall.outlets.touch(self.token);
        }
    }

    /// Calls [`Handler::on_timer`] with `key` once, after `delay` in whole milliseconds and up to a
    /// sixteenth more, if the connection is still there. It takes a few bytes until then, whether or
    /// not the connection is.
    pub fn timer(&mut self, delay: Duration, key: u64) {
        // Rounded up, and never in the turn that asks, or a timer that asks again would not end.
        let delay = delay.as_nanos().div_ceil(1_000_000).clamp(1, 1 << 40) as u64;
        let now = self.hall.now;
        self.hall.timers.insert(now, now + delay, (self.token, key));
    }

    /// The peer's address.
    pub fn remote(&self) -> Address {
        self.outlet().map_or(Address::Unix, Outlet::remote)
    }

    /// Our address: where the connection came in, or where it was dialled from.
    pub fn local(&self) -> Address {
        self.outlet()
            .map_or(Address::Unix, |outlet| outlet.local(&self.hall.addresses))
    }

    /// The subprotocol that was agreed on.
    pub fn subprotocol(&self) -> Option<&str> {
        self.outlet()?.extra.as_ref()?.subprotocol.as_deref()
    }

    /// The server, for other threads.
    pub fn handle(&self) -> Handle<H> {
        Handle::new(self.hall.shared.clone())
    }

    /// A large answer leaves as it is, from where it lies, if nothing is queued before it and it need
    /// not be masked. What the socket does not take is queued.
    fn send_at_once(&mut self, message: Message<'_>) -> Option<Sent> {
        let line = self.line?;
        if message.len() < line.worth_sending() {
            return None;
        }
        let (stamp, high) = (self.hall.stamp(), self.hall.outlets.limits.high);
        let outlet = self.hall.outlets.get_mut(self.token)?;
        if !outlet.is_talking()
            || !outlet.half.outbox.is_empty()
            || outlet.half.outbox.is_away()
            || outlet.is_dialled()
        {
            return None;
        }
        let payload = message.as_bytes();
        let header = Header::whole(message.opcode(), payload.len());
        let (head, size) = header.encode();
        let gone = line.try_send(&[IoSlice::new(&head[..size]), IoSlice::new(payload)]);
        outlet.clock.wrote = stamp;
        if gone == size + payload.len() {
            return Some(Sent::Now);
        }
        outlet.half.outbox.rest(header, payload, gone);
        outlet.note_full(high);
        let queued = outlet.half.outbox.len();
        self.hall.outlets.touch(self.token);
        Some(Sent::Queued(queued))
    }

    fn outlet(&self) -> Option<&Outlet> {
        self.hall.outlets.get(self.token)
    }

    fn outlet_mut(&mut self) -> Option<&mut Outlet> {
        self.hall.outlets.get_mut(self.token)
    }
}

/// 8 KiB: for nothing smaller a line is worth asking.
const AT_ONCE_FROM: usize = 8 << 10;
