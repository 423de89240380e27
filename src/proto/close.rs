//! The close frame's payload: a code and a reason (RFC 6455 5.5.1, 7.4).

use std::fmt;

use super::violation::Violation;
use crate::simd::text;

/// Why a connection closes (RFC 6455 7.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CloseCode(u16);

impl CloseCode {
    /// 1000: the purpose is fulfilled.
    pub const NORMAL: Self = CloseCode(1000);
    /// 1001: a server goes down, a browser leaves the page.
    pub const GOING_AWAY: Self = CloseCode(1001);
    /// 1002: the peer broke the protocol.
    pub const PROTOCOL_ERROR: Self = CloseCode(1002);
    /// 1003: a kind of data that this end cannot take.
    pub const UNSUPPORTED: Self = CloseCode(1003);
    /// 1005: the close frame carried no code. Never on the wire.
    pub const NO_STATUS: Self = CloseCode(1005);
    /// 1006: there was no close frame. Never on the wire.
    pub const ABNORMAL: Self = CloseCode(1006);
    /// 1007: text that is not UTF-8.
    pub const INVALID_DATA: Self = CloseCode(1007);
    /// 1008: against the policy of this end.
    pub const POLICY: Self = CloseCode(1008);
    /// 1009: a message over the limit.
    pub const TOO_BIG: Self = CloseCode(1009);
    /// 1010: the server did not negotiate an extension the client needs.
    pub const EXTENSION_REQUIRED: Self = CloseCode(1010);
    /// 1011: something went wrong in this end.
    pub const INTERNAL_ERROR: Self = CloseCode(1011);
    /// 1012: the service restarts (IANA registry).
    pub const RESTART: Self = CloseCode(1012);
    /// 1013: overloaded, try again later (IANA registry).
    pub const TRY_AGAIN_LATER: Self = CloseCode(1013);
    /// 1014: a gateway got a bad answer (IANA registry).
    pub const BAD_GATEWAY: Self = CloseCode(1014);

    /// A code that may be sent; `None` for all others.
    ///
    /// | codes | |
    /// |---|---|
    /// | 0–999 | unused (7.4.2) |
    /// | 1000–1003, 1007–1011 | RFC 6455 7.4.1 |
    /// | 1012–1014 | IANA registry |
    /// | 1004–1006, 1015 | never on the wire (7.4.1) |
    /// | 1016–2999 | reserved (7.4.2) |
    /// | 3000–4999 | libraries and applications (7.4.2) |
    pub const fn new(code: u16) -> Option<Self> {
        match code {
            1000..=1003 | 1007..=1014 | 3000..=4999 => Some(CloseCode(code)),
            _ => None,
        }
    }

    /// The number.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// False for [`NO_STATUS`](Self::NO_STATUS) and [`ABNORMAL`](Self::ABNORMAL), which only report.
    pub const fn is_sendable(self) -> bool {
        CloseCode::new(self.0).is_some()
    }
}

impl From<CloseCode> for u16 {
    fn from(code: CloseCode) -> u16 {
        code.0
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The payload of a close frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseFrame<'a> {
    /// The code, [`CloseCode::NO_STATUS`] when the payload is empty.
    pub code: CloseCode,
    /// The reason, at most 123 bytes.
    pub reason: &'a str,
}

impl<'a> CloseFrame<'a> {
    /// No code and no reason.
    pub const EMPTY: CloseFrame<'static> = CloseFrame {
        code: CloseCode::NO_STATUS,
        reason: "",
    };

    /// Reads an unmasked payload of at most 125 bytes.
    ///
    /// # Errors
    /// A payload of one byte, a code that must not be sent, a reason that is not UTF-8.
    pub fn decode(payload: &'a [u8]) -> Result<Self, Violation> {
        match payload {
            [] => Ok(CloseFrame::EMPTY),
            [_] => Err(Violation::CloseTruncated),
            [high, low, reason @ ..] => {
                let code = u16::from_be_bytes([*high, *low]);
                let code = CloseCode::new(code).ok_or(Violation::CloseCodeInvalid)?;
                let reason = text::check(reason).map_err(|_| Violation::NotUtf8)?;
                Ok(CloseFrame { code, reason })
            }
        }
    }

    /// Calls `use_it` with the payload, of at most 125 bytes: empty for a code that may not be sent
    /// (7.4.1), the reason cut at a character when it is too long.
    pub fn encode<R>(self, use_it: impl FnOnce(&[u8]) -> R) -> R {
        if !self.code.is_sendable() {
            return use_it(&[]);
        }
        let mut cut = self.reason.len().min(REASON_MAX);
        while !self.reason.is_char_boundary(cut) {
            cut -= 1;
        }
        let reason = &self.reason[..cut];
        let mut payload = [0; 2 + REASON_MAX];
        payload[..2].copy_from_slice(&self.code.get().to_be_bytes());
        payload[2..2 + reason.len()].copy_from_slice(reason.as_bytes());
        use_it(&payload[..2 + reason.len()])
    }
}

/// 125, the longest control payload (5.5), less two for the code.
pub const REASON_MAX: usize = 123;
