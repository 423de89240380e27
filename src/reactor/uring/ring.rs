//! The ring itself: what goes in, the one system call, what comes out. Does not know what follows from it.
//!
//! What is `unsafe` about a ring is in this file. What must hold:
//!
//! - What an operation points to stays where it is until its last completion: a send's chunks in its
//!   slot, the buffers in their pool. Nothing else of ours is pointed to.
//! - A completion is used up by taking what it brings, so that it is taken once.

use std::io;
use std::marker::PhantomData;
use std::mem;
use std::os::fd::{AsRawFd, FromRawFd};
use std::time::{Duration, Instant};

use io_uring::squeue::Flags;
use io_uring::types::{CancelBuilder, Fd, SubmitArgs, Timespec};
use io_uring::{IoUring, cqueue, opcode, squeue};
use socket2::Socket;

use super::{Uring, WAKE};
use crate::chunk::Chunks;
use crate::reactor::Token;
use crate::reactor::buffers::{self, Buffers, Loan};
use crate::reactor::bulk::WATCHED;
use crate::reactor::messages::Messages;
use crate::reactor::tag::{Operation, Tag};
use crate::reactor::turn::MORE;

/// A ring, and the memory it receives into.
pub(super) struct Ring {
    ring: IoUring,
    buffers: Buffers,
    messages: Messages,
    /// Accepts, receives and sends in the ring.
    flying: usize,
    /// The submission queue could not be emptied: nothing can go on.
    broken: Option<io::Error>,
    /// The ring knows its thread.
    _thread: PhantomData<*const ()>,
}

/// What the kernel has done.
pub(super) struct Completion(cqueue::Entry);

impl Completion {
    pub(super) fn tag(&self) -> Tag {
        Tag::unpack(self.0.user_data())
    }

    pub(super) fn result(&self) -> i32 {
        self.0.result()
    }

    /// Whether its operation goes on.
    pub(super) fn more(&self) -> bool {
        cqueue::more(self.0.flags())
    }

    /// The connection that an accept has brought, or why there is none.
    pub(super) fn into_socket(self) -> io::Result<Socket> {
        // What others bring is a count, and may be the number of a descriptor too.
        assert!(self.tag().0 == Operation::Accept);
        if self.result() < 0 {
            return Err(io::Error::from_raw_os_error(-self.result()));
        }
        // SAFETY: a successful accept hands over a descriptor that nobody else owns.
        Ok(unsafe { Socket::from_raw_fd(self.result()) })
    }
}

impl Ring {
    /// Sets up a ring for this thread.
    pub(super) fn new() -> io::Result<Self> {
        let ring = set_up()?;
        let buffers = Buffers::new(&ring.submitter())
            .map_err(|error| because("io_uring_register of buffers", error))?;
        // SAFETY: zeroes are a message without address, parts and control data.
        let blank: libc::msghdr = unsafe { mem::zeroed() };
        Ok(Ring {
            ring,
            buffers,
            messages: Messages::new(blank),
            flying: 0,
            broken: None,
            _thread: PhantomData,
        })
    }

    /// What has been done and not been heard.
    pub(super) fn next(&mut self) -> Option<Completion> {
        let done = Completion(self.ring.completion().next()?);
        if !done.more() && done.tag().0.flies() {
            self.flying -= 1;
        }
        Some(done)
    }

    /// The bytes that a receive has brought: the kernel has their buffer again when they are dropped, and
    /// sees it after [`publish`](Self::publish).
    pub(super) fn lend(&mut self, done: Completion) -> Option<Loan<'_>> {
        let count = usize::try_from(done.result()).unwrap_or(0);
        cqueue::buffer_select(done.0.flags()).map(|id| {
            // SAFETY: this completion of our one group hands the buffer over, and is used up.
            unsafe { self.buffers.take(id, count) }
        })
    }

    /// Shows the kernel the buffers that are its own again.
    pub(super) fn publish(&mut self) {
        self.buffers.publish();
    }

    /// Asks for connections, bytes, or word of bytes, again and again. A receive brings at most a `share`
    /// before the kernel turns to the next; 0: as many as it likes.
    pub(super) fn arm(&mut self, operation: Operation, token: Token, socket: &Socket, share: u32) {
        let socket = Fd(socket.as_raw_fd());
        let entry = match operation {
            Operation::Accept => opcode::AcceptMulti::new(socket)
                .flags(libc::SOCK_CLOEXEC)
                .build(),
            Operation::Watch => opcode::PollAdd::new(socket, WATCHED).multi(true).build(),
            _ => opcode::RecvMulti::new(socket, buffers::GROUP)
                .len(share)
                .build(),
        };
        self.flying += 1;
        // SAFETY: it points to nothing; the buffers it takes are those of the group.
        unsafe { self.push(&entry.user_data(Tag(operation, token).pack())) };
    }

    /// A cancel that succeeds says nothing: its target does.
    pub(super) fn cancel(&mut self, operation: Operation, target: Tag) {
        let entry = opcode::AsyncCancel::new(target.pack())
            .build()
            .flags(Flags::SKIP_SUCCESS)
            .user_data(Tag(operation, target.1).pack());
        // SAFETY: it points to nothing.
        unsafe { self.push(&entry) };
    }

    fn cancel_all(&mut self) {
        let entry = opcode::AsyncCancel2::new(CancelBuilder::any().all())
            .build()
            .user_data(Tag(Operation::CancelAll, WAKE).pack());
        // SAFETY: it points to nothing.
        unsafe { self.push(&entry) };
    }

    /// The one system call of a turn: submits, lets the kernel do what is pending, and sleeps if there
    /// is nothing to tell.
    pub(super) fn enter(&mut self, deadline: Option<Instant>, busy: bool) -> io::Result<()> {
        if let Some(error) = self.broken.take() {
            return Err(error);
        }
        let busy = busy || !self.ring.completion().is_empty();
        let entered = match deadline {
            None if !busy => self.ring.submit_and_wait(1),
            _ => {
                // Even when busy: without asking for completions the kernel would not receive.
                let sleep = deadline.filter(|_| !busy).map_or(Duration::ZERO, |at| {
                    at.saturating_duration_since(Instant::now())
                });
                let timespec = Timespec::from(sleep);
                let arguments = SubmitArgs::new().timespec(&timespec);
                self.ring.submitter().submit_with_args(1, &arguments)
            }
        };
        if self.ring.submission().is_empty() {
            self.messages.clear();
        }
        match entered {
            Ok(_) => Ok(()),
            Err(error) => match error.raw_os_error() {
                // The deadline; a signal; more completions than fit, or no memory for a moment: what
                // has come is told, and the next turn tries again.
                Some(libc::ETIME | libc::EINTR | libc::EBUSY | libc::EAGAIN) => Ok(()),
                _ => Err(because("io_uring_enter", error)),
            },
        }
    }

    /// Cancels everything and waits, not for ever, until the kernel has let go. Tells whether it has.
    pub(super) fn come_to_rest(&mut self) -> bool {
        let deadline = Instant::now() + PATIENCE;
        while self.flying > 0 && Instant::now() < deadline && self.broken.is_none() {
            self.cancel_all();
            let _ = self.enter(Some(Instant::now() + PATIENCE / 10), false);
            while let Some(done) = self.next() {
                if done.tag().0 == Operation::Accept {
                    drop(done.into_socket());
                }
            }
        }
        self.flying == 0
    }

    /// Puts a send into the ring, of one piece or of many.
    ///
    /// # Safety
    /// Until its completion the chunks stay untouched, or for ever if it does not come.
    unsafe fn send(&mut self, token: Token, socket: &Socket, chunks: &Chunks, flags: i32) {
        if !self.messages.has_room() {
            self.submit();
        }
        if self.broken.is_some() {
            return;
        }
        let socket = Fd(socket.as_raw_fd());
        let entry = if let Some(bytes) = chunks.single() {
            let length = bytes.len().min(SEND_MAX) as u32;
            opcode::Send::new(socket, bytes.as_ptr(), length)
                .flags(flags)
                .build()
        } else {
            opcode::SendMsg::new(socket, self.messages.write(chunks))
                .flags(flags as u32)
                .build()
        };
        self.flying += 1;
        // SAFETY: the bytes are owned by the chunks, on the heap, and the caller keeps those. The message
        // is kept until it has been submitted, and SUBMIT_STABLE was checked.
        unsafe { self.push(&entry.user_data(Tag(Operation::Send, token).pack())) };
    }

    /// Queues an entry; submits first when the queue is full.
    ///
    /// # Safety
    /// What the entry points to stays where it is until its last completion (a message only until it
    /// has been submitted).
    unsafe fn push(&mut self, entry: &squeue::Entry) {
        // SAFETY: as the caller promises.
        while unsafe { self.ring.submission().push(entry) }.is_err() {
            self.submit();
            if self.broken.is_some() {
                return;
            }
        }
    }

    fn submit(&mut self) {
        let mut patience = 100;
        while !self.ring.submission().is_empty() {
            match self.ring.submit() {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) if patience > 0 => patience -= 1,
                Err(error) => {
                    self.broken = Some(because("io_uring_enter", error));
                    return;
                }
            }
        }
        self.messages.clear();
    }
}

impl Drop for Ring {
    /// What the kernel may still write, the buffers, is leaked by not being freed.
    fn drop(&mut self) {
        let rests = self.flying == 0;
        let submitter = self.ring.submitter();
        if rests && submitter.unregister_buf_ring(buffers::GROUP).is_ok() {
            // SAFETY: nothing is in the ring, and the group has just been unregistered.
            unsafe { self.buffers.free() };
        }
    }
}

impl Uring {
    /// Puts the chunks of a slot that is `Flying` into the ring.
    pub(super) fn fly(&mut self, token: Token) {
        let Some(slot) = self.slots.get(token) else {
            return;
        };
        debug_assert!(slot.has_send());
        let flags = match slot.ending.is_open() {
            true => libc::MSG_NOSIGNAL,
            // Our FIN follows.
            false => libc::MSG_NOSIGNAL | MORE,
        };
        // SAFETY: while a slot is `Flying` or `Cancelled` nobody launches another send of it, nor removes it
        // (`asking`), and its chunks are touched by `sent` only (`hearing`), which hears the completion;
        // when that does not come, `drop` leaks the slots.
        unsafe { self.ring.send(token, &slot.socket, &slot.chunks, flags) };
    }
}

/// A ring with all that we build on.
fn set_up() -> io::Result<IoUring> {
    let ring = IoUring::builder()
        .setup_single_issuer()
        .setup_defer_taskrun()
        .setup_submit_all()
        .setup_cqsize(4 * ENTRIES)
        .build(ENTRIES)
        .map_err(|error| because("io_uring_setup", error))?;
    let features = ring.params();
    if features.is_feature_submit_stable()
        && features.is_feature_nodrop()
        && features.is_feature_ext_arg()
    {
        return Ok(ring);
    }
    let missing = io::Error::from(io::ErrorKind::Unsupported);
    Err(because("io_uring lacks what we build on", missing))
}

fn because(what: &str, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}

/// 1024: what is asked in a busy turn; more costs a system call. The completions get four times that.
const ENTRIES: u32 = 1024;
/// 1 GiB: below what the kernel takes in one send.
const SEND_MAX: usize = 1 << 30;
/// 1 s: a kernel that has not let go by then will not.
const PATIENCE: Duration = Duration::from_secs(1);
