//! What we are ready to agree on, and how a server and a client come to agree (RFC 7692 5, 7.1).
use core::fmt::{self, Write};

use super::agreed::Direction;
use super::offer::{
    Bits, CLIENT_BITS, CLIENT_FORGETS, NAME, Parameters, SERVER_BITS, SERVER_FORGETS, Unreadable,
};
use super::{Agreed, WINDOW_MAX, WINDOW_MIN};
use crate::proto::Role;

/// How messages are compressed, where the peer is ready for it.
///
/// ```
/// use ws4rs::proto::Deflate;
///
/// let ours = Deflate::shared().level(1);
/// let offers: [&[u8]; 1] = [b"permessage-deflate; client_max_window_bits"];
/// let agreed = ours.accept(offers.into_iter()).unwrap();
/// assert_eq!(
///     agreed.to_string(),
///     "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
/// );
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Deflate {
    /// How hard to try, 1 to 9. Default 6, which makes as few bytes as zlib does by itself elsewhere:
    /// from 2 to 7 a message of 1 KiB costs about the same 18 µs; 1 does it in a third of that, with a
    /// third more bytes. From some 16 KiB on 5 takes a fifth less time than 6.
    pub level: u8,
    /// Payloads shorter than this are sent as they are. Default 512 alone and 256 with takeover: from
    /// there on JSON loses more than half; at 100 bytes, alone, it is a tenth, at 64 nothing, and any
    /// of them costs 10 µs.
    pub threshold: usize,
    /// Whether messages may refer to those before them: smaller, for some memory per connection.
    pub takeover: bool,
    /// The window for what we send, 9 to 15 bits.
    pub window: u8,
    /// The window for what the peer sends with takeover, 8 to 15 bits.
    pub peer_window: u8,
}

impl Deflate {
    /// Every message for itself: no memory per connection.
    pub const fn shared() -> Self {
        Deflate {
            level: LEVEL,
            threshold: THRESHOLD,
            takeover: false,
            window: WINDOW_MAX,
            peer_window: WINDOW_MAX,
        }
    }

    /// Messages may refer to those before them, 2^`bits` bytes back: that much memory each way for a
    /// connection that has sent and received so much. 12 is good: more costs more time than it saves
    /// bytes.
    pub const fn takeover(bits: u8) -> Self {
        Deflate {
            level: LEVEL,
            threshold: THRESHOLD_WITH_HISTORY,
            takeover: true,
            window: bits,
            peer_window: bits,
        }
    }

    /// Sets [`level`](Self::level).
    #[must_use]
    pub const fn level(mut self, level: u8) -> Self {
        self.level = level;
        self
    }

    /// Sets [`threshold`](Self::threshold).
    #[must_use]
    pub const fn threshold(mut self, bytes: usize) -> Self {
        self.threshold = bytes;
        self
    }

    /// Sets [`window`](Self::window).
    #[must_use]
    pub const fn window(mut self, bits: u8) -> Self {
        self.window = bits;
        self
    }

    /// Sets [`peer_window`](Self::peer_window).
    #[must_use]
    pub const fn peer_window(mut self, bits: u8) -> Self {
        self.peer_window = bits;
        self
    }

    /// What is impossible about these settings, if anything is. With a fault nothing is agreed on.
    pub fn fault(&self) -> Option<&'static str> {
        if !(1..=9).contains(&self.level) {
            return Some("the level of compression is 1 to 9");
        }
        if !(WINDOW_MIN..=WINDOW_MAX).contains(&self.window) {
            return Some("the window for what is sent has 9 to 15 bits");
        }
        if !(AGREED_MIN..=WINDOW_MAX).contains(&self.peer_window) {
            return Some("the window for what is received has 8 to 15 bits");
        }
        None
    }

    /// A server's choice among the members of `Sec-WebSocket-Extensions`, as
    /// [`Request::extensions`](crate::proto::handshake::Request::extensions) tells them: the first
    /// good offer, if there is one. Its display is the answer.
    pub fn accept<'a>(&self, offers: impl Iterator<Item = &'a [u8]>) -> Option<Agreed> {
        if self.fault().is_some() {
            return None;
        }
        // 5.1, 7.1: an offer that is not valid is declined, and the next one is looked at.
        let mut good = offers.filter_map(|offer| Parameters::read(offer).ok());
        Some(self.answer(&good.next()?))
    }

    fn answer(&self, offer: &Parameters) -> Agreed {
        let ours = Direction {
            // 7.1.2.1: named if it was offered, and not larger.
            window: self.window.min(offer.server_bits.unwrap_or(WINDOW_MAX)),
            named: offer.server_bits.is_some(),
            // 7.1.1.1: what the client asks for is kept.
            takeover: self.takeover && !offer.server_forgets,
        };
        self.agreed(Role::Server, ours, self.client_direction(offer))
    }

    /// How far back the client may refer, and whether into earlier messages.
    fn client_direction(&self, offer: &Parameters) -> Direction {
        let offered = match offer.client_bits {
            None => None,
            Some(Bits::Any) => Some(WINDOW_MAX),
            Some(Bits::Most(bits)) => Some(bits),
        };
        let window = self.peer_window.min(offered.unwrap_or(WINDOW_MAX));
        // 7.1.2.2: the window can be limited only if that was offered; else the history would be
        // larger than we have promised to keep, and the client has to do without.
        let limited = window < WINDOW_MAX;
        let takeover = self.takeover && !offer.client_forgets && (offered.is_some() || !limited);
        let named = takeover && limited;
        Direction {
            // Without a history to keep we inflate whatever comes.
            window: if named { window } else { WINDOW_MAX },
            takeover,
            named,
        }
    }

    /// A client's offer: the value of `Sec-WebSocket-Extensions`.
    pub fn offer(&self) -> String {
        let mut offer = format!("{NAME}; {CLIENT_BITS}");
        if self.window < WINDOW_MAX {
            let _ = write!(offer, "={}", self.window); // Writing to a string does not fail.
        }
        if !self.takeover {
            let _ = write!(offer, "; {SERVER_FORGETS}; {CLIENT_FORGETS}");
        } else if self.peer_window < WINDOW_MAX {
            let _ = write!(offer, "; {SERVER_BITS}={}", self.peer_window);
        }
        offer
    }

    /// A client's check of the server's answer: the one extension in it, to what
    /// [`offer`](Self::offer) has said.
    ///
    /// # Errors
    /// What in the answer does not fit the offer. The connection has failed (7.1, RFC 6455 4.1).
    pub fn agree(&self, answer: &[u8]) -> Result<Agreed, NotAgreed> {
        if self.fault().is_some() {
            return Err(NotAgreed::Settings);
        }
        let answer = Parameters::read(answer).map_err(|unreadable| match unreadable {
            Unreadable::OtherExtension => NotAgreed::Extension,
            Unreadable::BadParameter => NotAgreed::Parameter,
        })?;
        let ours = self.client_answered(&answer)?;
        let peers = self.server_answered(&answer)?;
        Ok(self.agreed(Role::Client, ours, peers))
    }

    fn client_answered(&self, answer: &Parameters) -> Result<Direction, NotAgreed> {
        let window = match answer.client_bits {
            None => self.window,
            Some(Bits::Most(bits)) if bits <= self.window => bits,
            Some(Bits::Most(_)) => return Err(NotAgreed::Window),
            // 7.1.2.2: in an answer it has a value.
            Some(Bits::Any) => return Err(NotAgreed::Parameter),
        };
        Ok(Direction {
            window,
            named: answer.client_bits.is_some(),
            takeover: self.takeover && !answer.client_forgets,
        })
    }

    fn server_answered(&self, answer: &Parameters) -> Result<Direction, NotAgreed> {
        // 7.1.1.1: an answer without it does not accept an offer with it.
        if !self.takeover && !answer.server_forgets {
            return Err(NotAgreed::Takeover);
        }
        // 7.1.2.1: likewise, and not larger. It may come unasked.
        let offered = self.takeover && self.peer_window < WINDOW_MAX;
        let window = answer.server_bits.unwrap_or(WINDOW_MAX);
        if offered && window > self.peer_window {
            return Err(NotAgreed::Window);
        }
        Ok(Direction {
            window,
            named: answer.server_bits.is_some(),
            takeover: self.takeover && !answer.server_forgets,
        })
    }

    fn agreed(&self, role: Role, ours: Direction, peers: Direction) -> Agreed {
        Agreed {
            role,
            level: self.level,
            // No payload is as long as what does not fit.
            threshold: self.threshold.try_into().unwrap_or(u32::MAX),
            ours,
            peers,
        }
    }
}

/// What is wrong with a server's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotAgreed {
    /// Our own settings have a [`fault`](Deflate::fault).
    Settings,
    /// It names an extension that was not offered.
    Extension,
    /// It has a parameter that is unknown, repeated, without its value or of a bad one.
    Parameter,
    /// A window is larger than was offered.
    Window,
    /// It lets the server refer to earlier messages, which was ruled out.
    Takeover,
}

impl fmt::Display for NotAgreed {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            NotAgreed::Settings => "impossible settings for compression",
            NotAgreed::Extension => "the server names an extension that was not offered",
            NotAgreed::Parameter => "the server's answer has a bad parameter",
            NotAgreed::Window => "the server's answer has a window larger than was offered",
            NotAgreed::Takeover => "the server does not do without context takeover",
        })
    }
}

impl core::error::Error for NotAgreed {}

/// 8 bits: the smallest window that can be agreed on (7.1.2). We inflate it, and do not compress with it.
const AGREED_MIN: u8 = 8;
/// 6: see [`Deflate::level`].
const LEVEL: u8 = 6;
/// 512 and 256: see [`Deflate::threshold`].
const THRESHOLD: usize = 512;
const THRESHOLD_WITH_HISTORY: usize = 256;
