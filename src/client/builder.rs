//! What may be said before a connection is made: whom to ask, for what, and how long to wait.

use std::borrow::Cow;
use std::io::{Read, Write};
use std::time::{Duration, Instant};

use http::{HeaderName, HeaderValue};

use super::connection::Client;
use super::error::Error;
use super::line::Times;
use super::opening::open;
use super::reach::reach;
use super::socket::Socket;
use super::transport::{Over, Transport};
use crate::proto::Deflate;
use crate::proto::handshake::{Dial, HeadLimits, Url};

/// A connection to be made, any number of times.
#[derive(Clone, Debug)]
pub struct Builder {
    dial: Dial,
    settings: Settings,
}

impl From<Dial> for Builder {
    /// Will ask for what `dial` asks for.
    fn from(dial: Dial) -> Self {
        let settings = Settings::default();
        Builder { dial, settings }
    }
}

/// What the connection is held to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub(super) message_max: usize,
    pub(super) head: HeadLimits,
    pub(super) handshake_timeout: Duration,
    pub(super) read_timeout: Option<Duration>,
    pub(super) times: Times,
}

impl Builder {
    /// Will dial this `ws://`, `wss://` or `ws+unix:` URL.
    ///
    /// # Errors
    /// [`Error::Url`].
    pub fn new(url: &str) -> Result<Self, Error> {
        Ok(Dial::new(Url::parse(url)?).into())
    }

    /// Adds a field to the request: a cookie, or who asks.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.dial = self.dial.header(name, value);
        self
    }

    /// Offers a subprotocol, the favourite first. May be called more than once.
    #[must_use]
    pub fn subprotocol(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.dial = self.dial.subprotocol(name);
        self
    }

    /// Says which page asks, as browsers do and other programs need not.
    #[must_use]
    pub fn origin(mut self, origin: HeaderValue) -> Self {
        self.dial = self.dial.origin(origin);
        self
    }

    /// Offers to compress messages (RFC 7692). Compressors belong to the thread: each that sends what
    /// is compressed keeps 251 to 380 KB for that as long as it lives, each that receives it 64 KB.
    #[must_use]
    pub fn deflate(mut self, deflate: Deflate) -> Self {
        self.dial = self.dial.deflate(deflate);
        self
    }

    /// The longest message taken, in bytes. 1 MiB, as in the server.
    #[must_use]
    pub fn message_max(mut self, bytes: usize) -> Self {
        self.settings.message_max = bytes;
        self
    }

    /// Limits on the head of the server's answer. 16 KiB, 8 KiB a line, 100 fields.
    #[must_use]
    pub fn head(mut self, limits: HeadLimits) -> Self {
        self.settings.head = limits;
        self
    }

    /// From the call of [`connect`](Self::connect) to the end of the opening handshake: finding the
    /// server's address, connecting and asking, all of it. 10 s.
    #[must_use]
    pub fn handshake_timeout(mut self, limit: Duration) -> Self {
        self.settings.handshake_timeout = limit;
        self
    }

    /// From our Close to the end of TCP, or from the server's. 5 s. Whoever goes on receiving what the
    /// server has yet to say gives it so long from the last of it, and the write timeout more for one
    /// message.
    #[must_use]
    pub fn close_timeout(mut self, limit: Duration) -> Self {
        self.settings.times.close = limit;
        self
    }

    /// Without a byte taken for so long, the server is given up; or up to twice as long, for the kernel
    /// does not tell when it took the last one of a write. 30 s.
    #[must_use]
    pub fn write_timeout(mut self, limit: Duration) -> Self {
        self.settings.times.write = limit;
        self
    }

    /// After so long without a byte from the server, [`recv`](Client::recv) returns
    /// [`Wait::Read`](super::Wait::Read), and may be called again. `None`: it waits for as long as it
    /// takes. Over TLS any record counts as a byte, whatever is in it.
    #[must_use]
    pub fn read_timeout(mut self, limit: Option<Duration>) -> Self {
        self.settings.read_timeout = limit;
        self
    }

    /// Connects and opens, over TCP or a Unix socket as the URL says.
    ///
    /// # Errors
    /// A request that cannot be sent as asked for, a place that cannot be found or connected to, a
    /// server that does not open; [`Error::Secure`] for `wss://`; [`Error::Timeout`].
    pub fn connect(&self) -> Result<Client, Error> {
        if self.dial.url().is_secure() {
            return Err(Error::Secure);
        }
        let by = self.deadline();
        // What cannot be asked is not connected for.
        self.dial.ask(&mut Vec::new())?;
        let socket = reach(self.dial.url().endpoint(), by)?;
        self.open(socket, by)
    }

    /// Opens over a stream that is connected already, as TLS streams are. It has to have time limits
    /// of its own: ours are looked at only between its reads and writes. When it says
    /// `WouldBlock` or `TimedOut` to a read, [`recv`](Client::recv) tells it as
    /// [`Wait::Read`](super::Wait::Read); while the connection opens and closes it is asked again,
    /// until our time is over. Its end is yours too: drop the client, or take the
    /// stream back. With [`connect_over_socket`](Self::connect_over_socket) we see to both.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub fn connect_over<S: Read + Write>(&self, stream: S) -> Result<Client<Over<S>>, Error> {
        self.open(Over::new(stream, None), self.deadline())
    }

    /// Opens over a stream that is connected already, and keeps the time with the socket `below` it:
    /// a clone of the one that was given to the stream. Pongs leave before the next read, and are
    /// waited for as a message is that is sent.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub fn connect_over_socket<S: Read + Write>(
        &self,
        stream: S,
        below: impl Into<Socket>,
    ) -> Result<Client<Over<S>>, Error> {
        self.open(Over::new(stream, Some(below.into())), self.deadline())
    }

    fn open<T: Transport>(&self, transport: T, by: Instant) -> Result<Client<T>, Error> {
        let mut request = Vec::new();
        let dialing = self.dial.ask(&mut request)?;
        open(transport, &request, dialing, &self.settings, by)
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.settings.handshake_timeout.min(TIME_MAX)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            message_max: 1 << 20,
            head: HeadLimits::default(),
            handshake_timeout: Duration::from_secs(10),
            read_timeout: None,
            times: Times {
                write: Duration::from_secs(30),
                close: Duration::from_secs(5),
            },
        }
    }
}

/// 100 years: what is meant by "forever", and still a point in time.
pub(super) const TIME_MAX: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
