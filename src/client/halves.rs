//! A client in two halves, for two threads.

use std::sync::Arc;
use std::time::Duration;

use super::connection::Client;
use super::ear::Ear;
use super::error::Error;
use super::iter::{IntoIter, Iter};
use super::line::Line;
use super::socket::Socket;
use crate::proto::{CloseCode, Message, Owned};

/// The half that says. Dropping it closes nothing: say [`close`](Self::close). TCP ends when both
/// halves are dropped, or when the connection is over.
#[derive(Debug)]
pub struct Sender {
    line: Arc<Line<Socket>>,
}

/// The half that hears. It answers pings and Close while it is asked to [`recv`](Self::recv), also
/// when the other half is stuck in a send. Once it is dropped nobody does: the other half may go on
/// sending until the server misses its pongs, or an answer to its Close.
#[derive(Debug)]
pub struct Receiver {
    line: Arc<Line<Socket>>,
    ear: Ear,
}

pub(super) fn split(client: Client) -> (Sender, Receiver) {
    let Client { line, mut ear, .. } = client;
    let line = Arc::new(line);
    ear.is_half = true;
    (Sender { line: line.clone() }, Receiver { line, ear })
}

impl Sender {
    /// Sends a message, as [`Client::send`].
    ///
    /// # Errors
    /// As there.
    pub fn send<'m>(&mut self, message: impl Into<Message<'m>>) -> Result<(), Error> {
        self.line.send(message.into())
    }

    /// Sends a ping, as [`Client::ping`].
    ///
    /// # Errors
    /// As there.
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.line.ping(payload)
    }

    /// Says our Close and returns. The other half hears what the server had yet to say, and its Close;
    /// it gives up after the close timeout, or up to a second later. Only the first call counts.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        self.line.close(code, reason)
    }

    /// What is below.
    pub fn get_ref(&self) -> &Socket {
        &self.line.transport
    }
}

impl Receiver {
    /// The next message, as [`Client::recv`].
    ///
    /// # Errors
    /// As there.
    pub fn recv(&mut self) -> Result<Option<Owned>, Error> {
        self.ear.recv(&self.line)
    }

    /// The messages to come, until the connection is over.
    pub fn iter(&mut self) -> Iter<'_, Socket> {
        Iter::new(&self.line, &mut self.ear)
    }

    /// Begins the closing handshake, as [`Client::begin_close`], but waits for nothing: our Close
    /// leaves behind what the other half is sending.
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub fn begin_close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        self.line.close_now(code, reason)
    }

    /// How long the server may be silent from now on, as [`Client::set_read_timeout`].
    pub fn set_read_timeout(&mut self, limit: Option<Duration>) {
        self.ear.silence_max = limit;
    }

    /// The server's Close, if it has come.
    pub fn closed(&self) -> Option<(CloseCode, &str)> {
        let closed = self.ear.closed.as_ref()?;
        Some((closed.code, &closed.reason))
    }
}

impl<'r> IntoIterator for &'r mut Receiver {
    type Item = Result<Owned, Error>;
    type IntoIter = Iter<'r, Socket>;

    fn into_iter(self) -> Iter<'r, Socket> {
        self.iter()
    }
}

impl IntoIterator for Receiver {
    type Item = Result<Owned, Error>;
    type IntoIter = IntoIter<Receiver>;

    fn into_iter(self) -> Self::IntoIter {
        IntoIter(self)
    }
}
