//! The end of a turn: newcomers are let in, and every connection that something happened to is
//! brought to where it should be. One send under way for each, whatever was said to it.

use std::sync::atomic::Ordering;

use super::connection::{Outlet, Stage};
use super::flags::Flag;
use super::handler::Handler;
use super::worker::Worker;
use crate::chunk::Chunks;
use crate::proto::Phase;
use crate::proto::deflate;
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

/// 1 KiB: a Close, and what little stands before it.
const LAST_MAX: usize = 1 << 10;
