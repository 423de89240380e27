//! What both ends have agreed on (RFC 7692 7.1), and the answer that says so.
use core::fmt;

use super::WINDOW_MIN;
use super::offer::{CLIENT_BITS, CLIENT_FORGETS, NAME, SERVER_BITS, SERVER_FORGETS};
use crate::proto::Role;

/// What two ends have agreed on, for the life of their connection.
///
/// At the server its display is the value of `Sec-WebSocket-Extensions` in the answer; at the client
/// it says what holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreed {
    pub(super) role: Role,
    pub(super) level: u8,
    pub(super) threshold: u32,
    pub(super) ours: Direction,
    pub(super) peers: Direction,
}

/// One way of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Direction {
    /// 2^window bytes is how far back anything may refer.
    pub(super) window: u8,
    /// Whether a message may refer to those before it.
    pub(super) takeover: bool,
    /// Whether the answer names the window.
    pub(super) named: bool,
}

impl Agreed {
    /// The window for what we send, 8 to 15 bits. At 8 it goes uncompressed.
    pub fn window(&self) -> u8 {
        self.ours.window
    }

    /// Whether what we send may refer to messages before it.
    pub fn takeover(&self) -> bool {
        self.ours.takeover
    }

    /// The window for what the peer sends, 8 to 15 bits.
    pub fn peer_window(&self) -> u8 {
        self.peers.window
    }

    /// Whether what the peer sends may refer to messages before it.
    pub fn peer_takeover(&self) -> bool {
        self.peers.takeover
    }

    /// How hard we try, 1 to 9.
    pub fn level(&self) -> u8 {
        self.level
    }

    /// Payloads shorter than this we send as they are.
    pub fn threshold(&self) -> usize {
        self.threshold as usize
    }
}

/// How what comes in is inflated: two bytes of every connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Incoming {
    window: u8,
    takeover: bool,
}

/// How what goes out is deflated: seven bytes of every connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outgoing {
    window: u8,
    level: u8,
    takeover: bool,
    /// Bytes, so that it fits beside its neighbours.
    threshold: [u8; 4],
}

impl Agreed {
    pub(crate) const fn incoming(&self) -> Incoming {
        Incoming {
            window: self.peers.window,
            takeover: self.peers.takeover,
        }
    }

    /// `None`: what we send goes as it is.
    pub(crate) const fn outgoing(&self) -> Option<Outgoing> {
        if self.ours.window < WINDOW_MIN {
            return None;
        }
        Some(Outgoing {
            window: self.ours.window,
            level: self.level,
            takeover: self.ours.takeover,
            threshold: self.threshold.to_ne_bytes(),
        })
    }
}

impl Incoming {
    pub(crate) fn window(self) -> u8 {
        self.window
    }

    pub(crate) fn takes_over(self) -> bool {
        self.takeover
    }
}

impl Outgoing {
    pub(crate) fn window(self) -> u8 {
        self.window
    }

    pub(crate) fn level(self) -> u8 {
        self.level
    }

    pub(crate) fn takes_over(self) -> bool {
        self.takeover
    }

    /// Payloads shorter than this go as they are.
    pub(crate) fn threshold(self) -> usize {
        u32::from_ne_bytes(self.threshold) as usize
    }
}

impl fmt::Display for Agreed {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (server, client) = match self.role {
            Role::Server => (self.ours, self.peers),
            Role::Client => (self.peers, self.ours),
        };
        to.write_str(NAME)?;
        if !server.takeover {
            write!(to, "; {SERVER_FORGETS}")?;
        }
        if !client.takeover {
            write!(to, "; {CLIENT_FORGETS}")?;
        }
        if server.named {
            write!(to, "; {SERVER_BITS}={}", server.window)?;
        }
        if client.named {
            write!(to, "; {CLIENT_BITS}={}", client.window)?;
        }
        Ok(())
    }
}
