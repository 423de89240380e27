//! Every way in which a peer can break the protocol: the rule, its section, the close code it earns.

use std::fmt;

use super::close::CloseCode;

/// A rule the peer has broken. The connection fails with [`close_code`](Self::close_code).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Violation {
    /// A client sent a frame without a mask.
    UnmaskedFrame,
    /// A server sent a frame with a mask.
    MaskedFrame,
    /// A reserved bit is set, and no extension gave it a meaning.
    ReservedBit,
    /// An opcode that means nothing: 3 to 7, 11 to 15.
    ReservedOpcode,
    /// A length that would have fitted a shorter field.
    LengthNotMinimal,
    /// A 64-bit length with its highest bit set.
    LengthTooLarge,
    /// A control frame of more than 125 bytes.
    ControlTooLong,
    /// A control frame without FIN.
    ControlFragmented,
    /// A continuation, and no message had begun.
    NothingToContinue,
    /// A new message inside an unfinished one.
    ContinuationExpected,
    /// Text that is not UTF-8.
    NotUtf8,
    /// Compressed data that is broken.
    Corrupt,
    /// A message over the limit.
    TooBig,
    /// A close payload of one byte.
    CloseTruncated,
    /// A close code that must not be sent.
    CloseCodeInvalid,
}

impl Violation {
    /// What the peer is told. Nothing else in the crate decides the close code of a breach.
    pub fn close_code(self) -> CloseCode {
        match self {
            Violation::NotUtf8 | Violation::Corrupt => CloseCode::INVALID_DATA,
            Violation::TooBig => CloseCode::TOO_BIG,
            _ => CloseCode::PROTOCOL_ERROR,
        }
    }

    /// The RFC and the section that hold the rule: "6455, 5.1".
    pub fn section(self) -> &'static str {
        self.rule().0
    }

    fn rule(self) -> (&'static str, &'static str) {
        match self {
            Violation::UnmaskedFrame => ("6455, 5.1", "unmasked frame from a client"),
            Violation::MaskedFrame => ("6455, 5.1", "masked frame from a server"),
            Violation::ReservedBit => ("6455, 5.2", "reserved bit set"),
            Violation::ReservedOpcode => ("6455, 5.2", "reserved opcode"),
            Violation::LengthNotMinimal => ("6455, 5.2", "length not in its shortest form"),
            Violation::LengthTooLarge => ("6455, 5.2", "highest bit of the length set"),
            Violation::ControlTooLong => ("6455, 5.5", "control frame over 125 bytes"),
            Violation::ControlFragmented => ("6455, 5.5", "fragmented control frame"),
            Violation::NothingToContinue => ("6455, 5.4", "continuation of no message"),
            Violation::ContinuationExpected => ("6455, 5.4", "new message inside a message"),
            Violation::NotUtf8 => ("6455, 8.1", "text is not UTF-8"),
            Violation::Corrupt => ("7692, 7.2.2", "compressed data is broken"),
            Violation::TooBig => ("6455, 10.4", "message over the limit"),
            Violation::CloseTruncated => ("6455, 5.5.1", "close payload of one byte"),
            Violation::CloseCodeInvalid => ("6455, 7.4", "close code not allowed"),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (section, what) = self.rule();
        write!(f, "{what} (RFC {section})")
    }
}

impl std::error::Error for Violation {}
