//! The line of a scripted connection.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::IoSlice;
use std::mem::MaybeUninit;

use ws4rs::internal::reactor::Line;

use super::wire::{Coming, Takes};

/// The line: writes past the queue, and reads past the buffers, one piece at a time.
pub(super) struct Tap {
    pub(super) takes: Takes,
    pub(super) offered: bool,
    pub(super) under_way: bool,
    pub(super) out: RefCell<Vec<u8>>,
    pub(super) coming: RefCell<VecDeque<Coming>>,
    /// There was less than was asked for: nothing more before the next receive.
    pub(super) dry: Cell<bool>,
    pub(super) wished: Cell<bool>,
}

impl Line for Tap {
    fn try_send(&self, parts: &[IoSlice<'_>]) -> usize {
        assert!(!self.under_way, "the line overtakes a send");
        let most = match self.takes {
            _ if !self.offered => 0,
            Takes::All => usize::MAX,
            Takes::Each(most) => most,
            Takes::Nothing => 0,
        };
        let all: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        let gone = all.len().min(most);
        self.out.borrow_mut().extend_from_slice(&all[..gone]);
        gone
    }

    fn worth_sending(&self) -> usize {
        32 << 10
    }

    fn try_receive<'m>(&self, into: &'m mut [MaybeUninit<u8>]) -> &'m mut [u8] {
        assert!(!into.is_empty(), "a wish for nothing");
        self.wished.set(true);
        let mut coming = self.coming.borrow_mut();
        let Some(Coming::Bytes(bytes)) = coming.front_mut().filter(|_| !self.dry.get()) else {
            return &mut [];
        };
        let asked = into.len();
        let come = fill(into, bytes);
        bytes.drain(..come.len());
        if bytes.is_empty() {
            coming.pop_front();
        }
        self.dry.set(come.len() < asked);
        self.wished.set(come.len() < asked);
        come
    }
}

/// Writes what fits of `bytes` into `room`, and tells what that was.
#[allow(unsafe_code)]
pub fn fill<'m>(room: &'m mut [MaybeUninit<u8>], bytes: &[u8]) -> &'m mut [u8] {
    let count = room.len().min(bytes.len());
    for (place, byte) in room.iter_mut().zip(bytes) {
        place.write(*byte);
    }
    // SAFETY: the first `count` places have just been written.
    unsafe { std::slice::from_raw_parts_mut(room.as_mut_ptr().cast(), count) }
}
