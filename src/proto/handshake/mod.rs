//! The opening handshake, the server's side of it (RFC 6455 4.2, RFC 9112): bytes in, a request or
//! a refusal out, and the head of an answer. Knows no socket, no clock and no configuration.
//!
//! In the order bytes meet them:
//!
//! - `scan`: where the head ends, and whether it keeps its limits, as bytes arrive;
//! - `opening`: the scan, and the part of a head that came before the rest;
//! - `request_line`: the HTTP version and the request target;
//! - `fields`: the lines below it, and the lists in them;
//! - `authority`: a host and its port, from `Host`, target or `Origin`;
//! - `extensions`: the grammar of `Sec-WebSocket-Extensions`;
//! - `essentials`: what the fields say about the upgrade;
//! - `request`: the head, read and lawful;
//! - `origin`: which pages may connect;
//! - `accept_key`, `acceptance`: the 101;
//! - `refusal`, `response`: every other answer.
//!
//! ```
//! use ws4rs::proto::handshake::{Acceptance, Fields, HeadLimits, Opening, Request};
//!
//! let mut received = *b"GET /chat HTTP/1.1\r\nHost: example.com\r\n\
//!     Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
//!     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
//!
//! let mut opening = Opening::default();
//! let (head, _behind) = opening.receive(&mut received, &HeadLimits::default())?.unwrap();
//! let mut fields = Fields::new();
//! let request = Request::parse(head, &mut fields)?;
//! assert_eq!(request.path(), "/chat");
//!
//! let mut out = Vec::new();
//! Acceptance::new().write(&request, &mut out)?;
//! assert!(out.starts_with(b"HTTP/1.1 101 Switching Protocols\r\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![deny(clippy::unwrap_used, clippy::indexing_slicing)]

mod accept_key;
mod acceptance;
mod authority;
mod essentials;
pub(super) mod extensions;
mod fields;
mod opening;
mod origin;
mod refusal;
mod request;
mod request_line;
mod response;
mod scan;

pub use accept_key::accept_key;
pub use acceptance::{AcceptError, Acceptance};
pub use authority::Authority;
pub use fields::Fields;
pub use opening::Opening;
pub use origin::OriginPolicy;
pub use refusal::Refusal;
pub use request::Request;
pub use response::Response;
pub use scan::{HeadLimits, Scan};
