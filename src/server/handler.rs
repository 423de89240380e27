//! What the embedder writes: one handler per worker, called for each of its connections.

use std::fmt;
use std::io;
use std::ops::Deref;

use http::{HeaderName, HeaderValue, StatusCode};

use super::deferred::Deferred;
use super::dialing::Unopened;
use super::peer::Peer;
use crate::proto::handshake::{self, Acceptance, Response};
use crate::proto::{CloseCode, Message, Violation};
use crate::reactor::Address;

/// What connections do.
///
/// Each worker makes its own handler with the factory given to [`Builder::run`](super::Builder::run)
/// and calls it from its own thread: it need be neither `Send` nor `Sync`, and no call interrupts
/// another. For each connection there is one [`on_open`](Self::on_open) and, after it, one
/// [`on_close`](Self::on_close).
///
/// A panic costs the connection it was called for, see [`OnPanic`](crate::config::OnPanic).
pub trait Handler: Sized + 'static {
    /// What is kept for each connection. Kept inline; `()` costs nothing.
    type State: Send + 'static;
    /// What other threads may [`post`](super::Handle::post) to a connection.
    type Event: Send + 'static;

    /// A client asks to open a WebSocket; its `Origin` has passed the policy. Accept, refuse, or defer.
    ///
    /// A handler that only [dials](super::Handle::connect) has nothing to say here: refused with 403.
    fn on_upgrade(&mut self, request: &Request<'_>) -> Verdict<Self> {
        let _ = request;
        Verdict::refuse(StatusCode::FORBIDDEN)
    }

    /// A client asks for something else, on the same port: a health check, a page. `None`: refused
    /// with 426 or 405.
    fn on_http(&mut self, request: &Request<'_>) -> Option<Response> {
        let _ = request;
        None
    }

    /// A connection that was [dialled](super::Handle::connect) could not be opened.
    fn on_unopened(&mut self, state: Self::State, why: &Unopened) {
        let _ = (state, why);
    }

    /// A connection is open.
    fn on_open(&mut self, peer: &mut Peer<'_, Self>) {
        let _ = peer;
    }

    /// A message has come. It is lent for the call.
    fn on_message(&mut self, peer: &mut Peer<'_, Self>, message: Message<'_>);

    /// The peer has read enough of what was queued for it (see [`Peer::buffered`]).
    fn on_drain(&mut self, peer: &mut Peer<'_, Self>) {
        let _ = peer;
    }

    /// A ping has come. Its pong is queued already.
    fn on_ping(&mut self, peer: &mut Peer<'_, Self>, payload: &[u8]) {
        let _ = (peer, payload);
    }

    /// A pong has come.
    fn on_pong(&mut self, peer: &mut Peer<'_, Self>, payload: &[u8]) {
        let _ = (peer, payload);
    }

    /// Another thread has posted this.
    fn on_event(&mut self, peer: &mut Peer<'_, Self>, event: Self::Event) {
        let _ = (peer, event);
    }

    /// A [`timer`](Peer::timer) is due.
    fn on_timer(&mut self, peer: &mut Peer<'_, Self>, key: u64) {
        let _ = (peer, key);
    }

    /// The connection is gone, its socket too. It may still publish, and its topics are still known.
    fn on_close(&mut self, peer: &mut Peer<'_, Self>, closed: Closed<'_>) {
        let _ = (peer, closed);
    }
}

/// A request head, and where it came from.
#[derive(Debug)]
pub struct Request<'a> {
    pub(super) head: &'a handshake::Request<'a>,
    pub(super) remote: Address,
    pub(super) local: Address,
}

impl Request<'_> {
    /// The client's address.
    pub fn remote(&self) -> Address {
        self.remote
    }

    /// The address it came in at.
    pub fn local(&self) -> Address {
        self.local
    }
}

impl<'a> Deref for Request<'a> {
    type Target = handshake::Request<'a>;

    fn deref(&self) -> &Self::Target {
        self.head
    }
}

/// What becomes of a request to open a WebSocket.
///
/// ```
/// # use ws4rs::{Accept, Deferred, Handler, Message, Peer, Request, Response, Verdict};
/// # use ws4rs::http::StatusCode;
/// # fn user_of(token: &str) -> Option<String> { Some(token.to_owned()) }
/// # struct Chat;
/// # impl Handler for Chat {
/// #     type State = String;
/// #     type Event = ();
/// fn on_upgrade(&mut self, request: &Request<'_>) -> Verdict<Self> {
///     let Some(token) = request.header_str("authorization").map(str::to_owned) else {
///         return Verdict::refuse(StatusCode::UNAUTHORIZED);
///     };
///     let subprotocol = request.choose(&["chat.v2", "chat.v1"]);
///     Verdict::defer(move |deferred: Deferred<Self>| {
///         // Any thread or task may decide; until then the worker serves the others.
///         std::thread::spawn(move || match (user_of(&token), subprotocol) {
///             (Some(user), Some(name)) => deferred.accept(Accept::new(user).subprotocol(name)),
///             (Some(user), None) => deferred.accept(Accept::new(user)),
///             (None, _) => deferred.refuse(Response::new(StatusCode::FORBIDDEN)),
///         });
///     })
/// }
/// #     fn on_message(&mut self, _: &mut Peer<'_, Self>, _: Message<'_>) {}
/// # }
/// ```
#[non_exhaustive]
pub enum Verdict<H: Handler> {
    /// It is opened.
    Accept(Accept<H::State>),
    /// It is refused with this.
    Refuse(Response),
    /// It is decided later: this is called with the means to do so, which may go to any thread.
    Defer(Box<dyn FnOnce(Deferred<H>)>),
}

impl<H: Handler> Verdict<H> {
    /// Accepts, with nothing special in the answer.
    pub fn accept(state: H::State) -> Self {
        Verdict::Accept(Accept::new(state))
    }

    /// Refuses with a status and no body.
    pub fn refuse(status: StatusCode) -> Self {
        Verdict::Refuse(Response::new(status))
    }

    /// Decides later. Must be done before the handshake's deadline; a [`Deferred`] that is dropped
    /// refuses with 503.
    pub fn defer(later: impl FnOnce(Deferred<H>) + 'static) -> Self {
        Verdict::Defer(Box::new(later))
    }
}

impl<H: Handler> From<Accept<H::State>> for Verdict<H> {
    fn from(accept: Accept<H::State>) -> Self {
        Verdict::Accept(accept)
    }
}

/// A yes: the connection's state, and what goes into the answer.
#[derive(Debug)]
pub struct Accept<S> {
    pub(super) state: S,
    pub(super) answer: Acceptance,
    pub(super) compressible: bool,
}

impl<S> Accept<S> {
    /// A plain yes.
    pub fn new(state: S) -> Self {
        Accept {
            state,
            answer: Acceptance::new(),
            compressible: true,
        }
    }

    /// Declines [compression](crate::Config::deflate) for this connection.
    #[must_use]
    pub fn uncompressed(mut self) -> Self {
        self.compressible = false;
        self
    }

    /// Speaks this subprotocol, one of those the client offers: see
    /// [`Request::choose`](handshake::Request::choose). Any other refuses with 500.
    #[must_use]
    pub fn subprotocol(mut self, name: impl Into<std::borrow::Cow<'static, str>>) -> Self {
        self.answer = self.answer.subprotocol(name);
        self
    }

    /// Adds a header to the answer. One that belongs to the handshake itself refuses with 500.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.answer = self.answer.header(name, value);
        self
    }
}

/// How a connection ended.
#[derive(Debug)]
#[non_exhaustive]
pub struct Closed<'a> {
    /// Why.
    pub cause: Cause,
    /// The code: the peer's if it closed, else what it was told; [`CloseCode::ABNORMAL`] if neither.
    pub code: CloseCode,
    /// The reason that went with the code.
    pub reason: &'a str,
    /// Whether it was the peer's wish.
    pub by_peer: bool,
    /// Bytes that were queued and have not left this process.
    pub unsent: usize,
}

/// Why a connection ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum Cause {
    /// The peer closed it.
    Peer,
    /// The handler closed it.
    Local,
    /// The handler tore it down with [`Peer::terminate`], or the server was stopped.
    Terminated,
    /// The server drained.
    Drained,
    /// The peer broke the protocol.
    Protocol(Violation),
    /// The peer did not answer a ping.
    PongTimeout,
    /// The peer read too slowly for what others said to it.
    SlowConsumer,
    /// The peer read nothing for the write timeout.
    WriteTimeout,
    /// The worker's memory was used up, and this connection held the most of it.
    Memory,
    /// The handler panicked.
    Panicked,
    /// TCP ended without a closing handshake, or failed.
    Lost(io::Error),
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Peer => f.write_str("closed by the peer"),
            Cause::Local => f.write_str("closed here"),
            Cause::Terminated => f.write_str("terminated here"),
            Cause::Drained => f.write_str("server drained"),
            Cause::Protocol(violation) => violation.fmt(f),
            Cause::PongTimeout => f.write_str("no answer to a ping"),
            Cause::SlowConsumer => f.write_str("peer reads too slowly"),
            Cause::WriteTimeout => f.write_str("peer does not read"),
            Cause::Memory => f.write_str("memory limit reached"),
            Cause::Panicked => f.write_str("handler panicked"),
            Cause::Lost(error) => write!(f, "connection lost: {error}"),
        }
    }
}
