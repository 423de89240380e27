//! Heads of answers: a good one, and all that can be wrong with one.

use crate::head::{head, others};

/// A good answer.
pub(super) fn good() -> Vec<u8> {
    head(LINE, YES)
}

/// With another value for this field, or with this field more.
pub(super) fn with(name: &str, value: &str) -> Vec<u8> {
    let field = format!("{name}: {value}");
    head(LINE, &[&others(YES, name)[..], &[&field]].concat())
}

/// Without this field.
pub(super) fn without(name: &str) -> Vec<u8> {
    head(LINE, &others(YES, name))
}

/// With these field lines more.
pub(super) fn adding(fields: &str) -> Vec<u8> {
    head(LINE, &[YES, &[fields]].concat())
}

const LINE: &str = "HTTP/1.1 101 Switching Protocols";

pub(super) const YES: &[&str] = &[
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Accept: the-proof-belongs-in-here=28",
];

/// Where the proof belongs, and as long as it is.
pub(super) const ACCEPT: &str = "the-proof-belongs-in-here=28";

/// As long as every key.
pub(super) const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
