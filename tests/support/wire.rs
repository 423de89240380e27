//! Client bytes made, server bytes read, with a masking and a parsing of their own.

/// A client's frame, lawful unless a test wants otherwise.
#[derive(Clone, Debug)]
pub struct Frame {
    pub fin: bool,
    pub rsv: u8,
    pub opcode: u8,
    pub key: Option<[u8; 4]>,
    pub payload: Vec<u8>,
    /// The form of the length: 7, 16 or 64 bits. The shortest if `None`.
    pub length_bits: Option<u8>,
    /// The length that is announced, if it is not the payload's.
    pub announced: Option<u64>,
}

impl Frame {
    pub fn new(opcode: u8, payload: impl AsRef<[u8]>) -> Self {
        Frame {
            fin: true,
            rsv: 0,
            opcode,
            key: Some([0x37, 0xfa, 0x21, 0x3d]),
            payload: payload.as_ref().to_vec(),
            length_bits: None,
            announced: None,
        }
    }

    /// The first frame of several.
    pub fn begins(mut self) -> Self {
        self.fin = false;
        self
    }

    pub fn rsv(mut self, bits: u8) -> Self {
        self.rsv = bits;
        self
    }

    pub fn key(mut self, key: [u8; 4]) -> Self {
        self.key = Some(key);
        self
    }

    pub fn unmasked(mut self) -> Self {
        self.key = None;
        self
    }

    pub fn length_bits(mut self, bits: u8) -> Self {
        self.length_bits = Some(bits);
        self
    }

    pub fn announced(mut self, len: u64) -> Self {
        self.announced = Some(len);
        self
    }

    pub fn bytes(&self) -> Vec<u8> {
        let len = self.announced.unwrap_or(self.payload.len() as u64);
        let bits = self.length_bits.unwrap_or(match len {
            0..=125 => 7,
            126..=0xFFFF => 16,
            _ => 64,
        });
        let masked = if self.key.is_some() { 0x80 } else { 0 };
        let mut bytes = vec![u8::from(self.fin) << 7 | self.rsv << 4 | self.opcode];
        match bits {
            7 => bytes.push(masked | len as u8),
            16 => {
                bytes.push(masked | 126);
                bytes.extend_from_slice(&(len as u16).to_be_bytes());
            }
            _ => {
                bytes.push(masked | 127);
                bytes.extend_from_slice(&len.to_be_bytes());
            }
        }
        bytes.extend(self.key.into_iter().flatten());
        let key = self.key.unwrap_or_default();
        let masked = self
            .payload
            .iter()
            .enumerate()
            .map(|(at, byte)| byte ^ key[at % 4]);
        bytes.extend(masked);
        bytes
    }
}

pub const CONTINUATION: u8 = 0;
pub const TEXT: u8 = 1;
pub const BINARY: u8 = 2;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

pub fn text(text: &str) -> Vec<u8> {
    Frame::new(TEXT, text).bytes()
}

pub fn binary(bytes: &[u8]) -> Vec<u8> {
    Frame::new(BINARY, bytes).bytes()
}

pub fn ping(payload: &[u8]) -> Vec<u8> {
    Frame::new(PING, payload).bytes()
}

pub fn pong(payload: &[u8]) -> Vec<u8> {
    Frame::new(PONG, payload).bytes()
}

pub fn close(code: u16, reason: &str) -> Vec<u8> {
    Frame::new(CLOSE, [&code.to_be_bytes()[..], reason.as_bytes()].concat()).bytes()
}

pub fn close_empty() -> Vec<u8> {
    Frame::new(CLOSE, []).bytes()
}

/// What the server said, frame by frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    /// 0: without a code.
    Close(u16, String),
}

pub fn text_said(text: impl Into<String>) -> Said {
    Said::Text(text.into())
}

/// Reads the server's frames: F2, never masked; lawful in every other way; whole.
pub fn said(bytes: &[u8]) -> Vec<Said> {
    let (said, rest) = said_so_far(bytes);
    assert!(rest.is_empty(), "an unfinished frame: {rest:?}");
    said
}

/// The same, and the beginning of a frame that has not come whole.
pub fn said_so_far(mut bytes: &[u8]) -> (Vec<Said>, &[u8]) {
    let mut said = Vec::new();
    while let Some((first, payload, rest)) = split(bytes) {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("the server says UTF-8");
        said.push(match first {
            0x81 => Said::Text(text(payload)),
            0x82 => Said::Binary(payload.to_vec()),
            0x88 if payload.is_empty() => Said::Close(0, String::new()),
            0x88 => Said::Close(
                u16::from_be_bytes([payload[0], payload[1]]),
                text(&payload[2..]),
            ),
            0x89 => Said::Ping(payload.to_vec()),
            0x8A => Said::Pong(payload.to_vec()),
            other => panic!("a frame of the server's begins with {other:#04x}"),
        });
        bytes = rest;
    }
    (said, bytes)
}

/// Each frame's first byte and payload, and the beginning of one that has not come whole.
pub fn frames(mut bytes: &[u8]) -> (Vec<(u8, Vec<u8>)>, &[u8]) {
    let mut frames = Vec::new();
    while let Some((first, payload, rest)) = split(bytes) {
        frames.push((first, payload.to_vec()));
        bytes = rest;
    }
    (frames, bytes)
}

fn split(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&first, &second) = (bytes.first()?, bytes.get(1)?);
    assert_eq!(second & 0x80, 0, "F2: a server's frame is not masked");
    let (len, at) = match second {
        126 => {
            let len = u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?);
            assert!(len >= 126, "not the shortest form");
            (usize::from(len), 4)
        }
        127 => {
            let len = u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?);
            assert!(len > 0xFFFF, "not the shortest form");
            (len as usize, 10)
        }
        len => (usize::from(len), 2),
    };
    assert!(
        first & 0x08 == 0 || len <= 125,
        "a control frame is at most 125 bytes"
    );
    let payload = bytes.get(at..at + len)?;
    Some((first, payload, &bytes[at + len..]))
}

/// A client's frames without their masks, read by [`said`], and the keys. F2: each is masked.
pub fn unmask(mut bytes: &[u8]) -> (Vec<u8>, Vec<[u8; 4]>) {
    let (mut plain, mut keys) = (Vec::new(), Vec::new());
    while !bytes.is_empty() {
        assert_eq!(bytes[1] & 0x80, 0x80, "F2: a client's frame is masked");
        let (len, at) = match bytes[1] & 0x7F {
            126 => (usize::from(u16::from_be_bytes([bytes[2], bytes[3]])), 4),
            127 => {
                let len = bytes[2..10].try_into().expect("eight bytes");
                (u64::from_be_bytes(len) as usize, 10)
            }
            len => (usize::from(len), 2),
        };
        let key: [u8; 4] = bytes[at..at + 4].try_into().expect("four bytes");
        plain.extend([bytes[0], bytes[1] & 0x7F]);
        plain.extend_from_slice(&bytes[2..at]);
        let payload = &bytes[at + 4..at + 4 + len];
        plain.extend(payload.iter().zip(key.iter().cycle()).map(|(a, b)| a ^ b));
        keys.push(key);
        bytes = &bytes[at + 4 + len..];
    }
    (plain, keys)
}

/// A server's yes to this request, with more fields.
pub fn yes(request: &[u8], fields: &str) -> Vec<u8> {
    let request = std::str::from_utf8(request).expect("ASCII");
    let key = request.split_once("Sec-WebSocket-Key: ").expect("a key").1;
    let key = key.split_once("\r\n").expect("a line").0;
    let accept = ws4rs::proto::handshake::accept_key(key.as_bytes());
    let accept = String::from_utf8(accept.to_vec()).expect("base64");
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n{fields}\r\n"
    )
    .into_bytes()
}

/// A browser's request, near enough.
pub const REQUEST: &[u8] = b"GET /chat?room=1 HTTP/1.1\r\nHost: example.com\r\n\
    Upgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// The request with more fields.
pub fn request_with(fields: &str) -> Vec<u8> {
    let head = &REQUEST[..REQUEST.len() - 2];
    [head, fields.as_bytes(), b"\r\n"].concat()
}

/// The answer's status, and what is behind its head.
pub fn status(answer: &[u8]) -> (u16, &[u8]) {
    let end = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap_or_else(|| panic!("no head: {:?}", String::from_utf8_lossy(answer)));
    let line = std::str::from_utf8(&answer[..end]).expect("ASCII");
    let code = line
        .strip_prefix("HTTP/1.1 ")
        .and_then(|line| line.get(..3));
    let code = code
        .and_then(|code| code.parse().ok())
        .expect("a status line");
    (code, &answer[end + 4..])
}
