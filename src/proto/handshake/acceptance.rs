//! The yes to a request: the 101 and what goes with it (RFC 6455 4.2.2). Its fields for the upgrade
//! are ours to write; a handler adds a subprotocol and fields of its own.
use std::borrow::Cow;

use http::{HeaderName, HeaderValue};

use super::response::{write_header, write_named};
use super::{Request, accept_key};
use crate::proto::deflate::Agreed;

/// An accepted request, as a handler describes it.
#[derive(Debug, Clone, Default)]
pub struct Acceptance {
    subprotocol: Option<Cow<'static, str>>,
    deflate: Option<Agreed>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Acceptance {
    /// A plain yes.
    pub fn new() -> Self {
        Acceptance::default()
    }

    /// Speaks this subprotocol, one of those offered: see [`Request::choose`].
    #[must_use]
    pub fn subprotocol(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.subprotocol = Some(name.into());
        self
    }

    /// Compresses messages, as [`Deflate::accept`](crate::proto::Deflate::accept) has agreed.
    #[must_use]
    pub fn deflate(mut self, agreed: Agreed) -> Self {
        self.deflate = Some(agreed);
        self
    }

    /// Adds a field to the answer: a cookie, or a name for the logs.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The subprotocol that will be spoken.
    pub fn chosen(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }

    /// Writes the 101 that answers this request, or nothing.
    pub fn write(&self, request: &Request<'_>, out: &mut Vec<u8>) -> Result<(), AcceptError> {
        let key = request.key().ok_or(AcceptError::NotAskedFor)?;
        self.check(request)?;
        // 9110 7.8: a 101 carries Upgrade; 8.6, 9112 6.1: and neither length nor coding.
        out.extend_from_slice(SWITCHING);
        out.extend_from_slice(&accept_key(key));
        out.extend_from_slice(b"\r\n");
        if let Some(name) = self.chosen() {
            write_header(out, "Sec-WebSocket-Protocol", name.as_bytes());
        }
        if let Some(agreed) = self.deflate {
            write_header(
                out,
                "Sec-WebSocket-Extensions",
                agreed.to_string().as_bytes(),
            );
        }
        for (name, value) in &self.headers {
            write_named(out, name, value);
        }
        out.extend_from_slice(b"\r\n");
        Ok(())
    }

    fn check(&self, request: &Request<'_>) -> Result<(), AcceptError> {
        if let Some((name, _)) = self.headers.iter().find(|(name, _)| is_ours(name)) {
            return Err(AcceptError::Reserved(name.clone()));
        }
        match self.chosen() {
            // 4.2.2: one of those offered, which are tokens.
            Some(name) if !request.subprotocols().any(|offered| offered == name) => {
                Err(AcceptError::NotOffered(name.to_owned()))
            }
            _ => Ok(()),
        }
    }
}

/// What is wrong with an [`Acceptance`], and with the handler that made it. Nothing was written; the
/// client is told 500.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AcceptError {
    /// The request does not ask for websocket: answer it with a [`Response`](super::Response).
    NotAskedFor,
    /// This subprotocol was not offered: take one from [`Request::subprotocols`].
    NotOffered(String),
    /// This field is written by the handshake itself, or has no place in a 101: leave it out.
    Reserved(HeaderName),
}

impl core::fmt::Display for AcceptError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            AcceptError::NotAskedFor => f.write_str("the request does not ask for websocket"),
            AcceptError::NotOffered(name) => {
                write!(
                    f,
                    "subprotocol {name:?} was not offered; choose one that was"
                )
            }
            AcceptError::Reserved(name) => {
                write!(f, "field {name} belongs to the handshake; leave it out")
            }
        }
    }
}

impl core::error::Error for AcceptError {}

/// Fields that belong to the handshake, in a request and in its answer.
pub(super) fn is_ours(name: &HeaderName) -> bool {
    let name = name.as_str();
    name.starts_with("sec-websocket-")
        || matches!(
            name,
            "upgrade" | "connection" | "content-length" | "transfer-encoding"
        )
}

const SWITCHING: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Accept: ";
