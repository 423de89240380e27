//! The opening handshake, both sides of it (RFC 6455 4, RFC 9112): bytes in, a request or a refusal
//! out, and the head of an answer; or a request out, and its answer in. Knows no socket, no clock and
//! no configuration.
//!
//! The server's side, in the order bytes meet them:
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
//! The client's side, which shares the scan, the opening and the lists:
//!
//! - `url`, `url_error`: where to dial;
//! - `dial`, `dial_fault`: the request, and what is asked in it;
//! - `dialing`: the wait for its answer, and what is passed over until then;
//! - `response_head`: status and fields of the answer;
//! - `answer`: whether it is a yes to what was asked;
//! - `not_opened`: every way it is none.
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
//!
//! The client's, with a server that refuses:
//!
//! ```
//! use ws4rs::proto::handshake::{Dial, HeadLimits, NotOpened, Url};
//!
//! let dial = Dial::new(Url::parse("ws://example.com/chat")?).subprotocol("chat.v2");
//! let mut out = Vec::new();
//! let mut dialing = dial.ask(&mut out)?;
//! assert!(out.starts_with(b"GET /chat HTTP/1.1\r\nHost: example.com\r\n"));
//!
//! let mut received = *b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";
//! match dialing.receive(&mut received, &HeadLimits::default()) {
//!     Ok(Some((answer, frames))) => println!("{:?}, then {frames:?}", answer.subprotocol()),
//!     Ok(None) => println!("more is to come"),
//!     Err(NotOpened::Refused(refused)) => assert_eq!(refused.status(), 403),
//!     Err(broken) => println!("{broken}"),
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![deny(clippy::unwrap_used, clippy::indexing_slicing)]

mod accept_key;
mod acceptance;
mod answer;
mod authority;
mod dial;
mod dial_fault;
mod dialing;
mod essentials;
pub(super) mod extensions;
mod fields;
mod not_opened;
mod opening;
mod origin;
mod refusal;
mod request;
mod request_line;
mod response;
mod response_head;
mod scan;
mod url;
mod url_error;

pub use accept_key::accept_key;
pub use acceptance::{AcceptError, Acceptance};
pub use answer::Answer;
pub use authority::Authority;
pub use dial::Dial;
pub use dial_fault::DialFault;
pub use dialing::Dialing;
pub use fields::Fields;
pub use not_opened::{NotOpened, Refused};
pub use opening::Opening;
pub use origin::OriginPolicy;
pub use refusal::Refusal;
pub use request::Request;
pub use response::Response;
pub use scan::{HeadLimits, Scan};
pub use url::{Endpoint, Url};
pub use url_error::UrlError;
