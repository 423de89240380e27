//! The end of a turn: newcomers are let in, and every connection that something happened to is
//! brought to where it should be. One send under way for each, whatever was said to it. Whose outbox has
//! drained by that is told last.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::connection::{Inlet, Outlet, Stage};
use super::flags::Flag;
use super::handler::Handler;
use super::worker::Worker;
use crate::chunk::Chunks;
use crate::config::Config;
use crate::proto::deflate;
use crate::proto::{OutboxLimits, Phase};
use crate::reactor::{Close, Driver, Token};

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
        // Last: what is said now the next settling counts, and nobody is shed before that.
        for token in std::mem::take(&mut self.drained) {
            self.tell_drained(token);
        }
        let engines = &self.hall.counters().engines;
        engines.store(deflate::memory() as u64, Ordering::Relaxed);
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
    ///
    /// The order matters: who is cut says nothing more, a closing has begun before its Close is sent, only
    /// who has nothing left to send is finished, only who is not is read, and what has left counts no more.
    fn settle(&mut self, driver: &mut impl Driver, token: Token) {
        let now = self.hall.stamp();
        let OutboxLimits { high, low, .. } = self.hall.outlets.limits;
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
        if outlet.is(Flag::Doomed) {
            outlet.count(inlet, &mut self.memory);
            return driver.close(token, Close::Abort);
        }
        outlet.note_full(high);
        let config = &self.hall.config;
        let mut rearm = outlet.begin_to_close(now);
        rearm |= outlet.send(driver, token, now, config);
        let drained = outlet.drains(low);
        rearm |= outlet.finish(driver, token, now, config);
        let waits = matches!(inlet.stage, Stage::Deferred(_)) || outlet.holds();
        rearm |= outlet.read_or_not(driver, token, now, waits || inlet.rest.is_some());
        if !waits && inlet.rest.is_some() && !outlet.mark(Flag::Resumed) {
            self.resumed.push_back(token);
        }
        outlet.count(inlet, &mut self.memory);
        if outlet.half.outbox.is_ready() {
            // All that may be lent at once has left at once: the rest follows in the next turn.
            self.hall.outlets.touch(token);
        }
        if rearm {
            self.arm(token);
        }
        if drained {
            self.drained.push(token);
        }
    }
}

/// The steps of settling, inlined, and with a config that few of them look into: they are taken once
/// or twice for every message. Those that answer tell whether its earliest deadline may be another now.
impl Outlet {
    /// Counts anew what both columns hold.
    #[inline(always)]
    fn count<S>(&mut self, inlet: &Inlet<S>, memory: &mut usize) {
        let held = inlet.held() + self.half.memory();
        *memory -= self.counted as usize;
        self.counted = u32::try_from(held).unwrap_or(u32::MAX);
        *memory += self.counted as usize;
    }

    /// The closing has its time from when its beginning is first seen here.
    #[inline(always)]
    fn begin_to_close(&mut self, now: u32) -> bool {
        if self.half.phase() == Phase::Open || self.mark(Flag::Closing) {
            return false;
        }
        self.unmark(Flag::Pinging);
        self.clock.since = now;
        true
    }

    /// Gives the kernel what waits, unless it still has what it was given before.
    #[inline(always)]
    fn send(
        &mut self,
        driver: &mut impl Driver,
        token: Token,
        now: u32,
        config: &Arc<Config>,
    ) -> bool {
        if !self.half.outbox.is_ready() {
            return false;
        }
        if !self.half.outbox.is_stalled() {
            self.clock.wrote = now;
        }
        let chunks = self.half.outbox.take();
        if self.says_its_last(&chunks) {
            // The peer's FIN is awaited from when they have left.
            self.mark(Flag::Finishing);
            driver.finish(token, chunks);
        } else if let Some(chunks) = driver.send(token, chunks) {
            return self.home(chunks, now);
        }
        self.clock.is_due_after(now, config.write_timeout)
    }

    /// The chunks are back. Tells whether its earliest deadline may be another now.
    #[inline(always)]
    pub(super) fn home(&mut self, chunks: Chunks, now: u32) -> bool {
        let left = self.half.outbox.home(chunks);
        if left > 0 {
            self.clock.wrote = now;
        }
        // The pong is awaited from when the ping has left.
        let ping_left = self.is(Flag::Pinging) && self.ping_leaves(left);
        let last_left = self.is(Flag::Finishing);
        if ping_left || last_left {
            self.clock.since = now;
        }
        ping_left || last_left
    }

    /// 7.1.1: once all is said the server closes TCP first, or the client after a while.
    #[inline(always)]
    fn finish(
        &mut self,
        driver: &mut impl Driver,
        token: Token,
        now: u32,
        config: &Arc<Config>,
    ) -> bool {
        let said = self.half.phase() == Phase::Closed && self.half.outbox.is_empty();
        if !said || self.is(Flag::Finishing) {
            return false;
        }
        if !self.is_second() || self.has_lingered(config, now) {
            self.mark(Flag::Finishing);
            driver.close(token, Close::Finish);
        } else if self.mark(Flag::Lingering) {
            return false;
        }
        self.clock.since = now;
        true
    }

    /// What is kept must be read before more comes, or it would grow with what comes.
    #[inline(always)]
    fn read_or_not(
        &mut self,
        driver: &mut impl Driver,
        token: Token,
        now: u32,
        keeps: bool,
    ) -> bool {
        let unread = keeps && !self.is(Flag::Finishing);
        if unread == self.is(Flag::Unread) {
            return false;
        }
        self.flags.set(Flag::Unread, unread);
        driver.read(token, !unread);
        // Deadlines that were suspended count again from now.
        self.clock.heard = now;
        if self.is(Flag::Pinged) && !self.is(Flag::Pinging) && !self.is(Flag::Closing) {
            self.clock.since = now;
        }
        true
    }

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

/// 1 KiB: a Close, and what little stands before it.
const LAST_MAX: usize = 1 << 10;
