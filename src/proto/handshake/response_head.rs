//! The head of an answer as it was sent, not yet judged: its version, status and fields (RFC 9112 4).
//! Knows nothing of websocket.
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version};
use httparse::{EMPTY_HEADER, Header, Status};

use super::NotOpened;
use super::request_line::{first_line, read_version};

pub(super) struct ResponseHead {
    pub(super) version: Version,
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
}

impl ResponseHead {
    /// Reads a whole head, as [`Opening`](super::Opening) lends it.
    pub(super) fn read(head: &mut [u8]) -> Result<Self, NotOpened> {
        let version = settle_version(head)?;
        // A field is a line, and there are no more of them than the limits allow.
        let lines = head.iter().filter(|&&byte| byte == b'\n').count();
        let mut room = vec![EMPTY_HEADER; lines];
        let mut parsed = httparse::Response::new(&mut room);
        let read = parsed.parse(head).map_err(|_| NotOpened::Malformed)?;
        // The parser and the scan agree where the head ends.
        if read != Status::Complete(head.len()) {
            return Err(NotOpened::Malformed);
        }
        let status = parsed.code.and_then(|code| StatusCode::from_u16(code).ok());
        Ok(ResponseHead {
            version,
            status: status.ok_or(NotOpened::Malformed)?,
            headers: own(parsed.headers)?,
        })
    }

    /// 9110 15.2: not yet the answer. 101 is one, as nothing of HTTP comes after it.
    pub(super) fn is_interim(&self) -> bool {
        self.status.is_informational() && self.status != StatusCode::SWITCHING_PROTOCOLS
    }
}

/// 9112 4: the version comes first, and a space behind it. 1.2 to 1.9 are read as 1.1, as in a
/// request.
fn settle_version(head: &mut [u8]) -> Result<Version, NotOpened> {
    let line = first_line(head).ok_or(NotOpened::Malformed)?;
    match line.split_first_chunk_mut() {
        Some((version, [b' ', ..])) => read_version(version).map_err(NotOpened::of),
        _ => Err(NotOpened::Malformed),
    }
}

fn own(fields: &[Header<'_>]) -> Result<HeaderMap, NotOpened> {
    // A map has room for some 24000, more than which only a raised limit lets come here.
    let room = HeaderMap::try_with_capacity(fields.len());
    let mut headers = room.map_err(|_| NotOpened::TooManyFields)?;
    for Header { name, value } in fields {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| NotOpened::Malformed)?;
        let value = HeaderValue::from_bytes(value).map_err(|_| NotOpened::Malformed)?;
        let kept = headers.try_append(name, value);
        kept.map_err(|_| NotOpened::TooManyFields)?;
    }
    Ok(headers)
}
