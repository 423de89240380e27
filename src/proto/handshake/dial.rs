//! The request of a client (RFC 6455 4.1). Before it a `url`; behind it `dialing`, which awaits the
//! answer. Its fields for the upgrade are ours to write; a caller adds what the server wants to know.
use core::fmt;
use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, HeaderValue, header};

use super::answer::Offer;
use super::fields::token;
use super::response::{write_header, write_named};
use super::{Authority, DialFault, Dialing, Url, accept_key, acceptance};
use crate::proto::Deflate;
use crate::random;

/// What a client asks for, and where.
#[derive(Clone)]
pub struct Dial {
    url: Url,
    origin: Option<HeaderValue>,
    subprotocols: Vec<Cow<'static, str>>,
    deflate: Option<Deflate>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Dial {
    /// Asks for websocket, and nothing else.
    pub fn new(url: Url) -> Self {
        Dial {
            url,
            origin: None,
            subprotocols: Vec::new(),
            deflate: None,
            headers: Vec::new(),
        }
    }

    /// Where it asks.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Adds a field to the request: a cookie, or who asks. `Authorization` and `Host` replace those
    /// of the URL.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Offers a subprotocol, the favourite first. May be called more than once.
    #[must_use]
    pub fn subprotocol(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.subprotocols.push(name.into());
        self
    }

    /// Says which page asks, as browsers do and other programs need not.
    #[must_use]
    pub fn origin(mut self, origin: HeaderValue) -> Self {
        self.origin = Some(origin);
        self
    }

    /// Offers to compress messages (RFC 7692).
    #[must_use]
    pub fn deflate(mut self, deflate: Deflate) -> Self {
        self.deflate = Some(deflate);
        self
    }

    /// Writes the request, or nothing. Its key is a new one every time.
    pub fn ask(&self, out: &mut Vec<u8>) -> Result<Dialing, DialFault> {
        self.check()?;
        // 4.1(7): 16 bytes, chosen at random for each connection.
        let key = STANDARD.encode(random::bytes::<16>());
        self.write(&key, out);
        Ok(Dialing::new(Offer {
            accept: accept_key(key.as_bytes()),
            subprotocols: self.subprotocols.clone(),
            deflate: self.deflate,
        }))
    }

    /// Whether it offers to refer back to messages that were sent before.
    pub(crate) fn takes_over(&self) -> bool {
        self.deflate.is_some_and(|deflate| deflate.takeover)
    }

    fn write(&self, key: &str, out: &mut Vec<u8>) {
        let host = self.own(&header::HOST).map(HeaderValue::as_bytes);
        // 4.1: GET, and at least HTTP/1.1. Host comes first (9110 7.2).
        out.extend_from_slice(b"GET ");
        out.extend_from_slice(self.url.target().as_bytes());
        out.extend_from_slice(b" HTTP/1.1\r\n");
        write_header(out, "Host", host.unwrap_or(self.url.host().as_bytes()));
        out.extend_from_slice(UPGRADE);
        write_header(out, "Sec-WebSocket-Key", key.as_bytes());
        write_header(out, "Sec-WebSocket-Version", b"13");
        if let Some(origin) = &self.origin {
            write_named(out, &header::ORIGIN, origin);
        }
        if !self.subprotocols.is_empty() {
            let offered = self.subprotocols.join(", ");
            write_header(out, "Sec-WebSocket-Protocol", offered.as_bytes());
        }
        if let Some(deflate) = self.deflate {
            write_header(out, "Sec-WebSocket-Extensions", deflate.offer().as_bytes());
        }
        if let (Some(value), None) = (self.url.authorization(), self.own(&header::AUTHORIZATION)) {
            write_named(out, &header::AUTHORIZATION, value);
        }
        for (name, value) in self.headers.iter().filter(|(name, _)| name != header::HOST) {
            write_named(out, name, value);
        }
        out.extend_from_slice(b"\r\n");
    }

    fn check(&self) -> Result<(), DialFault> {
        self.check_headers()?;
        self.check_subprotocols()
    }

    fn check_headers(&self) -> Result<(), DialFault> {
        for (name, _) in &self.headers {
            if acceptance::is_ours(name) {
                return Err(DialFault::Reserved(name.clone()));
            }
            if SINGLE.contains(name) && self.count(name) > 1 {
                return Err(DialFault::Twice(name.clone()));
            }
        }
        match self.own(&header::HOST) {
            // 9112 3.2: a server answers any other with 400.
            Some(host) if !is_host(host) => Err(DialFault::Host),
            _ => Ok(()),
        }
    }

    /// 4.1(10): tokens, and all of them different.
    fn check_subprotocols(&self) -> Result<(), DialFault> {
        for (n, name) in self.subprotocols.iter().enumerate() {
            if token(name.as_bytes()).is_none() {
                return Err(DialFault::Subprotocol(name.to_string()));
            }
            let mut before = self.subprotocols.iter().take(n);
            if before.any(|other| other == name) {
                return Err(DialFault::OfferedTwice(name.to_string()));
            }
        }
        Ok(())
    }

    /// The caller's field of this name.
    fn own(&self, name: &HeaderName) -> Option<&HeaderValue> {
        let mut headers = self.headers.iter();
        headers.find(|(own, _)| own == name).map(|(_, value)| value)
    }

    fn count(&self, name: &HeaderName) -> usize {
        let origin = usize::from(name == header::ORIGIN && self.origin.is_some());
        self.headers.iter().filter(|(own, _)| own == name).count() + origin
    }
}

impl fmt::Debug for Dial {
    // Without the fields: a log is no place for cookies.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dial")
            .field("url", &self.url)
            .field("origin", &self.origin)
            .field("subprotocols", &self.subprotocols)
            .finish_non_exhaustive()
    }
}

fn is_host(value: &HeaderValue) -> bool {
    value.to_str().ok().and_then(Authority::parse).is_some()
}

const UPGRADE: &[u8] = b"Upgrade: websocket\r\n\
    Connection: Upgrade\r\n";

/// 9110 5.3: what a server would read two ways if it came twice.
const SINGLE: [HeaderName; 3] = [header::HOST, header::ORIGIN, header::AUTHORIZATION];
