//! What all connections of a worker share while one of them is being served: the outgoing columns,
//! the topics, the timers, the way to the other workers.
//!
//! A handler's [`Peer`](super::Peer) is a key to this hall. Nothing here calls a handler or the
//! driver: what a callback causes is noted, and settled at the end of the turn.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::connection::Outlet;
use super::flags::Flag;
use super::handler::{Cause, Handler};
use super::mailbox::{Counters, Letter, Shared, count};
use super::run::Run;
use super::wheel::Wheel;
use crate::config::Config;
use crate::proto::deflate;
use crate::proto::{Batch, CloseCode, Outbound, OutboxLimits, Prepared, Sent, SlowPolicy};
use crate::reactor::{Address, Token};
use crate::topics::Topics;

pub(crate) struct Hall<H: Handler> {
    pub(super) outlets: Outlets,
    pub(super) topics: Topics<Token>,
    /// What has been published and not been told.
    pub(super) run: Run,
    /// User timers.
    pub(super) timers: Wheel<(Token, u64)>,
    pub(super) shared: Arc<Shared<H>>,
    pub(super) config: Arc<Config>,
    /// Which worker this is.
    pub(super) worker: usize,
    /// The time of this turn, in milliseconds of the worker's clock.
    pub(super) now: u64,
    /// Where the listeners listen.
    pub(super) addresses: Arc<[Address]>,
    /// What compression had taken of this thread when the turn began.
    pub(super) worked: u64,
}

/// The outgoing columns, and who of them has something to settle.
pub(crate) struct Outlets {
    list: Vec<Option<Outlet>>,
    pub(super) dirty: Vec<Token>,
    /// Counts the turns of the loop.
    pub(super) turn: u32,
    /// Some peer has been told as much as it should be in one turn: before it is told more, and
    /// perhaps found slow, what it was told must have had the chance to leave. Or compression has taken
    /// as much time as one turn may take.
    pub(super) enough: bool,
    /// The most that others have said to one peer in this turn, in bytes.
    most: usize,
    pub(super) limits: OutboxLimits,
}

/// On whose behalf something is said.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Voice {
    /// The peer's own: an answer to what is being read from it. Reading stops before it is too much.
    Answer,
    /// Anybody else's: the slow policy applies.
    Other,
}

impl Outlets {
    pub(super) fn new(limits: OutboxLimits) -> Self {
        Outlets {
            list: Vec::new(),
            dirty: Vec::new(),
            turn: 0,
            enough: false,
            most: 0,
            limits,
        }
    }

    #[inline]
    pub(super) fn get(&self, token: Token) -> Option<&Outlet> {
        let outlet = self.list.get(token.index as usize)?.as_ref()?;
        (outlet.generation == token.generation).then_some(outlet)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, token: Token) -> Option<&mut Outlet> {
        let outlet = self.list.get_mut(token.index as usize)?.as_mut()?;
        (outlet.generation == token.generation).then_some(outlet)
    }

    /// The token of whoever sits at this place now.
    pub(super) fn at(&self, index: u32) -> Option<Token> {
        let outlet = self.list.get(index as usize)?.as_ref()?;
        Some(Token {
            index,
            generation: outlet.generation,
        })
    }

    pub(super) fn all_mut(&mut self) -> impl Iterator<Item = &mut Outlet> {
        self.list.iter_mut().flatten()
    }

    pub(super) fn insert(&mut self, token: Token, outlet: Outlet) {
        let index = token.index as usize;
        if self.list.len() <= index {
            self.list.resize_with(index + 1, || None);
        }
        self.list[index] = Some(outlet);
    }

    pub(super) fn remove(&mut self, token: Token) -> Option<Outlet> {
        self.get(token)?;
        self.list[token.index as usize].take()
    }

    pub(super) fn tokens(&self) -> impl Iterator<Item = (Token, &Outlet)> {
        let places = self.list.iter().zip(0..);
        places.filter_map(|(outlet, index)| Some((self.at(index)?, outlet.as_ref()?)))
    }

    /// To be settled at the end of the turn.
    #[inline]
    pub(super) fn touch(&mut self, token: Token) {
        if let Some(outlet) = self.get_mut(token)
            && !outlet.mark(Flag::Dirty)
        {
            self.dirty.push(token);
        }
    }

    /// Says something to a peer, unless it is closing or the slow policy is against it.
    #[inline]
    pub(super) fn say(
        &mut self,
        token: Token,
        voice: Voice,
        counters: &Counters,
        queue: impl FnOnce(&mut Outbound) -> Sent,
    ) -> Sent {
        let limits = self.limits;
        let Some(outlet) = self.get_mut(token) else {
            return Sent::Closing;
        };
        if !outlet.is_talking() {
            return Sent::Closing;
        }
        if voice == Voice::Other
            && outlet.half.outbox.len() >= limits.max
            && let Some(refused) = outlet.make_room(&limits, counters)
        {
            self.touch(token);
            return refused;
        }
        let before = outlet.half.outbox.len();
        let sent = queue(&mut outlet.half);
        let said = match voice {
            Voice::Answer => 0,
            Voice::Other => outlet.add_said(outlet.half.outbox.len() - before),
        };
        outlet.note_full(limits.high);
        if !outlet.mark(Flag::Dirty) {
            self.dirty.push(token);
        }
        self.note_said(said);
        sent
    }

    /// Says several messages to a peer. False when they are to be said to it one by one: because they
    /// must be masked for it, or it may be found slow on the way.
    #[inline]
    pub(super) fn say_all(&mut self, token: Token, batch: &mut Batch) -> bool {
        let high = self.limits.high;
        let Some(outlet) = self.get_mut(token) else {
            return true;
        };
        if !outlet.is_talking() {
            return true;
        }
        let before = outlet.half.outbox.len();
        if outlet.is_dialled() || before + batch.size() > high {
            return false;
        }
        outlet.half.share_all(batch);
        let said = outlet.add_said(outlet.half.outbox.len() - before);
        if !outlet.mark(Flag::Dirty) {
            self.dirty.push(token);
        }
        self.note_said(said);
        true
    }

    /// Forgets what was said in the turn before.
    pub(super) fn begin_turn(&mut self) {
        self.turn = self.turn.wrapping_add(1);
        self.enough = false;
        self.most = 0;
    }

    /// Notes what others have said to somebody in this turn.
    #[inline]
    fn note_said(&mut self, bytes: usize) {
        self.most = self.most.max(bytes);
        self.enough |= bytes > self.limits.high;
    }

    /// Notes that so many bytes more are yet to be said to everybody in this turn.
    #[inline]
    pub(super) fn note_pending(&mut self, bytes: usize) {
        self.enough |= self.most + bytes > self.limits.high;
    }
}

impl Outlet {
    /// More may wait now: past high water what the peer asks is not to be read.
    #[inline]
    pub(super) fn note_full(&mut self, high: usize) {
        if self.half.outbox.len() > high {
            self.fill();
        }
    }

    #[cold]
    fn fill(&mut self) {
        self.mark(Flag::Full);
    }

    /// Less waits now, perhaps. Tells whether it is full no more, and read again.
    #[inline]
    pub(super) fn drains(&mut self, low: usize) -> bool {
        self.is(Flag::Full) && self.half.outbox.len() <= low && self.unmark(Flag::Full)
    }

    /// Others have said so many bytes to it. Tells how many that makes in this turn.
    fn add_said(&mut self, bytes: usize) -> usize {
        self.said = self.said.saturating_add(bytes as u32);
        self.said as usize
    }

    /// The outbox is full: does what the policy says. `None` if there is room now.
    #[cold]
    fn make_room(&mut self, limits: &OutboxLimits, counters: &Counters) -> Option<Sent> {
        match limits.policy {
            SlowPolicy::Close => {
                count(&counters.slow);
                self.give_up(Cause::SlowConsumer, "reads too slowly");
                return Some(Sent::Closing);
            }
            SlowPolicy::DropOldest => {
                while self.half.outbox.len() >= limits.max && self.half.outbox.drop_oldest() > 0 {
                    count(&counters.dropped);
                }
                // What is left has begun to leave: the newest goes behind it.
                return None;
            }
            SlowPolicy::DropNewest => {}
        }
        count(&counters.dropped);
        Some(Sent::Dropped)
    }

    /// Finishes the frame under way, drops the rest, says 1013.
    pub(super) fn give_up(&mut self, cause: Cause, reason: &str) {
        self.half.outbox.drop_all();
        self.fail(cause, CloseCode::TRY_AGAIN_LATER, reason);
    }
}

impl<H: Handler> Hall<H> {
    /// The clock, as connections note it.
    #[inline]
    pub(super) fn stamp(&self) -> u32 {
        self.now as u32
    }

    pub(super) fn counters(&self) -> &Counters {
        self.shared.counters(self.worker)
    }

    /// A few bytes can ask for much: what came in may inflate to a thousand times as much, and be
    /// answered. So whoever is next waits for the next turn once it has been [`WORK_MAX`].
    #[inline]
    pub(super) fn watch_work(&mut self) {
        self.outlets.enough |= deflate::work().wrapping_sub(self.worked) > WORK_MAX;
    }

    /// Says something to one connection.
    #[inline]
    pub(super) fn say(
        &mut self,
        token: Token,
        voice: Voice,
        queue: impl FnOnce(&mut Outbound) -> Sent,
    ) -> Sent {
        self.tell_first(token);
        self.outlets
            .say(token, voice, self.shared.counters(self.worker), queue)
    }

    /// Sends it on to the workers that have connections. False when one of them has too much to do:
    /// then the one who published is not to be read for a while.
    pub(super) fn publish_there(&self, topic: &str, message: &Prepared) -> bool {
        let mut room = true;
        let mut name: Option<Arc<str>> = None;
        for worker in (0..self.shared.workers()).filter(|worker| *worker != self.worker) {
            if self.shared.open(worker).load(Ordering::Relaxed) > 0 {
                let name = name.get_or_insert_with(|| topic.into()).clone();
                let letter = Letter::Publish(name, message.clone());
                room &= self.shared.forward(self.worker, worker, letter);
            }
        }
        room
    }
}

/// 4 MiB inflated, or half of one deflated: some milliseconds.
const WORK_MAX: u64 = 4 << 20;
