//! Where connections, handlers, topics and time meet.
//!
//! In the order in which a connection meets them: `bind` listens and `start` makes the workers;
//! `worker` is one worker and its turn, with the chapters `hearing`, `admitting`, `opening`, `dialing`,
//! `reading`, `letters`, `timing`, `saying`, `shedding`, `leaving`; `connection` is its two columns, `flags` what is
//! true of it; `hall` is what connections share, `run` what many are being told, `wheel` their
//! deadlines; `handler` and `peer` are what an embedder writes and holds, `guard` catches its panics;
//! `mailbox`, `handle` and `deferred` come from other threads; `id` names a connection to them.

mod admitting;
mod bind;
pub(crate) mod connection;
mod deferred;
mod dialing;
mod flags;
mod guard;
mod hall;
mod handle;
mod handler;
mod hearing;
mod id;
mod leaving;
mod letters;
pub(crate) mod mailbox;
mod opening;
mod peer;
mod reading;
mod run;
mod saying;
mod shedding;
mod start;
mod timing;
mod wheel;
pub(crate) mod worker;

use std::os::fd::OwnedFd;
use std::time::Duration;

pub use deferred::Deferred;
pub use dialing::{Connect, Unopened};
pub use handle::Handle;
pub use handler::{Accept, Cause, Closed, Handler, Request, Verdict};
pub use id::ConnectionId;
pub use mailbox::{Drain, Full, Stats};
pub use peer::Peer;
pub use start::Running;

use crate::config::{Backend, Config, OnPanic};
use crate::error::Error;
use crate::proto::handshake::{HeadLimits, OriginPolicy};
use crate::proto::{Deflate, SlowPolicy};

/// A WebSocket server: one worker per core, nothing shared between them.
#[derive(Debug)]
pub struct Server;

impl Server {
    /// Begins to describe one.
    pub fn builder() -> Builder {
        Builder::default()
    }
}

/// What a server is to be.
#[derive(Debug, Default)]
pub struct Builder {
    config: Config,
    places: Vec<Place>,
}

/// Where to listen.
#[derive(Debug)]
pub(crate) enum Place {
    /// `host:port`, or `unix:path`.
    Named(String),
    Inherited(OwnedFd),
    Nowhere,
}

impl Builder {
    /// Listens at `host:port`, port 0 for a free one, or at `unix:path`. May be called more than once.
    #[must_use]
    pub fn bind(mut self, address: impl Into<String>) -> Self {
        self.places.push(Place::Named(address.into()));
        self
    }

    /// Listens at a socket that somebody else has bound: a service manager, a previous process.
    #[must_use]
    pub fn listener(mut self, listener: impl Into<OwnedFd>) -> Self {
        self.places.push(Place::Inherited(listener.into()));
        self
    }

    /// Listens nowhere: its connections are those that [`Handle::connect`] opens.
    #[must_use]
    pub fn only_dial(mut self) -> Self {
        self.places.push(Place::Nowhere);
        self
    }

    /// Takes all settings as they are here.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Sets [`Config::deflate`]: compresses with those who offer it.
    #[must_use]
    pub fn deflate(mut self, deflate: impl Into<Option<Deflate>>) -> Self {
        self.config.deflate = deflate.into();
        self
    }

    /// Starts the workers, each with a handler of its own from `factory`, and returns when all are
    /// ready. A process can start 16 384 workers in its life.
    ///
    /// # Errors
    /// Settings that do not go together, an address that cannot be listened on, a backend that does
    /// not work here.
    pub fn start<H: Handler>(
        self,
        factory: impl Fn() -> H + Send + Sync + 'static,
    ) -> Result<Running<H>, Error> {
        start::start(self.config, self.places, factory)
    }

    /// Starts, and waits until the server ends.
    ///
    /// # Errors
    /// As [`start`](Self::start), and whatever ends the server before its time.
    pub fn run<H: Handler>(
        self,
        factory: impl Fn() -> H + Send + Sync + 'static,
    ) -> Result<(), Error> {
        self.start(factory)?.wait()
    }
}

/// A setter for each setting; what it means and its default are told there.
macro_rules! settings {
    ($($name:ident: $kind:ty,)*) => {
        impl Builder {
            $(
                #[doc = concat!("Sets [`Config::", stringify!($name), "`].")]
                #[must_use]
                pub fn $name(mut self, $name: $kind) -> Self {
                    self.config.$name = $name;
                    self
                }
            )*
        }
    };
}

settings! {
    workers: usize,
    backend: Backend,
    pin: bool,
    reuse_port: bool,
    message_max: usize,
    head: HeadLimits,
    connections_max: usize,
    memory_max: usize,
    outbox_max: usize,
    slow: SlowPolicy,
    mailbox_max: usize,
    topics_max: usize,
    handshake_timeout: Duration,
    idle_timeout: Duration,
    pong_timeout: Duration,
    close_timeout: Duration,
    write_timeout: Duration,
    linger_timeout: Duration,
    origin: OriginPolicy,
    on_panic: OnPanic,
}
