//! What the drivers tell with, and the measures they share.

use std::cell::{Cell, RefCell};
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;

use socket2::Socket;

use super::receive::receive;
use super::{EVENTS_PER_TURN, Event, Line};
use crate::chunk::Chunks;

/// The events of one turn.
pub(super) struct Turn<'t, 'f> {
    tell: &'t mut (dyn FnMut(Event<'_>) + 'f),
    left: usize,
}

impl<'t, 'f> Turn<'t, 'f> {
    pub(super) fn new(tell: &'t mut (dyn FnMut(Event<'_>) + 'f)) -> Self {
        Turn {
            tell,
            left: EVENTS_PER_TURN,
        }
    }

    /// Whether one more source can be served: it tells at most `Sent`, `Received` twice, and
    /// `Closed`.
    #[inline]
    pub(super) fn has_room(&self) -> bool {
        self.left >= 4
    }

    #[inline]
    pub(super) fn tell(&mut self, event: Event<'_>) {
        self.left -= 1;
        (self.tell)(event);
    }
}

/// A socket that bytes have just come from, or may be read from.
pub(super) struct Raw<'a> {
    socket: &'a Socket,
    worth: usize,
    /// There may be more to read, and nothing that came before it is still to be told.
    readable: Cell<bool>,
    /// It was read from: who did may wish for more, or to know that there is none.
    wished: Cell<bool>,
    fault: RefCell<Option<io::Error>>,
}

/// What has become of the socket while it was lent.
pub(super) struct Left {
    pub(super) readable: bool,
    pub(super) wished: bool,
    pub(super) fault: Option<io::Error>,
}

impl<'a> Raw<'a> {
    pub(super) fn new(socket: &'a Socket, worth: usize, readable: bool) -> Self {
        Raw {
            socket,
            worth,
            readable: Cell::new(readable),
            wished: Cell::new(false),
            fault: RefCell::new(None),
        }
    }

    pub(super) fn into_left(self) -> Left {
        Left {
            readable: self.readable.get(),
            wished: self.wished.get(),
            fault: self.fault.into_inner(),
        }
    }
}

impl Line for Raw<'_> {
    fn try_send(&self, parts: &[IoSlice<'_>]) -> usize {
        self.socket
            .send_vectored_with_flags(parts, SEND_FLAGS)
            .unwrap_or(0)
    }

    fn worth_sending(&self) -> usize {
        self.worth
    }

    fn try_receive<'m>(&self, into: &'m mut [MaybeUninit<u8>]) -> &'m mut [u8] {
        let asked = into.len();
        self.wished.set(true);
        if !self.readable.get() {
            return &mut [];
        }
        match receive(self.socket, into) {
            // The end, which the driver will see for itself.
            Ok([]) => &mut [],
            Ok(come) => {
                self.readable.set(come.len() == asked);
                come
            }
            Err(error) => {
                match error.kind() {
                    io::ErrorKind::Interrupted => {}
                    io::ErrorKind::WouldBlock => self.readable.set(false),
                    _ => *self.fault.borrow_mut() = Some(error),
                }
                &mut []
            }
        }
    }
}

/// Sends what there is, or the first [`SLICES`] chunks of it, as far as the socket takes it at once. Tells
/// how many bytes were offered, and how many went. The `last` ones wait for our FIN, to travel with it.
pub(super) fn send(socket: &Socket, chunks: &Chunks, last: bool) -> io::Result<(usize, usize)> {
    let flags = if last { SEND_FLAGS | MORE } else { SEND_FLAGS };
    // One piece, almost always: a plain send is less for the kernel to look at.
    if let Some(bytes) = chunks.single() {
        return Ok((bytes.len(), socket.send_with_flags(bytes, flags)?));
    }
    let mut slices = [IoSlice::new(&[]); SLICES];
    let count = chunks.slices(&mut slices);
    let offered = slices[..count].iter().map(|slice| slice.len()).sum();
    let sent = socket.send_vectored_with_flags(&slices[..count], flags)?;
    Ok((offered, sent))
}

/// 64: as many chunks leave in one send.
pub(super) const SLICES: usize = 64;
/// 16: a listener that fails so often in a row has a reason we do not know, and pauses.
pub(super) const FAILURES_MAX: u8 = 16;
/// No waiting, and no signal for a peer that is gone.
#[cfg(not(target_vendor = "apple"))]
pub(super) const SEND_FLAGS: i32 = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;
/// No waiting. That there is no signal is an option of the socket here.
#[cfg(target_vendor = "apple")]
pub(super) const SEND_FLAGS: i32 = libc::MSG_DONTWAIT;
/// More follows at once.
#[cfg(target_os = "linux")]
pub(super) const MORE: i32 = libc::MSG_MORE;
/// No such flag here: the FIN travels alone.
#[cfg(not(target_os = "linux"))]
const MORE: i32 = 0;
