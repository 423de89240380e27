//! Every answer but the 101, written so that its end is known and nothing follows it: a length, and
//! `Connection: close` (RFC 9112 6.3, 9.6).
use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};

use super::AcceptError;

/// An HTTP response, after which the connection closes: a refusal, or the answer to a plain request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Bytes,
}

impl Response {
    /// An answer without a body.
    ///
    /// A status below 200 ends no request and is sent as 500; switching protocols is what an
    /// [`Acceptance`](super::Acceptance) does.
    pub fn new(status: StatusCode) -> Self {
        Response {
            status,
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    /// Adds a field. `Connection`, `Content-Length` and `Transfer-Encoding` are ours, and left out.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// The status that will be sent.
    pub fn status(&self) -> StatusCode {
        if self.status.is_informational() {
            StatusCode::INTERNAL_SERVER_ERROR
        } else {
            self.status
        }
    }

    /// Writes it. `head_only` leaves out the body, as the answer to HEAD does.
    pub fn write(&self, head_only: bool, out: &mut Vec<u8>) {
        let status = self.status();
        out.extend_from_slice(b"HTTP/1.1 ");
        out.extend_from_slice(status.as_str().as_bytes());
        out.push(b' ');
        out.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
        out.extend_from_slice(b"\r\n");
        for (name, value) in self.headers.iter().filter(|(name, _)| !is_ours(name)) {
            write_named(out, name, value);
        }
        // 9110 8.6, 15.4.5: these end with their head, whatever they were given.
        let bodyless = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        if !bodyless {
            write_header(
                out,
                "Content-Length",
                self.body.len().to_string().as_bytes(),
            );
        }
        write_header(out, "Connection", b"close");
        out.extend_from_slice(b"\r\n");
        if !head_only && !bodyless {
            out.extend_from_slice(&self.body);
        }
    }
}

impl From<AcceptError> for Response {
    /// A handler that accepts wrongly is our fault, not the client's.
    fn from(_: AcceptError) -> Self {
        Response::new(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

fn is_ours(name: &HeaderName) -> bool {
    [
        header::CONNECTION,
        header::CONTENT_LENGTH,
        header::TRANSFER_ENCODING,
    ]
    .contains(name)
}

pub(super) fn write_header(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Names are kept in small letters and sent in the usual ones, for those who compare them wrongly.
pub(super) fn write_named(out: &mut Vec<u8>, name: &HeaderName, value: &HeaderValue) {
    let start = out.len();
    write_header(out, name.as_str(), value.as_bytes());
    let Some(written) = out.get_mut(start..start + name.as_str().len()) else {
        return;
    };
    if let Some(ours) = written
        .first_chunk_mut()
        .filter(|text| *text == b"sec-websocket-")
    {
        *ours = *b"Sec-WebSocket-";
    }
    for word in written.split_mut(|&b| b == b'-') {
        if let Some(first) = word.first_mut() {
            first.make_ascii_uppercase();
        }
    }
}
