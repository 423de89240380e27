//! Messages of many parts, kept until io_uring has taken them.
//!
//! They never move: the kernel reads them when they are submitted, so the room is fixed, and cleared as
//! a whole. What the parts point to, the chunks, is kept by the slot that sends them.

use std::io::IoSlice;

use super::turn::SLICES;
use crate::chunk::Chunks;

/// What has been written since the last submission.
pub(super) struct Messages {
    /// What each begins as. Some systems' has private fields, so that it cannot be written out.
    blank: libc::msghdr,
    parts: Vec<libc::iovec>,
    heads: Vec<libc::msghdr>,
}

impl Messages {
    /// No messages yet. Each will begin as `blank`, which has no address, no parts and no control data.
    pub(super) fn new(blank: libc::msghdr) -> Self {
        Messages {
            blank,
            parts: Vec::with_capacity(MESSAGES * SLICES),
            heads: Vec::with_capacity(MESSAGES),
        }
    }

    pub(super) fn has_room(&self) -> bool {
        self.heads.len() < MESSAGES
    }

    /// Forgets them: all have been submitted.
    pub(super) fn clear(&mut self) {
        self.parts.clear();
        self.heads.clear();
    }

    /// Writes a message of the first [`SLICES`] chunks. It stays where it is until `clear`.
    pub(super) fn write(&mut self, chunks: &Chunks) -> *const libc::msghdr {
        // Growing would move what the kernel is to read.
        assert!(self.has_room());
        let mut slices = [IoSlice::new(&[]); SLICES];
        let count = chunks.slices(&mut slices);
        let first = self.parts.len();
        let parts = slices[..count].iter().map(|slice| libc::iovec {
            iov_base: slice.as_ptr().cast_mut().cast(),
            iov_len: slice.len(),
        });
        self.parts.extend(parts);
        let mut head = self.blank;
        head.msg_iov = self.parts[first..].as_mut_ptr();
        head.msg_iovlen = count as _;
        self.heads.push(head);
        &raw const self.heads[self.heads.len() - 1]
    }
}

/// 64: as many sends of several chunks leave in one submission, 64 KiB of memory. More costs a system call.
const MESSAGES: usize = 64;
