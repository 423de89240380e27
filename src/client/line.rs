//! The way out: the transport, and what waits to leave over it. Both halves of a client share it.
//!
//! Two locks. `outgoing` is held while something is queued, never while anything is heard or written;
//! what is queued is compressed and masked under it, for what comes first is referred to later.
//! `writing` is the right to write, and whoever lets go of it has written all there was; so whoever
//! gets it without asking for long, the half that hears, finds nothing but its own pongs and Close,
//! and those it writes without waiting. It goes on reading whatever the other half is stuck in.

use std::io;
use std::net::Shutdown;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use super::builder::TIME_MAX;
use super::error::{Error, Wait};
use super::transport::{Out, Transport, is_late};
use crate::chunk::Chunks;
use crate::proto::{
    CloseCode, Event, Input, Message, Outbound, Phase, Rules, Sent, Stream, Violation,
};

#[derive(Debug)]
pub(super) struct Line<T> {
    pub(super) transport: T,
    pub(super) times: Times,
    outgoing: Mutex<Outgoing>,
    writing: Mutex<()>,
}

/// How long the server may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) write: Duration,
    pub(super) close: Duration,
}

#[derive(Debug)]
struct Outgoing {
    outbound: Outbound,
    /// The transport takes nothing more, and why.
    lost: Option<Lost>,
    /// When the connection has to be over: set once we have begun to close.
    over_by: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lost {
    /// The server took nothing for so long that we ended it.
    Late,
    /// It is broken, or over.
    Broken,
}

/// What became of what waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flushed {
    /// Nothing waits any more, or it never will leave.
    All,
    /// The transport took no more for now.
    Waits,
    /// The transport took nothing for as long as it may, and is given up.
    Late,
    /// The other half is writing, and will write this too.
    Elsewhere,
}

impl<T: Transport> Line<T> {
    pub(super) fn new(transport: T, outbound: Outbound, times: Times) -> Self {
        let outgoing = Outgoing {
            outbound,
            lost: None,
            over_by: None,
        };
        Line {
            transport,
            times,
            outgoing: Mutex::new(outgoing),
            writing: Mutex::new(()),
        }
    }

    /// Sends a message, and returns when it has left.
    pub(super) fn send(&self, message: Message<'_>) -> Result<(), Error> {
        self.say(|outbound| outbound.send(message))
    }

    pub(super) fn ping(&self, payload: &[u8]) -> Result<(), Error> {
        self.say(|outbound| outbound.ping(payload))
    }

    /// Begins the closing handshake, and returns when our Close has left.
    pub(super) fn close(&self, code: CloseCode, reason: &str) -> Result<(), Error> {
        let writing = self.right();
        let queued = self.queue_close(code, reason);
        // Nothing follows our Close, so this limit is the last.
        let limit = self.times.close.min(self.times.write);
        let limited = self.transport.write_within(limit);
        let flushed = self.flush(writing);
        queued.and(limited.map_err(Error::Io)).and(flushed)
    }

    /// Begins the closing handshake, without waiting for anything.
    pub(super) fn close_now(&self, code: CloseCode, reason: &str) -> Result<(), Error> {
        self.queue_close(code, reason)?;
        self.flush_now();
        Ok(())
    }

    /// Takes the next event, and queues the answer to it. Not locked while it is unmasked and
    /// inflated: the other half may say something meanwhile.
    pub(super) fn receive<'s, 'i: 's>(
        &self,
        stream: &'s mut Stream,
        input: &mut Input<'i>,
        rules: &Rules,
    ) -> Result<Option<Event<'s>>, Violation> {
        let outgoing = self.outgoing();
        if outgoing.outbound.phase() == Phase::Closed {
            input.take_all();
            return Ok(None);
        }
        let muted = outgoing.outbound.mutes(rules);
        drop(outgoing);
        let event = stream.next(input, rules, muted);
        if !matches!(event, Ok(None | Some(Event::Message(_)))) {
            self.outgoing().outbound.answer(event);
        }
        event
    }

    /// Writes what waits as far as it leaves without waiting; where the transport always waits, all of
    /// it, within the write timeout.
    pub(super) fn flush_now(&self) -> Flushed {
        while self.outgoing().is_ready() {
            let Some(_writing) = self.try_right() else {
                return Flushed::Elsewhere;
            };
            // Nobody else is reading, and nobody may write now: the whole socket is ours.
            let written = self
                .transport
                .set_waiting(false)
                .and_then(|()| self.write_out());
            let restored = self.transport.set_waiting(true);
            match written.and(restored) {
                Ok(()) => {}
                Err(error) if is_late(&self.transport, &error) => {
                    if !self.transport.always_waits() {
                        return Flushed::Waits;
                    }
                    self.lose(error);
                    return Flushed::Late;
                }
                // What the server has said before this may still be heard.
                Err(_) => self.outgoing().lose(Lost::Broken),
            }
        }
        Flushed::All
    }

    /// Says that nothing more comes from us.
    pub(super) fn finish(&self) {
        // It has gone already, when this fails.
        let _ = self.transport.shutdown(Shutdown::Write);
    }

    /// Ends the connection: the other half learns of it, wherever it waits.
    pub(super) fn end(&self) {
        let mut outgoing = self.outgoing();
        outgoing.lose(Lost::Broken);
        outgoing.outbound.hang_up();
        drop(outgoing);
        let _ = self.transport.shutdown(Shutdown::Both);
    }

    /// Why nothing comes any more: it may be the other half that gave up, and not the server.
    pub(super) fn ended(&self, error: io::Error) -> Error {
        match self.outgoing().lost {
            Some(Lost::Late) => Error::Timeout(Wait::Write),
            Some(Lost::Broken) | None => Error::Io(error),
        }
    }

    /// When the connection has to be over, if we have begun to close.
    pub(super) fn over_by(&self) -> Option<Instant> {
        self.outgoing().over_by
    }

    /// How long a server that is closing may take to say a message that was asked for then, and of
    /// which something came last then.
    pub(super) fn patient_until(&self, asked: Instant, last: Instant) -> Instant {
        let Times { write, close } = self.times;
        let all = close.saturating_add(write).min(TIME_MAX);
        (last + close.min(TIME_MAX)).min(asked + all)
    }

    /// When it has to be over if it begins to close now.
    pub(super) fn close_by(&self) -> Instant {
        Instant::now() + self.times.close.min(TIME_MAX)
    }

    fn say(&self, queue: impl FnOnce(&mut Outbound) -> Sent) -> Result<(), Error> {
        // First the right to write: what is found in the queue without it is then never more than
        // what the hearing half has put there.
        let writing = self.right();
        let queued = self.outgoing().queue(queue);
        // Also when nothing was queued: what the hearing half leaves to us may be its Close.
        let flushed = self.flush(writing);
        queued.and(flushed)
    }

    fn queue_close(&self, code: CloseCode, reason: &str) -> Result<(), Error> {
        let by = self.close_by();
        let mut outgoing = self.outgoing();
        outgoing.over_by.get_or_insert(by);
        outgoing.outbound.close(code, reason);
        if outgoing.lost.is_some() || outgoing.outbound.phase() == Phase::Closed {
            return Err(Error::Closed);
        }
        Ok(())
    }

    /// Writes all that waits, and lets go of the right to write. There is no other way to let go of it
    /// for who has waited for it: the hearing half does not wait, and counts on us to look again.
    fn flush(&self, writing: MutexGuard<'_, ()>) -> Result<(), Error> {
        let mut right = Some(writing);
        while let Some(writing) = right.take() {
            if let Err(error) = self.write_out() {
                return Err(self.lose(error));
            }
            drop(writing);
            // What the other half queued when it could not get the right any more.
            if self.outgoing().is_ready() {
                right = self.try_right();
            }
        }
        Ok(())
    }

    /// Writes all that waits, or what the transport takes of it. Only with the right to write.
    fn write_out(&self) -> io::Result<()> {
        let mut wrote = false;
        loop {
            let Some(mut chunks) = self.outgoing().take() else {
                return if wrote {
                    self.transport.flush()
                } else {
                    Ok(())
                };
            };
            wrote = true;
            let written = chunks.write_to(Out(&self.transport));
            self.outgoing().outbound.outbox.home(chunks);
            written?;
        }
    }

    /// A write has failed: nothing can follow half a frame.
    fn lose(&self, error: io::Error) -> Error {
        let late = is_late(&self.transport, &error);
        let mut outgoing = self.outgoing();
        outgoing.lose(if late { Lost::Late } else { Lost::Broken });
        outgoing.outbound.outbox.drop_all();
        drop(outgoing);
        if late {
            let _ = self.transport.shutdown(Shutdown::Both);
            return Error::Timeout(Wait::Write);
        }
        Error::Io(error)
    }

    /// The right to write, waited for.
    fn right(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().unwrap_or_else(|poisoned| {
            self.interrupted();
            poisoned.into_inner()
        })
    }

    /// The right to write, if nobody has it.
    fn try_right(&self) -> Option<MutexGuard<'_, ()>> {
        match self.writing.try_lock() {
            Ok(right) => Some(right),
            Err(TryLockError::Poisoned(poisoned)) => {
                self.interrupted();
                Some(poisoned.into_inner())
            }
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// A stream of the caller's has panicked in a write: who knows what has left of it.
    fn interrupted(&self) {
        self.outgoing().lose(Lost::Broken);
    }

    fn outgoing(&self) -> MutexGuard<'_, Outgoing> {
        // A panic while it was held left nothing half done that the other thread could not bear.
        self.outgoing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outgoing {
    fn queue(&mut self, queue: impl FnOnce(&mut Outbound) -> Sent) -> Result<(), Error> {
        if self.lost.is_some() || queue(&mut self.outbound) == Sent::Closing {
            return Err(Error::Closed);
        }
        Ok(())
    }

    /// What was the first to end it counts.
    fn lose(&mut self, why: Lost) {
        self.lost.get_or_insert(why);
    }

    fn is_ready(&self) -> bool {
        self.lost.is_none() && self.outbound.outbox.is_ready()
    }

    fn take(&mut self) -> Option<Chunks> {
        self.is_ready().then(|| self.outbound.outbox.take())
    }
}
