//! What the peer's bytes are held to, the same for many connections.

use super::frame::Role;

/// What a connection's incoming bytes are held to.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Rules {
    /// Which end we are.
    pub role: Role,
    /// The longest message taken, in bytes; when it is compressed, as it is once inflated.
    pub message_max: usize,
    /// Whether messages are told that come after our Close and before the peer's.
    pub hears_on: bool,
    /// Whether [`Stream::pull`](super::Stream::pull) and, when that brings nothing,
    /// [`tighten`](super::Stream::tighten) are called wherever the input is used up inside a message:
    /// then there may be room for all of a long one before all of it has come.
    pub pulls: bool,
}

impl Rules {
    /// A server's, with messages of at most `message_max` bytes. After its Close it hears no more.
    pub fn server(message_max: usize) -> Self {
        Rules {
            role: Role::Server,
            message_max,
            hears_on: false,
            pulls: false,
        }
    }

    /// A client's. After its Close it hears what the server had yet to say.
    pub fn client(message_max: usize) -> Self {
        Rules {
            role: Role::Client,
            message_max,
            hears_on: true,
            pulls: false,
        }
    }
}
