//! A connection's two columns, under one key: what comes in, and what goes out.
//!
//! A message in a handler's hands borrows the incoming half; with the outgoing half apart, it may be
//! answered, published and followed by a close meanwhile.
//!
//! ```text
//! accepted ─▶ Opening ─▶ Open ──────────────▶ gone
//!                │  ▲     │ on_open … on_close │
//!                ▼  │     ▼                    │
//!              Deferred  refused: nothing but the answer leaves
//!
//! dialled ──▶ Dialing ─▶ Open, or gone: on_unopened
//! ```

use std::net::{SocketAddr, SocketAddrV4};

use super::dialing::Awaiting;
use super::flags::{Flag, Flags};
use super::handler::Cause;
use crate::proto::handshake::Opening;
use crate::proto::{CloseCode, Outbound, Phase, Role, Stream};
use crate::reactor::Address;

/// The incoming column.
pub(crate) struct Inlet<S> {
    pub(super) stage: Stage<S>,
    /// Bytes that came while we were not to read, or not yet; `None` almost always.
    // Boxed: eight bytes in every connection, instead of twenty-four for a few.
    #[allow(clippy::box_collection)]
    pub(super) rest: Option<Box<Vec<u8>>>,
}

/// What the bytes that come in mean.
pub(super) enum Stage<S> {
    /// A request head; what has come of it, if not all of it came at once.
    Opening(Option<Box<Opening>>),
    /// Nothing yet: the handler decides later. The request, to be answered then.
    Deferred(Box<[u8]>),
    /// The answer to a request of ours. Boxed: it is larger than frames need, and short.
    Dialing(Box<Awaiting<S>>),
    /// Frames.
    Open(Stream, S),
    /// Nothing any more.
    Refused,
}

impl<S> Inlet<S> {
    pub(super) fn new(stage: Stage<S>) -> Self {
        Inlet { stage, rest: None }
    }

    /// Bytes of memory held for what is unfinished.
    pub(super) fn held(&self) -> usize {
        let stage = match &self.stage {
            Stage::Opening(opening) => opening.as_ref().map_or(0, |opening| opening.held()),
            Stage::Deferred(head) => head.len(),
            Stage::Dialing(awaiting) => awaiting.held(),
            Stage::Open(stream, _) => stream.held(),
            Stage::Refused => 0,
        };
        stage + self.rest.as_ref().map_or(0, |rest| rest.capacity())
    }

    /// Nothing more is read of it: what was held for that is let go.
    pub(super) fn let_go(&mut self) {
        if let Stage::Open(stream, _) = &mut self.stage
            && stream.held() > 0
        {
            *stream = Stream::new();
        }
        self.rest = None;
    }

    pub(super) fn keep(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.rest.get_or_insert_default().extend_from_slice(bytes);
        }
    }
}

/// The outgoing column, and what is known of the connection besides.
pub(crate) struct Outlet {
    pub(super) half: Outbound,
    /// What few connections have, or have for long.
    pub(super) extra: Option<Box<Extra>>,
    /// Bytes that this connection adds to the worker's memory, when last counted, as far as 32 bits
    /// tell.
    pub(super) counted: u32,
    pub(super) generation: u32,
    pub(super) remote: Remote,
    /// Where it came in, if it did: the listener's place in the server's list.
    pub(super) listener: u16,
    pub(super) clock: Clock,
    /// Bytes that others have said to it since it was last settled: in this turn.
    pub(super) said: u32,
    pub(super) flags: Flags,
}

/// The worker's clock, cut to 32 bits: milliseconds, compared only over days at most.
#[derive(Default)]
pub(super) struct Clock {
    /// When the wheel will ask about this connection.
    pub(super) due: Option<std::num::NonZeroU32>,
    /// When the stage it is in began: opening, closing, lingering, awaiting a pong. While a ping has not
    /// left, no time, but how many bytes are to leave up to its end.
    pub(super) since: u32,
    /// When a byte last came.
    pub(super) heard: u32,
    /// When the kernel last took one, or was given some to take.
    pub(super) wrote: u32,
}

/// Why a connection ends.
pub(super) struct Ending {
    pub(super) cause: Cause,
    pub(super) code: CloseCode,
    pub(super) reason: Box<str>,
    pub(super) by_peer: bool,
}

/// What few connections have, or have for long.
#[derive(Default)]
pub(super) struct Extra {
    /// Why it ends, once that is known; told by `on_close`.
    pub(super) ending: Option<Ending>,
    pub(super) subprotocol: Option<Box<str>>,
    /// Its own end, where no listener's address tells it.
    pub(super) local: Option<Address>,
    /// The peer's address, if it is a long one.
    pub(super) remote: Option<Address>,
}

/// An [`Address`] in a quarter of the room: IPv6 addresses are kept elsewhere.
pub(super) enum Remote {
    V4(SocketAddrV4),
    /// In `extra`.
    V6,
    Unix,
}

impl Outlet {
    pub(super) fn new(generation: u32, role: Role, remote: Address, now: u32) -> Self {
        let (remote, extra) = match remote {
            Address::Ip(SocketAddr::V4(address)) => (Remote::V4(address), None),
            Address::Ip(SocketAddr::V6(_)) => {
                let remote = Some(remote);
                (
                    Remote::V6,
                    Some(Box::new(Extra {
                        remote,
                        ..Extra::default()
                    })),
                )
            }
            Address::Unix => (Remote::Unix, None),
        };
        Outlet {
            half: Outbound::new(role),
            extra,
            counted: 0,
            generation,
            remote,
            listener: 0,
            clock: Clock {
                due: None,
                since: now,
                heard: now,
                wrote: now,
            },
            said: 0,
            flags: Flags::default(),
        }
    }

    /// Whether this is true of it.
    #[inline]
    pub(super) fn is(&self, flag: Flag) -> bool {
        self.flags.has(flag)
    }

    /// From now on it is true. Tells whether it was before.
    #[inline]
    pub(super) fn mark(&mut self, flag: Flag) -> bool {
        self.flags.set(flag, true)
    }

    /// From now on it is not true. Tells whether it was before.
    #[inline]
    pub(super) fn unmark(&mut self, flag: Flag) -> bool {
        self.flags.set(flag, false)
    }

    /// Whether it is we who dialled.
    pub(super) fn is_dialled(&self) -> bool {
        self.half.outbox.role() == Role::Client
    }

    /// Whether what comes in is not to be looked at now. Once we have said Close nothing of it is
    /// delivered or answered, and the peer's own Close must be seen.
    pub(super) fn holds(&self) -> bool {
        let reasons = self.is(Flag::Full) || self.is(Flag::Paused) || self.is(Flag::Choked);
        reasons && self.half.phase() == Phase::Open
    }

    /// The peer's address.
    pub(super) fn remote(&self) -> Address {
        let long = || self.extra.as_ref().and_then(|extra| extra.remote);
        match self.remote {
            Remote::V4(address) => Address::Ip(address.into()),
            Remote::V6 => long().unwrap_or(Address::Unix),
            Remote::Unix => Address::Unix,
        }
    }

    /// The address it came in at, or was dialled from; `listeners` are where the server listens.
    pub(super) fn local(&self, listeners: &[Address]) -> Address {
        let own = self.extra.as_ref().and_then(|extra| extra.local);
        let listener = || listeners.get(usize::from(self.listener)).copied();
        own.or_else(listener).unwrap_or(Address::Unix)
    }

    /// Whether messages may still be said.
    pub(super) fn is_talking(&self) -> bool {
        self.is(Flag::Open) && !self.is(Flag::Doomed) && self.half.phase() == Phase::Open
    }

    /// Whether the handler is still told of it, but for its end: until both have said Close, or it
    /// has failed.
    pub(super) fn is_heard(&self) -> bool {
        self.is(Flag::Open) && !self.is(Flag::Doomed) && self.half.phase() != Phase::Closed
    }

    /// Whether the other side is to close TCP first, and has not (7.1.1): a server, of a WebSocket.
    pub(super) fn is_second(&self) -> bool {
        self.is_dialled() && self.is(Flag::Open) && !self.is(Flag::Ended)
    }

    pub(super) fn extra_mut(&mut self) -> &mut Extra {
        self.extra.get_or_insert_default()
    }

    /// Notes why the connection ends; the first to know is right.
    pub(super) fn ends(&mut self, cause: Cause, code: CloseCode, reason: &str, by_peer: bool) {
        self.extra_mut().ending.get_or_insert_with(|| Ending {
            cause,
            code,
            reason: reason.into(),
            by_peer,
        });
    }

    /// Why it ends, once that is known.
    pub(super) fn ending(&self) -> Option<&Ending> {
        self.extra.as_ref()?.ending.as_ref()
    }

    /// Fails it for a reason of ours: told the peer in a Close, behind what was said before.
    pub(super) fn fail(&mut self, cause: Cause, code: CloseCode, reason: &str) {
        self.ends(cause, code, reason, false);
        self.half.fail(code, reason);
    }

    /// Ends it without a word.
    pub(super) fn doom(&mut self, cause: Cause) {
        self.ends(cause, CloseCode::ABNORMAL, "", false);
        self.half.hang_up();
        self.mark(Flag::Doomed);
    }
}

/// Sizes in bytes of the two columns' entries, without the handler's state.
#[doc(hidden)]
pub fn sizes() -> (usize, usize) {
    (size_of::<Option<Inlet<()>>>(), size_of::<Option<Outlet>>())
}
