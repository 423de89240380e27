//! Every way an answer opens nothing: the rule it broke, or the status it has instead of 101.
use core::fmt;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use super::Refusal;
use super::response_head::ResponseHead;
use crate::proto::deflate::NotAgreed;

/// Why the server's answer opens nothing. The connection is of no further use.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotOpened {
    /// 4.1(1): the server answered something else, and says what.
    Refused(Box<Refused>),
    /// 9112 2.2, 4, 5: not an answer: its line, a field or a line end is broken.
    Malformed,
    /// The status line is longer than [`HeadLimits::line`](super::HeadLimits::line).
    LineTooLong,
    /// More fields than [`HeadLimits::fields`](super::HeadLimits::fields).
    TooManyFields,
    /// Longer than [`HeadLimits::bytes`](super::HeadLimits::bytes).
    HeadTooLong,
    /// 9110 15.2: more than eight answers that are none yet.
    TooManyInterim,
    /// 9110 7.8: an HTTP other than HTTP/1.1.
    HttpVersion,
    /// 4.1(2): Upgrade is missing, or names something else than websocket.
    Upgrade,
    /// 4.1(3): Connection does not name Upgrade.
    Connection,
    /// 4.1(4): Sec-WebSocket-Accept is missing, sent twice, or does not go with our key.
    Accept,
    /// 4.1(5), 9.1, RFC 7692 7.1: an extension that was not offered, or not so.
    Extension(NotAgreed),
    /// 4.1(6): a subprotocol that was not offered, or more than one.
    Subprotocol,
}

impl NotOpened {
    /// The scan and the version tell what is wrong as they would to a client.
    pub(super) fn of(refusal: Refusal) -> Self {
        match refusal {
            Refusal::LineTooLong => NotOpened::LineTooLong,
            Refusal::TooManyFields => NotOpened::TooManyFields,
            Refusal::HeadTooLong => NotOpened::HeadTooLong,
            Refusal::HttpVersion => NotOpened::HttpVersion,
            _ => NotOpened::Malformed,
        }
    }
}

impl fmt::Display for NotOpened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NotOpened::Refused(refused) => {
                return write!(f, "the server answered {}, not 101", refused.status);
            }
            NotOpened::Malformed => "not an HTTP answer",
            NotOpened::LineTooLong => "status line too long",
            NotOpened::TooManyFields => "too many fields in the answer",
            NotOpened::HeadTooLong => "head of the answer too long",
            NotOpened::TooManyInterim => "too many interim answers",
            NotOpened::HttpVersion => "the answer is not HTTP/1.1",
            NotOpened::Upgrade => "the answer does not upgrade to websocket",
            NotOpened::Connection => "Connection of the answer does not name Upgrade",
            NotOpened::Accept => "no Sec-WebSocket-Accept, more than one, or the wrong one",
            NotOpened::Extension(how) => return how.fmt(f),
            NotOpened::Subprotocol => "the server chose a subprotocol that was not offered",
        })
    }
}

impl core::error::Error for NotOpened {}

impl From<Refused> for NotOpened {
    fn from(refused: Refused) -> Self {
        NotOpened::Refused(Box::new(refused))
    }
}

/// An answer other than 101: an error, a page, a redirect, which is not followed.
#[derive(Clone, PartialEq, Eq)]
pub struct Refused {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Refused {
    pub(super) fn new(head: ResponseHead, behind: &[u8]) -> Self {
        let (body, _) = behind.split_at(behind.len().min(BODY_MAX));
        Refused {
            status: head.status,
            headers: head.headers,
            body: Bytes::copy_from_slice(body),
        }
    }

    /// What the server answered.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Its fields: where it is to be found now, or how to log in.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// What of the body came along with the last bytes of the head, at most 4 KiB, as it was sent:
    /// chunks and codings are not taken off. Enough to read why, most times; nothing waits for more.
    pub fn body(&self) -> &[u8] {
        &self.body
    }
}

impl fmt::Debug for Refused {
    // Without the fields: a log is no place for cookies.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refused")
            .field("status", &self.status)
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}

/// 4 KiB: an error page tells why in its first lines.
const BODY_MAX: usize = 4 << 10;
