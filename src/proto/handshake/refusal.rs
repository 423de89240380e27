//! Every way a request is refused: the rule it broke, and the one place that maps it to a status.
//! All are answered without a body, and the connection closes (RFC 6455 4.2.1).
use http::{HeaderValue, StatusCode, header};

use super::Response;

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// 9112 2.2, 3, 5: not a request: its line, a field or a line end is broken.
    Malformed,
    /// 9112 3: the request line is longer than [`HeadLimits::line`](super::HeadLimits::line).
    LineTooLong,
    /// 9110 5.4: more fields than [`HeadLimits::fields`](super::HeadLimits::fields).
    TooManyFields,
    /// 9110 5.4: longer than [`HeadLimits::bytes`](super::HeadLimits::bytes).
    HeadTooLong,
    /// 9110 15.6.6: an HTTP other than HTTP/1.
    HttpVersion,
    /// 9112 3.2: a target in no form that goes with its method.
    Target,
    /// 9112 3.2: Host is missing, sent twice, or names no host.
    Host,
    /// 9112 6.3: content, which no request here has, or no telling how much.
    Content,
    /// 4.2.1(1): a method other than GET.
    Method,
    /// 9110 15.5.22: a plain request where only websocket is spoken.
    UpgradeRequired,
    /// 4.2.2, 4.4: a version other than 13.
    Version,
    /// 4.2.1(6): Sec-WebSocket-Version is missing or sent twice.
    VersionMissing,
    /// 4.2.1(5): Sec-WebSocket-Key is missing, sent twice, or not 16 bytes in base64.
    Key,
    /// 9.1: Sec-WebSocket-Extensions breaks its grammar.
    Extensions,
    /// 4.2.2(1), 10.2: a page that may not connect; see [`OriginPolicy`](super::OriginPolicy).
    Origin,
}

impl Refusal {
    /// The status it is told with.
    pub fn status(self) -> StatusCode {
        match self {
            Refusal::Malformed
            | Refusal::Target
            | Refusal::Host
            | Refusal::Content
            | Refusal::VersionMissing
            | Refusal::Key
            | Refusal::Extensions => StatusCode::BAD_REQUEST,
            Refusal::Origin => StatusCode::FORBIDDEN,
            Refusal::Method => StatusCode::METHOD_NOT_ALLOWED,
            Refusal::LineTooLong => StatusCode::URI_TOO_LONG,
            Refusal::UpgradeRequired | Refusal::Version => StatusCode::UPGRADE_REQUIRED,
            Refusal::TooManyFields | Refusal::HeadTooLong => {
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
            }
            Refusal::HttpVersion => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
        }
    }

    /// The answer: no body, and the fields its status must have.
    pub fn response(self) -> Response {
        let response = Response::new(self.status());
        match self.status() {
            // 9110 15.5.6
            StatusCode::METHOD_NOT_ALLOWED => {
                response.header(header::ALLOW, HeaderValue::from_static("GET"))
            }
            // 9110 15.5.22, RFC 6455 4.4
            StatusCode::UPGRADE_REQUIRED => response
                .header(header::UPGRADE, HeaderValue::from_static("websocket"))
                .header(
                    header::SEC_WEBSOCKET_VERSION,
                    HeaderValue::from_static("13"),
                ),
            _ => response,
        }
    }
}

impl From<Refusal> for Response {
    fn from(refusal: Refusal) -> Self {
        refusal.response()
    }
}

impl core::fmt::Display for Refusal {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Refusal::Malformed => "not an HTTP request",
            Refusal::LineTooLong => "request line too long",
            Refusal::TooManyFields => "too many fields",
            Refusal::HeadTooLong => "head too long",
            Refusal::HttpVersion => "not HTTP/1",
            Refusal::Target => "bad request target",
            Refusal::Host => "no Host, more than one, or a bad one",
            Refusal::Content => "content, or a bad length of it",
            Refusal::Method => "not GET",
            Refusal::UpgradeRequired => "does not ask for websocket",
            Refusal::Version => "not websocket version 13",
            Refusal::VersionMissing => "no Sec-WebSocket-Version, or more than one",
            Refusal::Key => "no Sec-WebSocket-Key, more than one, or a bad one",
            Refusal::Extensions => "bad Sec-WebSocket-Extensions",
            Refusal::Origin => "origin not allowed",
        })
    }
}

impl core::error::Error for Refusal {}
