//! The frame header (RFC 6455 5.2): 2 to 14 bytes before each payload.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-------+-+-------------+-------------------------------+
//! |F|R|R|R| opcode|M| Payload len |    Extended payload length    |
//! |I|S|S|S|  (4)  |A|     (7)     |            (16/64)            |
//! |N|V|V|V|       |S|             |   (if payload len==126/127)   |
//! | |1|2|3|       |K|             |                               |
//! +-+-+-+-+-------+-+-------------+ - - - - - - - - - - - - - - - +
//! |     Extended payload length continued, if payload len == 127  |
//! + - - - - - - - - - - - - - - - +-------------------------------+
//! |                               |Masking-key, if MASK set to 1  |
//! +-------------------------------+-------------------------------+
//! | Masking-key (continued)       |          Payload Data         |
//! +-------------------------------- - - - - - - - - - - - - - - - +
//! ```
//!
//! Each rule is checked as soon as the byte that breaks it is there, so that an unlawful frame is
//! refused before its payload is awaited.

use super::violation::Violation;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Opcode {
    /// More of a message that has begun.
    Continuation = 0x0,
    /// A text message, or its beginning.
    Text = 0x1,
    /// A binary message, or its beginning.
    Binary = 0x2,
    /// The closing handshake.
    Close = 0x8,
    /// A question whether the peer is there.
    Ping = 0x9,
    /// The answer.
    Pong = 0xA,
}

impl Opcode {
    /// Close, ping and pong: short, whole, allowed between the fragments of a message (5.5).
    pub const fn is_control(self) -> bool {
        self as u8 & 0x8 != 0
    }

    const fn decode(nibble: u8) -> Option<Opcode> {
        Some(match nibble {
            0x0 => Opcode::Continuation,
            0x1 => Opcode::Text,
            0x2 => Opcode::Binary,
            0x8 => Opcode::Close,
            0x9 => Opcode::Ping,
            0xA => Opcode::Pong,
            _ => return None,
        })
    }
}

/// Which end of the connection we are: clients mask, servers do not (5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// We answered the handshake.
    Server,
    /// We asked for it.
    Client,
}

/// A lawful frame header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The last frame of its message.
    pub fin: bool,
    /// RSV1: the message that begins here is compressed (RFC 7692 6).
    pub compressed: bool,
    /// What the frame is.
    pub opcode: Opcode,
    /// The masking key.
    pub mask: Option<[u8; 4]>,
    /// Payload bytes, below 2^63.
    pub len: u64,
}

impl Header {
    /// The longest header: two bytes, a 64-bit length, a key.
    pub const SIZE_MAX: usize = 14;

    /// The header of a whole message, or of a control frame, as a server sends it.
    pub const fn whole(opcode: Opcode, len: usize) -> Header {
        Header {
            fin: true,
            compressed: false,
            opcode,
            mask: None,
            len: len as u64,
        }
    }

    /// The same, of a compressed payload.
    #[must_use]
    pub const fn compressed(self) -> Header {
        Header {
            compressed: true,
            ..self
        }
    }

    /// The same, masked as a client must (5.3).
    #[must_use]
    pub const fn masked(self, key: [u8; 4]) -> Header {
        Header {
            mask: Some(key),
            ..self
        }
    }

    /// Reads the header at the front of `bytes`, as it comes to `role`, and tells its size in bytes.
    /// `deflate`: permessage-deflate was agreed on. `None`: there is more to come, and nothing wrong so
    /// far.
    ///
    /// # Errors
    /// The rule that the bytes break, known as soon as the first offending byte is there.
    #[inline(always)]
    pub fn decode(
        bytes: &[u8],
        role: Role,
        deflate: bool,
    ) -> Result<Option<(Header, usize)>, Violation> {
        let Some(&first) = bytes.first() else {
            return Ok(None);
        };
        // 5.2: reserved bits are 0 unless an extension says otherwise.
        let reserved = first & 0x70;
        if reserved != 0 && !(deflate && reserved == 0x40) {
            return Err(Violation::ReservedBit);
        }
        let compressed = reserved != 0;
        let fin = first & 0x80 != 0;
        let opcode = Opcode::decode(first & 0x0F).ok_or(Violation::ReservedOpcode)?;
        // RFC 7692 6: said once, where a message begins.
        if compressed && !matches!(opcode, Opcode::Text | Opcode::Binary) {
            return Err(Violation::ReservedBit);
        }
        // 5.5: control frames are not fragmented.
        if opcode.is_control() && !fin {
            return Err(Violation::ControlFragmented);
        }

        let Some(&second) = bytes.get(1) else {
            return Ok(None);
        };
        // 5.1: a server closes on an unmasked frame, a client on a masked one.
        match (second & 0x80 != 0, role) {
            (false, Role::Server) => return Err(Violation::UnmaskedFrame),
            (true, Role::Client) => return Err(Violation::MaskedFrame),
            _ => {}
        }
        // 5.5: a control payload fits the seven bits.
        let short = second & 0x7F;
        if opcode.is_control() && short > 125 {
            return Err(Violation::ControlTooLong);
        }

        let (len, at) = match short {
            126 => match bytes.get(2..4) {
                Some(&[a, b]) => (u64::from(u16::from_be_bytes([a, b])), 4),
                _ => return Ok(None),
            },
            127 => match bytes.get(2..10).map(<[u8; 8]>::try_from) {
                Some(Ok(long)) => (u64::from_be_bytes(long), 10),
                _ => return Ok(None),
            },
            short => (u64::from(short), 2),
        };
        // 5.2: the shortest form, and the highest of 64 bits clear.
        if (at == 4 && len < 126) || (at == 10 && len <= 0xFFFF) {
            return Err(Violation::LengthNotMinimal);
        }
        if len > i64::MAX as u64 {
            return Err(Violation::LengthTooLarge);
        }
        let header = Header {
            fin,
            compressed,
            opcode,
            mask: None,
            len,
        };
        if role == Role::Client {
            return Ok(Some((header, at)));
        }
        match bytes.get(at..at + 4) {
            Some(&[a, b, c, d]) => Ok(Some((header.masked([a, b, c, d]), at + 4))),
            _ => Ok(None),
        }
    }

    /// Bytes this header takes.
    pub const fn size(&self) -> usize {
        let length = match self.len {
            0..=125 => 0,
            126..=0xFFFF => 2,
            _ => 8,
        };
        2 + length + if self.mask.is_some() { 4 } else { 0 }
    }

    /// The header's bytes, and how many of the fourteen they are.
    #[inline]
    pub fn encode(&self) -> ([u8; Header::SIZE_MAX], usize) {
        let mut bytes = [0; Header::SIZE_MAX];
        let masked = if self.mask.is_some() { 0x80 } else { 0 };
        let fin = if self.fin { 0x80 } else { 0 };
        let compressed = if self.compressed { 0x40 } else { 0 };
        bytes[0] = fin | compressed | self.opcode as u8;
        let mut at = match self.len {
            len @ 0..=125 => {
                bytes[1] = masked | len as u8;
                2
            }
            len @ 126..=0xFFFF => {
                bytes[1] = masked | 126;
                bytes[2..4].copy_from_slice(&(len as u16).to_be_bytes());
                4
            }
            len => {
                bytes[1] = masked | 127;
                bytes[2..10].copy_from_slice(&len.to_be_bytes());
                10
            }
        };
        if let Some(key) = self.mask {
            bytes[at..at + 4].copy_from_slice(&key);
            at += 4;
        }
        (bytes, at)
    }
}
