//! A good request, and all that can be wrong with one.

use ws4rs::proto::handshake::Request;

use crate::head::{head, others};

pub(super) fn offered(request: &Request<'_>) -> Vec<String> {
    request.subprotocols().map(str::to_owned).collect()
}

/// A good request.
pub(super) fn asking() -> Vec<u8> {
    request(GET)
}

/// With another request line.
pub(super) fn request(line: &str) -> Vec<u8> {
    head(line, UPGRADE)
}

/// With another value for this field, or with this field more.
pub(super) fn with(name: &str, value: &str) -> Vec<u8> {
    let field = format!("{name}: {value}");
    let mut fields = others(UPGRADE, name);
    fields.push(&field);
    head(GET, &fields)
}

/// Without this field.
pub(super) fn without(name: &str) -> Vec<u8> {
    head(GET, &others(UPGRADE, name))
}

/// With these field lines more.
pub(super) fn adding(fields: &str) -> Vec<u8> {
    head(GET, &add(fields))
}

pub(super) fn add(fields: &str) -> Vec<&str> {
    [UPGRADE, &[fields]].concat()
}

/// With every field rewritten.
pub(super) fn each(rewrite: impl Fn(&str, &str) -> String) -> Vec<u8> {
    let rewrite = |field: &&str| {
        let (name, value) = field.split_once(": ").unwrap();
        rewrite(name, value)
    };
    let fields: Vec<String> = UPGRADE.iter().map(rewrite).collect();
    head(GET, &fields)
}

pub(super) fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

pub(super) const GET: &str = "GET /chat HTTP/1.1";

pub(super) const KEY: &str = "Sec-WebSocket-Key";

pub(super) const VERSION: &str = "Sec-WebSocket-Version";

pub(super) const UPGRADE: &[&str] = &[
    "Host: example.com",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
];
