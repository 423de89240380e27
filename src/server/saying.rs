//! The end of a turn: newcomers are let in, and every connection that something happened to is
//! brought to where it should be. One send under way for each, whatever was said to it.

use std::sync::atomic::Ordering;

use http::StatusCode;

use super::connection::{Inlet, Outlet, Stage};
use super::flags::Flag;
use super::hall::Hall;
use super::handler::{Cause, Handler};
use super::id::PLACES;
use super::mailbox::{Order, count};
use super::worker::{Newcomer, Worker};
use crate::chunk::Chunks;
use crate::proto::deflate;
use crate::proto::handshake::Response;
use crate::proto::{Phase, Role, Stream};
use crate::reactor::{Address, Close, Driver, Source, Token, socket};

impl<H: Handler> Worker<H> {
    pub(super) fn say(&mut self, driver: &mut impl Driver) {
        for newcomer in std::mem::take(&mut self.newcomers) {
            self.admit(driver, newcomer);
        }
        self.dial_some(driver);
        if self.retry.is_some_and(|at| at <= self.hall.now) {
            self.retry = None;
            for listener in &self.listeners {
                driver.read(listener.token, true);
            }
        }
        self.go_on_leaving(driver);
        self.settle_all(driver);
        if self.memory > self.hall.config.memory_max {
            self.shed();
            self.settle_all(driver);
        }
        let engines = &self.hall.counters().engines;
        engines.store(deflate::memory() as u64, Ordering::Relaxed);
    }

    /// A connection has come in: ours, another worker's, or one too many.
    fn admit(&mut self, driver: &mut impl Driver, newcomer: Newcomer) {
        if self.leaving.is_some() {
            return;
        }
        let (total, least) = self.hall.shared.loads();
        if !newcomer.adopted && self.should_hand_over(newcomer.listener, total, least) {
            let Newcomer {
                socket,
                from,
                listener,
                ..
            } = newcomer;
            // If that worker has just ended, so will this one.
            self.hall.shared.order(
                least,
                Order::Adopt {
                    socket,
                    from,
                    listener,
                },
            );
            return;
        }
        let max = self.hall.config.connections_max;
        let refused = total >= max;
        if refused {
            count(&self.hall.counters().refused);
            // Those who are being told no are bounded too.
            if self.refused >= REFUSED_MAX {
                return;
            }
        }
        let Newcomer {
            socket,
            from,
            listener,
            adopted,
        } = newcomer;
        let local = self.hall.addresses.get(usize::from(listener)).copied();
        let local = match local {
            Some(Address::Ip(address)) if address.ip().is_unspecified() => {
                socket::local_address(&socket).ok()
            }
            _ => None,
        };
        let source = match adopted {
            true => Source::Stream(socket),
            false => Source::Accepted(socket),
        };
        let token = match driver.open(source) {
            Ok(token) => token,
            Err(error) => return tracing::warn!(%error, "a connection was not taken"),
        };
        if token.index >= PLACES {
            return driver.close(token, Close::Abort);
        }
        let mut outlet = Outlet::new(token.generation, Role::Server, from, self.hall.stamp());
        outlet.listener = listener;
        if local.is_some() {
            outlet.extra_mut().local = local;
        }
        self.hall.outlets.insert(token, outlet);
        self.seat(token, Stage::Opening(None));
        self.hall.outlets.touch(token);
        if refused {
            self.refused += 1;
            if let Some(outlet) = self.hall.outlets.get_mut(token) {
                outlet.mark(Flag::Refused);
            }
            let busy = Response::new(StatusCode::SERVICE_UNAVAILABLE);
            self.answer(token, &busy, false);
        } else {
            let sockets = self.hall.shared.sockets(self.hall.worker);
            sockets.fetch_add(1, Ordering::Relaxed);
            self.arm(token);
        }
    }

    pub(super) fn seat(&mut self, token: Token, stage: Stage<H::State>) {
        let index = token.index as usize;
        if self.inlets.len() <= index {
            self.inlets.resize_with(index + 1, || None);
        }
        self.inlets[index] = Some(Inlet::new(stage));
    }

    /// Whether another worker should have it: always the one with the least where only we listen,
    /// else when we have far more than the mean.
    fn should_hand_over(&self, listener: u16, total: usize, least: usize) -> bool {
        let workers = self.hall.shared.workers();
        if workers == 1 || least == self.hall.worker {
            return false;
        }
        let shared_out = |place| {
            self.listeners
                .iter()
                .any(|at| at.place == place && at.shared_out)
        };
        let own = self
            .hall
            .shared
            .sockets(self.hall.worker)
            .load(Ordering::Relaxed);
        // own > 1.25 * mean + 16, in whole numbers
        shared_out(listener) || 4 * own * workers > 5 * total + 64 * workers
    }

    fn settle_all(&mut self, driver: &mut impl Driver) {
        let mut dirty = std::mem::take(&mut self.hall.outlets.dirty);
        for token in dirty.drain(..) {
            self.settle(driver, token);
        }
        // Its room is used again.
        dirty.append(&mut self.hall.outlets.dirty);
        self.hall.outlets.dirty = dirty;
    }

    /// Compares what is with what should be, and asks the driver for the difference.
    fn settle(&mut self, driver: &mut impl Driver, token: Token) {
        let now = self.hall.stamp();
        let high = self.hall.outlets.limits.high;
        let Some(outlet) = self.hall.outlets.get_mut(token) else {
            return;
        };
        let Some(Some(inlet)) = self.inlets.get_mut(token.index as usize) else {
            return;
        };
        outlet.unmark(Flag::Dirty);
        outlet.said = 0;

        if outlet.half.phase() == Phase::Closed {
            inlet.let_go();
        }
        let held = inlet.held() + outlet.half.memory();
        self.memory -= outlet.counted as usize;
        outlet.counted = u32::try_from(held).unwrap_or(u32::MAX);
        self.memory += outlet.counted as usize;

        if outlet.is(Flag::Doomed) {
            return driver.close(token, Close::Abort);
        }
        outlet.note_full(high);

        let mut rearm = false;
        if outlet.half.phase() != Phase::Open && !outlet.mark(Flag::Closing) {
            outlet.unmark(Flag::Pinging);
            outlet.clock.since = now;
            rearm = true;
        }
        if outlet.half.outbox.is_ready() {
            if !outlet.half.outbox.is_stalled() {
                outlet.clock.wrote = now;
            }
            let chunks = outlet.half.outbox.take();
            if outlet.says_its_last(&chunks) {
                // The peer's FIN is awaited from when they have left.
                outlet.mark(Flag::Finishing);
                driver.finish(token, chunks);
            } else {
                driver.send(token, chunks);
            }
            rearm |= outlet
                .clock
                .is_due_after(now, self.hall.config.write_timeout);
        }
        if outlet.half.phase() == Phase::Closed
            && outlet.half.outbox.is_empty()
            && !outlet.is(Flag::Finishing)
        {
            // 7.1.1: the server closes TCP first, or the client after a while.
            if !outlet.is_second() || outlet.has_lingered(&self.hall.config, now) {
                outlet.mark(Flag::Finishing);
                outlet.clock.since = now;
                driver.close(token, Close::Finish);
                rearm = true;
            } else if !outlet.is(Flag::Lingering) {
                outlet.mark(Flag::Lingering);
                outlet.clock.since = now;
                rearm = true;
            }
        }

        let waits = matches!(inlet.stage, Stage::Deferred(_)) || outlet.holds();
        // What is kept must be read before more comes, or it would grow with what comes.
        let unread = (waits || inlet.rest.is_some()) && !outlet.is(Flag::Finishing);
        if unread != outlet.is(Flag::Unread) {
            outlet.flags.set(Flag::Unread, unread);
            driver.read(token, !unread);
            // Deadlines that were suspended count again from now.
            outlet.clock.heard = now;
            if outlet.is(Flag::Pinged) && !outlet.is(Flag::Pinging) && !outlet.is(Flag::Closing) {
                outlet.clock.since = now;
            }
            rearm = true;
        }
        if !waits && inlet.rest.is_some() && !outlet.is(Flag::Resumed) {
            outlet.mark(Flag::Resumed);
            self.resumed.push_back(token);
        }
        if rearm {
            self.arm(token);
        }
    }

    /// Memory is used up: whoever holds the most is told 1013, one after the other, until what is
    /// left would fit. What the kernel has of theirs is freed later, and counts as gone here.
    fn shed(&mut self) {
        self.forget_histories();
        let all = || self.hall.outlets.tokens();
        let told = all().filter(|(_, outlet)| outlet.is(Flag::Shed));
        let told: usize = told.map(|(_, outlet)| outlet.counted as usize).sum();
        let mut left = self.memory - told;
        if left <= self.hall.config.memory_max {
            return;
        }
        let holders = all().filter(|(_, outlet)| !outlet.is(Flag::Shed) && outlet.counted > 0);
        let mut holders: Vec<_> = holders
            .map(|(token, outlet)| (outlet.counted, token))
            .collect();
        holders.sort_unstable();
        while left > self.hall.config.memory_max
            && let Some((counted, token)) = holders.pop()
        {
            left -= counted as usize;
            self.shed_one(token);
        }
    }

    /// What was sent need not be referred to later: no connection is closed for the sake of it.
    fn forget_histories(&mut self) {
        for outlet in self.hall.outlets.all_mut() {
            let freed = outlet.half.forget();
            outlet.counted -= freed as u32;
            self.memory -= freed;
        }
    }

    fn shed_one(&mut self, token: Token) {
        count(&self.hall.counters().memory);
        let Some(outlet) = self.hall.outlets.get_mut(token) else {
            return;
        };
        let Some(Some(inlet)) = self.inlets.get_mut(token.index as usize) else {
            return;
        };
        outlet.mark(Flag::Shed);
        inlet.rest = None;
        match &mut inlet.stage {
            Stage::Open(stream, _) if outlet.is_talking() => {
                *stream = Stream::new();
                outlet.give_up(Cause::Memory, "out of memory");
            }
            // Its Close, or its answer, is behind what it does not read.
            _ => outlet.doom(Cause::Memory),
        }
        self.hall.outlets.touch(token);
    }
}

impl Outlet {
    /// Whether nothing is to follow these but our FIN, and they are few: what takes long to leave is
    /// seen through first, for a close has less time than a send.
    fn says_its_last(&self, chunks: &Chunks) -> bool {
        self.half.phase() == Phase::Closed
            && !self.is(Flag::Finishing)
            && !self.is_second()
            && self.half.outbox.is_at_its_last()
            && chunks.len() <= LAST_MAX
    }
}

impl<H: Handler> Hall<H> {
    /// The address a connection came in at.
    pub(super) fn local(&self, outlet: &Outlet) -> Address {
        let own = outlet.extra.as_ref().and_then(|extra| extra.local);
        let listener = || self.addresses.get(usize::from(outlet.listener)).copied();
        own.or_else(listener).unwrap_or(Address::Unix)
    }
}

/// 256 connections at a time are told that they are one too many; more are dropped without a word.
const REFUSED_MAX: usize = 256;
/// 1 KiB: a Close, and what little stands before it.
const LAST_MAX: usize = 1 << 10;
