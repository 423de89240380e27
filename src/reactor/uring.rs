//! io_uring as a driver.
//!
//! One ring and one thread. A listener has one multishot accept in the ring and a connection one
//! multishot receive, which takes its memory from `buffers`; there is at most one send
//! per connection. A turn is one system call: it submits what was asked since the last turn, and waits.
//!
//! What must hold:
//!
//! - What an operation points to stays where it is until its last completion: a send's chunks in its
//!   slot, the buffers in their pool. A slot is freed when nothing of it is in the ring.
//! - A receive is armed at the beginning of a turn only, after the buffers of the turn before were shown
//!   to the kernel. That it ends because the buffers ran out is not an error.
//! - A cancel is in the queue before whatever is armed later, so it can only hit what it was meant for.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::marker::PhantomData;
use std::mem;
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use io_uring::squeue::Flags;
use io_uring::types::{CancelBuilder, Fd, SubmitArgs, Timespec};
use io_uring::{IoUring, cqueue, opcode, squeue};
use socket2::Socket;

use super::buffers::{self, Buffers};
use super::bulk::WATCHED;
use super::ending::Step;
use super::messages::Messages;
use super::receive::Passage;
use super::slots::Slots;
use super::socket::{is_starved, to_address};
use super::tag::{INDEX_MAX, Operation, Tag};
use super::turn::{FAILURES_MAX, MORE, Raw, Turn};
use super::uring_slot::{Input, Output, Slot};
use super::{Close, Driver, Event, Source, Token, Waker};
use crate::chunk::Chunks;

/// The driver. It stays on the thread that made it.
pub struct Uring {
    ring: IoUring,
    buffers: Buffers,
    slots: Slots<Slot>,
    messages: Messages,
    /// To be armed when the next turn begins.
    arm: Vec<Token>,
    /// Something is to be told of these that no completion brings.
    due: VecDeque<Token>,
    /// Watched ones that have something to read.
    readable: VecDeque<Token>,
    /// The last turn had no room for all of them: they come first now.
    readable_first: bool,
    passage: Passage,
    /// Accepts, receives and sends in the ring.
    flying: usize,
    /// Bytes one connection may bring before the kernel turns to the next; 0: it does not know that.
    share: u32,
    /// The submission queue could not be emptied: nothing can go on.
    broken: Option<io::Error>,
    wake: UnixStream,
    waker: Waker,
    /// The ring knows its thread.
    _thread: PhantomData<*const ()>,
}

impl Uring {
    /// Sets up a ring for this thread.
    ///
    /// # Errors
    /// The kernel has no io_uring, an old one (before 6.1), or forbids it.
    pub fn new() -> io::Result<Self> {
        let ring = IoUring::builder()
            .setup_single_issuer()
            .setup_defer_taskrun()
            .setup_submit_all()
            .setup_cqsize(4 * ENTRIES)
            .build(ENTRIES)
            .map_err(|error| because("io_uring_setup", error))?;
        let features = ring.params();
        if !(features.is_feature_submit_stable()
            && features.is_feature_nodrop()
            && features.is_feature_ext_arg())
        {
            let missing = io::Error::from(io::ErrorKind::Unsupported);
            return Err(because("io_uring lacks what we build on", missing));
        }
        let (wake, woken) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        let waking = wake.try_clone()?;
        let buffers = Buffers::new(&ring.submitter())
            .map_err(|error| because("io_uring_register of buffers", error))?;
        // SAFETY: zeroes are a message without address, parts and control data.
        let blank: libc::msghdr = unsafe { mem::zeroed() };
        let mut uring = Uring {
            ring,
            buffers,
            slots: Slots::new(),
            messages: Messages::new(blank),
            arm: Vec::new(),
            due: VecDeque::new(),
            readable: VecDeque::new(),
            readable_first: false,
            passage: Passage::new(),
            flying: 0,
            share: SHARE,
            broken: None,
            wake,
            // A full pipe wakes as well as one byte more would.
            waker: Waker::new(move || drop((&waking).write(&[1]))),
            _thread: PhantomData,
        };
        let token = uring.open(Source::Stream(std::os::fd::OwnedFd::from(woken).into()))?;
        assert_eq!(token, WAKE);
        // Alone in the ring, it finds out whether the kernel takes a share.
        uring.wait(Some(Instant::now()), &mut |_| {})?;
        Ok(uring)
    }
}

impl Driver for Uring {
    fn open(&mut self, source: Source) -> io::Result<Token> {
        let waits = matches!(source, Source::Accepted(_));
        let (socket, listens) = match source {
            Source::Listener(socket) => (socket, true),
            // While it connects, receives and sends wait in the ring as they do for bytes and room. When
            // the connect fails, the first of them to try takes the reason and is the first to come
            // home; what the other brings then, EPIPE or what looks like a FIN, is not heard any more.
            Source::Stream(socket) | Source::Accepted(socket) | Source::Connecting(socket) => {
                (socket, false)
            }
        };
        // The ring waits for the socket by itself; told not to block, it would give up instead.
        if !waits {
            socket.set_nonblocking(false)?;
        }
        let token = self
            .slots
            .insert(Slot::new(socket, listens), INDEX_MAX)
            .map_err(|_| io::Error::from_raw_os_error(libc::EMFILE))?;
        self.arm.push(token);
        Ok(token)
    }

    fn send(&mut self, token: Token, chunks: Chunks) -> Option<Chunks> {
        self.launch(token, chunks, false);
        None
    }

    fn finish(&mut self, token: Token, chunks: Chunks) {
        self.launch(token, chunks, true);
    }

    fn read(&mut self, token: Token, on: bool) {
        let Some(slot) = self.slots.get_mut(token) else {
            return;
        };
        slot.wanted = on;
        slot.failures = 0;
        if on {
            self.arm.push(token);
        } else if slot.ending.is_open() {
            self.cancel_input(token);
        }
    }

    fn close(&mut self, token: Token, how: Close) {
        if let Some(slot) = self.slots.get_mut(token) {
            slot.ending.ask(how);
            self.settle(token);
        }
    }

    fn wait(
        &mut self,
        deadline: Option<Instant>,
        tell: &mut dyn FnMut(Event<'_>),
    ) -> io::Result<()> {
        self.arm();
        self.enter(deadline)?;
        let mut turn = Turn::new(tell);
        self.tell_due(&mut turn);
        // Neither those in the ring nor those past it take all turns for themselves.
        if mem::take(&mut self.readable_first) {
            self.read_bulk(&mut turn);
            self.hear_all(&mut turn);
        } else {
            self.hear_all(&mut turn);
            self.readable_first = !self.read_bulk(&mut turn);
        }
        self.tell_due(&mut turn);
        self.buffers.publish();
        Ok(())
    }

    fn waker(&self) -> Waker {
        self.waker.clone()
    }
}

/// Hearing: what the kernel has done.
impl Uring {
    fn next(&mut self) -> Option<cqueue::Entry> {
        self.ring.completion().next()
    }

    fn hear_all(&mut self, turn: &mut Turn<'_, '_>) {
        while turn.has_room()
            && let Some(entry) = self.next()
        {
            self.hear(&entry, turn);
        }
    }

    fn hear(&mut self, entry: &cqueue::Entry, turn: &mut Turn<'_, '_>) {
        let Tag(operation, token) = Tag::unpack(entry.user_data());
        let (result, more) = (entry.result(), cqueue::more(entry.flags()));
        if !more && operation.flies() {
            self.flying -= 1;
        }
        match operation {
            Operation::Receive => self.received(token, entry, turn),
            Operation::Watch => self.watched(token, result, more),
            Operation::Send => self.sent(token, result, turn),
            Operation::Accept => self.accepted(token, result, more, turn),
            Operation::CancelInput => self.input_not_cancelled(token, result),
            Operation::CancelSend => self.send_not_cancelled(token, result),
            Operation::CancelAll => {}
        }
    }

    fn received(&mut self, token: Token, entry: &cqueue::Entry, turn: &mut Turn<'_, '_>) {
        let count = usize::try_from(entry.result()).unwrap_or(0);
        // Whoever it is for, the buffer goes back.
        let mut loan = cqueue::buffer_select(entry.flags()).map(|id| {
            // SAFETY: this completion of our one group hands the buffer over, and is heard once.
            unsafe { self.buffers.take(id, count) }
        });
        let Some(slot) = self.slots.get_mut(token) else {
            return;
        };
        let more = cqueue::more(entry.flags());
        if !more {
            slot.input = Input::Idle;
        }
        let open = slot.ending.is_open();
        match (loan.as_deref_mut(), entry.result()) {
            (Some(bytes), 1..) if open && token != WAKE => {
                // More of its bytes may be on their way to us already: it is not to be read by others.
                let raw = Raw::new(&slot.socket, WORTH_SENDING, false);
                turn.tell(Event::Received(token, bytes, &raw));
                let wished = raw.into_left().wished;
                slot.bulk.wish(wished);
            }
            (_, 1..) => slot.ending.discard(count),
            (_, 0) => {
                slot.ending.end();
                if open {
                    turn.tell(Event::Ended(token));
                }
            }
            // Kernels before 6.17 know no share.
            (_, error) if -error == libc::EINVAL && token == WAKE && self.share != 0 => {
                self.share = 0;
            }
            (_, error) if is_harmless(-error) => {}
            (_, error) => slot.ending.fail(io::Error::from_raw_os_error(-error)),
        }
        drop(loan);
        if more && slot.bulk.wanted {
            self.cancel_input(token);
        }
        if !more || !open {
            self.settle(token);
        }
    }

    fn watched(&mut self, token: Token, result: i32, more: bool) {
        let Some(slot) = self.slots.get_mut(token) else {
            return;
        };
        if !more {
            slot.input = Input::Idle;
        }
        if result >= 0 {
            if slot.bulk.note(result) {
                self.readable.push_back(token);
            }
        } else if !is_harmless(-result) {
            slot.ending.fail(io::Error::from_raw_os_error(-result));
        }
        if !more || !slot.ending.is_open() {
            self.settle(token);
        }
    }

    /// Reads those who have been watched, each once: who has more waits for the next turn. Tells whether
    /// there was room for all.
    fn read_bulk(&mut self, turn: &mut Turn<'_, '_>) -> bool {
        for _ in 0..self.readable.len() {
            if !turn.has_room() {
                return false;
            }
            let Some(token) = self.readable.pop_front() else {
                break;
            };
            let Some(slot) = self.slots.get_mut(token) else {
                continue;
            };
            slot.bulk.readable = false;
            if slot.may_read_bulk() && slot.read_bulk(token, &mut self.passage, turn) {
                slot.bulk.readable = true;
                self.readable.push_back(token);
            }
            if !slot.bulk.wanted {
                self.cancel_input(token);
            }
            self.settle(token);
        }
        true
    }

    fn sent(&mut self, token: Token, result: i32, turn: &mut Turn<'_, '_>) {
        let Some(slot) = self.slots.get_mut(token) else {
            return;
        };
        debug_assert!(slot.has_send(), "a send has come home that never left");
        match usize::try_from(result) {
            Ok(count) => slot.chunks.advance(count),
            Err(_) if is_harmless(-result) => {}
            Err(_) => slot.ending.fail(io::Error::from_raw_os_error(-result)),
        }
        let open = slot.ending.is_open();
        if !slot.chunks.is_empty() && !open && !slot.ending.is_cut() {
            // Finishing: nobody would send the rest, so we do.
            slot.output = Output::Flying;
            return self.fly(token);
        }
        slot.output = Output::Idle;
        let chunks = mem::take(&mut slot.chunks);
        turn.tell(Event::Sent(token, chunks));
        if !open {
            self.settle(token);
        }
    }

    fn accepted(&mut self, token: Token, result: i32, more: bool, turn: &mut Turn<'_, '_>) {
        let socket = (result >= 0).then(|| {
            // SAFETY: a successful accept hands over a descriptor that nobody else owns.
            unsafe { Socket::from_raw_fd(result) }
        });
        let Some(slot) = self.slots.get_mut(token) else {
            return;
        };
        if !more {
            slot.input = Input::Idle;
        }
        if let Some(socket) = socket {
            slot.failures = 0;
            // A peer that has no address any more is gone.
            let from = socket.peer_addr().ok();
            if !slot.ending.is_cut()
                && let Some(from) = from.as_ref().and_then(to_address)
            {
                turn.tell(Event::Accepted {
                    listener: token,
                    socket,
                    from,
                });
            }
        } else if -result != libc::ECANCELED {
            let error = io::Error::from_raw_os_error(-result);
            slot.failures += 1;
            if is_starved(&error) || slot.failures >= FAILURES_MAX {
                slot.wanted = false;
                if slot.ending.is_open() {
                    turn.tell(Event::Starved(token, error));
                }
            }
        }
        if !more {
            self.settle(token);
        }
    }

    /// A cancel finds nothing when its target has ended, which tells by itself, but also while the
    /// target changes hands inside the kernel.
    fn input_not_cancelled(&mut self, token: Token, result: i32) {
        if let Some(slot) = self.slots.get(token)
            && slot.input == Input::Cancelled
            && result == -libc::ENOENT
        {
            let target = Tag(slot.input_operation(), token);
            self.cancel(Operation::CancelInput, target);
        }
    }

    fn send_not_cancelled(&mut self, token: Token, result: i32) {
        if let Some(slot) = self.slots.get(token)
            && slot.output == Output::Cancelled
            && result == -libc::ENOENT
        {
            self.cancel(Operation::CancelSend, Tag(Operation::Send, token));
        }
    }

    fn tell_due(&mut self, turn: &mut Turn<'_, '_>) {
        while turn.has_room()
            && let Some(token) = self.due.pop_front()
        {
            let Some(slot) = self.slots.get_mut(token) else {
                continue;
            };
            if slot.output == Output::Landed {
                slot.output = Output::Idle;
                turn.tell(Event::Sent(token, mem::take(&mut slot.chunks)));
            }
            if slot.is_over()
                && let Some(slot) = self.slots.remove(token)
            {
                let end = slot.ending.close(slot.socket);
                turn.tell(Event::Closed(token, end));
            } else {
                self.settle(token);
            }
        }
    }
}

/// Asking: what the kernel is to do.
impl Uring {
    /// Does what follows from what has become of a source.
    fn settle(&mut self, token: Token) {
        let Some(slot) = self.slots.get_mut(token) else {
            return;
        };
        match slot.step() {
            Step::Over if slot.is_over() => self.due.push_back(token),
            Step::Over => {
                self.cancel_input(token);
                self.cancel_output(token);
            }
            _ if slot.input == Input::Idle => self.arm.push(token),
            _ => {}
        }
    }

    fn arm(&mut self) {
        let mut arm = mem::take(&mut self.arm);
        for token in arm.drain(..) {
            let Some(slot) = self.slots.get_mut(token) else {
                continue;
            };
            if !slot.is_to_be_armed() {
                continue;
            }
            slot.input = Input::Armed;
            slot.bulk.watched = slot.bulk.wanted;
            let socket = Fd(slot.socket.as_raw_fd());
            let operation = slot.input_operation();
            let entry = match operation {
                Operation::Accept => opcode::AcceptMulti::new(socket)
                    .flags(libc::SOCK_CLOEXEC)
                    .build(),
                Operation::Watch => opcode::PollAdd::new(socket, WATCHED).multi(true).build(),
                _ => opcode::RecvMulti::new(socket, buffers::GROUP)
                    .len(self.share)
                    .build(),
            };
            self.flying += 1;
            // SAFETY: it points to nothing; the buffers it takes are those of the group.
            unsafe { self.push(&entry.user_data(Tag(operation, token).pack())) };
        }
        self.arm = arm;
    }

    /// Puts a send into the ring. Behind the `last` goes our FIN: noted before they are sent, to travel
    /// with them.
    fn launch(&mut self, token: Token, chunks: Chunks, last: bool) {
        let Some(slot) = self.slots.get_mut(token) else {
            return;
        };
        // The kernel reads the chunks that would be dropped here.
        assert!(slot.output == Output::Idle, "one send at a time");
        slot.chunks = chunks;
        let open = slot.ending.is_open();
        if open && last {
            slot.ending.ask(Close::Finish);
        }
        if open && !slot.chunks.is_empty() {
            slot.output = Output::Flying;
            self.fly(token);
        } else {
            slot.output = Output::Landed;
            self.due.push_back(token);
        }
    }

    /// Puts the chunks of a slot that is `Flying` into the ring.
    fn fly(&mut self, token: Token) {
        if !self.messages.has_room() {
            self.submit();
        }
        if self.broken.is_some() {
            return;
        }
        let Some(slot) = self.slots.get(token) else {
            return;
        };
        let socket = Fd(slot.socket.as_raw_fd());
        let chunks = &slot.chunks;
        let flags = match slot.ending.is_open() {
            true => libc::MSG_NOSIGNAL,
            // Our FIN follows.
            false => libc::MSG_NOSIGNAL | MORE,
        };
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
        // SAFETY: the bytes are owned by the chunks, on the heap, and the chunks stay untouched in the
        // slot until the completion (`sent`, or `drop`, which leaks them when it does not come). The
        // message is kept until it has been submitted, and SUBMIT_STABLE was checked.
        unsafe { self.push(&entry.user_data(Tag(Operation::Send, token).pack())) };
    }

    fn cancel_input(&mut self, token: Token) {
        if let Some(slot) = self.slots.get_mut(token)
            && slot.input == Input::Armed
        {
            slot.input = Input::Cancelled;
            let target = Tag(slot.input_operation(), token);
            self.cancel(Operation::CancelInput, target);
        }
    }

    fn cancel_output(&mut self, token: Token) {
        if let Some(slot) = self.slots.get_mut(token)
            && slot.output == Output::Flying
        {
            slot.output = Output::Cancelled;
            self.cancel(Operation::CancelSend, Tag(Operation::Send, token));
        }
    }

    /// A cancel that succeeds says nothing: its target does.
    fn cancel(&mut self, operation: Operation, target: Tag) {
        let entry = opcode::AsyncCancel::new(target.pack())
            .build()
            .flags(Flags::SKIP_SUCCESS)
            .user_data(Tag(operation, target.1).pack());
        // SAFETY: it points to nothing.
        unsafe { self.push(&entry) };
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

    /// The one system call of a turn: submits, lets the kernel do what is pending, and sleeps if there
    /// is nothing to tell.
    fn enter(&mut self, deadline: Option<Instant>) -> io::Result<()> {
        if let Some(error) = self.broken.take() {
            return Err(error);
        }
        let busy =
            !self.due.is_empty() || !self.readable.is_empty() || !self.ring.completion().is_empty();
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

    /// Cancels everything and waits, not for ever, until the kernel has let go.
    fn come_to_rest(&mut self) -> bool {
        // Nobody is told any more.
        self.due.clear();
        self.readable.clear();
        let deadline = Instant::now() + PATIENCE;
        while self.flying > 0 && Instant::now() < deadline && self.broken.is_none() {
            let entry = opcode::AsyncCancel2::new(CancelBuilder::any().all())
                .build()
                .user_data(Tag(Operation::CancelAll, WAKE).pack());
            // SAFETY: it points to nothing.
            unsafe { self.push(&entry) };
            let _ = self.enter(Some(Instant::now() + PATIENCE / 10));
            while let Some(entry) = self.next() {
                let Tag(operation, _) = Tag::unpack(entry.user_data());
                if operation == Operation::Accept && entry.result() >= 0 {
                    // SAFETY: a successful accept hands over a descriptor that nobody else owns.
                    drop(unsafe { Socket::from_raw_fd(entry.result()) });
                }
                if !cqueue::more(entry.flags()) && operation.flies() {
                    self.flying -= 1;
                }
            }
        }
        self.flying == 0
    }
}

impl Drop for Uring {
    fn drop(&mut self) {
        let rested = self.come_to_rest();
        if rested
            && self
                .ring
                .submitter()
                .unregister_buf_ring(buffers::GROUP)
                .is_ok()
        {
            // SAFETY: nothing is in the ring, and the group has just been unregistered.
            unsafe { self.buffers.free() };
        }
        if !rested {
            // The kernel may still read the chunks. What it may still write, the buffers, is leaked
            // already, by not being freed.
            mem::forget(mem::take(&mut self.slots));
        }
        // Whoever wakes us now writes into a socket that nobody reads.
        let _ = self.wake.shutdown(std::net::Shutdown::Both);
    }
}

/// Nothing is wrong: no buffer was left, it was cancelled, or is to be tried again.
fn is_harmless(error: i32) -> bool {
    matches!(
        error,
        libc::ENOBUFS | libc::ECANCELED | libc::EINTR | libc::EAGAIN
    )
}

fn because(what: &str, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}

/// The first source of every ring: what wakes it.
const WAKE: Token = Token {
    index: 0,
    generation: 0,
};
/// 1024: what is asked in a busy turn; more costs a system call. The completions get four times that.
const ENTRIES: u32 = 1024;
/// 1 GiB: below what the kernel takes in one send.
const SEND_MAX: usize = 1 << 30;
/// 64 KiB, four buffers: the kernel by itself would give one busy peer 32 before the others get one. No
/// difference was measured, at 200 x 32 B, 64 x 16 KiB and 8 x 1 MiB.
const SHARE: u32 = 64 << 10;
/// 32 KiB: measured, server's time per echo against a send by the ring: 8 to 10 % more at 4 and 8 KiB, where
/// a system call costs more than the copy it saves, level at 16 KiB, 14 % less at 64 KiB.
const WORTH_SENDING: usize = 32 << 10;
/// 1 s: a kernel that has not let go by then will not.
const PATIENCE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::super::probe;
    use super::*;

    #[test]
    fn the_probe_passes_twice() {
        let mut uring = Uring::new().unwrap();
        probe(&mut uring).unwrap();
        probe(&mut uring).unwrap();
    }
}
