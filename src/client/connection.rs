//! A connection of which one thread says and hears.

use std::time::Duration;

use http::HeaderMap;

use super::ear::Ear;
use super::error::{Error, Wait};
use super::halves::{self, Receiver, Sender};
use super::iter::{IntoIter, Iter};
use super::line::Line;
use super::socket::Socket;
use super::transport::Transport;
use crate::proto::handshake::Answer;
use crate::proto::{CloseCode, Message, Owned};

/// A WebSocket, open until it is [`close`](Self::close)d from either side.
#[derive(Debug)]
pub struct Client<S = Socket> {
    pub(super) line: Line<S>,
    pub(super) ear: Ear,
    pub(super) answer: Answer,
}

/// What the server said in its Close.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Closed {
    /// Its code: ours back, if we began. [`CloseCode::NO_STATUS`] when there was none.
    pub code: CloseCode,
    /// Its reason.
    pub reason: String,
}

impl<S: Transport> Client<S> {
    /// Sends a message. It has left when this returns; while the server takes none of it, this waits,
    /// for the write timeout at most.
    ///
    /// # Errors
    /// [`Error::Closed`] when the connection is closing or over, what broke it just now, or
    /// [`Wait::Write`].
    pub fn send<'m>(&mut self, message: impl Into<Message<'m>>) -> Result<(), Error> {
        self.line.send(message.into())
    }

    /// Sends a ping; of a longer payload the first 125 bytes. Its pong is not told, but counts for
    /// the read timeout as any byte does.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.line.ping(payload)
    }

    /// The next message. `None` once the connection was closed by the closing handshake, or had
    /// failed and said so before. Meanwhile pings are answered, pongs passed over, and a Close is
    /// answered; then the server has the close timeout to end TCP.
    ///
    /// # Errors
    /// Once, what ended the connection: [`Error::Protocol`], [`Error::Io`], [`Wait::Close`] when the
    /// server has not answered our Close. [`Wait::Read`] ends nothing.
    pub fn recv(&mut self) -> Result<Option<Owned>, Error> {
        self.ear.recv(&self.line)
    }

    /// The messages to come, until the connection is over.
    pub fn iter(&mut self) -> Iter<'_, S> {
        Iter::new(&self.line, &mut self.ear)
    }

    /// Closes: begins the closing handshake, passes over what the server still says, answers with its
    /// Close. Takes the close timeout at most. Afterwards TCP has ended, whatever happened.
    ///
    /// # Errors
    /// [`Wait::Close`] when the server did not answer, [`Error::Closed`] when the connection had ended
    /// without a closing handshake before, and as [`recv`](Self::recv).
    pub fn close(&mut self, code: CloseCode, reason: &str) -> Result<Closed, Error> {
        self.ear.hurries = true;
        let mut wrong = self.begin_close(code, reason).err();
        loop {
            match self.recv() {
                Ok(Some(_)) | Err(Error::Timeout(Wait::Read)) => {}
                Ok(None) => break,
                Err(error) => {
                    wrong.get_or_insert(error);
                }
            }
        }
        let closed = self.ear.closed.clone();
        closed.ok_or_else(|| wrong.unwrap_or(Error::Closed))
    }

    /// Says our Close and returns: [`recv`](Self::recv) tells what the server had yet to say, as long
    /// as something comes within the close timeout. Only the first call counts.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn begin_close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        self.line.close(code, reason)
    }

    /// The server's Close, if it has come.
    pub fn closed(&self) -> Option<(CloseCode, &str)> {
        let closed = self.ear.closed.as_ref()?;
        Some((closed.code, &closed.reason))
    }

    /// The subprotocol that is spoken, one of those offered.
    pub fn subprotocol(&self) -> Option<&str> {
        self.answer.subprotocol()
    }

    /// The fields of the server's answer: its cookies, and its own.
    pub fn headers(&self) -> &HeaderMap {
        self.answer.headers()
    }

    /// How long the server may be silent from now on, as
    /// [`Builder::read_timeout`](super::Builder::read_timeout).
    pub fn set_read_timeout(&mut self, limit: Option<Duration>) {
        self.ear.silence_max = limit;
    }

    /// What is below. Its time limits, and whether it waits, are ours to set.
    pub fn get_ref(&self) -> &S {
        &self.line.transport
    }

    /// What is below. What you read or write there yourself is missing in the conversation.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.line.transport
    }

    /// What is below, back; what has been read and not been heard is lost.
    pub fn into_inner(self) -> S {
        self.line.transport
    }
}

impl Client {
    /// Its two halves, for two threads: one may send a lot while the other hears a lot.
    pub fn split(self) -> (Sender, Receiver) {
        halves::split(self)
    }
}

impl<'c, S: Transport> IntoIterator for &'c mut Client<S> {
    type Item = Result<Owned, Error>;
    type IntoIter = Iter<'c, S>;

    fn into_iter(self) -> Iter<'c, S> {
        self.iter()
    }
}

impl<S: Transport> IntoIterator for Client<S> {
    type Item = Result<Owned, Error>;
    type IntoIter = IntoIter<Client<S>>;

    fn into_iter(self) -> Self::IntoIter {
        IntoIter(self)
    }
}
