//! The kernel, in the shape of completions.
//!
//! Knows no frame and no message. One trait, [`Driver`], is implemented three times: by `uring`
//! (io_uring), by `poll` (mio: readiness made into completions) and by the scripted kernel of the
//! tests. Nobody asks which one it is.
//!
//! [`socket`] makes what listens and what dials out. [`slots`] is where a driver keeps its sources,
//! `turn` what it tells with, `receive` reads without waiting, `ending` is how a source ends. Of mio alone,
//! `poll_slot` is a source that waits for edges. Of io_uring alone, `uring_slot` is what of a source is in the ring, `buffers` the memory it receives into, `bulk`
//! who is read past it, `messages` what it sends in many parts, `tag` the word it gives back.
//! [`mod@probe`] tries a kernel out; [`waker`] comes from other threads.
//!
//! # The contract
//!
//! - Ask with [`open`](Driver::open), [`send`](Driver::send), [`finish`](Driver::finish),
//!   [`read`](Driver::read) and [`close`](Driver::close); be told by [`wait`](Driver::wait). Nothing is
//!   told outside `wait`, and nobody calls the driver while it tells.
//! - A [`Token`] names one open source and is never used again: asking with the token of a source
//!   that has been closed does nothing.
//! - A `send` gives the chunks back when all of them have left at once. Else, and after every `finish`,
//!   exactly one [`Event::Sent`] brings them home with their cursor moved: all, some or none of the bytes
//!   may have gone. Only then may the next one follow (sooner it panics). A `send` after `close` comes home
//!   untouched.
//! - Received bytes are lent for the call. After `read(token, false)` a few more may still come. They
//!   may be none: then there are some that the [`Line`] can read, and that are lent as usual if it does not.
//! - A source opened by `open` reads at once. [`Event::Ended`] is the peer's FIN: nothing more comes
//!   in, our side may still send. A reset that comes after it, or while reading is paused, is seen by the
//!   next send or read only: how long that may take is the caller's to bound.
//! - A [`Source::Connecting`] is a stream from the start. What is sent waits for the connection to be
//!   established; nothing tells of that moment, so whoever dials sends first. A connect that fails is
//!   told like a reset, by `Closed`, and with the error of the connect: never by `Ended`, and a send that
//!   was under way comes home untouched before. `Abort` gives the connect up. So does a `Finish` with
//!   no send under way, since there is nobody to send a FIN to: it is no error, unless the connect had
//!   failed by itself before. A `Finish` with a send under way waits for the connection.
//! - After `close` nothing is told of a connection but `Sent`, if one is under way, and `Closed`.
//! - [`Event::Closed`] is the last that is heard of a token: after its socket is gone, and after the
//!   `Sent` of a send that was under way. It comes once, whether we closed, the peer reset or the
//!   kernel failed.
//! - An accept that fails because something ran out (descriptors, memory) pauses the listener and is
//!   told by [`Event::Starved`]; `read(listener, true)` resumes it. Other accept errors concern the
//!   peer that gave up and are skipped.

#![deny(unsafe_code)]

use std::fmt;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::time::Instant;

use socket2::Socket;

use crate::chunk::Chunks;

#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
mod buffers;
#[cfg(target_os = "linux")]
mod bulk;
mod ending;
#[cfg(target_os = "linux")]
mod messages;
pub mod poll;
mod poll_slot;
pub mod probe;
#[allow(unsafe_code)]
mod receive;
pub mod slots;
pub mod socket;
#[cfg(target_os = "linux")]
mod tag;
mod turn;
#[cfg(target_os = "linux")]
pub mod uring;
#[cfg(target_os = "linux")]
mod uring_slot;
pub mod waker;

pub use probe::probe;
pub use waker::Waker;

/// What the kernel does for us. The contract stands at the top of this file.
pub trait Driver {
    /// Takes a socket into the house and starts reading, or accepting, from it.
    ///
    /// # Errors
    /// What the kernel says when it will not watch the socket; the socket is closed then.
    fn open(&mut self, source: Source) -> io::Result<Token>;

    /// Sends what `chunks` holds, in order. At most one send is under way per connection: none, when the
    /// chunks are given back, for then all of them have left.
    #[must_use]
    fn send(&mut self, token: Token, chunks: Chunks) -> Option<Chunks>;

    /// Sends the last that is to be sent, then finishes: [`send`](Self::send) and [`Close::Finish`], but
    /// our FIN travels with the last bytes, if it can. Without bytes it goes alone. Of a source that is
    /// closed already, or has failed, only the send comes home, untouched: its end is under way.
    fn finish(&mut self, token: Token, chunks: Chunks);

    /// Stops or resumes reading; for a listener, accepting.
    fn read(&mut self, token: Token, on: bool);

    /// Ends a source. A later, harder `close` overrides an earlier one. A listener ends at once; who has
    /// connected and was not accepted is reset, but an `Accepted` that is under way may still come.
    fn close(&mut self, token: Token, how: Close);

    /// Sleeps until something happens or `deadline` passes, then tells it: at most
    /// [`EVENTS_PER_TURN`] events, so that mailbox and timers get their turn. It may also return with
    /// nothing to tell: a wake, a signal, a matter of the kernel's.
    ///
    /// # Errors
    /// The kernel's word that it cannot go on at all; faults of one socket are told as events.
    fn wait(
        &mut self,
        deadline: Option<Instant>,
        tell: &mut dyn FnMut(Event<'_>),
    ) -> io::Result<()>;

    /// Wakes `wait` from any thread.
    fn waker(&self) -> Waker;
}

/// A socket to take in.
#[derive(Debug)]
pub enum Source {
    /// Bound and listening: tells [`Event::Accepted`].
    Listener(Socket),
    /// Connected, by whomever: tells [`Event::Received`].
    Stream(Socket),
    /// A `Stream` that a driver of this kind has accepted, and nobody has changed since.
    Accepted(Socket),
    /// Its non-blocking connect has been started; it may be established already, or have failed. Else a
    /// `Stream`.
    Connecting(Socket),
}

/// How a source is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Close {
    /// The send under way is seen through to its last byte, then goes our FIN; what the peer still sends
    /// is read and thrown away until its FIN, or [`DISCARD_MAX`] bytes after ours, so that our last bytes
    /// are not lost to a reset. A fault after our FIN is no error any more.
    /// How long that may take is the caller's to bound, with `Abort`.
    Finish,
    /// At once. The peer sees a reset, or a plain close when our FIN was already out.
    Abort,
}

/// What has happened.
pub enum Event<'a> {
    /// A connection has come in at `listener`. It is not read before it is opened.
    Accepted {
        /// Where it came in.
        listener: Token,
        /// The connection itself.
        socket: Socket,
        /// Where it came from.
        from: Address,
    },
    /// The listener has run out of descriptors or memory and has paused.
    Starved(Token, io::Error),
    /// Bytes have come, lent for this call. What more the socket can do is the [`Line`]'s.
    Received(Token, &'a mut [u8], &'a dyn Line),
    /// The peer has finished sending.
    Ended(Token),
    /// A send has come home, with its cursor moved by what went out.
    Sent(Token, Chunks),
    /// The source is gone; an error if that was not our wish.
    Closed(Token, io::Result<()>),
}

/// The socket that bytes were just received from, past all queues and buffers.
pub trait Line {
    /// A plain non-blocking write. Tells how many bytes went: 0 also when it failed, for the failure will
    /// be told in its turn.
    ///
    /// Worth it for large answers, which leave while they are in the cache and need not be copied.
    /// Only when nothing is queued and no send is under way, or bytes would overtake each other.
    fn try_send(&self, parts: &[IoSlice<'_>]) -> usize;

    /// From how many bytes on [`try_send`](Self::try_send) is better than a send by the driver.
    fn worth_sending(&self) -> usize;

    /// A plain non-blocking read of what follows the bytes that were received, for the rest of something
    /// large, which need not be copied then. Gives back the part of `into` that was filled, its beginning. When
    /// that is less than was asked for, perhaps nothing, the rest is offered as soon as there is some.
    fn try_receive<'m>(&self, into: &'m mut [MaybeUninit<u8>]) -> &'m mut [u8];
}

/// Names a source of one driver. Never used twice in a driver's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token {
    /// Its place; small, dense, used again.
    pub index: u32,
    /// How often the place had been used before.
    pub generation: u32,
}

/// Where a connection comes from or arrives at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// TCP.
    Ip(SocketAddr),
    /// A Unix socket; its clients have no address of their own.
    Unix,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Ip(address) => address.fmt(f),
            Address::Unix => f.write_str("unix"),
        }
    }
}

/// 128: the last of a busy turn waits for at most 2 MiB of what the ring has brought the others; where all
/// of them bring long messages past it, for up to 170 MiB.
pub const EVENTS_PER_TURN: usize = 128;
/// 16 MiB: what a peer that has been told goodbye may still send before it is cut. One that writes a message
/// of many megabytes reads why it was refused only when it has written them.
pub const DISCARD_MAX: usize = 16 << 20;
