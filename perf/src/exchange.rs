//! What a connection says, and what it expects to hear: all bytes of it built beforehand.
//!
//! Knows just enough of RFC 6455 5.2 to write a frame, and shares no code with the crate on purpose:
//! whoever checks should not lean on what is checked.

use std::sync::Arc;

use clap::ValueEnum;
use ws4rs::internal::chunk::Chunks;

/// How the bytes are framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Protocol {
    /// Masked frames out, the same payload in unmasked frames back.
    Ws,
    /// As many bytes as the masked frames have, and the same bytes back.
    Tcp,
}

/// What the payload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    Text,
    Binary,
}

/// What is said again and again.
#[derive(Clone, Copy, Debug)]
pub struct Script {
    pub protocol: Protocol,
    pub kind: Kind,
    /// Text of one to four bytes per character instead of ASCII.
    pub mixed: bool,
    /// Bytes of payload.
    pub size: usize,
    /// Messages that may be under way at once.
    pub outstanding: usize,
}

/// One wording of a script: replies that went to the wrong connection show up as wrong bytes.
pub struct Exchange {
    /// 1, 2, 4, 8 … requests in one run of bytes: any count is a few runs.
    requests: Vec<Arc<[u8]>>,
    /// The bytes that answer one request.
    pub reply: Vec<u8>,
}

impl Exchange {
    pub fn new(script: Script, wording: u8) -> Self {
        let payload = payload(script, wording);
        let first = match script.kind {
            Kind::Text => 0x81,
            Kind::Binary => 0x82,
        };
        let request = frame(first, Some([0x37 ^ wording, 0xfa, 0x21, 0x3d]), &payload);
        let reply = match script.protocol {
            Protocol::Ws => frame(first, None, &payload),
            Protocol::Tcp => request.clone(),
        };
        let runs = script.outstanding.max(1).ilog2();
        let requests = (0..=runs).map(|power| request.repeat(1 << power).into());
        Exchange {
            requests: requests.collect(),
            reply,
        }
    }

    /// Appends `count` requests, copying none.
    pub fn ask(&self, mut count: usize, chunks: &mut Chunks) {
        for (power, run) in self.requests.iter().enumerate().rev() {
            while count >> power > 0 {
                chunks.share(run.clone());
                count -= 1 << power;
            }
        }
    }
}

fn payload(script: Script, wording: u8) -> Vec<u8> {
    let begin = usize::from(wording);
    match (script.kind, script.mixed) {
        (Kind::Binary, _) => (0..script.size).map(|i| (i * 31 + begin) as u8).collect(),
        (Kind::Text, false) => (0..script.size)
            .map(|i| b'a' + ((i + begin) % 26) as u8)
            .collect(),
        (Kind::Text, true) => mixed_text(script.size, begin),
    }
}

fn mixed_text(size: usize, begin: usize) -> Vec<u8> {
    let mut text = String::new();
    let letters = "Grüße, κόσμε! 你好世界 🌊 plain words between ";
    for letter in letters.chars().cycle().skip(begin) {
        if text.len() + letter.len_utf8() > size {
            break;
        }
        text.push(letter);
    }
    let mut text = text.into_bytes();
    text.resize(size, b'.');
    text
}

/// A whole frame, as a client sends it if there is a `key`, else as a server does.
pub fn frame(first: u8, key: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    let masked = if key.is_some() { 0x80 } else { 0 };
    match payload.len() {
        length @ 0..126 => frame.push(masked | length as u8),
        length @ 126..0x1_0000 => {
            frame.push(masked | 126);
            frame.extend((length as u16).to_be_bytes());
        }
        length => {
            frame.push(masked | 127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    let key = key.inspect(|key| frame.extend(key)).unwrap_or_default();
    frame.extend(payload.iter().zip(key.iter().cycle()).map(|(a, b)| a ^ b));
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(protocol: Protocol, size: usize) -> Script {
        Script {
            protocol,
            kind: Kind::Text,
            mixed: true,
            size,
            outstanding: 13,
        }
    }

    /// RFC 6455 5.7.
    #[test]
    fn frames_are_those_of_the_rfc() {
        let masked = frame(0x81, Some([0x37, 0xfa, 0x21, 0x3d]), b"Hello");
        assert_eq!(masked, b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
        assert_eq!(frame(0x81, None, b"Hello"), b"\x81\x05Hello");
        assert_eq!(frame(0x82, None, &[7; 256])[..4], [0x82, 0x7e, 1, 0]);
        let long = frame(0x82, None, &[7; 65536]);
        assert_eq!(long[..10], [0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0]);
    }

    #[test]
    fn the_raw_exchange_moves_the_bytes_of_the_masked_frames() {
        for size in [0, 32, 125, 126, 65535, 65536] {
            let raw = Exchange::new(script(Protocol::Tcp, size), 3);
            let ws = Exchange::new(script(Protocol::Ws, size), 3);
            assert_eq!(raw.reply[..], ws.requests[0][..]);
            assert_eq!(ws.reply.len() + 4, raw.reply.len());
        }
    }

    #[test]
    fn any_count_of_requests_is_that_many() {
        let exchange = Exchange::new(script(Protocol::Ws, 32), 0);
        for count in 0..40 {
            let mut chunks = Chunks::new();
            exchange.ask(count, &mut chunks);
            assert_eq!(chunks.len(), count * exchange.requests[0].len());
        }
    }

    #[test]
    fn mixed_text_is_text_of_the_size_asked_for() {
        for size in 0..200 {
            let text = payload(script(Protocol::Ws, size), 5);
            assert_eq!(text.len(), size);
            assert!(std::str::from_utf8(&text).is_ok());
        }
    }
}
