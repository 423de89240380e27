//! What carries a client's bytes, and how long it may take: sockets of ours, or a stream of yours.
//!
//! Everything takes `&self`: one thread reads while another writes.

use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::socket::Socket;

/// What a [`Client`](super::Client) may be on top of: a [`Socket`], or any stream as [`Over`].
pub trait Transport: sealed::Sealed {
    /// Reads what has come, and waits for it if nothing has.
    #[doc(hidden)]
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize>;
    /// Writes some of it.
    #[doc(hidden)]
    fn write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize>;
    /// Sends off what was written.
    #[doc(hidden)]
    fn flush(&self) -> io::Result<()>;
    /// Whether the limits below are kept; a stream that nobody can interrupt has its own.
    #[doc(hidden)]
    fn keeps_time(&self) -> bool;
    /// How long a read waits.
    #[doc(hidden)]
    fn read_within(&self, limit: Option<Duration>) -> io::Result<()>;
    /// How long a write waits until the first byte of it is taken.
    #[doc(hidden)]
    fn write_within(&self, limit: Duration) -> io::Result<()>;
    /// Whether the next can be asked for at all.
    #[doc(hidden)]
    fn always_waits(&self) -> bool;
    /// Whether reads and writes wait at all.
    #[doc(hidden)]
    fn set_waiting(&self, waits: bool) -> io::Result<()>;
    /// Ends one direction, or both.
    #[doc(hidden)]
    fn shutdown(&self, how: Shutdown) -> io::Result<()>;
}

/// A stream of yours, TLS for one, with the socket below it if you said which that is.
#[derive(Debug)]
pub struct Over<S> {
    // Its client is never split, so that this is locked by one thread only.
    stream: Mutex<S>,
    below: Option<Socket>,
}

impl<S> Over<S> {
    pub(super) fn new(stream: S, below: Option<Socket>) -> Self {
        Over {
            stream: Mutex::new(stream),
            below,
        }
    }

    /// The stream. What you read or write there yourself is missing in the conversation.
    pub fn get_mut(&mut self) -> &mut S {
        self.stream
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The stream back.
    pub fn into_inner(self) -> S {
        self.stream
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn with<R>(&self, use_it: impl FnOnce(&mut S) -> R) -> R {
        use_it(&mut self.stream.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<S: Read + Write> Transport for Over<S> {
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.with(|stream| stream.read(buffer))
    }

    fn write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.with(|stream| stream.write_vectored(slices))
    }

    fn flush(&self) -> io::Result<()> {
        self.with(Write::flush)
    }

    fn keeps_time(&self) -> bool {
        self.below.is_some()
    }

    fn read_within(&self, limit: Option<Duration>) -> io::Result<()> {
        self.below
            .as_ref()
            .map_or(Ok(()), |socket| socket.read_within(limit))
    }

    fn write_within(&self, limit: Duration) -> io::Result<()> {
        self.below
            .as_ref()
            .map_or(Ok(()), |socket| socket.write_within(limit))
    }

    fn always_waits(&self) -> bool {
        // A stream that encodes what it is given may not take it a second time.
        true
    }

    fn set_waiting(&self, _: bool) -> io::Result<()> {
        Ok(())
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.below
            .as_ref()
            .map_or(Ok(()), |socket| socket.shutdown(how))
    }
}

/// A transport as something to write to.
pub(super) struct Out<'t, T>(pub(super) &'t T);

impl<T: Transport> Write for Out<'_, T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.write(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Whether it is the time that is over. Windows says so by the second; elsewhere a socket says that of
/// a connection on which nothing has been acknowledged for minutes, and which is dead.
pub(super) fn is_late(transport: &impl Transport, error: &io::Error) -> bool {
    match error.kind() {
        io::ErrorKind::WouldBlock => true,
        io::ErrorKind::TimedOut => cfg!(windows) || !transport.keeps_time(),
        _ => false,
    }
}

/// Before a late transport is asked again: one that keeps no time may not wait at all.
pub(super) fn pause(transport: &impl Transport) {
    if !transport.keeps_time() {
        thread::sleep(PAUSE);
    }
}

/// What is left until then, if anything.
pub(super) fn left(until: Instant) -> Option<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    (!left.is_zero()).then_some(left)
}

/// 1 ms: a thousand calls a second are no load, and nobody who closes notices it.
const PAUSE: Duration = Duration::from_millis(1);

pub(super) mod sealed {
    /// Keeps [`Transport`](super::Transport) ours to change.
    pub trait Sealed {}
    impl<S> Sealed for super::Over<S> {}
    impl Sealed for super::Socket {}
}
