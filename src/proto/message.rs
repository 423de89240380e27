//! Messages: what a handler is given, and what it gives away to many.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::deflate::{self, Outgoing, WINDOW_MIN, WINDOWS};
use super::frame::{Header, Opcode};

/// A whole message, borrowed from where it lies. Text has been checked once and is not checked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// UTF-8.
    Text(&'a str),
    /// Any bytes.
    Binary(&'a [u8]),
}

impl<'a> Message<'a> {
    /// The payload.
    pub fn as_bytes(&self) -> &'a [u8] {
        match self {
            Message::Text(text) => text.as_bytes(),
            Message::Binary(bytes) => bytes,
        }
    }

    /// The payload's length in bytes.
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// Whether the payload is empty.
    pub fn is_empty(&self) -> bool {
        self.as_bytes().is_empty()
    }

    /// A copy of the payload that outlives the callback.
    pub fn to_bytes(&self) -> Bytes {
        Bytes::copy_from_slice(self.as_bytes())
    }

    /// The opcode of its first frame.
    pub fn opcode(&self) -> Opcode {
        match self {
            Message::Text(_) => Opcode::Text,
            Message::Binary(_) => Opcode::Binary,
        }
    }
}

impl<'a> From<&'a str> for Message<'a> {
    fn from(text: &'a str) -> Self {
        Message::Text(text)
    }
}

impl<'a> From<&'a [u8]> for Message<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Message::Binary(bytes)
    }
}

impl<'a> From<&'a String> for Message<'a> {
    fn from(text: &'a String) -> Self {
        Message::Text(text)
    }
}

impl<'a> From<&'a Vec<u8>> for Message<'a> {
    fn from(bytes: &'a Vec<u8>) -> Self {
        Message::Binary(bytes)
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Message<'a> {
    fn from(bytes: &'a [u8; N]) -> Self {
        Message::Binary(bytes)
    }
}

/// A message framed once, to be sent to many: cheap to clone, never copied again, and compressed at
/// most once for each window that connections have agreed on.
#[derive(Clone, Debug)]
pub struct Prepared(Arc<Frames>);

/// A frame for many, in one of its forms.
pub(super) struct Framed<'a> {
    pub(super) bytes: &'a Arc<[u8]>,
    pub(super) compressed: bool,
}

#[derive(Debug)]
struct Frames {
    plain: Arc<[u8]>,
    opcode: Opcode,
    /// Where in `plain` the payload begins.
    payload: u8,
    /// Whether it may be compressed.
    compressible: bool,
    /// The frame compressed, by window; made when somebody needs it, `None` if it is not smaller.
    deflated: OnceLock<Box<[Deflated; WINDOWS]>>,
}

type Deflated = OnceLock<Option<Arc<[u8]>>>;

impl Prepared {
    /// A text message.
    pub fn text(text: &str) -> Self {
        Message::Text(text).into()
    }

    /// A binary message.
    pub fn binary(bytes: &[u8]) -> Self {
        Message::Binary(bytes).into()
    }

    /// The same, never compressed: for what is compressed already, or secret.
    #[must_use]
    pub fn uncompressed(self) -> Self {
        Prepared(Arc::new(Frames {
            plain: self.0.plain.clone(),
            compressible: false,
            deflated: OnceLock::new(),
            ..*self.0
        }))
    }

    /// Bytes on the wire, header included, when it is not compressed.
    pub fn size(&self) -> usize {
        self.0.plain.len()
    }

    pub(super) fn opcode(&self) -> Opcode {
        self.0.opcode
    }

    pub(super) fn payload(&self) -> &[u8] {
        &self.0.plain[usize::from(self.0.payload)..]
    }

    /// The frame as a server sends it to who has agreed on `how`.
    pub(super) fn frame_for(&self, how: Option<Outgoing>) -> Framed<'_> {
        let deflated = how
            .filter(|how| self.0.compressible && self.payload().len() >= how.threshold())
            .and_then(|how| self.deflated(how.window(), how.level()));
        Framed {
            bytes: deflated.unwrap_or(&self.0.plain),
            compressed: deflated.is_some(),
        }
    }

    /// The frame compressed alone, which any inflater with a window of 2^`window` bytes understands;
    /// `None` when that would not be smaller.
    fn deflated(&self, window: u8, level: u8) -> Option<&Arc<[u8]>> {
        let all = self.0.deflated.get_or_init(Box::default);
        let frame = all[usize::from(window - WINDOW_MIN)].get_or_init(|| {
            let mut packed = Vec::new();
            let smaller = deflate::compress(window, level, &[], self.payload(), &mut packed);
            smaller.then(|| {
                let header = Header::whole(self.opcode(), packed.len()).compressed();
                framed(header, &packed)
            })
        });
        frame.as_ref()
    }
}

impl From<Message<'_>> for Prepared {
    fn from(message: Message<'_>) -> Self {
        let payload = message.as_bytes();
        let header = Header::whole(message.opcode(), payload.len());
        Prepared(Arc::new(Frames {
            plain: framed(header, payload),
            opcode: header.opcode,
            payload: header.size() as u8,
            compressible: true,
            deflated: OnceLock::new(),
        }))
    }
}

fn framed(header: Header, payload: &[u8]) -> Arc<[u8]> {
    let (head, size) = header.encode();
    let mut frame: Arc<[u8]> = std::iter::repeat_n(0, size + payload.len()).collect();
    if let Some(bytes) = Arc::get_mut(&mut frame) {
        bytes[..size].copy_from_slice(&head[..size]);
        bytes[size..].copy_from_slice(payload);
    }
    frame
}

impl From<&str> for Prepared {
    fn from(text: &str) -> Self {
        Prepared::text(text)
    }
}

impl From<String> for Prepared {
    fn from(text: String) -> Self {
        Prepared::text(&text)
    }
}

impl From<&[u8]> for Prepared {
    fn from(bytes: &[u8]) -> Self {
        Prepared::binary(bytes)
    }
}

impl From<Vec<u8>> for Prepared {
    fn from(bytes: Vec<u8>) -> Self {
        Prepared::binary(&bytes)
    }
}

impl From<Bytes> for Prepared {
    fn from(bytes: Bytes) -> Self {
        Prepared::binary(&bytes)
    }
}
