//! A request as it was sent, and what asks for it.

use http::HeaderValue;
use ws4rs::proto::handshake::{Dial, Url};

/// A request as it was sent.
pub(super) struct Asked {
    pub(super) text: String,
}

impl Asked {
    pub(super) fn new(out: Vec<u8>) -> Self {
        let text = String::from_utf8(out).unwrap();
        assert!(text.ends_with("\r\n\r\n"));
        Asked { text }
    }

    pub(super) fn fields(&self, name: &str) -> Vec<&str> {
        let lines = self.text.split("\r\n");
        let fields = lines.filter_map(|line| line.split_once(": "));
        let named = fields.filter(|(field, _)| field.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value).collect()
    }

    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let fields = self.fields(name);
        assert!(fields.len() <= 1, "{name} {} times", fields.len());
        fields.first().copied()
    }

    pub(super) fn key(&self) -> &str {
        self.field("Sec-WebSocket-Key").unwrap()
    }
}

pub(super) fn ask(dial: &Dial) -> Asked {
    let mut out = Vec::new();
    dial.ask(&mut out).unwrap();
    Asked::new(out)
}

pub(super) fn plain() -> Dial {
    Dial::new(url("ws://example.com/chat"))
}

pub(super) fn url(text: &str) -> Url {
    Url::parse(text).expect(text)
}

pub(super) fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap()
}
