//! WebSocket server and client for heavy load: RFC 6455 on io_uring, with mio as the fallback.
//!
//! ```text
//!  wait ─▶ lent bytes ─▶ frame ─▶ mask ─▶ utf8 ─▶ stream ─▶ websocket ─▶ your handler
//!  send ◀─ outbox ◀──────────────────── frame::encode ◀──────────────────────┘
//! ```
//!
//! One worker per core, nothing shared between them; bytes are unmasked where they lie, replies of
//! one turn leave together, an idle connection holds no buffer.
//!
//! ```no_run
//! use ws4rs::{Handler, Message, Peer, Request, Server, Verdict};
//!
//! struct Echo;
//!
//! impl Handler for Echo {
//!     type State = ();
//!     type Event = ();
//!
//!     fn on_upgrade(&mut self, _: &Request<'_>) -> Verdict<Self> {
//!         Verdict::accept(())
//!     }
//!
//!     fn on_message(&mut self, peer: &mut Peer<'_, Self>, message: Message<'_>) {
//!         peer.send(message);
//!     }
//! }
//!
//! Server::builder().bind("127.0.0.1:9001").run(|| Echo)?;
//! # Ok::<(), ws4rs::Error>(())
//! ```
//!
//! # The map
//!
//! - [`Server`], [`Handler`], [`Peer`], [`Handle`]: the paved path. What can be set, and why it is
//!   what it is: [`Config`].
//! - [`client`]: the other end, blocking, without a runtime.
//! - [`proto`]: the protocol as a value, for those who bring their own I/O.
//!
//! Unix only, but for [`client`] and [`proto`].

mod chunk;
pub mod client;
#[cfg(unix)]
pub mod config;
#[cfg(unix)]
mod error;
mod page;
mod pool;
#[forbid(unsafe_code)]
pub mod proto;
mod random;
#[cfg(unix)]
mod reactor;
#[cfg(unix)]
mod server;
#[allow(unsafe_code)]
mod simd;
#[cfg(unix)]
mod topics;

pub use chunk::Chunks;
#[cfg(unix)]
pub use config::{Backend, Config, OnPanic};
#[cfg(unix)]
pub use error::Error;
pub use http;
pub use proto::handshake::{Dial, OriginPolicy, Response, Url};
pub use proto::{CloseCode, Deflate, Message, Owned, Prepared, Sent, SlowPolicy};
#[cfg(unix)]
pub use reactor::Address;
#[cfg(unix)]
pub use server::*;

/// README's example compiles.
#[cfg(all(doctest, unix))]
#[doc = include_str!("../README.md")]
struct Readme;

/// The back door, for tests, benches, fuzzing, perf and the binary's load generator. No promises.
#[doc(hidden)]
#[rustfmt::skip]
pub mod internal {
    pub mod simd { pub use crate::simd::*; }
    pub mod chunk { pub use crate::chunk::*; }
    pub mod deflate { pub use crate::proto::deflate::{codec::*, history::*}; }
    #[cfg(unix)]
    pub mod reactor { pub use crate::reactor::*; }
    #[cfg(unix)]
    pub mod worker { pub use crate::server::{connection::sizes, worker::{Listener, Worker}}; }
}
