//! Compressed payloads made and read with flate2's own engines, which live as long as the connection:
//! what most peers do, and the crate does not.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};

use super::wire::{Frame, Said, frames, request_with, said};

/// A browser's offer.
pub fn request_deflate() -> Vec<u8> {
    request_with("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n")
}

pub fn request_offering(parameters: &str) -> Vec<u8> {
    let offer = format!("Sec-WebSocket-Extensions: permessage-deflate{parameters}\r\n");
    request_with(&offer)
}

/// A message for itself.
pub fn packed(payload: impl AsRef<[u8]>) -> Vec<u8> {
    Packer::new(15).pack(payload)
}

/// One frame, compressed: text or binary.
pub fn deflated(opcode: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    Frame::new(opcode, packed(payload)).rsv(4).bytes()
}

/// One message in frames of these payloads, RSV1 on the first.
pub fn fragments<'a>(opcode: u8, parts: impl IntoIterator<Item = &'a [u8]>) -> Vec<Vec<u8>> {
    let mut parts = parts.into_iter().enumerate().peekable();
    let mut all = Vec::new();
    while let Some((number, part)) = parts.next() {
        let mut frame = match number {
            0 => Frame::new(opcode, part).rsv(4),
            _ => Frame::new(0, part),
        };
        frame.fin = parts.peek().is_none();
        all.push(frame.bytes());
    }
    all
}

/// A peer's compressor.
pub struct Packer(Compress);

impl Packer {
    pub fn new(window: u8) -> Self {
        let level = Compression::new(6);
        Packer(Compress::new_with_window_bits(level, false, window))
    }

    /// One more message, which may refer to those before it.
    pub fn pack(&mut self, payload: impl AsRef<[u8]>) -> Vec<u8> {
        let payload = payload.as_ref();
        let mut out = Vec::with_capacity(2 * payload.len() + 1000);
        let done = self.0.compress_vec(payload, &mut out, FlushCompress::Sync);
        done.expect("flate2 compresses");
        assert!(out.ends_with(&TAIL));
        out.truncate(out.len() - TAIL.len());
        out
    }
}

/// A peer's inflater, of exactly one window.
pub struct Unpacker {
    engine: Decompress,
    takeover: bool,
}

impl Unpacker {
    /// For messages that refer to those before them.
    pub fn new(window: u8) -> Self {
        Unpacker {
            engine: Decompress::new_with_window_bits(false, window),
            takeover: true,
        }
    }

    /// For messages that stand for themselves.
    pub fn shared(window: u8) -> Self {
        Unpacker {
            takeover: false,
            ..Unpacker::new(window)
        }
    }

    pub fn unpack(&mut self, payload: &[u8]) -> Vec<u8> {
        if !self.takeover {
            self.engine.reset(false);
        }
        let whole = [payload, &TAIL].concat();
        let mut left = &whole[..];
        let mut out = Vec::new();
        loop {
            // Pieces that do not hold the window for it.
            let mut piece = Vec::with_capacity(200);
            let before = self.engine.total_in();
            let done = self
                .engine
                .decompress_vec(left, &mut piece, FlushDecompress::Sync);
            done.expect("what the server says inflates");
            left = &left[(self.engine.total_in() - before) as usize..];
            out.extend_from_slice(&piece);
            if left.is_empty() && piece.len() < 200 {
                return out;
            }
        }
    }

    /// What the server said, and whether it was compressed.
    pub fn read(&mut self, bytes: &[u8]) -> Vec<(bool, Said)> {
        let (heard, rest) = self.read_so_far(bytes);
        assert!(rest.is_empty(), "an unfinished frame: {rest:?}");
        heard
    }

    /// The same, and the beginning of a frame that has not come whole.
    pub fn read_so_far<'b>(&mut self, bytes: &'b [u8]) -> (Vec<(bool, Said)>, &'b [u8]) {
        let (all, rest) = frames(bytes);
        let mut heard = Vec::new();
        for (first, payload) in all {
            let said_plain = |first, payload: &[u8]| {
                let mut frame = Frame::new(0, payload).unmasked().bytes();
                frame[0] = first;
                said(&frame).remove(0)
            };
            heard.push(match first {
                // RSV1, on a whole message only.
                0xC1 | 0xC2 => (true, said_plain(first & !0x40, &self.unpack(&payload))),
                plain => (false, said_plain(plain, &payload)),
            });
        }
        (heard, rest)
    }
}

/// RFC 7692 7.2.1: what a payload leaves out.
const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// Text that shrinks, all of it different.
pub fn prose(len: usize) -> String {
    let mut text = String::new();
    let mut number = 1_u64;
    while text.len() < len {
        number = number.wrapping_mul(6_364_136_223_846_793_005) + 1;
        text += &format!(
            "{{\"id\":{},\"type\":\"order\",\"side\":\"buy\"}},",
            number >> 40
        );
    }
    text.truncate(len);
    text
}

/// Bytes that do not.
pub fn noise(len: usize) -> Vec<u8> {
    let mut random = super::random::Random(7);
    (0..len).map(|_| (random.next() >> 56) as u8).collect()
}
