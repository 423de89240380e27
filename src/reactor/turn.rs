//! What the drivers tell with, and the measures they share.

use std::io::IoSlice;

use socket2::Socket;

use super::{EVENTS_PER_TURN, Event, Line};

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

    /// Whether one more source can be served: it tells at most `Sent`, `Received` and `Closed`.
    #[inline]
    pub(super) fn has_room(&self) -> bool {
        self.left >= 3
    }

    #[inline]
    pub(super) fn tell(&mut self, event: Event<'_>) {
        self.left -= 1;
        (self.tell)(event);
    }
}

/// A socket that bytes have just come from.
pub(super) struct Raw<'a>(pub(super) &'a Socket);

impl Line for Raw<'_> {
    fn try_send(&self, parts: &[IoSlice<'_>]) -> usize {
        self.0
            .send_vectored_with_flags(parts, SEND_FLAGS)
            .unwrap_or(0)
    }
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
