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
//! | [`Closing`](Phase::Closing) | checked and limited, only Close is told, unless the [`Rules`] say otherwise | nothing after our Close (5.5.1) |
//! | [`Closed`](Phase::Closed) | nothing is looked at (7.1.7) | what is queued leaves, then TCP closes |
//!
//! A connection lives in two halves, so that a handler may answer while the message it answers is
//! still lent from the incoming one: [`Stream`] and [`Outbound`]. [`receive`] joins them for one
//! event; [`WebSocket`] is both, for those who bring their own I/O.

use std::mem::MaybeUninit;

use super::batch::Batch;
use super::close::{CloseCode, CloseFrame};
use super::deflate::{self, Agreed, History, Outgoing};
use super::frame::{Header, Opcode, Role};
use super::input::Input;
use super::message::{Message, Prepared};
use super::outbox::{Outbox, Sent};
use super::rules::Rules;
use super::stream::{Event, Stream};
use super::violation::Violation;
use crate::chunk::Chunks;
use crate::pool;

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
#[derive(Debug)]
pub struct Outbound {
    /// What waits to leave.
    pub outbox: Outbox,
    /// What the peer has inflated last; with context takeover, once something has been compressed.
    history: Option<Box<History>>,
    phase: Phase,
    /// How messages are compressed, if they are.
    deflate: Option<Outgoing>,
}

impl Outbound {
    /// An open connection with nothing to say.
    pub const fn new(role: Role) -> Self {
        Outbound {
            outbox: Outbox::new(role),
            history: None,
            phase: Phase::Open,
            deflate: None,
        }
    }

    /// Compresses messages from now on, as was agreed on.
    pub fn deflate(&mut self, agreed: &Agreed) {
        self.deflate = agreed.outgoing();
    }

    /// How far the closing handshake is.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Bytes of memory that it takes.
    pub fn memory(&self) -> usize {
        self.outbox.memory() + self.history.as_ref().map_or(0, |history| history.memory())
    }

    /// Lets go of what later messages might refer to; they need not. Tells how many bytes that frees.
    pub fn forget(&mut self) -> usize {
        self.history.take().map_or(0, |history| history.memory())
    }

    /// Whether [`send`](Self::send) tries to compress a message.
    pub fn compresses(&self, message: Message<'_>) -> bool {
        self.deflates(message.len()).is_some()
    }

    /// Queues a message.
    #[inline(always)]
    pub fn send(&mut self, message: Message<'_>) -> Sent {
        self.say(|half| match half.deflates(message.len()) {
            Some(how) => half.deflated(message, how),
            None => half.plain(message),
        })
    }

    /// Queues a message, not compressed.
    pub fn send_uncompressed(&mut self, message: Message<'_>) -> Sent {
        self.say(|half| half.plain(message))
    }

    /// Queues a message that others get as well. A server's is one frame for all of them; a client's
    /// is copied, for it must be masked with a key of its own (5.3).
    #[inline]
    pub fn share(&mut self, message: &Prepared) -> Sent {
        self.say(|half| {
            let frame = message.frame_for(half.deflate);
            if frame.compressed {
                half.remember(message.payload());
            }
            match half.outbox.role() {
                Role::Server => half.outbox.share(frame.bytes),
                Role::Client => half.outbox.copy(frame.bytes),
            }
        })
    }

    /// Queues a server's messages that others get as well, in one piece.
    #[inline]
    pub(crate) fn share_all(&mut self, batch: &mut Batch) {
        self.say(|half| {
            half.outbox.share(batch.piece(half.deflate));
            if half.deflate.is_some_and(Outgoing::takes_over) {
                half.remember_all(batch.messages());
            }
        });
    }

    /// Queues a ping; of a longer payload the first 125 bytes (5.5).
    pub fn ping(&mut self, payload: &[u8]) -> Sent {
        let payload = &payload[..payload.len().min(125)];
        let header = Header::whole(Opcode::Ping, payload.len());
        self.say(|half| half.outbox.frame(header, payload))
    }

    /// Begins the closing handshake. Only the first call counts.
    pub fn close(&mut self, code: CloseCode, reason: &str) {
        if self.phase == Phase::Open {
            self.say_close(CloseFrame { code, reason });
            self.phase = Phase::Closing;
            self.history = None;
        }
    }

    /// Fails the connection (7.1.7): our Close if it has not been said, and nothing after it.
    pub fn fail(&mut self, code: CloseCode, reason: &str) {
        self.close(code, reason);
        self.hang_up();
    }

    /// TCP has ended, or will, without a closing handshake: nothing more is said or heard.
    pub fn hang_up(&mut self) {
        self.phase = Phase::Closed;
        self.history = None;
    }

    /// Whether a [`Stream`] tells only the peer's Close now.
    #[inline(always)]
    pub(crate) fn mutes(&self, rules: &Rules) -> bool {
        self.phase == Phase::Closing && !rules.hears_on
    }

    /// Queues the answer to what has been heard, if there is one.
    #[inline(always)]
    pub(crate) fn answer(&mut self, event: Result<Option<Event<'_>>, Violation>) {
        match event {
            Ok(Some(Event::Ping(payload))) if self.phase == Phase::Open => {
                self.outbox.pong(payload);
            }
            Ok(Some(Event::Close(close))) => self.close_received(close),
            Err(violation) => self.fail(violation.close_code(), ""),
            _ => {}
        }
    }

    /// The peer has closed: answered with its own code, an empty Close with an empty one (5.5.1).
    fn close_received(&mut self, close: CloseFrame<'_>) {
        self.fail(close.code, "");
    }

    /// 5.5.1: nothing is sent after our Close.
    #[inline(always)]
    fn say(&mut self, queue: impl FnOnce(&mut Self)) -> Sent {
        if self.phase != Phase::Open {
            return Sent::Closing;
        }
        queue(self);
        Sent::Queued(self.outbox.len())
    }

    fn say_close(&mut self, close: CloseFrame<'_>) {
        close.encode(|payload| self.outbox.close(payload));
    }

    #[inline(always)]
    fn plain(&mut self, message: Message<'_>) {
        let header = Header::whole(message.opcode(), message.len());
        self.outbox.frame(header, message.as_bytes());
    }

    /// How a payload of this length is compressed, if it is.
    #[inline(always)]
    fn deflates(&self, len: usize) -> Option<Outgoing> {
        self.deflate.filter(|how| len >= how.threshold())
    }

    #[inline(never)]
    fn deflated(&mut self, message: Message<'_>, how: Outgoing) {
        let payload = message.as_bytes();
        let history = self
            .history
            .as_ref()
            .map_or(&[][..], |history| history.as_slice());
        let mut packed = pool::take(payload.len() / 2);
        if deflate::compress(how.window(), how.level(), history, payload, &mut packed) {
            let header = Header::whole(message.opcode(), packed.len()).compressed();
            self.outbox.frame(header, &packed);
            self.remember(payload);
        } else {
            self.plain(message);
        }
        pool::give(packed);
    }

    /// What the peer inflates now it may be referred to later: also what was compressed for others.
    fn remember(&mut self, payload: &[u8]) {
        if let Some(how) = self.deflate
            && how.takes_over()
        {
            let history = self.history.get_or_insert_default();
            history.push(how.window(), payload);
        }
    }

    #[inline(never)]
    fn remember_all(&mut self, messages: &[Prepared]) {
        for message in messages {
            if message.frame_for(self.deflate).compressed {
                self.remember(message.payload());
            }
        }
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
    if outbound.phase != Phase::Open {
        return receive_late(stream, outbound, input, rules);
    }
    let event = stream.next(input, rules, false);
    outbound.answer(event);
    event
}

/// [`receive`], when we have said Close or have failed.
#[cold]
fn receive_late<'s, 'i: 's>(
    stream: &'s mut Stream,
    outbound: &mut Outbound,
    input: &mut Input<'i>,
    rules: &Rules,
) -> Result<Option<Event<'s>>, Violation> {
    if outbound.phase == Phase::Closed {
        input.take_all();
        return Ok(None);
    }
    let event = stream.next(input, rules, outbound.mutes(rules));
    outbound.answer(event);
    event
}

/// Lets `read` fill in what is missing of a long message, see [`Stream::pull`]. Tells how many bytes
/// came.
///
/// # Errors
/// As of [`receive`].
pub fn pull(
    stream: &mut Stream,
    outbound: &mut Outbound,
    read: impl for<'m> FnOnce(&'m mut [MaybeUninit<u8>]) -> &'m mut [u8],
) -> Result<usize, Violation> {
    if outbound.phase == Phase::Closed {
        return Ok(0);
    }
    let pulled = stream.pull(read);
    if let Err(violation) = pulled {
        outbound.answer(Err(violation));
    }
    pulled
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
        WebSocket {
            stream: Stream::new(),
            outbound: Outbound::new(rules.role),
            rules,
        }
    }

    /// Compresses, and takes what is compressed, as was agreed on in the opening handshake.
    #[must_use]
    pub fn deflate(mut self, agreed: &Agreed) -> Self {
        self.stream.deflate(agreed);
        self.outbound.deflate(agreed);
        self
    }

    /// Its two halves, for those who read and write on different threads, and what it is held to.
    pub fn into_parts(self) -> (Stream, Outbound, Rules) {
        (self.stream, self.outbound, self.rules)
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
