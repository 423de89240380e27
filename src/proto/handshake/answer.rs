//! Is the server's answer a yes to what we asked? The rules of RFC 6455 4.1, in its order.
use core::fmt;
use std::borrow::Cow;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{StatusCode, Version};

use super::fields::{has_member, members};
use super::response_head::ResponseHead;
use super::{NotOpened, Refused};
use crate::proto::deflate::{Agreed, Deflate, NotAgreed};

/// The server's yes. What follows it are frames.
#[derive(Clone)]
pub struct Answer {
    subprotocol: Option<Cow<'static, str>>,
    deflate: Option<Agreed>,
    headers: HeaderMap,
}

impl Answer {
    /// The subprotocol that will be spoken, one of those offered. `None` when the server chose none,
    /// which it may.
    pub fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }

    /// How messages are compressed. `None` when they are not.
    pub fn deflate(&self) -> Option<&Agreed> {
        self.deflate.as_ref()
    }

    /// The fields of the answer: its cookies, and its own.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }
}

impl fmt::Debug for Answer {
    // Without the fields: a log is no place for cookies.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("subprotocol", &self.subprotocol)
            .field("deflate", &self.deflate)
            .finish_non_exhaustive()
    }
}

/// What the answer is held against. An extension that is offered is kept here too.
#[derive(Debug)]
pub(super) struct Offer {
    pub(super) accept: [u8; 28],
    pub(super) subprotocols: Vec<Cow<'static, str>>,
    pub(super) deflate: Option<Deflate>,
}

impl Offer {
    pub(super) fn judge(&self, head: ResponseHead, behind: &[u8]) -> Result<Answer, NotOpened> {
        // 4.1(1): a redirect and a 401 too are the caller's to follow, who knows with which
        // credentials.
        if head.status != StatusCode::SWITCHING_PROTOCOLS {
            return Err(Refused::new(head, behind).into());
        }
        // 9110 7.8: HTTP/1.0 has no Upgrade.
        if head.version != Version::HTTP_11 {
            return Err(NotOpened::HttpVersion);
        }
        // 9112 6.3: a 101 ends with its head, whatever Content-Length and Transfer-Encoding say, so
        // they are not looked at; servers that send "Content-Length: 0" with it are about.
        let headers = head.headers;
        check_upgrade(&headers)?;
        check_connection(&headers)?;
        self.check_accept(&headers)?;
        let deflate = self.agree_on_extensions(&headers)?;
        let subprotocol = self.agree_on_subprotocol(&headers)?;
        Ok(Answer {
            subprotocol,
            deflate,
            headers,
        })
    }

    /// 4.1(4): the proof that the server read our request, compared with case.
    fn check_accept(&self, headers: &HeaderMap) -> Result<(), NotOpened> {
        match once(headers, &header::SEC_WEBSOCKET_ACCEPT, NotOpened::Accept)? {
            // The parser has stripped the whitespace round it.
            Some(value) if value == self.accept => Ok(()),
            Some(_) | None => Err(NotOpened::Accept),
        }
    }

    /// 4.1(5): what was offered, or nothing; RFC 7692 7.1: within what was offered.
    fn agree_on_extensions(&self, headers: &HeaderMap) -> Result<Option<Agreed>, NotOpened> {
        let mut used = lines(headers, &header::SEC_WEBSOCKET_EXTENSIONS).flat_map(members);
        match (used.next(), self.deflate, used.next()) {
            (None, _, _) => Ok(None),
            (Some(answer), Some(ours), None) => {
                let agreed = ours.agree(answer);
                agreed.map(Some).map_err(NotOpened::Extension)
            }
            (Some(_), _, _) => Err(NotOpened::Extension(NotAgreed::Extension)),
        }
    }

    /// 4.1(6): one that was offered, or none. Names of subprotocols are compared with case.
    fn agree_on_subprotocol(
        &self,
        headers: &HeaderMap,
    ) -> Result<Option<Cow<'static, str>>, NotOpened> {
        let chosen = once(
            headers,
            &header::SEC_WEBSOCKET_PROTOCOL,
            NotOpened::Subprotocol,
        )?;
        let Some(name) = chosen else {
            return Ok(None);
        };
        let is_it = |offered: &&Cow<'_, str>| offered.as_bytes() == name;
        let offered = self.subprotocols.iter().find(is_it);
        offered.cloned().map(Some).ok_or(NotOpened::Subprotocol)
    }
}

/// 4.1(2): websocket, and nothing layered with it (9110 7.8).
fn check_upgrade(headers: &HeaderMap) -> Result<(), NotOpened> {
    let mut protocols = lines(headers, &header::UPGRADE)
        .flat_map(members)
        .peekable();
    let named = protocols.peek().is_some();
    let only = protocols.all(|name| name.eq_ignore_ascii_case(b"websocket"));
    (named && only).then_some(()).ok_or(NotOpened::Upgrade)
}

/// 4.1(3)
fn check_connection(headers: &HeaderMap) -> Result<(), NotOpened> {
    let named = lines(headers, &header::CONNECTION).any(|value| has_member(value, "upgrade"));
    named.then_some(()).ok_or(NotOpened::Connection)
}

fn lines<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h [u8]> {
    headers.get_all(name).iter().map(HeaderValue::as_bytes)
}

/// 11.3.3, 11.3.4: MUST NOT appear more than once in an answer.
fn once<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
    otherwise: NotOpened,
) -> Result<Option<&'h [u8]>, NotOpened> {
    let mut values = lines(headers, name);
    let first = values.next();
    match values.next() {
        None => Ok(first),
        Some(_) => Err(otherwise),
    }
}
