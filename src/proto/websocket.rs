//! Pings, the closing handshake, and what may be said when: the outer doll (RFC 6455 5.5, 7).
//!
//! # States
//!
//! ```text
//!            we close                     the peer's Close
//!   Open ───────────────▶ Closing ──────────────────────────▶ Closed
//!     │                      │                                   ▲
//!     ├── the peer's Close: answered with its code ──────────────┤
//!     └── a Violation: Close with its code ── from Closing too ──┘
//! ```
//!
//! | phase | incoming | outgoing |
//! |---|---|---|
//! | [`Open`](Phase::Open) | everything is told | everything is sent |
//! | [`Closing`](Phase::Closing) | checked and limited, only Close is told (7.1.6) | nothing after our Close (5.5.1) |
//! | [`Closed`](Phase::Closed) | nothing is looked at (7.1.7) | what is queued leaves, then TCP closes |
//!
//! A connection lives in two halves, so that a handler may answer while the message it answers is
//! still lent from the incoming one: [`Stream`] and [`Outbound`]. [`receive`] joins them for one
//! event; [`WebSocket`] is both, for those who bring their own I/O.

use super::close::{CloseCode, CloseFrame};
use super::frame::{Opcode, Role};
use super::input::Input;
use super::message::{Message, Prepared};
use super::outbox::{Outbox, Sent};
use super::stream::{Event, Rules, Stream};
use super::violation::Violation;
use crate::chunk::Chunks;

/// How far the closing handshake is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Messages go both ways.
    #[default]
    Open,
    /// Our Close is queued or sent; the peer's has not come.
    Closing,
    /// Both have been said, or the connection has failed.
    Closed,
}

/// The outgoing half of a connection.
#[derive(Debug, Default)]
pub struct Outbound {
    /// What waits to leave.
    pub outbox: Outbox,
    phase: Phase,
}

impl Outbound {
    /// An open connection with nothing to say.
    pub const fn new() -> Self {
        Outbound {
            outbox: Outbox::new(),
            phase: Phase::Open,
        }
    }

    /// How far the closing handshake is.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Queues a message.
    #[inline]
    pub fn send(&mut self, message: Message<'_>) -> Sent {
        self.say(|outbox| outbox.frame(message.opcode(), message.as_bytes()))
    }

    /// Queues a message that others get as well.
    #[inline]
    pub fn share(&mut self, message: &Prepared) -> Sent {
        self.say(|outbox| outbox.share(message))
    }

    /// Queues a ping; of a longer payload the first 125 bytes (5.5).
    pub fn ping(&mut self, payload: &[u8]) -> Sent {
        let payload = &payload[..payload.len().min(125)];
        self.say(|outbox| outbox.frame(Opcode::Ping, payload))
    }

    /// Begins the closing handshake. Only the first call counts.
    pub fn close(&mut self, code: CloseCode, reason: &str) {
        if self.phase == Phase::Open {
            self.say_close(CloseFrame { code, reason });
            self.phase = Phase::Closing;
        }
    }

    /// Fails the connection (7.1.7): our Close if it has not been said, and nothing after it.
    pub fn fail(&mut self, code: CloseCode, reason: &str) {
        self.close(code, reason);
        self.phase = Phase::Closed;
    }

    /// TCP has ended, or will, without a closing handshake: nothing more is said or heard.
    pub fn hang_up(&mut self) {
        self.phase = Phase::Closed;
    }

    /// The peer has closed: answered with its own code, an empty Close with an empty one (5.5.1).
    fn close_received(&mut self, close: CloseFrame<'_>) {
        self.fail(close.code, "");
    }

    /// 5.5.1: nothing is sent after our Close.
    fn say(&mut self, queue: impl FnOnce(&mut Outbox)) -> Sent {
        if self.phase != Phase::Open {
            return Sent::Closing;
        }
        queue(&mut self.outbox);
        Sent::Queued(self.outbox.len())
    }

    fn say_close(&mut self, close: CloseFrame<'_>) {
        close.encode(|payload| self.outbox.close(payload));
    }
}

/// Takes the next event from `input` and answers it: a ping with a pong, a Close with a Close.
/// `None` when the input is used up, or nothing in it matters any more.
///
/// # Errors
/// The rule the peer has broken; its Close is queued behind what was said before.
#[inline(always)]
pub fn receive<'s, 'i: 's>(
    stream: &'s mut Stream,
    outbound: &mut Outbound,
    input: &mut Input<'i>,
    rules: &Rules,
) -> Result<Option<Event<'s>>, Violation> {
    if outbound.phase == Phase::Closed {
        input.take_all();
        return Ok(None);
    }
    let event = stream.next(input, rules, outbound.phase == Phase::Closing);
    match event {
        Ok(Some(Event::Ping(payload))) => outbound.outbox.pong(payload),
        Ok(Some(Event::Close(close))) => outbound.close_received(close),
        Err(violation) => outbound.fail(violation.close_code(), ""),
        _ => {}
    }
    event
}

/// A WebSocket after its opening handshake, without a socket: bytes in, events and bytes out.
///
/// ```
/// use ws4rs::proto::{Event, Input, Message, Rules, WebSocket};
///
/// let mut websocket = WebSocket::new(Rules::server(1 << 20));
/// // "Hello", masked, as RFC 6455 5.7 has it.
/// let mut bytes = *b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
/// let mut input = Input::new(&mut bytes);
/// let mut heard = Vec::new();
/// while let Some(event) = websocket.receive(&mut input)? {
///     if let Event::Message(Message::Text(text)) = event {
///         heard.push(text.to_owned());
///     }
/// }
/// assert_eq!(heard, ["Hello"]);
/// # Ok::<(), ws4rs::proto::Violation>(())
/// ```
#[derive(Debug)]
pub struct WebSocket {
    stream: Stream,
    outbound: Outbound,
    rules: Rules,
}

impl WebSocket {
    /// A connection whose opening handshake is done.
    pub fn new(rules: Rules) -> Self {
        // Frames that a client sends must be masked with unpredictable keys: that is the client's room.
        assert_eq!(rules.role, Role::Server, "the client side is not built yet");
        WebSocket {
            stream: Stream::new(),
            outbound: Outbound::new(),
            rules,
        }
    }

    /// Takes the next event from the front of `input`. Call it until it gives `None`, then send what
    /// [`outgoing`](Self::outgoing) holds.
    ///
    /// # Errors
    /// The rule the peer has broken. Its Close is among the outgoing bytes; send them, then close.
    pub fn receive<'s, 'i: 's>(
        &'s mut self,
        input: &mut Input<'i>,
    ) -> Result<Option<Event<'s>>, Violation> {
        receive(&mut self.stream, &mut self.outbound, input, &self.rules)
    }

    /// Tells `hear` every event in `input`, with the half that answers: an echo sends what it is
    /// lent, which [`receive`](Self::receive) alone does not allow. Then send what
    /// [`outgoing`](Self::outgoing) holds.
    ///
    /// ```
    /// # use ws4rs::proto::{Event, Input, Rules, WebSocket};
    /// # let mut websocket = WebSocket::new(Rules::server(1 << 20));
    /// # let mut received = *b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
    /// websocket.hear(&mut Input::new(&mut received), |event, outbound| {
    ///     if let Event::Message(message) = event {
    ///         outbound.send(message);
    ///     }
    /// })?;
    /// # assert_eq!(websocket.outgoing().unwrap().len(), 7);
    /// # Ok::<(), ws4rs::proto::Violation>(())
    /// ```
    ///
    /// # Errors
    /// As [`receive`](Self::receive).
    pub fn hear(
        &mut self,
        input: &mut Input<'_>,
        mut hear: impl FnMut(Event<'_>, &mut Outbound),
    ) -> Result<(), Violation> {
        while let Some(event) = receive(&mut self.stream, &mut self.outbound, input, &self.rules)? {
            hear(event, &mut self.outbound);
        }
        Ok(())
    }

    /// Queues a message.
    pub fn send<'a>(&mut self, message: impl Into<Message<'a>>) -> Sent {
        self.outbound.send(message.into())
    }

    /// Queues a ping of at most 125 bytes.
    pub fn ping(&mut self, payload: &[u8]) -> Sent {
        self.outbound.ping(payload)
    }

    /// Begins the closing handshake.
    pub fn close(&mut self, code: CloseCode, reason: &str) {
        self.outbound.close(code, reason);
    }

    /// Takes the bytes to be written now. Give them back to [`sent`](Self::sent), and write nothing
    /// else before.
    pub fn outgoing(&mut self) -> Option<Chunks> {
        self.outbound
            .outbox
            .is_ready()
            .then(|| self.outbound.outbox.take())
    }

    /// Takes the bytes back, their cursor moved by what was written.
    pub fn sent(&mut self, chunks: Chunks) {
        self.outbound.outbox.home(chunks);
    }

    /// How far the closing handshake is. Once [`Phase::Closed`] and nothing is outgoing, close TCP.
    pub fn phase(&self) -> Phase {
        self.outbound.phase
    }
}
