//! The server, from any thread.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::dialing::Connect;
use super::handler::Handler;
use super::id::ConnectionId;
use super::mailbox::{Drain, Full, Letter, Order, Shared, Stats};
use crate::proto::Prepared;

/// A server's far end: say something to its connections, count them, end it. Cheap to clone.
///
/// Nothing blocks. A worker's mailbox is bounded ([`Config::mailbox_max`](crate::Config)): past it a
/// message comes back as [`Full`], to be tried again or given up. What one thread says arrives in
/// the order it was said. A server that has ended takes everything and does nothing, but gives back
/// what was to be [opened](Self::connect).
pub struct Handle<H: Handler> {
    shared: Arc<Shared<H>>,
}

impl<H: Handler> Handle<H> {
    pub(super) fn new(shared: Arc<Shared<H>>) -> Self {
        Handle { shared }
    }

    /// Sends a message to all subscribers of a topic.
    ///
    /// # Errors
    /// [`Full`], with the message: then nobody gets it.
    pub fn publish(&self, topic: &str, message: impl Into<Prepared>) -> Result<(), Full<Prepared>> {
        let (topic, message): (Arc<str>, _) = (topic.into(), message.into());
        let letter = || Letter::Publish(topic.clone(), message.clone());
        self.shared.post_all(letter).map_err(|_| Full(message))
    }

    /// Sends a message to all open connections.
    ///
    /// # Errors
    /// [`Full`], with the message: then nobody gets it.
    pub fn broadcast(&self, message: impl Into<Prepared>) -> Result<(), Full<Prepared>> {
        let message = message.into();
        self.shared
            .post_all(|| Letter::Broadcast(message.clone()))
            .map_err(|_| Full(message))
    }

    /// Sends a message to one connection, if it is still there.
    ///
    /// # Errors
    /// [`Full`], with the message.
    pub fn send(
        &self,
        to: ConnectionId,
        message: impl Into<Prepared>,
    ) -> Result<(), Full<Prepared>> {
        match self.shared.post(to, Letter::Send(to, message.into())) {
            Err(Full(Letter::Send(_, message))) => Err(Full(message)),
            _ => Ok(()),
        }
    }

    /// Brings an event to one connection's [`on_event`](Handler::on_event), if it is still there. It
    /// counts in the mailbox by the size of its type, not by what it points to.
    ///
    /// # Errors
    /// [`Full`], with the event.
    pub fn post(&self, to: ConnectionId, event: H::Event) -> Result<(), Full<H::Event>> {
        match self.shared.post(to, Letter::Event(to, event)) {
            Err(Full(Letter::Event(_, event))) => Err(Full(event)),
            _ => Ok(()),
        }
    }

    /// Opens a connection to another server, from one of the workers: once it is open it is told by
    /// [`on_open`](Handler::on_open) and is one of the worker's connections, else by
    /// [`on_unopened`](Handler::on_unopened).
    ///
    /// # Errors
    /// [`Full`], with what was to be opened: no worker has room for it, or all have ended.
    pub fn connect(&self, connect: Connect<H::State>) -> Result<(), Full<Connect<H::State>>> {
        match self.shared.post_in_turn(Letter::Connect(Box::new(connect))) {
            Err(Full(Letter::Connect(connect))) => Err(Full(*connect)),
            _ => Ok(()),
        }
    }

    /// Open connections: from before `on_open` until after `on_close`. Those of a worker that has
    /// failed stay counted.
    pub fn connections(&self) -> usize {
        let open = |worker| self.shared.open(worker).load(Ordering::Relaxed);
        (0..self.shared.workers()).map(open).sum()
    }

    /// What the server has been through.
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }

    /// Stops accepting, tells every peer goodbye, waits for them, cuts those who stay, ends.
    pub fn drain(&self, how: Drain) {
        for worker in 0..self.shared.workers() {
            self.shared.order(worker, Order::Drain(how));
        }
    }

    /// Ends the server at once: connections are cut.
    pub fn stop(&self) {
        for worker in 0..self.shared.workers() {
            self.shared.order(worker, Order::Stop);
        }
    }
}

impl<H: Handler> Clone for Handle<H> {
    fn clone(&self) -> Self {
        Handle {
            shared: self.shared.clone(),
        }
    }
}

impl<H: Handler> std::fmt::Debug for Handle<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle")
            .field("connections", &self.connections())
            .finish()
    }
}
