//! Connections that a worker opens: the client's side of the opening handshake.
//!
//! What an embedder asks for with [`Handle::connect`](super::Handle::connect) arrives as a letter. The
//! socket connects while the request waits in the outbox behind it; once the answer has come, the
//! connection is one like all others, but that its frames are masked.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::connection::{Outlet, Stage};
use super::handler::{Cause, Handler};
use super::id::PLACES;
use super::mailbox::count;
use super::worker::Worker;
use crate::proto::Role;
use crate::proto::handshake::{Answer, Dial, DialFault, Dialing, Endpoint, NotOpened};
use crate::reactor::{Address, Close, Driver, Source, Token, socket};

/// A connection to be opened, and the state it is to have.
///
/// ```
/// # use ws4rs::{Connect, Dial, Handle, Handler};
/// # fn open<H: Handler<State = ()>>(handle: &Handle<H>) -> Result<(), Box<dyn std::error::Error>> {
/// let dial = Dial::new("ws://127.0.0.1:9001/chat".parse()?).subprotocol("chat.v2");
/// let _ = handle.connect(Connect::new(dial, ()));
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Connect<S> {
    dial: Arc<Dial>,
    state: S,
    to: Option<SocketAddr>,
    from: Option<IpAddr>,
}

impl<S> Connect<S> {
    /// Opens what `dial` says. A worker does not wait for names to be resolved: unless its host is an
    /// IP address or a Unix socket, say where it is with [`to`](Self::to) or [`resolve`](Self::resolve).
    /// One `Arc<Dial>` does for many. It speaks no TLS either: `wss` is not opened.
    pub fn new(dial: impl Into<Arc<Dial>>, state: S) -> Self {
        Connect {
            dial: dial.into(),
            state,
            to: None,
            from: None,
        }
    }

    /// Connects to this address, whatever the URL's host is.
    #[must_use]
    pub fn to(mut self, address: SocketAddr) -> Self {
        self.to = Some(address);
        self
    }

    /// Connects from this address of ours. It lends some 28 000 ports in all; without it there are so
    /// many for each destination.
    #[must_use]
    pub fn from(mut self, address: IpAddr) -> Self {
        self.from = Some(address);
        self
    }

    /// Resolves the URL's host, which may block, and takes its first address.
    ///
    /// # Errors
    /// What the resolver says.
    pub fn resolve(mut self) -> io::Result<Self> {
        if let Endpoint::Tcp { host, port } = self.dial.url().endpoint() {
            let address = (host, port).to_socket_addrs()?.next();
            let none = || io::Error::new(io::ErrorKind::NotFound, "the name has no address");
            self.to = Some(address.ok_or_else(none)?);
        }
        Ok(self)
    }

    /// The state it was to have.
    pub fn into_state(self) -> S {
        self.state
    }

    fn socket(&self) -> io::Result<(socket2::Socket, Address)> {
        if self.dial.url().is_secure() {
            // Never in the clear what was to be secret: the request may hold a password.
            let why = "wss is TLS, which a worker does not speak";
            return Err(io::Error::new(io::ErrorKind::Unsupported, why));
        }
        match (self.to, self.dial.url().endpoint()) {
            (Some(to), _) => socket::connect(to, self.from).map(|socket| (socket, Address::Ip(to))),
            (None, Endpoint::Unix(path)) => {
                socket::connect_unix(path.as_ref()).map(|socket| (socket, Address::Unix))
            }
            (None, Endpoint::Tcp { host, port }) => {
                let name = |_| io::Error::new(io::ErrorKind::InvalidInput, "a name, not resolved");
                let to = SocketAddr::new(host.parse().map_err(name)?, port);
                socket::connect(to, self.from).map(|socket| (socket, Address::Ip(to)))
            }
        }
    }
}

/// Why a connection that was to be opened is not.
#[derive(Debug)]
#[non_exhaustive]
pub enum Unopened {
    /// It cannot be asked for so.
    Dial(DialFault),
    /// TCP failed; `TimedOut` when the handshake took too long, `ConnectionAborted` when we gave up.
    Io(io::Error),
    /// The server's answer.
    Answer(NotOpened),
}

impl fmt::Display for Unopened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unopened::Dial(fault) => fault.fmt(f),
            Unopened::Io(error) => write!(f, "the connection was not opened: {error}"),
            Unopened::Answer(answer) => answer.fmt(f),
        }
    }
}

impl std::error::Error for Unopened {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Unopened::Dial(fault) => Some(fault),
            Unopened::Io(error) => Some(error),
            Unopened::Answer(answer) => Some(answer),
        }
    }
}

/// A connection of which the server's answer is awaited.
pub(super) struct Awaiting<S> {
    dialing: Dialing,
    state: S,
}

impl<S> Awaiting<S> {
    /// Bytes of memory held for what has come of the answer.
    pub(super) fn held(&self) -> usize {
        self.dialing.held()
    }
}

impl<H: Handler> Worker<H> {
    /// Begins to open what was asked for, a slice of it.
    pub(super) fn dial_some(&mut self, driver: &mut impl Driver) {
        for _ in 0..SLICE.min(self.dials.len()) {
            if let Some(connect) = self.dials.pop_front()
                && let Err((state, why)) = self.dial(driver, connect)
            {
                self.unopened(state, &why);
            }
        }
    }

    fn dial(
        &mut self,
        driver: &mut impl Driver,
        connect: Connect<H::State>,
    ) -> Result<(), (H::State, Unopened)> {
        let mut request = Vec::new();
        // As for a server's settings, which are checked when it starts.
        let asked = match self.hall.config.torn(connect.dial.offered_deflate()) {
            Some(fault) => Err(DialFault::Deflate(fault)),
            None => connect.dial.ask(&mut request),
        };
        let dialing = match asked {
            Ok(dialing) => dialing,
            Err(fault) => return Err((connect.state, Unopened::Dial(fault))),
        };
        let opened =
            self.may_dial()
                .and_then(|()| connect.socket())
                .and_then(|(socket, remote)| {
                    let local = socket::local_address(&socket).ok();
                    let token = driver.open(Source::Connecting(socket))?;
                    Ok((token, remote, local))
                });
        let (token, remote, local) = match opened {
            Ok(opened) => opened,
            Err(error) => return Err((connect.state, Unopened::Io(error))),
        };
        if token.index >= PLACES {
            driver.close(token, Close::Abort);
            let full = io::Error::other("the worker has no place left");
            return Err((connect.state, Unopened::Io(full)));
        }
        let mut outlet = Outlet::new(token.generation, Role::Client, remote, self.hall.stamp());
        outlet.extra_mut().local = local;
        outlet.half.outbox.raw(&request);
        self.hall.outlets.insert(token, outlet);
        let state = connect.state;
        self.seat(token, Stage::Dialing(Box::new(Awaiting { dialing, state })));
        self.hall
            .shared
            .sockets(self.hall.worker)
            .fetch_add(1, Ordering::Relaxed);
        self.hall.outlets.touch(token);
        self.arm(token);
        Ok(())
    }

    fn may_dial(&self) -> io::Result<()> {
        if self.leaving.is_some() {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        let (total, _) = self.hall.shared.loads();
        if total >= self.hall.config.connections_max {
            count(&self.hall.counters().refused);
            return Err(io::Error::other("connections_max is reached"));
        }
        Ok(())
    }

    /// Bytes of the server's answer, and perhaps frames behind it.
    pub(super) fn answered(&mut self, token: Token, bytes: &mut [u8]) {
        let Some(Some(inlet)) = self.inlets.get_mut(token.index as usize) else {
            return;
        };
        // Nothing else until the answer has been read: what it lends lies in here.
        let Stage::Dialing(mut awaiting) = std::mem::replace(&mut inlet.stage, Stage::Refused)
        else {
            return;
        };
        match awaiting.dialing.receive(bytes, &self.hall.config.head) {
            Ok(None) => inlet.stage = Stage::Dialing(awaiting),
            Ok(Some((answer, behind))) => {
                self.agreed(token, &answer, awaiting.state);
                self.take_in(token, behind, None);
            }
            Err(why) => {
                if let Some(outlet) = self.hall.outlets.get_mut(token) {
                    outlet.doom(Cause::Terminated);
                }
                self.hall.outlets.touch(token);
                self.unopened(awaiting.state, &Unopened::Answer(why));
            }
        }
    }

    /// From here on frames.
    fn agreed(&mut self, token: Token, answer: &Answer, state: H::State) {
        let Some(outlet) = self.hall.outlets.get_mut(token) else {
            return;
        };
        let subprotocol = answer.subprotocol().map(Box::from);
        if subprotocol.is_some() {
            outlet.extra_mut().subprotocol = subprotocol;
        }
        self.begin(token, answer.deflate(), state);
    }

    /// A connection that was never open has ended.
    pub(super) fn never_opened(&mut self, awaiting: Awaiting<H::State>, cause: Option<Cause>) {
        let error = match cause {
            Some(Cause::Lost(error)) => error,
            _ => io::ErrorKind::ConnectionAborted.into(),
        };
        self.unopened(awaiting.state, &Unopened::Io(error));
    }

    pub(super) fn unopened(&mut self, state: H::State, why: &Unopened) {
        tracing::debug!(%why, "not opened");
        let handler = &mut self.handler;
        self.hall.guard(|| handler.on_unopened(state, why));
    }
}

/// 64 connections are begun in one turn, some milliseconds, so that the others are served meanwhile.
const SLICE: usize = 64;
